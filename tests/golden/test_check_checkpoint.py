"""Tests of check_checkpoint.py: `python -m unittest` in this folder (needs torch)."""

from __future__ import annotations

import itertools
import json
import tempfile
import unittest
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import save_file

import presets
from check_checkpoint import grid_labels, load_checkpoint, sample, tile
from presets import PRESETS, Preset

SMALL = {"g_hidden": (9, 8), "d_hidden": (7, 6)}
IMAGES = {"mlp": (1, 5, 4), "dcgan": (2, 8, 4), "dcgan-rgb": (3, 16, 16)}


def small(row: Preset) -> Preset:
    """The preset with small networks."""
    return replace(row, **SMALL, image_shape=IMAGES[row.architecture])


def as_text(network: torch.nn.Module) -> str:
    """The layers as text, as in a checkpoint's metadata."""
    texts = []
    for layer in network.modules():
        if isinstance(layer, torch.nn.Linear):
            texts.append(f"Linear({layer.in_features}, {layer.out_features})")
        elif isinstance(layer, (torch.nn.Conv2d, torch.nn.ConvTranspose2d)):
            texts.append(f"{layer._get_name()}({layer.in_channels}, {layer.out_channels}, 4, 2, 1)")
    return f"Sequential({', LeakyReLU(0.2), '.join(texts)})"


def format_2_sizes(preset: Preset) -> dict[str, str]:
    """What metadata had before they had layers."""
    return {"g_hidden": json.dumps(preset.g_hidden), "d_hidden": json.dumps(preset.d_hidden)}


def write_checkpoint(folder: Path, preset: Preset, format_2: bool = False, **metadata: str) -> None:
    """Writes a checkpoint of newly initialized networks."""
    common = {
        "format": "pt",
        "preset": preset.name,
        "latent_dim": json.dumps(preset.latent_dim),
        "image_shape": json.dumps(preset.image_shape),
        "classes": json.dumps(preset.classes),
    }
    generator, discriminator = presets.build_generator(preset), presets.build_discriminator(preset)
    layers = {"generator": as_text(generator), "discriminator": as_text(discriminator)}
    common |= (format_2_sizes(preset) if format_2 else layers) | metadata
    save_file(generator.state_dict(), folder / "generator.safetensors", common)
    save_file(discriminator.state_dict(), folder / "discriminator.safetensors", common)


class CheckCheckpoint(unittest.TestCase):
    def setUp(self) -> None:
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = Path(scratch.name)

    def test_every_preset_loads_with_the_sizes_in_its_metadata(self) -> None:
        for row, format_2 in itertools.product(PRESETS.values(), (False, True)):
            preset = small(row)
            write_checkpoint(self.folder, preset, format_2)
            with self.subTest(preset=row.name, format_2=format_2):
                loaded, generator, _ = load_checkpoint(self.folder)
                self.assertEqual(loaded, preset)
                labels = grid_labels(preset)
                count = 25 if labels is None else len(labels)
                images = sample(preset, generator, labels, count)
                self.assertEqual(tuple(images.shape), (count, *preset.image_shape))

    def test_packs_are_seen_in_the_layers(self) -> None:
        for name in ("mlp", "dcgan"):
            preset = replace(small(PRESETS[name]), pack=2)
            write_checkpoint(self.folder, preset)
            with self.subTest(preset=name):
                self.assertEqual(load_checkpoint(self.folder)[0], preset)

    def test_wrong_width_and_wrong_format_are_refused(self) -> None:
        preset = small(PRESETS["mlp"])
        write_checkpoint(self.folder, preset, format_2=True, g_hidden="[9, 7]")
        self.assertRaises(RuntimeError, load_checkpoint, self.folder)
        narrow = "Sequential(Linear(96, 9), ReLU(), Linear(9, 7), ReLU(), Linear(7, 20), Tanh())"
        write_checkpoint(self.folder, preset, generator=narrow)
        self.assertRaises(RuntimeError, load_checkpoint, self.folder)
        write_checkpoint(self.folder, preset, format="np")
        self.assertRaises(ValueError, load_checkpoint, self.folder)

    def test_grid_has_images_row_by_row(self) -> None:
        picture = tile(torch.arange(6.0).view(6, 1, 1, 1), columns=3)
        self.assertEqual(tuple(picture.shape), (1, 8, 11))
        self.assertEqual(picture[0, 2::3, 2::3].tolist(), [[0, 1, 2], [3, 4, 5]])


if __name__ == "__main__":
    unittest.main()
