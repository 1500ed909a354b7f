#!/usr/bin/env python3
"""The presets' training in PyTorch, timed: what the engine is compared with.

    python benches/torch_baseline.py --preset cgan --variant fused --threads 2 --json

One iteration is one D and one G update at the preset's full size. The data set
is resident on the device; noise and labels are drawn there. D learns from
detached fakes, G's update computes no gradients of D's parameters, and nothing
is read back to the host between iterations, so the sources themselves are, if
anything, slower. Times are per iteration: wall clock on the CPU, events on CUDA.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "golden"))

import presets  # noqa: E402
from presets import PRESETS, Batch, Preset, Trainer, draw_noise  # noqa: E402

DIGITS = ROOT / "data" / "mnist"
DIGITS_SHAPE = (1, 28, 28)
RANDOM_IMAGES = 512  # of a preset whose images the repository does not hold

Iteration = Callable[[], None]


@dataclass(frozen=True)
class Dataset:
    """Images (count, pixels) in [-1, 1] and labels (count,), on the device."""

    images: Tensor
    labels: Tensor


def read_idx(path: Path, header: int) -> Tensor:
    """The bytes of a gzipped IDX file after its header."""
    with gzip.open(path) as file:
        return torch.frombuffer(bytearray(file.read()[header:]), dtype=torch.uint8)


def load_dataset(preset: Preset, device: torch.device) -> Dataset:
    """The embedded digits where they fit, random images otherwise."""
    if preset.image_shape == DIGITS_SHAPE:
        pixels = read_idx(DIGITS / "train-10k-images-idx3-ubyte.gz", 16).view(-1, preset.pixels)
        labels = read_idx(DIGITS / "train-10k-labels-idx1-ubyte.gz", 8).long()
        images = (pixels.float() / 255 - 0.5) / 0.5
    else:
        images = torch.rand(RANDOM_IMAGES, preset.pixels) * 2 - 1
        labels = torch.zeros(RANDOM_IMAGES, dtype=torch.long)
    return Dataset(images.to(device), labels.to(device))


class Sampler:
    """Draws the batches of one run after another, all of the full size."""

    def __init__(self, preset: Preset, dataset: Dataset, device: torch.device) -> None:
        self.preset = preset
        self.dataset = dataset
        self.device = device
        self.chunks: list[Tensor] = []

    def next_batch(self) -> Batch:
        """One iteration's inputs, drawn on the device."""
        preset, size = self.preset, self.preset.batch
        chosen = self._next_indices()
        batch = Batch(self.dataset.images[chosen], draw_noise(preset, size, self.device))
        fresh = preset.fakes == "fresh"
        if fresh:
            batch.z2 = draw_noise(preset, size, self.device)
        if preset.classes:
            batch.real_labels = self.dataset.labels[chosen]
            batch.fake_labels = self._draw_labels()
            batch.fake_labels2 = self._draw_labels() if fresh else None
        return batch

    def _next_indices(self) -> Tensor:
        if not self.chunks:
            order = torch.randperm(len(self.dataset.images), device=self.device)
            full = len(order) - len(order) % self.preset.batch
            self.chunks = list(order[:full].split(self.preset.batch))
        return self.chunks.pop()

    def _draw_labels(self) -> Tensor:
        return torch.randint(self.preset.classes, (self.preset.batch,), device=self.device)


def prepare(preset: Preset, device: torch.device, fused: bool) -> Iteration:
    """Networks, data and optimisers on the device; returns the iteration to time."""
    trainer = Trainer(
        preset,
        presets.build_generator(preset).to(device),
        presets.build_discriminator(preset).to(device),
        fused=fused,
    )
    sampler = Sampler(preset, load_dataset(preset, device), device)

    def iteration() -> None:
        trainer.iteration(sampler.next_batch())

    return iteration


def eager(preset: Preset, device: torch.device) -> Iteration:
    """Plain PyTorch with Adam as the sources construct it."""
    return prepare(preset, device, fused=False)


def fused_adam(preset: Preset, device: torch.device) -> Iteration:
    """Plain PyTorch with `Adam(fused=True)`."""
    return prepare(preset, device, fused=True)


VARIANTS: dict[str, Callable[[Preset, torch.device], Iteration]] = {
    "eager": eager,
    "fused": fused_adam,
}


def time_on_cpu(iteration: Iteration, count: int) -> list[float]:
    """Milliseconds of each iteration."""
    stamps = [time.perf_counter()]
    for _ in range(count):
        iteration()
        stamps.append(time.perf_counter())
    return [(end - start) * 1e3 for start, end in zip(stamps, stamps[1:])]


def time_on_cuda(iteration: Iteration, count: int) -> list[float]:
    """Milliseconds of each iteration; the host waits only before and after all of them."""
    events = [torch.cuda.Event(enable_timing=True) for _ in range(count + 1)]
    torch.cuda.synchronize()
    events[0].record()
    for event in events[1:]:
        iteration()
        event.record()
    torch.cuda.synchronize()
    return [start.elapsed_time(end) for start, end in zip(events, events[1:])]


def measure(iteration: Iteration, device: torch.device, warmup: int, count: int) -> Tensor:
    """Milliseconds (count,) after the warm-up."""
    for _ in range(warmup):
        iteration()
    clock = time_on_cuda if device.type == "cuda" else time_on_cpu
    return torch.tensor(clock(iteration, count), dtype=torch.float64)


def summarise(arguments: argparse.Namespace, batch: int, times: Tensor) -> dict[str, object]:
    """The line that is printed."""
    p10, median, p90 = times.quantile(torch.tensor([0.1, 0.5, 0.9], dtype=times.dtype)).tolist()
    return {
        "preset": arguments.preset,
        "variant": arguments.variant,
        "device": arguments.device,
        "batch": batch,
        "iterations": len(times),
        "median_ms": round(median, 4),
        "p10_ms": round(p10, 4),
        "p90_ms": round(p90, 4),
        "images_per_second": round(batch / median * 1e3, 1),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
    }


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--preset", choices=PRESETS, default="cgan")
    parser.add_argument("--variant", choices=VARIANTS, default="eager")
    parser.add_argument("--iterations", type=int, default=100, help="timed, at least 20")
    parser.add_argument("--warmup", type=int, default=20)
    parser.add_argument("--threads", type=int, help="of the CPU; all of them unless given")
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    arguments = parser.parse_args()
    if arguments.iterations < 20:
        parser.error("--iterations: at least 20 samples make a median and its spread")
    return arguments


def main() -> int:
    """Times one preset in one variant."""
    arguments = parse_arguments()
    if arguments.threads is not None:
        torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    preset = PRESETS[arguments.preset]
    device = torch.device(arguments.device)
    iteration = VARIANTS[arguments.variant](preset, device)
    times = measure(iteration, device, arguments.warmup, arguments.iterations)
    summary = summarise(arguments, preset.batch, times)
    if arguments.json:
        print(json.dumps(summary))
    else:
        print("\n".join(f"{key:18}{value}" for key, value in summary.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
