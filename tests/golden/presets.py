"""The presets' networks in PyTorch, exactly as their sources define them.

preset_table.py has a row for each preset; convolutional.py has the networks of
convolutions. Golden runs (`make.py`), the checkpoint test (`check_checkpoint.py`)
and the speed baseline (`benches/torch_baseline.py`) use these networks and this
training iteration, so there is one definition to compare the engine with.

Module order is part of the definition: it determines the keys of the state_dict.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from convolutional import DISCRIMINATORS, GENERATORS
from layers import activation, output_layers
from preset_table import PRESETS, Preset  # noqa: F401


class MaskDropout(nn.Module):
    """Replaces Dropout at the same index, and multiplies by a given mask.

    `mask` (batch, width) is already scaled by 1/(1-p); None is the identity.
    """

    mask: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        return x if self.mask is None else x * self.mask


class Generator(nn.Module):
    """(z, labels) -> images (batch, pixels); the label's embedding comes first."""

    def __init__(self, model: nn.Sequential, classes: int) -> None:
        super().__init__()
        if classes:
            self.label_embedding = nn.Embedding(classes, classes)
        self.model = model

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        if labels is not None:
            z = torch.cat((self.label_embedding(labels), z), dim=1)
        return self.model(z)


class Discriminator(nn.Module):
    """(images (batch, pixels), labels) -> (batch, 1); the label's embedding comes last."""

    def __init__(self, model: nn.Sequential, classes: int) -> None:
        super().__init__()
        if classes:
            self.label_embedding = nn.Embedding(classes, classes)
        self.model = model

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        if labels is not None:
            images = torch.cat((images, self.label_embedding(labels)), dim=1)
        return self.model(images)


def generator_layers(preset: Preset) -> Iterator[nn.Module]:
    """G's modules in the order of its Sequential."""
    widths = (preset.latent_dim + preset.classes, *preset.g_hidden)
    for layer, (inputs, outputs) in enumerate(pairwise(widths)):
        yield nn.Linear(inputs, outputs)
        if preset.batch_norm and layer > 0:
            yield nn.BatchNorm1d(outputs, eps=preset.bn_eps, momentum=preset.bn_momentum)
        yield activation(preset.g_activation)
    yield nn.Linear(widths[-1], preset.pixels)
    yield nn.Tanh()


def discriminator_layers(preset: Preset, explicit_masks: bool) -> Iterator[nn.Module]:
    """D's modules in the order of its Sequential."""
    widths = (preset.pixels + preset.classes, *preset.d_hidden)
    for layer, (inputs, outputs) in enumerate(pairwise(widths)):
        yield nn.Linear(inputs, outputs)
        dropout = MaskDropout() if explicit_masks else nn.Dropout(preset.dropout)
        if preset.dropout_at == "before activation" and layer > 0:
            yield dropout
        yield activation(preset.d_activation)
        if preset.dropout_at == "after activation":
            yield dropout
    yield nn.Linear(widths[-1], 1)
    yield from output_layers(preset)


def initialize(network: nn.Module, preset: Preset) -> None:
    """Initializes weights as the source does; by default as PyTorch does."""
    if preset.weight_std is None:
        return
    for module in network.modules():
        if isinstance(module, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.normal_(module.weight, 0.0, preset.weight_std)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, preset.weight_std)


def mlp_generator(preset: Preset) -> nn.Module:
    """G of Linear layers."""
    model = nn.Sequential(*generator_layers(preset))
    return model if preset.bare else Generator(model, preset.classes)


def mlp_discriminator(preset: Preset, explicit_masks: bool) -> nn.Module:
    """D of Linear layers."""
    model = nn.Sequential(*discriminator_layers(preset, explicit_masks))
    return model if preset.bare else Discriminator(model, preset.classes)


def build_generator(preset: Preset) -> nn.Module:
    """G, initialized, in training mode."""
    network = GENERATORS.get(preset.architecture, mlp_generator)(preset)
    initialize(network, preset)
    return network


def build_discriminator(preset: Preset, explicit_masks: bool = False) -> nn.Module:
    """D, initialized, in training mode; `explicit_masks` replaces Dropout by MaskDropout."""
    if preset.convolutional:
        network = DISCRIMINATORS[preset.architecture](preset)
    else:
        network = mlp_discriminator(preset, explicit_masks)
    initialize(network, preset)
    return network


def sample_noise(preset: Preset, batch: int, device: torch.device | str = "cpu") -> Tensor:
    """Noise z (batch, latent_dim) from the preset's latent distribution."""
    if preset.noise == "uniform":
        return torch.rand(batch, preset.latent_dim, device=device) * 2 - 1
    return torch.randn(batch, preset.latent_dim, device=device)


def criterion(preset: Preset, output: Tensor, target: float | Tensor) -> Tensor:
    """Mean loss of D's output (batch, 1), with one target for all or one for each."""
    loss = {
        "bce-logits": F.binary_cross_entropy_with_logits,
        "bce": F.binary_cross_entropy,
        "mse": F.mse_loss,
    }[preset.loss]
    if not isinstance(target, Tensor):
        target = torch.full_like(output, target)
    return loss(output, target)


@dataclass
class Batch:
    """The inputs of one iteration. `z2`, `fake_labels2`: for fresh fakes."""

    real: Tensor
    z: Tensor
    z2: Tensor | None = None
    real_labels: Tensor | None = None
    fake_labels: Tensor | None = None
    fake_labels2: Tensor | None = None


@dataclass
class Outcome:
    """The results of one iteration: losses (scalars), and the first batch of fakes."""

    d_loss: Tensor
    g_loss: Tensor
    fake: Tensor


def call(network: nn.Module, x: Tensor, labels: Tensor | None) -> Tensor:
    """Calls a network, with labels if there are any (a bare Sequential takes none)."""
    return network(x) if labels is None else network(x, labels)


class Trainer:
    """The training iteration. Networks are always in training mode."""

    def __init__(
        self,
        preset: Preset,
        generator: nn.Module,
        discriminator: nn.Module,
        **adam: bool,
    ) -> None:
        """`adam`: Adam's implementation options, such as `fused` or `capturable`."""
        self.preset = preset
        self.generator = generator
        self.discriminator = discriminator
        self.g_parameters = list(generator.parameters())
        self.g_optimizer = self._adam(self.g_parameters, adam)
        self.d_optimizer = self._adam(list(discriminator.parameters()), adam)

    def _adam(
        self, parameters: Sequence[nn.Parameter], options: Mapping[str, bool]
    ) -> torch.optim.Adam:
        preset = self.preset
        return torch.optim.Adam(
            parameters, lr=preset.lr, betas=preset.betas, eps=preset.adam_eps, **options
        )

    def zero_grad(self) -> None:
        """Resets all gradients."""
        self.g_optimizer.zero_grad()
        self.d_optimizer.zero_grad()

    def iteration(self, batch: Batch) -> Outcome:
        """Both updates in the preset's order."""
        if self.preset.order == "d-first":
            return self._d_first(batch)
        return self._g_first(batch)

    def _d_first(self, batch: Batch) -> Outcome:
        fresh = self.preset.fakes == "fresh"
        with torch.set_grad_enabled(not fresh):
            fake = call(self.generator, batch.z, batch.fake_labels)
        d_loss = self.update_discriminator(batch, fake.detach(), batch.fake_labels)
        second, labels = fake, batch.fake_labels
        if fresh:
            labels = batch.fake_labels2
            second = call(self.generator, batch.z2, labels)
        g_loss = self.update_generator(second, labels)
        return Outcome(d_loss, g_loss, fake.detach())

    def _g_first(self, batch: Batch) -> Outcome:
        fake = call(self.generator, batch.z, batch.fake_labels)
        g_loss = self.update_generator(fake, batch.fake_labels)
        second, labels = fake.detach(), batch.fake_labels
        if self.preset.fakes == "fresh":
            labels = batch.fake_labels2
            with torch.no_grad():
                second = call(self.generator, batch.z2, labels)
        d_loss = self.update_discriminator(batch, second, labels)
        return Outcome(d_loss, g_loss, fake.detach())

    def update_discriminator(self, batch: Batch, fake: Tensor, labels: Tensor | None) -> Tensor:
        """An optimizer step of D on the real batch and on `fake`, which must be detached."""
        self.d_optimizer.zero_grad()
        real_output = call(self.discriminator, batch.real, batch.real_labels)
        real_loss = criterion(self.preset, real_output, 1.0)
        fake_output = call(self.discriminator, fake, labels)
        fake_loss = criterion(self.preset, fake_output, 0.0)
        loss = (real_loss + fake_loss) * self.preset.d_loss_scale
        loss.backward()
        self.d_optimizer.step()
        return loss.detach()

    def update_generator(self, fake: Tensor, labels: Tensor | None) -> Tensor:
        """An optimizer step of G; no gradients of D's parameters are computed."""
        self.g_optimizer.zero_grad()
        loss = criterion(self.preset, call(self.discriminator, fake, labels), 1.0)
        loss.backward(inputs=self.g_parameters)
        self.g_optimizer.step()
        return loss.detach()
