#!/usr/bin/env python3
"""Trains a preset in PyTorch as its source does, on the embedded digits or on a folder of images, and
keeps its generators.

    python benches/quality/torch_train.py --preset cgan --seed 0 --epochs 200 --out FOLDER

Writes `generator-000157.safetensors`, a state_dict, after every `--keep`th epoch and after the last,
and `state.pt`, from which the same command resumes. Each epoch shuffles all images; an incomplete
last batch is kept or dropped as in the preset.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch  # noqa: E402
from baseline import PRESETS, Preset, digits  # noqa: E402 (finds tests/golden, too)
from safetensors.torch import save_file  # noqa: E402
from torch import Tensor  # noqa: E402

from presets import build_discriminator, build_generator, sample_noise  # noqa: E402
from training import Batch, Trainer  # noqa: E402

DROPS_LAST = ("mlp-batchnorm",)


class Run:
    """Networks, optimizers and progress."""

    def __init__(self, preset: Preset, seed: int, fused: bool = True) -> None:
        torch.manual_seed(seed)
        self.preset = preset
        networks = build_generator(preset), build_discriminator(preset)
        self.trainer = Trainer(preset, *networks, fused=fused)
        self.epochs, self.iterations, self.seconds = 0, 0, 0.0

    def parts(self) -> dict[str, torch.nn.Module | torch.optim.Optimizer]:
        """All objects that have a state."""
        trainer = self.trainer
        return {
            "generator": trainer.generator,
            "discriminator": trainer.discriminator,
            "g_optimizer": trainer.g_optimizer,
            "d_optimizer": trainer.d_optimizer,
        }

    def save(self, path: Path) -> None:
        """Writes the state atomically."""
        state = {name: part.state_dict() for name, part in self.parts().items()}
        state |= {"random": torch.get_rng_state(), "seconds": self.seconds}
        state |= {"epochs": self.epochs, "iterations": self.iterations}
        torch.save(state, path.with_suffix(".tmp"))
        os.replace(path.with_suffix(".tmp"), path)

    def load(self, path: Path) -> None:
        """Restores a saved state."""
        state = torch.load(path, weights_only=True)
        for name, part in self.parts().items():
            part.load_state_dict(state[name])
        torch.set_rng_state(state["random"])
        self.seconds = state["seconds"]
        self.epochs, self.iterations = state["epochs"], state["iterations"]

    def epoch(self, images: Tensor, labels: Tensor) -> None:
        """Trains one epoch."""
        begun = time.perf_counter()
        rows = self.preset.batch
        order = torch.randperm(len(images)).split(rows)
        if self.preset.name in DROPS_LAST and len(order[-1]) < rows:
            order = order[:-1]
        for chosen in order:
            self.trainer.iteration(self.batch(images[chosen], labels[chosen]))
        self.epochs += 1
        self.iterations += len(order)
        self.seconds += time.perf_counter() - begun

    def batch(self, real: Tensor, labels: Tensor) -> Batch:
        """A batch of real images, with noise and labels."""
        rows, preset = len(real), self.preset
        batch = Batch(real=real, z=sample_noise(preset, rows))
        if preset.fakes == "fresh":
            batch = replace(batch, z2=sample_noise(preset, rows))
        if preset.gp:
            batch = replace(batch, alpha=torch.rand(rows, 1))
        if preset.classes:
            fake_labels = torch.randint(preset.classes, (rows,))
            batch = replace(batch, real_labels=labels, fake_labels=fake_labels)
        return batch


def training_images(preset: Preset, folder: Path | None = None) -> tuple[Tensor, Tensor]:
    """Images in [-1, 1] (count, pixels), and their labels: the embedded digits, or a folder's PNGs,
    which have none."""
    if folder is None:
        pixels, labels = (torch.frombuffer(part, dtype=torch.uint8) for part in digits())
    else:
        pixels = torch.stack([pixels_of(path, preset) for path in sorted(folder.rglob("*.png"))])
        labels = torch.zeros(len(pixels))
    return (pixels.view(-1, preset.pixels).float() / 255 - 0.5) / 0.5, labels.long()


def pixels_of(path: Path, preset: Preset) -> Tensor:
    """An image's bytes, channels first; composited on white if transparent, as in the engine."""
    from PIL import Image  # not needed for digits

    channels, height, width = preset.image_shape
    picture = Image.open(path).convert("RGBA")
    white = Image.new("RGBA", picture.size, "white")
    picture = Image.alpha_composite(white, picture).convert("RGB" if channels == 3 else "L")
    picture = picture.resize((width, height), Image.Resampling.BILINEAR)
    pixels = torch.frombuffer(bytearray(picture.tobytes()), dtype=torch.uint8)
    return pixels.view(height, width, channels).permute(2, 0, 1).flatten()


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", choices=PRESETS, required=True)
    parser.add_argument("--images", type=Path, help="a folder of PNGs instead of the digits")
    parser.add_argument("--image-size", type=int, help="their height and width")
    parser.add_argument("--loss", choices=("bce", "bce-logits"), help="instead of the preset's")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--keep", type=int, default=10, help="epochs between generator files")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--out", type=Path, required=True)
    return parser.parse_args()


def main() -> None:
    """Starts or resumes training."""
    arguments = parse_arguments()
    if arguments.threads is not None:
        torch.set_num_threads(arguments.threads)
    preset = PRESETS[arguments.preset]
    if arguments.loss:
        preset = replace(preset, loss=arguments.loss)
    if side := arguments.image_size:
        preset = replace(preset, image_shape=(preset.image_shape[0], side, side))
    arguments.out.mkdir(parents=True, exist_ok=True)
    state, run = arguments.out / "state.pt", Run(preset, arguments.seed)
    if state.exists():
        run.load(state)
    images, labels = training_images(preset, arguments.images)
    while run.epochs < arguments.epochs:
        run.epoch(images, labels)
        if run.epochs % arguments.keep == 0 or run.epochs == arguments.epochs:
            weights = run.trainer.generator.state_dict()
            save_file(weights, arguments.out / f"generator-{run.iterations:06}.safetensors")
            run.save(state)
            print(f"{preset.name}: {run.epochs} epochs, {run.seconds:.0f} s", flush=True)


if __name__ == "__main__":
    main()
