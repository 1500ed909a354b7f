"""Code shared by the baselines: presets, digits, command line and output.

It imports neither PyTorch nor JAX: memory is measured, too, so a program loads only what it uses.
"""

from __future__ import annotations

import argparse
import gzip
import json
import statistics
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "golden"))

from preset_table import PRESETS, Preset  # noqa: E402

DIGITS = ROOT / "data" / "mnist"
DIGITS_SHAPE = (1, 28, 28)
RANDOM_IMAGES = 512  # for a preset whose images are not in the repository
PRECISIONS = ("f32", "tf32", "bf16")
LEAST_SAMPLES = 20
# As in `gan-cuda bench`: the clocks of an idle GPU rise within the warm-up.
LEAST_WARMUP_SECONDS = 0.5
LEAST_SECONDS = 1.0  # of all samples together

Summary = dict[str, object]


def read_idx(name: str, header: int) -> bytearray:
    """The bytes of a gzipped IDX file of the digits after its header."""
    with gzip.open(DIGITS / name) as file:
        return bytearray(file.read()[header:])


def digits() -> tuple[bytearray, bytearray]:
    """Pixels and labels of the embedded digits, a byte each."""
    return (
        read_idx("train-10k-images-idx3-ubyte.gz", 16),
        read_idx("train-10k-labels-idx1-ubyte.gz", 8),
    )


def random_count(preset: Preset) -> int:
    """The number of random images that replace a data set that is not in the repository."""
    return max(RANDOM_IMAGES, preset.batch)


def widths(text: str) -> tuple[int, ...]:
    """`8,16` as (8, 16)."""
    return tuple(int(part) for part in text.split(","))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of every baseline."""
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--preset", choices=PRESETS, default="cgan")
    parser.add_argument("--precision", choices=PRECISIONS, default="f32", help="for CUDA")
    parser.add_argument("--batch-size", type=int, help="default for all sizes: the preset's")
    parser.add_argument("--latent-dim", type=int)
    parser.add_argument("--g-hidden", type=widths, metavar="N,N,…")
    parser.add_argument("--d-hidden", type=widths, metavar="N,N,…")
    parser.add_argument("--iterations", type=int, default=100, help="timed, in at least 20 samples")
    parser.add_argument("--warmup", type=int, default=20)
    parser.add_argument("--threads", type=int, help="CPU threads (default: all)")
    parser.add_argument("--json", action="store_true", help="print one line of JSON")


def check_arguments(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> None:
    """Exits with an error if flags contradict each other."""
    if arguments.precision != "f32" and arguments.device != "cuda":
        parser.error(f"--precision {arguments.precision}: the CPU is measured in f32")


def sized(arguments: argparse.Namespace) -> Preset:
    """The preset with the sizes of the flags."""
    flags = {
        "batch": arguments.batch_size,
        "latent_dim": arguments.latent_dim,
        "g_hidden": arguments.g_hidden,
        "d_hidden": arguments.d_hidden,
    }
    given = {name: value for name, value in flags.items() if value is not None}
    preset = replace(PRESETS[arguments.preset], **given)
    if reason := preset.misfit():
        raise SystemExit(f"error: {reason}")
    return preset


def reason_against(preset: Preset, variant: str) -> str | None:
    """The reason why a variant of PyTorch cannot train a preset, if there is one."""
    if "joined" in variant:
        if preset.norms_in_d:
            return f"{preset.name}'s D has BatchNorm, to which real and fake images are two batches"
        if preset.is_penalized or not preset.has_targets:
            return f"{preset.name}'s loss or penalties need real and fake images apart"
    if "compile" in variant and preset.is_penalized:
        return f"{preset.name} has penalties, whose derivatives PyTorch does not compile"
    if "graph" in variant and preset.period > 1:
        return f"{preset.name}'s iterations differ, and a CUDA graph is always the same"
    return None


def note_on_tf32(precision: str, presets: Iterable[str]) -> str | None:
    """A note on the precision of convolutions, if these presets have any."""
    if precision != "tf32" or not any(PRESETS[name].convolutional for name in presets):
        return None
    return "PyTorch and JAX compute convolutions in TF32 here, as they do matrix products."


def peak_bytes() -> int | None:
    """The peak resident memory of this process, if the system reports it.

    Not `ru_maxrss`, which starts with the parent's value.
    """
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    kilobytes = next((line.split()[1] for line in lines if line.startswith("VmHWM:")), None)
    return None if kilobytes is None else int(kilobytes) << 10


def require_finite(loss: float) -> None:
    """Exits with an error if a loss is not finite."""
    if not abs(loss) < float("inf"):
        raise SystemExit("error: a loss is not finite: this is no training, and its times are void")


def speed(times: Sequence[float], images: int) -> Summary:
    """Statistics of samples in milliseconds per iteration, with `images` images each."""
    p10, *_, p90 = statistics.quantiles(times, n=10, method="inclusive")
    median = statistics.median(times)
    return {
        "samples": len(times),
        "median_ms": round(median, 4),
        "p10_ms": round(p10, 4),
        "p90_ms": round(p90, 4),
        "images_per_second": round(images / median * 1e3, 1),
    }


def show(summary: Summary, as_json: bool) -> None:
    """Prints the result."""
    if as_json:
        print(json.dumps(summary))
    else:
        print("\n".join(f"{key:28}{value}" for key, value in summary.items()))
