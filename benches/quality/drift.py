#!/usr/bin/env python3
"""Measures how colour and contrast of `mlp-rgb`'s samples change in training, here and in PyTorch.

    cargo build --release
    python benches/quality/drift.py --images FOLDER --about "what they are" --work FOLDER --out FOLDER

Writes drift.json and, with matplotlib, drift.png to --out; resumes if interrupted, like compare.py.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE.parent))

import torch  # noqa: E402
from baseline import PRESETS  # noqa: E402 (finds tests/golden, too)
from safetensors.torch import load_file  # noqa: E402
from torch import Tensor  # noqa: E402

from presets import build_generator, sample_noise  # noqa: E402

PRESET = "mlp-rgb"
SAMPLES = 64
NUMBERS = {"saturation": "saturation", "std": "contrast (standard deviation)"}
COLOURS = {"gan-cuda": "#0072b2", "pytorch": "#d55e00"}
TITLES = {"gan-cuda": "gan-cuda", "pytorch": "PyTorch"}


def numbers(images: Tensor) -> dict[str, float]:
    """HSV saturation and contrast of images (count, 3, height, width) in [-1, 1]."""
    levels = (images + 1) / 2
    low, high = levels.amin(dim=1), levels.amax(dim=1)
    saturation = torch.where(high > 0, (high - low) / high.clamp(min=1e-12), 0.0)
    return {"saturation": saturation.mean().item(), "std": images.std(correction=0).item()}


def ours(arguments: argparse.Namespace) -> tuple[dict[str, float], list[dict[str, float]]]:
    """The statistics of the data set, and of our samples."""
    runs = arguments.work.resolve() / "runs" / f"{PRESET}-drift"
    flags = ["--device", "cpu", "--threads", arguments.threads, "--quiet", "--no-tensorboard"]
    begin = ["--preset", PRESET, "--dataset", arguments.images, "--image-size", arguments.image_size]
    begin += ["--seed", 0, "--runs-dir", runs, "--sample-interval", arguments.every]
    found = sorted(runs.glob("[0-9]*"))
    where = ["--resume", found[0]] if found else begin
    call(arguments.program.resolve(), "train", *where, "--epochs", arguments.epochs, *flags)
    (run,) = runs.glob("[0-9]*")
    lines = map(json.loads, (run / "stats.jsonl").read_text().splitlines())
    records = [record for record in lines if "samples" in record]
    points = [{"iteration": r["iteration"]} | {n: r["samples"][n] for n in NUMBERS} for r in records]
    return {name: records[0]["data"][name] for name in NUMBERS}, points


def pytorch(arguments: argparse.Namespace) -> list[dict[str, float]]:
    """The statistics of PyTorch's samples, from the same noise each time."""
    out = arguments.work.resolve() / "torch" / f"{PRESET}-drift"
    flags = ["--preset", PRESET, "--seed", 0, "--epochs", arguments.epochs, "--keep", 1]
    flags += ["--images", arguments.images, "--image-size", arguments.image_size]
    call(sys.executable, HERE / "torch_train.py", *flags, "--threads", arguments.threads, "--out", out)
    side = arguments.image_size
    preset = replace(PRESETS[PRESET], image_shape=(3, side, side))
    torch.manual_seed(0)
    generator, noise = build_generator(preset).eval(), sample_noise(preset, SAMPLES)
    points = []
    for path in sorted(out.glob("generator-*.safetensors")):
        generator.load_state_dict(load_file(path))
        with torch.no_grad():
            images = generator(noise).view(SAMPLES, 3, side, side)
        points.append({"iteration": int(path.stem.split("-")[1])} | numbers(images))
    return points


def call(*command: object) -> None:
    """Runs a command."""
    words = [str(word) for word in command]
    print("$", " ".join(words), flush=True)
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)


def plot(result: dict, path: Path) -> None:
    """Plots a panel for each statistic."""
    try:
        from matplotlib import pyplot
    except ImportError:
        print("no picture: python has no matplotlib (pip install matplotlib)")
        return
    figure, panels = pyplot.subplots(1, len(NUMBERS), figsize=(11, 4))
    for panel, (name, title) in zip(panels, NUMBERS.items(), strict=True):
        for program, colour in COLOURS.items():
            points = result[program]
            iterations, values = ([point[key] for point in points] for key in ("iteration", name))
            panel.plot(iterations, values, color=colour, label=TITLES[program])
        panel.axhline(result["data"][name], color="black", linestyle=":", label="the images")
        panel.set(title=title, xlabel="iteration")
        panel.set_ylim(bottom=0)
        panel.grid(True, linewidth=0.3)
    panels[0].legend()
    figure.tight_layout()
    figure.savefig(path, dpi=100)


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=Path, required=True, help="folder of PNGs")
    parser.add_argument("--about", required=True, help="a description and the source of the images")
    parser.add_argument("--work", type=Path, required=True, help="folder for trained networks")
    parser.add_argument("--out", type=Path, required=True, help="run folder for the results")
    parser.add_argument("--image-size", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--every", type=int, default=20, help="iterations between our samples")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--program", type=Path, default=ROOT / "target" / "release" / "gan-cuda")
    return parser.parse_args()


def main() -> None:
    """Trains both, and writes the statistics of their samples."""
    arguments = parse_arguments()
    arguments.images = arguments.images.resolve()
    data, points = ours(arguments)
    result = {"preset": PRESET, "about": arguments.about, "image_size": arguments.image_size}
    result |= {"epochs": arguments.epochs, "seed": 0, "data": data}
    result |= {"gan-cuda": points, "pytorch": pytorch(arguments)}
    (arguments.out / "drift.json").write_text(json.dumps(result, indent=1) + "\n")
    plot(result, arguments.out / "drift.png")


if __name__ == "__main__":
    main()
