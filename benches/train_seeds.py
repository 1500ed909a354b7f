#!/usr/bin/env python3
"""Times the training of several runs of the engine that differ in the seed, by `gan-cuda train`.

    python benches/train_seeds.py --runs 8 --threads 2
    python benches/train_seeds.py --runs 8 --threads 2 --in-sequence

Trains all runs at the same time, in one process with `--seeds`, or one after the other, each in a
process of its own with all threads.

Images per second are those of all runs together while they train, without start and end, as for the
other programs: every run's log (stats.jsonl) has the images and seconds of its training, and those
after its first entry are counted. The seconds of all runs, added up and divided by the number of runs
that train at the same time, are the time in which their images were trained on. If all runs begin at
once, as on a GPU, those that are ahead or behind have the device to themselves for a moment, which
this cannot see; so the result also has the images per second from the start of the first process to
the end of the last. It includes everything: reading data, writing samples, logs and checkpoints.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import baseline
import programs
from baseline import PRESETS, Summary

LOG_INTERVAL = 50
LEAST_ITERATIONS = 2 * LOG_INTERVAL

Entry = dict  # of stats.jsonl


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    programs.add_arguments(parser)
    parser.add_argument("--preset", choices=PRESETS, default="cgan")
    parser.add_argument("--runs", type=int, default=8, help="number of seeds, from 0 on")
    parser.add_argument("--in-sequence", action="store_true", help="one after the other")
    parser.add_argument("--iterations", type=int, default=500, help="of each run")
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    arguments = parser.parse_args()
    programs.check_arguments(parser, arguments)
    if arguments.runs < 1:
        parser.error("--runs: at least 1")
    if arguments.iterations < LEAST_ITERATIONS:
        parser.error(f"--iterations: at least {LEAST_ITERATIONS}, for two entries in every log")
    return arguments


def commands(arguments: argparse.Namespace, folder: str) -> list[list[str]]:
    """The commands that train all runs: one, or one for each."""
    last = str(arguments.iterations)
    shared = [str(arguments.program.resolve()), "train", "--preset", arguments.preset]
    shared += [*programs.device_flags(arguments), "--runs-dir", folder, "--no-tensorboard"]
    shared += ["--iterations", last, "--sample-interval", last, "--checkpoint-interval", last]
    shared += ["--log-interval", str(LOG_INTERVAL)]
    if arguments.in_sequence:
        return [[*shared, "--seed", str(seed)] for seed in range(arguments.runs)]
    return [[*shared, "--seeds", f"0-{arguments.runs - 1}"]]


def output_of(command: Sequence[str]) -> str:
    """What a command prints; it must succeed."""
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"error: {' '.join(command)}\n{done.stderr[-4000:]}")
    return done.stdout


class Trained(NamedTuple):
    """A run's images and seconds of training after its first log entry, and all its images."""

    images: float
    seconds: float
    all_images: float


def trained(entries: Sequence[Entry]) -> Trained:
    """What a run's log says."""
    logged = [entry for entry in entries if "images_per_second" in entry]
    if len(logged) < 2:
        raise SystemExit("error: the log of a run has fewer than two entries")
    first, last = logged[0], logged[-1]
    loss = last["d_loss"]
    baseline.require_finite(math.nan if loss is None else loss)
    # Images per second, too, are those since the beginning.
    before, after = (entry["images_per_second"] * entry["seconds"] for entry in (first, last))
    return Trained(after - before, last["seconds"] - first["seconds"], after)


def read_logs(folder: str) -> list[Trained]:
    """The runs in a folder."""
    logs = sorted(Path(folder).rglob("stats.jsonl"))
    return [trained([json.loads(line) for line in log.read_text().splitlines()]) for log in logs]


def from_text(pattern: str, text: str) -> str:
    """What the first lines of the program say."""
    found = re.search(pattern, text, re.MULTILINE)
    if found is None:
        raise SystemExit(f"error: the program does not print {pattern}:\n{text[:1000]}")
    return found[1]


def measure(arguments: argparse.Namespace) -> Summary:
    """Trains all runs."""
    with tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        texts = [output_of(command) for command in commands(arguments, folder)]
        elapsed = time.perf_counter() - begun
        runs = read_logs(folder)
    if len(runs) != arguments.runs:
        raise SystemExit(f"error: {arguments.runs} runs were to be trained, not {len(runs)}")
    at_once = 1 if arguments.in_sequence else int(from_text(r"(\d+) runs? at a time", texts[0]))
    images, seconds, all_images = (sum(column) for column in zip(*runs, strict=True))
    return {
        "preset": arguments.preset,
        "device": from_text(r"^device +(.+)$", texts[0]),
        "precision": arguments.precision,
        "runs": arguments.runs,
        "at_once": at_once,
        "threads": max(1, arguments.threads // at_once) if arguments.device == "cpu" else None,
        "iterations": arguments.iterations,
        "images_per_second": round(images * at_once / seconds, 1),
        "images_per_second_overall": round(all_images / elapsed, 1),
        "seconds_overall": round(elapsed, 3),
    }


def main() -> int:
    """Runs the command line."""
    arguments = parse_arguments()
    # An exception, unlike the signal itself, also ends the program and removes the folder.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    baseline.show(measure(arguments), arguments.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
