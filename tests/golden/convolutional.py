"""Networks of convolutions in PyTorch, exactly as their sources define them.

Inputs and outputs are flattened images, (batch, pixels) in the order channel, row, column, as for
all other presets; the networks reshape them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise

from torch import Tensor, cat, nn

from layers import activation, output_layers
from preset_table import Preset

HALVE = {"kernel_size": 4, "stride": 2, "padding": 1}  # transposed: doubles the size
WHOLE = {"kernel_size": 4, "stride": 1, "padding": 0}  # between a 4x4 map and a single pixel


def batch_norm(kind: type[nn.Module], preset: Preset, features: int) -> nn.Module:
    """A BatchNorm with the preset's constants."""
    return kind(features, eps=preset.bn_eps, momentum=preset.bn_momentum)


def growing_layers(preset: Preset, bias: bool) -> Iterator[nn.Module]:
    """From the first feature map to the image; each level doubles the size."""
    for inputs, outputs in pairwise(preset.g_hidden):
        yield nn.ConvTranspose2d(inputs, outputs, **HALVE, bias=bias)
        yield batch_norm(nn.BatchNorm2d, preset, outputs)
        yield activation(preset.g_activation)
    yield nn.ConvTranspose2d(preset.g_hidden[-1], preset.image_shape[0], **HALVE, bias=bias)
    yield nn.Tanh()


def shrinking_layers(preset: Preset, normed: bool) -> Iterator[nn.Module]:
    """From the image to the last feature map; `normed`: with BatchNorm instead of biases."""
    channels = (preset.d_image_shape[0] + preset.classes, *preset.d_hidden)
    for level, (inputs, outputs) in enumerate(pairwise(channels)):
        yield nn.Conv2d(inputs, outputs, **HALVE, bias=not normed)
        if normed and level > 0:
            yield batch_norm(nn.BatchNorm2d, preset, outputs)
        yield activation(preset.d_activation)


class DcganGenerator(nn.Module):
    """(z, labels) -> images. A Linear makes the first feature map; label embeddings come first."""

    def __init__(self, preset: Preset) -> None:
        super().__init__()
        if preset.classes:
            self.label_embedding = nn.Embedding(preset.classes, preset.classes)
        self.first_map = (preset.g_hidden[0], *preset.halved(len(preset.g_hidden)))
        features = math.prod(self.first_map)
        self.model = nn.Sequential(
            nn.Linear(preset.latent_dim + preset.classes, features),
            batch_norm(nn.BatchNorm1d, preset, features),
            activation(preset.g_activation),
        )
        self.conv_blocks = nn.Sequential(*growing_layers(preset, bias=True))

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        if labels is not None:
            z = cat((self.label_embedding(labels), z), dim=1)
        first = self.model(z).view(-1, *self.first_map)
        return self.conv_blocks(first).flatten(1)


class DcganDiscriminator(nn.Module):
    """(images, labels) -> (batch, 1). Label embeddings are additional channels, which come last."""

    def __init__(self, preset: Preset) -> None:
        super().__init__()
        if preset.classes:
            self.label_embedding = nn.Embedding(preset.classes, preset.classes)
        self.image_shape = preset.d_image_shape
        last_map = (preset.d_hidden[-1], *preset.halved(len(preset.d_hidden)))
        self.model = nn.Sequential(
            *shrinking_layers(preset, normed=False),
            nn.Flatten(),
            nn.Linear(math.prod(last_map), 1),
            *output_layers(preset),
        )

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        x = images.view(-1, *self.image_shape)
        if labels is not None:
            planes = self.label_embedding(labels)[:, :, None, None]
            x = cat((x, planes.expand(-1, -1, *x.shape[2:])), dim=1)
        return self.model(x)


class ConvolutionalGenerator(nn.Module):
    """z -> images, with convolutions only: z is a feature map of one pixel."""

    def __init__(self, preset: Preset) -> None:
        super().__init__()
        self.main = nn.Sequential(
            nn.ConvTranspose2d(preset.latent_dim, preset.g_hidden[0], **WHOLE, bias=False),
            batch_norm(nn.BatchNorm2d, preset, preset.g_hidden[0]),
            activation(preset.g_activation),
            *growing_layers(preset, bias=False),
        )

    def forward(self, z: Tensor) -> Tensor:
        return self.main(z[:, :, None, None]).flatten(1)


class ConvolutionalDiscriminator(nn.Module):
    """Images -> (batch, 1), with convolutions only."""

    def __init__(self, preset: Preset) -> None:
        super().__init__()
        self.image_shape = preset.d_image_shape
        self.main = nn.Sequential(
            *shrinking_layers(preset, normed=True),
            nn.Conv2d(preset.d_hidden[-1], 1, **WHOLE, bias=False),
            *output_layers(preset),
        )

    def forward(self, images: Tensor) -> Tensor:
        return self.main(images.view(-1, *self.image_shape)).flatten(1)


GENERATORS = {"dcgan": DcganGenerator, "dcgan-rgb": ConvolutionalGenerator}
DISCRIMINATORS = {"dcgan": DcganDiscriminator, "dcgan-rgb": ConvolutionalDiscriminator}
