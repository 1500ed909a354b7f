"""The presets' training in PyTorch, with various optimizations.

| variant | is |
|---|---|
| eager | PyTorch as the sources use it |
| fused | with `Adam(fused=True)`, as all of the following |
| joined | D's update passes real and fake images as one batch, as the engine does |
| compile | both networks with `torch.compile` |
| compile-reduce-overhead | `compile` with mode "reduce-overhead": each pass is a CUDA graph |
| graph | the whole iteration captured as one CUDA graph |
| joined-graph | `joined` captured as one CUDA graph |
| compile-graph | `compile` captured as one CUDA graph |

One iteration is one D and one G update at the preset's full size. The data set
is on the device; noise and labels are sampled there. D is trained on detached
fakes, G's update computes no gradients of D's parameters, gradients are None
before each backward pass (the default of `zero_grad`), and nothing is read back
to the host between iterations. The original sources are no faster.

The joined variants do not support a D with BatchNorm (`dcgan-rgb`), for which
real and fake images must be two batches, nor losses without targets and gradient
penalties (`wgan-gp`, `r3gan-small`). PyTorch cannot compile the derivatives of
penalties. One CUDA graph is no iteration of a preset whose iterations differ
(`wgan-gp`).

Precisions, on CUDA: f32; tf32, which rounds the operands of matrix
multiplications and convolutions; bf16, by autocast, with weights, gradients,
moments and losses in f32.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from baseline import (  # finds tests/golden, too
    DIGITS_SHAPE,
    Preset,
    digits,
    random_count,
    reason_against,
)
from torch import Tensor, nn

import presets
from losses import criterion
from presets import call, sample_noise
from training import Batch, Outcome, Trainer

CAPTURE_WARMUP = 3  # iterations before a capture, which allocate memory

Iteration = Callable[[], Outcome]


@dataclass(frozen=True)
class Setup:
    """The preset, device and precision of a training."""

    preset: Preset
    device: torch.device
    precision: str = "f32"


@dataclass(frozen=True)
class Dataset:
    """Images (count, pixels) in [-1, 1] and labels (count,), on the device."""

    images: Tensor
    labels: Tensor


def load_dataset(preset: Preset, device: torch.device) -> Dataset:
    """The embedded digits if they have the preset's image shape, otherwise random images."""
    if preset.image_shape == DIGITS_SHAPE:
        pixels, labels = (torch.frombuffer(part, dtype=torch.uint8) for part in digits())
        images = (pixels.view(-1, preset.pixels).float() / 255 - 0.5) / 0.5
    else:
        images = torch.rand(random_count(preset), preset.pixels) * 2 - 1
        labels = torch.zeros(len(images))
    return Dataset(images.to(device), labels.long().to(device))


class Sampler:
    """Samples the batches of a run, all of the full size."""

    def __init__(self, preset: Preset, dataset: Dataset, device: torch.device) -> None:
        self.preset = preset
        self.dataset = dataset
        self.device = device
        self.chunks: list[Tensor] = []

    def next_batch(self) -> Batch:
        """The inputs of one iteration, sampled on the device."""
        preset, size = self.preset, self.preset.batch
        chosen = self._next_indices()
        batch = Batch(self.dataset.images[chosen], sample_noise(preset, size, self.device))
        fresh = preset.fakes == "fresh"
        if fresh:
            batch.z2 = sample_noise(preset, size, self.device)
        if preset.gp:
            batch.alpha = torch.rand(size // preset.pack, 1, device=self.device)
        if preset.classes:
            batch.real_labels = self.dataset.labels[chosen]
            batch.fake_labels = self._sample_labels()
            batch.fake_labels2 = self._sample_labels() if fresh else None
        return batch

    def _next_indices(self) -> Tensor:
        if not self.chunks:
            order = torch.randperm(len(self.dataset.images), device=self.device)
            full = len(order) - len(order) % self.preset.batch
            self.chunks = list(order[:full].split(self.preset.batch))
        return self.chunks.pop()

    def _sample_labels(self) -> Tensor:
        return torch.randint(self.preset.classes, (self.preset.batch,), device=self.device)


class CursorSampler(Sampler):
    """Keeps the position in an epoch's order on the device, so that a graph can replay it."""

    def __init__(self, preset: Preset, dataset: Dataset, device: torch.device) -> None:
        super().__init__(preset, dataset, device)
        batches = len(dataset.images) // preset.batch
        self.order = torch.zeros(batches, preset.batch, dtype=torch.long, device=device)
        self.cursor = torch.zeros(1, dtype=torch.long, device=device)
        self.batches_left = 0

    def begin_iteration(self) -> None:
        """Shuffles at the start of each epoch, which is not part of the graph."""
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


class JoinedTrainer(Trainer):
    """Passes real and fake images through D as one batch in D's update.

    As D has no BatchNorm, this equals two passes: the sum of two means is twice the joint mean.
    """

    def __init__(self, preset: Preset, *networks: nn.Module, **adam: bool) -> None:
        super().__init__(preset, *networks, **adam)
        if reason := reason_against(preset, "joined"):
            raise ValueError(reason)
        target = torch.zeros(2 * self.preset.batch, 1, device=self.g_parameters[0].device)
        target[: self.preset.batch] = 1
        self.target = target

    def update_discriminator(
        self, batch: Batch, fake: Tensor, labels: Tensor | None
    ) -> tuple[Tensor, None]:
        self.d_optimizer.zero_grad()
        images = torch.cat((batch.real, fake))
        both = None if labels is None else torch.cat((batch.real_labels, labels))
        output = call(self.discriminator, images, both)
        loss = criterion(self.preset, output, self.target) * (2 * self.preset.d_loss_scale)
        loss.backward()
        self.d_optimizer.step()
        return loss.detach(), None


class CompiledTrainer(Trainer):
    """Compiles both networks.

    A compiled backward pass computes all gradients that its forward pass was compiled for, even those
    of D's parameters in G's update; so D's parameters need no gradient there.
    """

    mode: str | None = None

    def __init__(self, *arguments: object, **adam: bool) -> None:
        super().__init__(*arguments, **adam)
        self.generator.compile(dynamic=False, mode=self.mode)
        self.discriminator.compile(dynamic=False, mode=self.mode)

    def update_generator(self, batch: Batch, fake: Tensor, labels: Tensor | None) -> Tensor:
        self.discriminator.requires_grad_(False)
        loss = super().update_generator(batch, fake, labels)
        self.discriminator.requires_grad_(True)
        return loss


class ReducedOverheadTrainer(CompiledTrainer):
    """Compiles networks so that each pass is a CUDA graph, whose outputs live until the next step."""

    mode = "reduce-overhead"

    def iteration(self, batch: Batch) -> Outcome:
        torch.compiler.cudagraph_mark_step_begin()
        return super().iteration(batch)


def configure(precision: str) -> None:
    """Sets PyTorch's precision, and enables cuDNN's search for the fastest convolutions.

    By default, PyTorch computes convolutions in TF32 and matrix multiplications in f32. As shapes do
    not change, cuDNN's search is finished in the warm-up.
    """
    tf32 = precision == "tf32"
    torch.set_float32_matmul_precision("high" if tf32 else "highest")
    torch.backends.cudnn.allow_tf32 = tf32
    torch.backends.cudnn.benchmark = True


def in_bf16(network: nn.Module, device: torch.device) -> None:
    """Runs a network with autocast; its output is f32, for the loss.

    Each pass casts the weights again, as Adam changes them between the two updates.
    """
    forward = torch.autocast(device.type, torch.bfloat16)(network.forward)
    network.forward = lambda *inputs: forward(*inputs).float()


def build(setup: Setup, trainer: type[Trainer] = Trainer, **adam: bool) -> Trainer:
    """Networks and optimizers on the device."""
    builders = (presets.build_generator, presets.build_discriminator)
    networks = [builder(setup.preset).to(setup.device) for builder in builders]
    if setup.precision == "bf16":
        for network in networks:
            in_bf16(network, setup.device)
    return trainer(setup.preset, *networks, **adam)


def launched(setup: Setup, trainer: Trainer) -> Iteration:
    """An iteration whose operations are launched one by one."""
    sampler = Sampler(setup.preset, load_dataset(setup.preset, setup.device), setup.device)
    return lambda: trainer.iteration(sampler.next_batch())


def captured(setup: Setup, trainer: Trainer) -> Iteration:
    """An iteration as one CUDA graph, including the gathering of its batch.

    As in https://docs.pytorch.org/docs/stable/notes/cuda.html#whole-network-capture: warmed up on
    a side stream; gradients are None when the capture starts, so they are in the graph's memory
    pool. Captured on the same stream, because autograd may remember it from the warm-up
    (pytorch/pytorch issue 180090).
    """
    sampler = CursorSampler(setup.preset, load_dataset(setup.preset, setup.device), setup.device)
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(CAPTURE_WARMUP):
            sampler.begin_iteration()
            trainer.iteration(sampler.next_batch())
    torch.cuda.current_stream().wait_stream(side)
    trainer.zero_grad()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, stream=side):
        outcome = trainer.iteration(sampler.next_batch())

    def replay() -> Outcome:
        sampler.begin_iteration()
        graph.replay()
        return outcome

    return replay


def eager(setup: Setup) -> Iteration:
    """Plain PyTorch with Adam as in the sources."""
    return launched(setup, build(setup))


def fused_adam(setup: Setup) -> Iteration:
    """Plain PyTorch with `Adam(fused=True)`."""
    return launched(setup, build(setup, fused=True))


def joined(setup: Setup) -> Iteration:
    """Real and fake images in one pass through D."""
    return launched(setup, build(setup, JoinedTrainer, fused=True))


def compiled(setup: Setup) -> Iteration:
    """Compiled networks."""
    return launched(setup, build(setup, CompiledTrainer, fused=True))


def compiled_reduce_overhead(setup: Setup) -> Iteration:
    """Compiled networks, each pass a CUDA graph."""
    return launched(setup, build(setup, ReducedOverheadTrainer, fused=True))


def cuda_graph(setup: Setup) -> Iteration:
    """One CUDA graph."""
    return captured(setup, build(setup, fused=True, capturable=True))


def joined_cuda_graph(setup: Setup) -> Iteration:
    """One CUDA graph with one pass of D over real and fake images."""
    return captured(setup, build(setup, JoinedTrainer, fused=True, capturable=True))


def compiled_cuda_graph(setup: Setup) -> Iteration:
    """One CUDA graph of compiled networks."""
    return captured(setup, build(setup, CompiledTrainer, fused=True, capturable=True))


VARIANTS: dict[str, Callable[[Setup], Iteration]] = {
    "eager": eager,
    "fused": fused_adam,
    "joined": joined,
    "compile": compiled,
    "compile-reduce-overhead": compiled_reduce_overhead,
    "graph": cuda_graph,
    "joined-graph": joined_cuda_graph,
    "compile-graph": compiled_cuda_graph,
}
CUDA_ONLY = ("compile-reduce-overhead", "graph", "joined-graph", "compile-graph")
