#!/usr/bin/env python3
"""Measures this machine's peak rates: matrix multiplications in GFLOP/s, memory in GB/s.

    python benches/peaks.py --threads 2 --json

Matrix multiplications are PyTorch's, of square matrices of several sizes; the fastest counts. Memory
is copied (a = b) and summed (a = b + s·c) in arrays far larger than the caches; each array counts
once for each read or write. The best repetition counts, as it was disturbed least.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from functools import partial

import torch

SIZES = {"cpu": (256, 512, 1024, 1536, 2048), "cuda": (1024, 2048, 4096, 8192, 16384)}
ARRAY_BYTES = {"cpu": 256 << 20, "cuda": 2 << 30}
REPETITIONS = 10
MIN_SECONDS = 0.02  # of a repetition


def synchronize(device: str) -> None:
    """Waits for the device."""
    if device == "cuda":
        torch.cuda.synchronize()


def seconds(device: str, work: Callable[[], object], count: int) -> float:
    """Seconds per call, over `count` calls."""
    synchronize(device)
    begun = time.perf_counter()
    for _ in range(count):
        work()
    synchronize(device)
    return (time.perf_counter() - begun) / count


def best_seconds(device: str, work: Callable[[], object]) -> float:
    """Seconds per call of the fastest repetition, after a warm-up."""
    seconds(device, work, 1)
    count = max(1, round(MIN_SECONDS / seconds(device, work, 1)))
    return min(seconds(device, work, count) for _ in range(REPETITIONS))


def product_rate(device: str, kind: torch.dtype) -> dict[int, float]:
    """GFLOP/s of square matrix multiplications, by size."""
    rates = {}
    for size in SIZES[device]:
        a, b = (torch.randn(size, size, device=device).to(kind) for _ in range(2))
        c = torch.empty_like(a)
        took = best_seconds(device, partial(torch.mm, a, b, out=c))
        rates[size] = round(2 * size**3 / took / 1e9, 1)
    return rates


def memory_rate(device: str) -> dict[str, float]:
    """GB/s of a copy and of a sum of two arrays."""
    count = ARRAY_BYTES[device] // 4
    a, b, c = (torch.ones(count, device=device) for _ in range(3))

    bytes_of = {"copy": 2 * ARRAY_BYTES[device], "triad": 3 * ARRAY_BYTES[device]}
    work = {"copy": partial(a.copy_, b), "triad": partial(torch.add, b, c, alpha=0.5, out=a)}
    took = {name: best_seconds(device, work[name]) for name in work}
    return {name: round(bytes_of[name] / took[name] / 1e9, 2) for name in took}


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", choices=tuple(SIZES), default="cpu")
    parser.add_argument("--precision", choices=("f32", "tf32", "bf16"), default="f32")
    parser.add_argument("--threads", type=int, help="of the CPU; all of them unless given")
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    return parser.parse_args()


def main() -> int:
    """Runs the command line."""
    arguments = parse_arguments()
    if arguments.threads is not None:
        torch.set_num_threads(arguments.threads)
    torch.set_float32_matmul_precision("high" if arguments.precision == "tf32" else "highest")
    kind = torch.bfloat16 if arguments.precision == "bf16" else torch.float32
    products = product_rate(arguments.device, kind)
    memory = memory_rate(arguments.device)
    peaks = {
        "gflops": max(products.values()),
        "gigabytes_per_second": max(memory.values()),
        "products": products,
        "memory": memory,
        "threads": torch.get_num_threads(),
    }
    print(json.dumps(peaks) if arguments.json else json.dumps(peaks, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
