#!/usr/bin/env python3
"""The presets' training in PyTorch, timed: what the engine is compared with.

    python benches/torch_baseline.py --preset cgan --variant fused --threads 2 --json

Variants and precisions are in torch_variants.py. A sample is as many iterations as take 5 ms, by
the wall clock on the CPU and by events on CUDA; times are per iteration. What is compiled is
compiled in the warm-up: compiling later is an error.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor
from torch_variants import (
    CUDA_ONLY,
    PRECISIONS,
    PRESETS,
    VARIANTS,
    Iteration,
    Preset,
    Setup,
)

SAMPLE_MS = 5.0  # the least time of a sample, beside which reading the clock is nothing
LEAST_SAMPLES = 20
PACE = 3  # iterations that tell how many a sample has


def time_on_cpu(iteration: Iteration, samples: int, group: int) -> list[float]:
    """Milliseconds of an iteration in each sample of `group` iterations."""
    stamps = [time.perf_counter()]
    for _ in range(samples):
        for _ in range(group):
            iteration()
        stamps.append(time.perf_counter())
    return [(end - start) * 1e3 / group for start, end in pairwise(stamps)]


def time_on_cuda(iteration: Iteration, samples: int, group: int) -> list[float]:
    """As above; the host waits only before and after all of them."""
    events = [torch.cuda.Event(enable_timing=True) for _ in range(samples + 1)]
    torch.cuda.synchronize()
    events[0].record()
    for event in events[1:]:
        for _ in range(group):
            iteration()
        event.record()
    torch.cuda.synchronize()
    return [start.elapsed_time(end) / group for start, end in pairwise(events)]


def forbid_compiling() -> None:
    """From here on; where there is no compiler, none is loaded, as memory is measured too."""
    if compiler := sys.modules.get("torch._dynamo"):
        compiler.config.error_on_recompile = True


def measure(iteration: Iteration, device: torch.device, warmup: int, count: int) -> Tensor:
    """Milliseconds (samples,) of an iteration after the warm-up, over about `count` of them."""
    for _ in range(warmup):
        iteration()
    forbid_compiling()
    clock = time_on_cuda if device.type == "cuda" else time_on_cpu
    group = math.ceil(SAMPLE_MS / clock(iteration, samples=1, group=PACE)[0])
    samples = max(LEAST_SAMPLES, count // group)
    times = torch.tensor(clock(iteration, samples, group), dtype=torch.float64)
    outcome = iteration()
    if not torch.isfinite(outcome.loss_d + outcome.loss_g):
        raise SystemExit("error: a loss is not finite: this is no training, and its times are void")
    return times


def peak_bytes() -> int | None:
    """The most bytes that this process had of the machine's memory, where the system says it.

    Not `ru_maxrss`, which begins with what the parent had.
    """
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    kilobytes = next((line.split()[1] for line in lines if line.startswith("VmHWM:")), None)
    return None if kilobytes is None else int(kilobytes) << 10


def summarise(
    arguments: argparse.Namespace, batch: int, times: Tensor, loaded: int | None
) -> dict[str, object]:
    """The line that is printed."""
    p10, median, p90 = times.quantile(torch.tensor([0.1, 0.5, 0.9], dtype=times.dtype)).tolist()
    summary = {
        "preset": arguments.preset,
        "variant": arguments.variant,
        "device": arguments.device,
        "precision": arguments.precision,
        "batch": batch,
        "samples": len(times),
        "median_ms": round(median, 4),
        "p10_ms": round(p10, 4),
        "p90_ms": round(p90, 4),
        "images_per_second": round(batch / median * 1e3, 1),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "peak_bytes": peak_bytes(),
        "peak_bytes_before_training": loaded,
    }
    if arguments.device == "cuda":
        summary["peak_bytes_on_gpu"] = torch.cuda.max_memory_reserved()
    return summary


def widths(text: str) -> tuple[int, ...]:
    """`8,16` as (8, 16)."""
    return tuple(int(part) for part in text.split(","))


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--preset", choices=PRESETS, default="cgan")
    parser.add_argument("--variant", choices=VARIANTS, default="eager")
    parser.add_argument("--precision", choices=PRECISIONS, default="f32", help="on CUDA")
    parser.add_argument("--batch-size", type=int, help="and these: the preset's unless given")
    parser.add_argument("--latent-dim", type=int)
    parser.add_argument("--g-hidden", type=widths, metavar="N,N,…")
    parser.add_argument("--d-hidden", type=widths, metavar="N,N,…")
    parser.add_argument("--iterations", type=int, default=100, help="timed, in at least 20 samples")
    parser.add_argument("--warmup", type=int, default=20)
    parser.add_argument("--threads", type=int, help="of the CPU; all of them unless given")
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    arguments = parser.parse_args()
    if arguments.variant in CUDA_ONLY and arguments.device != "cuda":
        parser.error(f"--variant {arguments.variant}: CUDA graphs need --device cuda")
    if arguments.precision != "f32" and arguments.device != "cuda":
        parser.error(f"--precision {arguments.precision}: the CPU is measured in f32")
    if arguments.device == "cuda" and not torch.cuda.is_available():
        parser.error(f"--device cuda: PyTorch {torch.__version__} finds no GPU")
    return arguments


def sized(arguments: argparse.Namespace) -> Preset:
    """The preset with the sizes that were asked for."""
    asked = {
        "batch": arguments.batch_size,
        "latent_dim": arguments.latent_dim,
        "g_hidden": arguments.g_hidden,
        "d_hidden": arguments.d_hidden,
    }
    given = {name: value for name, value in asked.items() if value is not None}
    return replace(PRESETS[arguments.preset], **given)


def main() -> int:
    """Times one preset in one variant."""
    arguments = parse_arguments()
    if arguments.threads is not None:
        torch.set_num_threads(arguments.threads)
    torch.set_float32_matmul_precision("high" if arguments.precision == "tf32" else "highest")
    torch.manual_seed(0)
    preset, device = sized(arguments), torch.device(arguments.device)
    loaded = peak_bytes()
    iteration = VARIANTS[arguments.variant](Setup(preset, device, arguments.precision))
    times = measure(iteration, device, arguments.warmup, arguments.iterations)
    summary = summarise(arguments, preset.batch, times, loaded)
    if arguments.json:
        print(json.dumps(summary))
    else:
        print("\n".join(f"{key:18}{value}" for key, value in summary.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
