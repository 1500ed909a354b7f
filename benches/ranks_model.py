#!/usr/bin/env python3
"""Estimates how training scales over several GPUs: a model on paper, nothing is measured.

    python benches/ranks_model.py            # prints the table
    python benches/ranks_model.py --write    # writes it into docs/several-gpus.md

An iteration takes

    nodes · NODE + max(flop / (ranks · FLOPS), traffic / (ranks · MEMORY)) + adam / MEMORY
    + Σ over collectives (LATENCY + transferred bytes / BANDWIDTH)

where nodes of the CUDA graph depend on each other, and FLOP and memory traffic come from
`gan-cuda bench --json`. A ring transfers 2·(ranks − 1)/ranks of the bytes of an all-reduce, and
ranks − 1 times the bytes that each rank puts into an all-gather.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
from dataclasses import dataclass
from typing import Any

from programs import ROOT
from readme import put_between
from run_folder import write_whole

PAGE = ROOT / "docs" / "several-gpus.md"
PROGRAM = ROOT / "target" / "release" / "gan-cuda"

# An H100: seconds from one node of a graph to the next; half of its peak in f32; two thirds of the
# bandwidth of its memory.
NODE = 1.5e-6
FLOPS = 0.5 * 67e12
MEMORY = 2 / 3 * 3.35e12

RANKS = (1, 2, 4, 8)
FLOAT = 4  # bytes


@dataclass(frozen=True)
class Link:
    """A connection between GPUs: seconds of a small collective, bytes per second of a large one."""

    name: str
    latency: float
    bandwidth: float


LINKS = (Link("NVLink", 15e-6, 300e9), Link("100 Gb/s network", 50e-6, 11e9))


@dataclass(frozen=True)
class Case:
    """A preset at a batch size, with the nodes of its graph on one GPU (ARCHITECTURE.md)."""

    preset: str
    batch: int
    nodes: int


CASES = (
    Case("mlp", 256, 36),
    Case("cgan", 64, 47),
    Case("cgan", 4096, 47),
    Case("dcgan", 64, 58),
    Case("dcgan", 1024, 58),
    Case("dcgan-rgb", 128, 121),
    Case("dcgan-rgb", 1024, 121),
)


@dataclass(frozen=True)
class Work:
    """One iteration on one GPU, and what ranks exchange in it."""

    nodes: int
    flop: float
    traffic: float
    adam: float
    reduced: list[int]
    gathered: list[int]


def features(network: dict[str, Any]) -> list[int]:
    """The columns of each BatchNorm."""
    found = (re.match(r"BatchNorm[12]d\((\d+)", layer) for layer in network["layers"])
    return [int(match[1]) for match in found if match]


def exchanged(preset: dict[str, Any]) -> tuple[list[int], list[int]]:
    """Bytes of each all-reduce, and of what a rank puts into each all-gather."""
    networks = [preset["generator"], preset["discriminator"]]
    reduced = [FLOAT * network["parameters"] for network in networks]
    generator, discriminator = map(features, networks)
    passes = 2 if preset["settings"]["fakes"] == "fresh" else 1
    # Forward: counts, means and squared deviations; backward: two sums.
    gathered = [3 * columns for columns in generator] * passes + [2 * columns for columns in generator]
    # Real images and fakes in the discriminator's update, fakes alone in the generator's.
    for batches in (2, 1):
        gathered += [sums * batches * columns for columns in discriminator for sums in (3, 2)]
    return reduced, [FLOAT * numbers for numbers in gathered]


def seconds(work: Work, ranks: int, link: Link) -> float:
    """The time of an iteration."""
    compute = max(work.flop / FLOPS, (work.traffic - work.adam) / MEMORY) / ranks
    alone = work.nodes * NODE + compute + work.adam / MEMORY
    if ranks == 1:
        return alone
    reduced = (2 * (ranks - 1) / ranks * size for size in work.reduced)
    gathered = ((ranks - 1) * size for size in work.gathered)
    transfers = [*reduced, *gathered]
    # Sums of BatchNorm are computed by a kernel of their own before they are exchanged.
    further = len(work.gathered) * NODE
    return alone + further + len(transfers) * link.latency + sum(transfers) / link.bandwidth


def report(preset: str, batch: int) -> dict[str, float]:
    """What the program counts in an iteration."""
    command = [PROGRAM, "bench", "--preset", preset, "--batch-size", str(batch), "--json"]
    few = ["--device", "cpu", "--iterations", "1", "--warmup", "0"]
    output = subprocess.run([*command, *few], check=True, capture_output=True, text=True).stdout
    counted: dict[str, float] = json.loads(output)
    return counted


def work_of(case: Case, presets: dict[str, Any]) -> Work:
    """The work of a case: it is linear in the batch size, so small batches show that of large ones."""
    few, more = 4, 8
    counted = [report(case.preset, batch) for batch in (few, more)]

    def at_batch(key: str) -> float:
        first, second = (of[key] for of in counted)
        return first + (case.batch - few) / (more - few) * (second - first)

    numbers = (at_batch(key) for key in ("flop", "bytes", "adam_bytes"))
    reduced, gathered = exchanged(presets[case.preset])
    return Work(case.nodes, *numbers, reduced, gathered)


def row(case: Case, work: Work) -> list[str]:
    """A row of the table: what is exchanged, and the speed of several GPUs relative to one."""
    exchanged = sum(work.reduced) / 1e6, len(work.gathered), sum(work.gathered) / 1e3
    cells = [f"`{case.preset}`", f"{case.batch:,}", "{:.1f} MB".format(exchanged[0])]
    cells.append(f"{exchanged[1]}, {exchanged[2]:.0f} kB" if exchanged[1] else "–")
    one = seconds(work, 1, LINKS[0])
    cells.append(f"{one * 1e6:,.0f} µs")
    for link in LINKS:
        speeds = (one / seconds(work, ranks, link) for ranks in RANKS[1:])
        cells.append(" / ".join(f"{speed:.1f}" for speed in speeds))
    return cells


def table(rows: list[list[str]]) -> str:
    """The table in Markdown."""
    links = [f"{link.name}: speed of {' / '.join(map(str, RANKS[1:]))} GPUs" for link in LINKS]
    head = ["preset", "batch", "gradients", "BatchNorm: gathers, bytes of a rank", "one GPU", *links]
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def main() -> None:
    """Prints or writes the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--write", action="store_true", help=f"write it into {PAGE.name}")
    args = parser.parse_args()
    listed = subprocess.run([PROGRAM, "presets", "--json"], check=True, capture_output=True, text=True)
    presets = {preset["name"]: preset for preset in json.loads(listed.stdout)}
    text = table([row(case, work_of(case, presets)) for case in CASES])
    if args.write:
        write_whole(PAGE, put_between(PAGE.read_text(), "ranks-model", text))
    else:
        print(text)


if __name__ == "__main__":
    main()
