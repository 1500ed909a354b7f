"""Modules shared by all networks."""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn

from preset_table import Preset


def activation(name: str) -> nn.Module:
    """The module of a hidden layer's activation."""
    return nn.ReLU(inplace=True) if name == "relu" else nn.LeakyReLU(0.2, inplace=True)


def output_layers(preset: Preset) -> Iterator[nn.Module]:
    """The modules after D's last layer with weights."""
    if preset.final_relu:
        yield nn.ReLU()
    if preset.loss == "bce":
        yield nn.Sigmoid()
