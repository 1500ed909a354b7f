#!/usr/bin/env python3
"""Loads a checkpoint's networks into PyTorch, unmodified and strictly.

    python check_checkpoint.py runs/00003-cgan-mnist/checkpoint-000938 --grid grid.png

The networks are built as the sources define them, from the preset and the sizes
in the files' metadata, so this shows that `load_state_dict(load_file(path))`
works without changes. `--grid` writes a grid of samples in evaluation mode: a row
for each class, or 5x5.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor, nn

import presets
from presets import PRESETS, Preset, sample_noise

GRID_COLUMNS = 10  # per class
GRID_SIZE = 5  # rows and columns without classes
PADDING = 2
SIZES = ("latent_dim", "g_hidden", "d_hidden", "image_shape", "classes")


def read_metadata(path: Path) -> Mapping[str, str]:
    """The metadata of one safetensors file."""
    with safe_open(path, framework="pt") as file:
        return file.metadata() or {}


def preset_from(metadata: Mapping[str, str]) -> Preset:
    """The preset with the sizes in the metadata; other values do not affect the keys."""
    if metadata.get("format") != "pt":
        raise ValueError(f"metadata: format is {metadata.get('format')!r}, not 'pt'")
    preset = PRESETS[metadata["preset"]]
    given = {key: json.loads(metadata[key]) for key in SIZES if key in metadata}
    for key, network in (("g_hidden", "generator"), ("d_hidden", "discriminator")):
        if network in metadata:
            given[key] = hidden_sizes(preset, metadata[network])
    sizes = {k: tuple(v) if isinstance(v, list) else v for k, v in given.items()}
    preset = replace(preset, **sizes)
    return replace(preset, pack=pack_size(preset, metadata.get("discriminator", "")))


def pack_size(preset: Preset, text: str) -> int:
    """How many images D sees at once, from the text of its layers; with classes always one."""
    first = re.search(r"\b(Linear|Conv2d)\((\d+)", text)
    if preset.classes or not first:
        return 1
    return int(first[2]) // (preset.pixels if first[1] == "Linear" else preset.image_shape[0])


def hidden_sizes(preset: Preset, text: str) -> list[int]:
    """Widths or channels of a network's hidden layers, from the text of its layers.

    If a network of convolutions starts or ends with a Linear, the channels next to it are hidden,
    too.
    """
    layers = re.findall(r"\b(Linear|Conv2d|ConvTranspose2d)\((\d+), (\d+)", text)
    if preset.architecture == "dcgan":
        side = 1 if layers[0][0] == "Linear" else 2
        return [int(layer[side]) for layer in layers if layer[0] != "Linear"]
    return [int(outputs) for _, _, outputs in layers[:-1]]


def load_checkpoint(folder: Path) -> tuple[Preset, nn.Module, nn.Module]:
    """The preset, G and D of a checkpoint folder; raises an error if anything does not fit."""
    generator_path = folder / "generator.safetensors"
    discriminator_path = folder / "discriminator.safetensors"
    metadata = {**read_metadata(discriminator_path), **read_metadata(generator_path)}
    preset = preset_from(metadata)
    generator = presets.build_generator(preset)
    discriminator = presets.build_discriminator(preset)
    generator.load_state_dict(load_file(generator_path))
    discriminator.load_state_dict(load_file(discriminator_path))
    return preset, generator, discriminator


def grid_labels(preset: Preset) -> Tensor | None:
    """Labels for a row of each class; None without classes."""
    if not preset.classes:
        return None
    return torch.arange(preset.classes).repeat_interleave(GRID_COLUMNS)


@torch.no_grad()
def sample(preset: Preset, generator: nn.Module, labels: Tensor | None, count: int) -> Tensor:
    """Images (count, channels, height, width) in [-1, 1], in evaluation mode."""
    generator.eval()
    images = presets.call(generator, sample_noise(preset, count), labels)
    return images.view(count, *preset.image_shape)


def tile(images: Tensor, columns: int) -> Tensor:
    """A grid (channels, height, width) of all images, with padding as in torchvision."""
    count, channels, height, width = images.shape
    rows = count // columns
    cell_height, cell_width = height + PADDING, width + PADDING
    picture = torch.full(
        (channels, rows * cell_height + PADDING, columns * cell_width + PADDING), -1.0
    )
    for index, image in enumerate(images):
        top = (index // columns) * cell_height + PADDING
        left = (index % columns) * cell_width + PADDING
        picture[:, top : top + height, left : left + width] = image
    return picture


def write_png(picture: Tensor, path: Path) -> None:
    """Writes a picture in [-1, 1] with 1 or 3 channels."""
    from PIL import Image

    bytes_ = ((picture + 1) * 127.5).round().clamp(0, 255).byte()
    pixels = bytes_[0] if len(bytes_) == 1 else bytes_.permute(1, 2, 0)
    Image.fromarray(pixels.contiguous().numpy()).save(path)


def write_grid(preset: Preset, generator: nn.Module, path: Path, seed: int) -> None:
    """Writes a sample grid of a generator."""
    torch.manual_seed(seed)
    labels = grid_labels(preset)
    columns = GRID_SIZE if labels is None else GRID_COLUMNS
    count = GRID_SIZE**2 if labels is None else len(labels)
    write_png(tile(sample(preset, generator, labels, count), columns), path)


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint", type=Path, help="a checkpoint folder")
    parser.add_argument("--grid", type=Path, metavar="PNG", help="write samples to this file")
    parser.add_argument("--seed", type=int, default=0, help="seed of the samples' noise")
    return parser.parse_args()


def main() -> int:
    """Prints OK, or the error."""
    arguments = parse_arguments()
    try:
        preset, generator, discriminator = load_checkpoint(arguments.checkpoint)
    except (OSError, KeyError, ValueError, RuntimeError, SafetensorError) as error:
        print(f"check_checkpoint.py: {arguments.checkpoint}: {error!r}", file=sys.stderr)
        return 1
    tensors = len(generator.state_dict()) + len(discriminator.state_dict())
    print(f"OK {arguments.checkpoint}: {preset.name}, {tensors} tensors")
    if arguments.grid is not None:
        write_grid(preset, generator, arguments.grid, arguments.seed)
    return 0


if __name__ == "__main__":
    sys.exit(main())
