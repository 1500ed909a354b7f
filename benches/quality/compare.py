#!/usr/bin/env python3
"""Compares the scores of the presets for digits, trained here and in PyTorch.

    cargo build --release
    python benches/quality/compare.py --work FOLDER --out benches/runs/DATE-quality

Each of the five presets is trained on the 10,000 embedded digits for its published epochs, once by
`gan-cuda train` and once by torch_train.py; `gan-cuda evaluate` scores both generators. If
interrupted, run it again to resume: trained networks are in --work, scores and sample grids in --out,
and existing ones are not made again. report.py writes docs/comparison.md from the results.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
EPOCHS = {"mlp": 210, "mlp-dropout": 100, "cgan": 200, "mlp-batchnorm": 99, "dcgan": 100}
# Not a published preset, but similar to the one that class fidelity was published for.
EPOCHS_OF_OTHERS = {"cdcgan": 100}
ALL_EPOCHS = EPOCHS | EPOCHS_OF_OTHERS
LOGITS = "-logits"
PROGRAMS = ("gan-cuda", "gan-cuda-logits", "pytorch", "pytorch-logits")
# Presets also trained with the loss of logits, to compare it with the saturating loss of a Sigmoid.
FROM_LOGITS = {"mlp-dropout"}


@dataclass(frozen=True)
class Entry:
    """A generator to be trained and scored."""

    preset: str
    program: str  # one of PROGRAMS
    seed: int

    @property
    def name(self) -> str:
        """The name of its files."""
        return f"{self.preset}-{self.program}-seed{self.seed}"

    @property
    def folder(self) -> str:
        """The name of its networks."""
        return f"{self.preset}{LOGITS if self.logits else ''}-seed{self.seed}"

    @property
    def logits(self) -> bool:
        """Whether the loss is of the logit, though the preset ends in a Sigmoid."""
        return self.program.endswith(LOGITS)


class Comparison:
    """Where things are."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.program = arguments.program.resolve()
        self.work = arguments.work.resolve()
        self.out = arguments.out.resolve()
        self.threads = arguments.threads
        self.asked_epochs = arguments.epochs
        self.environment = environment(self.work, arguments.test_images)
        (self.out / "grids").mkdir(parents=True, exist_ok=True)

    def epochs(self, preset: str) -> int:
        """The number of epochs of a preset."""
        return self.asked_epochs or ALL_EPOCHS[preset]

    def call(self, *command: object) -> str:
        """Runs a command; returns its output."""
        words = [str(word) for word in command]
        print("$", " ".join(words), flush=True)
        done = subprocess.run(
            words, env=self.environment, cwd=self.work, check=True, stdout=subprocess.PIPE, text=True
        )
        return done.stdout

    def ours(self, entry: Entry) -> Path:
        """The folder of our run, trained to its end."""
        runs = self.work / "runs" / entry.folder
        found = sorted(runs.glob("[0-9]*"))
        flags = ["--device", "cpu", "--threads", self.threads, "--quiet", "--no-tensorboard"]
        if found:
            self.call(self.program, "train", "--resume", found[0], *flags)
            return found[0]
        length = ["--epochs", self.epochs(entry.preset), "--sample-interval", 100_000]
        begin = ["--preset", entry.preset, "--seed", entry.seed, "--runs-dir", runs]
        begin += loss(entry)
        self.call(self.program, "train", *begin, *length, *flags)
        return sorted(runs.glob("[0-9]*"))[0]

    def pytorch(self, entry: Entry) -> Path:
        """PyTorch's generator after the last epoch."""
        out = self.work / "torch" / entry.folder
        flags = ["--preset", entry.preset, "--seed", entry.seed, *loss(entry)]
        flags += ["--epochs", self.epochs(entry.preset), "--threads", self.threads]
        self.call(sys.executable, HERE / "torch_train.py", *flags, "--out", out)
        return sorted(out.glob("generator-*.safetensors"))[-1]

    def make(self, entry: Entry) -> None:
        """Trains and scores an entry and writes its sample grid, unless that is done already."""
        report, grid = self.out / f"{entry.name}.json", self.out / "grids" / f"{entry.name}.png"
        if report.exists() and grid.exists():
            return
        what: Sequence[object] = [self.ours(entry)]
        if entry.program.startswith("pytorch"):
            what = [*what, "--generator", self.pytorch(entry)]
        self.call(self.program, "sample", *what, "--quiet", "--seed", 0, "--out", grid)
        flags = ["--json", "--seed", 0, "--threads", self.threads]
        scores = json.loads(self.call(self.program, "evaluate", *what, *flags))
        # Without folders of this machine.
        scores.pop("checkpoint")
        scores.pop("weights", None)
        scores |= {"preset": entry.preset, "program": entry.program, "seed": entry.seed}
        scores |= {"epochs": self.epochs(entry.preset), "processor": processor()}
        report.write_text(json.dumps(scores, indent=1) + "\n")


def environment(work: Path, test_images: Path | None) -> dict[str, str]:
    """The environment of the programs, with a data folder of its own in `work`.

    So all are trained on the embedded digits. The test images are for the distance to the nearest
    training image.
    """
    data = work / "cache" / "gan-cuda" / "mnist"
    data.mkdir(parents=True, exist_ok=True)
    for path in test_images.glob("t10k-*") if test_images else ():
        link = data / path.name
        if not link.exists():
            link.symlink_to(path.resolve())
    folders = {"XDG_CACHE_HOME": str(work / "cache"), "XDG_DATA_DIRS": str(work / "none")}
    return {**os.environ, **folders}


def loss(entry: Entry) -> list[str]:
    """The flags for a loss other than the preset's."""
    return ["--loss", "bce-logits"] if entry.logits else []


def processor() -> str:
    """The processor's name."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


def entries(arguments: argparse.Namespace) -> list[Entry]:
    """All entries; the first seed of every preset comes before any second seed."""
    return [
        Entry(preset, program, seed)
        for seed in arguments.seeds
        for preset in arguments.presets
        for program in arguments.programs
        if not program.endswith(LOGITS) or preset in FROM_LOGITS
    ]


def parser_of(description: str) -> argparse.ArgumentParser:
    """A command line with the flags of every script that trains and scores."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--work", type=Path, required=True, help="folder for trained networks")
    parser.add_argument("--out", type=Path, required=True, help="run folder for the results")
    parser.add_argument("--program", type=Path, default=ROOT / "target" / "release" / "gan-cuda")
    parser.add_argument("--test-images", type=Path, help="folder with t10k-images-idx3-ubyte.gz")
    return parser


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = parser_of(__doc__.splitlines()[0])
    parser.add_argument("--presets", nargs="+", choices=ALL_EPOCHS, default=list(EPOCHS))
    parser.add_argument("--programs", nargs="+", choices=PROGRAMS, default=PROGRAMS)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--epochs", type=int, help="instead of the published; use another --work")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    return parser.parse_args()


def main() -> None:
    """Runs what is missing."""
    arguments = parse_arguments()
    comparison = Comparison(arguments)
    for entry in entries(arguments):
        comparison.make(entry)


if __name__ == "__main__":
    main()
