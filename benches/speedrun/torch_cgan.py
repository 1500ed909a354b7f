#!/usr/bin/env python3
"""PyTorch's entry: `cgan` as in its source, scored during training by the rules.

Prints a line of JSON for each evaluation and exits after the first that passes.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "quality"))

import torch  # noqa: E402
from scores import Scorer  # noqa: E402
from torch_train import PRESETS, Run, training_images  # noqa: E402

COUNT = 10_000
AT_ONCE = 1000


def generate(run: Run, noise: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Generates images in evaluation mode, without affecting training."""
    generator = run.trainer.generator.eval()
    with torch.no_grad():
        parts = zip(noise.split(AT_ONCE), labels.split(AT_ONCE), strict=True)
        images = torch.cat([generator(z, y) for z, y in parts])
    generator.train()
    return images.view(-1, 1, 28, 28)


def main() -> None:
    """Trains until an evaluation passes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--every", type=int, default=5, help="epochs between evaluations")
    parser.add_argument("--fidelity", type=float, required=True)
    parser.add_argument("--fcd", type=float, required=True)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    run, scorer = Run(PRESETS["cgan"], arguments.seed, fused=False), Scorer()
    images, labels = training_images(run.preset)
    random = torch.Generator().manual_seed(arguments.seed)
    noise = torch.randn(COUNT, run.preset.latent_dim, generator=random)
    asked = torch.arange(COUNT) * run.preset.classes // COUNT
    while True:
        run.epoch(images, labels)
        if run.epochs % arguments.every:
            continue
        scores = scorer.score(generate(run, noise, asked), asked)
        print(json.dumps({"iteration": run.iterations, **asdict(scores)}), flush=True)
        if scores.fidelity >= arguments.fidelity and scores.fcd <= arguments.fcd:
            return


if __name__ == "__main__":
    main()
