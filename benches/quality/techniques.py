#!/usr/bin/env python3
"""Trains and scores the presets and flags of docs/techniques.md.

    cargo build --release
    python benches/quality/techniques.py --work FOLDER --out benches/runs/DATE-techniques

On the 10,000 embedded digits: the presets with penalties or an average beside those that they come
from. On stacked-mnist: dcgan, with packs, and with relativistic loss and penalties. Every milestone
(a number of iterations) is scored by `gan-cuda evaluate`, with and without the average. If
interrupted, run it again to resume: trained networks are in --work, scores and sample grids in --out,
and existing ones are not made again. techniques_report.py writes docs/scores.md from the results.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from compare import ROOT, environment, parser_of, processor

sys.path.insert(0, str(ROOT / "benches"))
from run_folder import write_whole  # noqa: E402


@dataclass(frozen=True)
class Training:
    """A generator to be trained with these flags, and scored after these numbers of iterations."""

    name: str
    flags: Sequence[str]
    milestones: Sequence[int]
    averaged: bool = False
    count: int = 10_000


STACKED = ("--preset", "dcgan", "--dataset", "stacked-mnist")
# cgan-ema without its average is cgan, bit for bit.
DIGITS = (
    Training("r3gan-small", ("--preset", "r3gan-small"), (7850,), averaged=True),
    Training("wgan-gp", ("--preset", "wgan-gp"), (7850,)),
    Training("cgan-ema", ("--preset", "cgan-ema"), (7850, 31_400), averaged=True),
    Training("dcgan", ("--preset", "dcgan"), (7850,)),
)
MODES = (
    Training(
        "stacked-relativistic-r1-r2",
        (*STACKED, "--loss", "relativistic", "--r1", "1", "--r2", "1"),
        (2500, 5000),
        count=26_000,
    ),
    Training("stacked-dcgan", STACKED, (2500, 5000), count=26_000),
    Training("stacked-pack-2", (*STACKED, "--pack", "2"), (2500, 5000), count=26_000),
)


class Scoring:
    """Where things are."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.program = arguments.program.resolve()
        self.work = arguments.work.resolve()
        self.out = arguments.out.resolve()
        self.environment = environment(self.work, arguments.test_images)
        (self.out / "grids").mkdir(parents=True, exist_ok=True)

    def call(self, *command: object) -> str:
        """Runs the program; returns its output."""
        words = [str(word) for word in (self.program, *command, "--device", "cpu", "--threads", 1)]
        print("$", " ".join(words), flush=True)
        done = subprocess.run(
            words, env=self.environment, cwd=self.work, check=True, stdout=subprocess.PIPE, text=True
        )
        return done.stdout

    def train(self, training: Training, seed: int, iterations: int) -> Path:
        """The checkpoint after this number of iterations."""
        runs = self.work / "runs" / f"{training.name}-seed{seed}"
        name = f"[0-9]*/checkpoint-{iterations:06}"
        if not list(runs.glob(name)):
            found = sorted(runs.glob("[0-9]*/checkpoint-*"))
            if found:
                begin = ["--resume", found[0].parent]
            else:
                # A run that was interrupted before its first checkpoint.
                shutil.rmtree(runs, ignore_errors=True)
                begin = [*training.flags, "--seed", seed, "--keep", 1000, "--runs-dir", runs]
            length = ["--iterations", iterations, "--sample-interval", 100_000]
            self.call("train", *begin, *length, "--quiet", "--no-tensorboard")
        return next(runs.glob(name))

    def score(self, training: Training, seed: int) -> None:
        """Trains to each milestone, scores it and writes its sample grid, unless that is done."""
        for iterations in training.milestones:
            for raw in ([], ["--raw"])[: 2 if training.averaged else 1]:
                name = f"{training.name}-seed{seed}-{iterations}{'-raw' if raw else ''}"
                report = self.out / f"{name}.json"
                if report.exists():
                    continue
                checkpoint = self.train(training, seed, iterations)
                grid = self.out / "grids" / f"{name}.png"
                self.call("sample", checkpoint, *raw, "--quiet", "--seed", 0, "--out", grid)
                flags = ["--json", "--seed", 0, "--count", training.count]
                scores = json.loads(self.call("evaluate", checkpoint, *raw, *flags))
                # Without folders of this machine.
                scores = {k: v for k, v in scores.items() if k not in ("checkpoint", "weights")}
                scores |= {"name": training.name, "flags": training.flags, "seed": seed}
                scores |= {"average": training.averaged and not raw, "processor": processor()}
                write_whole(report, json.dumps(scores, indent=1) + "\n")


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = parser_of(__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="trainings at once")
    return parser.parse_args()


def main() -> None:
    """Runs what is missing, each training on one thread."""
    arguments = parse_arguments()
    scoring = Scoring(arguments)
    wanted = [(training, 0) for training in (*DIGITS, *MODES)]
    wanted += [(training, 1) for training in DIGITS]
    with ThreadPoolExecutor(arguments.jobs) as pool:
        for _ in pool.map(lambda entry: scoring.score(*entry), wanted):
            pass


if __name__ == "__main__":
    main()
