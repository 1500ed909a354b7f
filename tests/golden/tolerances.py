"""The tolerances of a golden run, and the comparator that applies them.

README.md has the table. The comparator divides errors by their tolerance; a
ratio above 1, NaN or a wrong shape fails.
"""

from __future__ import annotations

import math
import re
from functools import cache
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from golden_run import Tensors
from metadata import Run
from presets import Preset, build_discriminator, build_generator


def allowed(want: Tensor, rtol: float, atol: float) -> Tensor:
    """The tolerance of each element: atol + rtol * |want|."""
    return atol + rtol * want.abs()


def worst(ratios: Tensor) -> float:
    """The largest ratio; infinite if one is NaN."""
    top = ratios.max().item()
    return math.inf if math.isnan(top) else top


def outlier_ratio(error: Tensor, tight: float, loose: float) -> float:
    """Ratio for: all but max(1, 0.1 %) of the elements within `tight`, the rest within `loose`."""
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
        for (name, module), (_, following) in pairwise(network.named_modules())
        if isinstance(following, _BatchNorm) and getattr(module, "bias", None) is not None
    )


def rounding(run: Run, key: str) -> tuple[float, float]:
    """rtol and atol of tensors that do not depend on an optimizer step."""
    if run.dtype == "f64":
        return 1e-9, 1e-11
    if run.preset.convolutional and key.startswith(("out.", "grad.")) and ".loss_" not in key:
        return 1e-4, 1e-5
    return 2e-5, 2e-6


def error_ratio(run: Run, key: str, got: Tensor, want: Tensor) -> float | None:
    """The error of a tensor divided by its tolerance; None if it is not compared."""
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
    moved = max(run.preset.lr, run.preset.d_lr) * (int(step) + 1)
    if name.replace("E.", "G.", 1) in biases_before_batch_norm(run.preset):
        return None
    if "running_" in name:
        return worst(error / (allowed(want, *rounding(run, key)) + moved))
    if part == "#l2":
        return worst(error / (2 * moved))
    return outlier_ratio(error, 0.02 * moved, 2 * moved)


def is_optional(run: Run, key: str) -> bool:
    """Whether a file need not have a result: some have the average of parameters only, or no zeros."""
    statistics = re.match(r"after\.\d+\.E\..*running_", key) is not None
    return statistics or key.endswith(".penalty") and not run.preset.is_penalized


def compare(run: Run, got: Tensors, want: Tensors) -> dict[str, float]:
    """Ratios by key, for all results in `want`."""
    outputs = {k: v for k, v in want.items() if k.startswith(("out.", "grad.", "after.", "eval."))}
    surplus = {key for key in got.keys() - outputs.keys() if not is_optional(run, key)}
    if unequal := surplus | (outputs.keys() - got.keys()):
        raise ValueError(f"keys differ: {sorted(unequal)}")
    ratios = {key: error_ratio(run, key, got[key], tensor) for key, tensor in outputs.items()}
    return {key: value for key, value in ratios.items() if value is not None}
