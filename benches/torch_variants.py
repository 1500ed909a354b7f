"""The presets' training in PyTorch, in the ways in which it can be made fast.

| variant | is |
|---|---|
| eager | PyTorch as the sources use it |
| fused | with `Adam(fused=True)`, as all that follow |
| compile | both networks by `torch.compile` |
| graph | the whole iteration as one CUDA graph, captured by hand |
| compile-graph | both |

One iteration is one D and one G update at the preset's full size. The data set
is resident on the device; noise and labels are drawn there. D learns from
detached fakes, G's update computes no gradients of D's parameters, and nothing
is read back to the host between iterations, so the sources themselves are, if
anything, slower.
"""

from __future__ import annotations

import gzip
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "golden"))

import presets  # noqa: E402
from presets import Batch, Outcome, Preset, Trainer, draw_noise  # noqa: E402

DIGITS = ROOT / "data" / "mnist"
DIGITS_SHAPE = (1, 28, 28)
RANDOM_IMAGES = 512  # of a preset whose images the repository does not hold
CAPTURE_WARMUP = 3  # iterations before a capture: they allocate what later ones reuse

PRESETS = presets.PRESETS

Iteration = Callable[[], Outcome]


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


class CursorSampler(Sampler):
    """Finds its place in an epoch's order by a cursor on the device: a graph can replay it."""

    def __init__(self, preset: Preset, dataset: Dataset, device: torch.device) -> None:
        super().__init__(preset, dataset, device)
        batches = len(dataset.images) // preset.batch
        self.order = torch.zeros(batches, preset.batch, dtype=torch.long, device=device)
        self.cursor = torch.zeros(1, dtype=torch.long, device=device)
        self.batches_left = 0

    def begin_iteration(self) -> None:
        """What a graph does not hold: a new order for each epoch."""
        if not self.batches_left:
            order = torch.randperm(len(self.dataset.images), device=self.device)
            self.order.copy_(order[: self.order.numel()].view_as(self.order))
            self.cursor.zero_()
            self.batches_left = len(self.order)
        self.batches_left -= 1

    def _next_indices(self) -> Tensor:
        chosen = self.order.index_select(0, self.cursor)[0]
        self.cursor.add_(1)
        return chosen


class CompiledTrainer(Trainer):
    """Compiles both networks.

    A compiled backward pass computes all gradients that its forward pass was prepared for, also
    those of D's own parameters while G learns; so these need none meanwhile.
    """

    def __init__(self, *arguments: object, **adam: bool) -> None:
        super().__init__(*arguments, **adam)
        self.generator.compile(dynamic=False)
        self.discriminator.compile(dynamic=False)

    def update_generator(self, fake: Tensor, labels: Tensor | None) -> Tensor:
        self.discriminator.requires_grad_(False)
        loss = super().update_generator(fake, labels)
        self.discriminator.requires_grad_(True)
        return loss


def build(
    preset: Preset, device: torch.device, trainer: type[Trainer] = Trainer, **adam: bool
) -> Trainer:
    """Networks and optimisers on the device."""
    generator = presets.build_generator(preset).to(device)
    return trainer(preset, generator, presets.build_discriminator(preset).to(device), **adam)


def launched(trainer: Trainer, device: torch.device) -> Iteration:
    """An iteration whose operations are launched one by one."""
    sampler = Sampler(trainer.preset, load_dataset(trainer.preset, device), device)
    return lambda: trainer.iteration(sampler.next_batch())


def captured(trainer: Trainer, device: torch.device) -> Iteration:
    """An iteration that is one CUDA graph, the gathering of its batch included.

    As in https://docs.pytorch.org/docs/stable/notes/cuda.html#whole-network-capture: warmed up on
    a side stream; gradients are None when the capture begins, so they live in the graph's pool.
    """
    sampler = CursorSampler(trainer.preset, load_dataset(trainer.preset, device), device)
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(CAPTURE_WARMUP):
            sampler.begin_iteration()
            trainer.iteration(sampler.next_batch())
    torch.cuda.current_stream().wait_stream(side)
    trainer.zero_grad()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        outcome = trainer.iteration(sampler.next_batch())

    def replay() -> Outcome:
        sampler.begin_iteration()
        graph.replay()
        return outcome

    return replay


def eager(preset: Preset, device: torch.device) -> Iteration:
    """Plain PyTorch with Adam as the sources construct it."""
    return launched(build(preset, device), device)


def fused_adam(preset: Preset, device: torch.device) -> Iteration:
    """Plain PyTorch with `Adam(fused=True)`."""
    return launched(build(preset, device, fused=True), device)


def compiled(preset: Preset, device: torch.device) -> Iteration:
    """Compiled networks."""
    return launched(build(preset, device, CompiledTrainer, fused=True), device)


def cuda_graph(preset: Preset, device: torch.device) -> Iteration:
    """One CUDA graph."""
    return captured(build(preset, device, fused=True, capturable=True), device)


def compiled_cuda_graph(preset: Preset, device: torch.device) -> Iteration:
    """One CUDA graph of compiled networks."""
    trainer = build(preset, device, CompiledTrainer, fused=True, capturable=True)
    return captured(trainer, device)


VARIANTS: dict[str, Callable[[Preset, torch.device], Iteration]] = {
    "eager": eager,
    "fused": fused_adam,
    "compile": compiled,
    "graph": cuda_graph,
    "compile-graph": compiled_cuda_graph,
}
CUDA_ONLY = ("graph", "compile-graph")
