"""The presets' networks in PyTorch, exactly as their sources define them.

preset_table.py has a row for each preset; convolutional.py has the networks of
convolutions, training.py the iteration. Golden runs (`make.py`), the checkpoint
test (`check_checkpoint.py`) and the speed baseline (`benches/torch_baseline.py`)
use these networks and this iteration, so there is one definition to compare the
engine with.

Module order is part of the definition: it determines the keys of the state_dict.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise

import torch
from torch import Tensor, nn

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
    widths = (math.prod(preset.d_image_shape) + preset.classes, *preset.d_hidden)
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


def call(network: nn.Module, x: Tensor, labels: Tensor | None) -> Tensor:
    """Calls a network, with labels if there are any (a bare Sequential takes none)."""
    return network(x) if labels is None else network(x, labels)
