"""The tolerances of a recorded run, and the comparator that applies them.

The table stands in README.md. The comparator reports the error as a share of
what is allowed; a share above 1, a NaN or a wrong shape fails.
"""

from __future__ import annotations

import math
import re
from functools import cache
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from presets import Preset, build_discriminator, build_generator
from recorded_run import Run, Tensors


def allowed(want: Tensor, rtol: float, atol: float) -> Tensor:
    """Per element: atol + rtol * |want|."""
    return atol + rtol * want.abs()


def worst(shares: Tensor) -> float:
    """The largest share; infinite where one is not a number."""
    top = shares.max().item()
    return math.inf if math.isnan(top) else top


def outlier_share(error: Tensor, tight: float, loose: float) -> float:
    """All but max(1, 0.1 %) of the elements within `tight`, the rest within `loose`."""
    if error.isnan().any():
        return math.inf
    outliers = max(1, error.numel() // 1000)
    ordered = error.flatten().sort(descending=True).values
    bulk = ordered[outliers].item() / tight if error.numel() > outliers else 0.0
    return max(bulk, ordered[0].item() / loose)


@cache
def biases_before_batch_norm(preset: Preset) -> frozenset[str]:
    """Names of the biases whose true gradient is zero."""
    with torch.device("meta"):
        networks = {"G": build_generator(preset), "D": build_discriminator(preset)}
    return frozenset(
        f"{letter}.{name}.bias"
        for letter, network in networks.items()
        for (name, module), (_, behind) in pairwise(network.named_modules())
        if isinstance(behind, _BatchNorm) and getattr(module, "bias", None) is not None
    )


def rounding(run: Run, key: str) -> tuple[float, float]:
    """rtol and atol of what no update has moved."""
    if run.dtype == "f64":
        return 1e-9, 1e-11
    if run.preset.convolutional and key.startswith(("out.", "grad.")) and ".loss_" not in key:
        return 1e-4, 1e-5
    return 2e-5, 2e-6


def share(run: Run, key: str, got: Tensor, want: Tensor) -> float | None:
    """The error of one tensor as a share of its tolerance; None where it is not compared."""
    if got.shape != want.shape:
        return math.inf
    got, want = got.double(), want.double()
    error = (got - want).abs()
    if run.dtype == "f64":
        return worst(error / allowed(want, *rounding(run, key)))
    if key == "eval.fake":
        return worst(error / 1e-4)
    updated = re.fullmatch(r"after\.(\d+)\.([^#]*)(#.*)?", key)
    if not updated:
        return worst(error / allowed(want, *rounding(run, key)))
    step, name, part = updated.groups()
    moved = run.preset.lr * (int(step) + 1)
    if name in biases_before_batch_norm(run.preset):
        return None
    if "running_" in name:
        return worst(error / (allowed(want, *rounding(run, key)) + moved))
    if part == "#l2":
        return worst(error / (2 * moved))
    return outlier_share(error, 0.02 * moved, 2 * moved)


def compare(run: Run, got: Tensors, want: Tensors) -> dict[str, float]:
    """Shares by key, for everything in `want` that came out of the run."""
    outputs = {k: v for k, v in want.items() if k.startswith(("out.", "grad.", "after.", "eval."))}
    if outputs.keys() != got.keys():
        raise ValueError(f"keys differ: {sorted(outputs.keys() ^ got.keys())}")
    shares = {key: share(run, key, got[key], tensor) for key, tensor in outputs.items()}
    return {key: value for key, value in shares.items() if value is not None}
