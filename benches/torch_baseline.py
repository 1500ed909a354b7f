#!/usr/bin/env python3
"""Times the presets' training in PyTorch, for comparison with the engine.

    python benches/torch_baseline.py --preset cgan --variant fused --threads 2 --json

Variants and precisions are in torch_variants.py. A sample is as many iterations as take 5 ms, by
the wall clock on the CPU and by events on CUDA; times are per iteration. Compilation happens in the
warm-up only; later it is an error.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from itertools import pairwise

import baseline
import torch
from baseline import LEAST_SAMPLES, LEAST_SECONDS, LEAST_WARMUP_SECONDS, Summary, peak_bytes, sized
from torch_variants import CUDA_ONLY, VARIANTS, Iteration, Setup, configure

SAMPLE_MS = 5.0  # minimum time of a sample, so that reading the clock is negligible
PACE = 3  # iterations that determine how many a sample has


def time_on_cpu(iteration: Iteration, samples: int, group: int) -> list[float]:
    """Milliseconds per iteration of each sample of `group` iterations."""
    stamps = [time.perf_counter()]
    for _ in range(samples):
        for _ in range(group):
            iteration()
        stamps.append(time.perf_counter())
    return [(end - start) * 1e3 / group for start, end in pairwise(stamps)]


def time_on_cuda(iteration: Iteration, samples: int, group: int) -> list[float]:
    """The same on CUDA; the host waits only before and after all samples."""
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
    """Makes compilation an error. Does not load the compiler, as memory is measured, too."""
    if compiler := sys.modules.get("torch._dynamo"):
        compiler.config.error_on_recompile = True


def measure(
    iteration: Iteration, device: torch.device, warmup: int, count: int, period: int
) -> list[float]:
    """Milliseconds per iteration of each sample after the warm-up, for about `count` iterations.

    Each sample has whole periods, after which iterations repeat.
    """
    for _ in range(warmup):
        iteration()
    forbid_compiling()
    clock = time_on_cuda if device.type == "cuda" else time_on_cpu
    begun = time.perf_counter()
    least_group = math.ceil(PACE / period) * period
    pace = clock(iteration, samples=1, group=least_group)[0]
    while time.perf_counter() - begun < LEAST_WARMUP_SECONDS:
        pace = clock(iteration, samples=1, group=least_group)[0]
    group = math.ceil(SAMPLE_MS / pace / period) * period
    least = math.ceil(LEAST_SECONDS * 1e3 / (pace * group))
    samples = max(LEAST_SAMPLES, count // group, least)
    times = clock(iteration, samples, group)
    for _ in range(period):
        outcome = iteration()
        g_loss = 0 if outcome.g_loss is None else outcome.g_loss
        baseline.require_finite((outcome.d_loss + g_loss).item())
    return times


def summarize(
    arguments: argparse.Namespace, batch: int, times: list[float], loaded: int | None
) -> Summary:
    """The result as a dictionary."""
    summary = {
        "preset": arguments.preset,
        "variant": arguments.variant,
        "device": arguments.device,
        "precision": arguments.precision,
        "batch": batch,
        **baseline.speed(times, batch),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "peak_bytes": peak_bytes(),
        "peak_bytes_before_training": loaded,
    }
    if arguments.device == "cuda":
        summary["peak_bytes_on_gpu"] = torch.cuda.max_memory_reserved()
    return summary


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    baseline.add_arguments(parser)
    parser.add_argument("--variant", choices=VARIANTS, default="eager")
    arguments = parser.parse_args()
    baseline.check_arguments(parser, arguments)
    if arguments.variant in CUDA_ONLY and arguments.device != "cuda":
        parser.error(f"--variant {arguments.variant}: CUDA graphs need --device cuda")
    if reason := baseline.reason_against(baseline.PRESETS[arguments.preset], arguments.variant):
        parser.error(f"--variant {arguments.variant}: {reason}")
    if arguments.device == "cuda" and not torch.cuda.is_available():
        parser.error(f"--device cuda: PyTorch {torch.__version__} finds no GPU")
    return arguments


def main() -> int:
    """Times one preset in one variant."""
    arguments = parse_arguments()
    if arguments.threads is not None:
        torch.set_num_threads(arguments.threads)
    preset, device = sized(arguments), torch.device(arguments.device)
    configure(arguments.precision)
    if note := baseline.note_on_tf32(arguments.precision, [arguments.preset]):
        print(f"warning: {note}", file=sys.stderr)
    torch.manual_seed(0)
    loaded = peak_bytes()
    iteration = VARIANTS[arguments.variant](Setup(preset, device, arguments.precision))
    times = measure(
        iteration, device, arguments.warmup, arguments.iterations, preset.period
    )
    baseline.show(summarize(arguments, preset.batch, times, loaded), arguments.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
