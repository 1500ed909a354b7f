#!/usr/bin/env python3
"""The kernels of one training iteration in the order of their launches, timed by Nsight Compute.

    ncu --metrics gpu__time_duration.sum --csv --clock-control none --cache-control none \\
        --log-file ncu.csv gan-cuda train --preset cgan --no-graph --iterations 6
    python benches/kernels.py ncu.csv

An iteration is all kernels from one `batch_prepare` up to the next. Times are medians over all
iterations that launch the same kernels as the last one. Nsight Compute runs kernels one by
one, so concurrency of streams and gaps between launches are not visible.
"""

from __future__ import annotations

import argparse
import csv
import re
import statistics
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

METRIC = "gpu__time_duration.sum"
MARKER = "batch_prepare"
MICROSECONDS = {
    "ns": 1e-3,
    "nsecond": 1e-3,
    "us": 1.0,
    "usecond": 1.0,
    "ms": 1e3,
    "msecond": 1e3,
    "s": 1e6,
    "second": 1e6,
}
NO_PERMISSION = (
    "Nsight Compute may not read the GPU's counters (ERR_NVGPUCTRPERM): run it as root, or have the "
    "driver loaded with NVreg_RestrictProfilingToAdminUsers=0"
)


class Unusable(Exception):
    """The output of Nsight Compute contains no complete iteration; the message has the reason."""


@dataclass(frozen=True)
class Launch:
    """A kernel launch and its duration."""

    name: str
    microseconds: float


def plain_name(demangled: str) -> str:
    """Removes `void` and parameters. Template arguments stay, as cuBLAS's kernels differ by them."""
    name = demangled.removeprefix("void ").strip()
    if not name.endswith(")"):
        return name
    depth = 0
    for index in range(len(name) - 1, -1, -1):
        depth += {")": 1, "(": -1}.get(name[index], 0)
        if depth == 0:
            return name[:index].strip()
    return name


def duration(row: dict[str, str]) -> float:
    """A row's time in microseconds."""
    value, unit = row["Metric Value"], row["Metric Unit"]
    try:
        return float(value.replace(",", "")) * MICROSECONDS[unit]
    except (KeyError, ValueError):
        raise Unusable(f"{row['Kernel Name']} took {value!r} {unit!r}, which is no time") from None


def read_launches(text: str) -> list[Launch]:
    """All launches in the output of `ncu --csv`: a table, with other lines before and between."""
    if "ERR_NVGPUCTRPERM" in text:
        raise Unusable(NO_PERMISSION)
    lines = text.splitlines()
    header = next((i for i, line in enumerate(lines) if line.startswith('"ID",')), None)
    if header is None:
        errors = re.findall(r"^==(?:ERROR|WARNING)== *(.+)", text, re.MULTILINE)
        raise Unusable(f"no table of kernels; ncu said: {'; '.join(errors) or 'nothing'}")
    rows = csv.DictReader(line for line in lines[header:] if line.startswith('"'))
    return [
        Launch(plain_name(row["Kernel Name"]), duration(row))
        for row in rows
        if row["Metric Name"] == METRIC
    ]


def iterations(launches: Iterable[Launch], marker: str) -> list[list[Launch]]:
    """The launches of every complete iteration."""
    parts: list[list[Launch]] = [[]]
    for launch in launches:
        if launch.name == marker:
            parts.append([])
        parts[-1].append(launch)
    # The part before the first marker is no iteration; the last one may be followed by other kernels.
    return parts[1:-1]


def typical_iteration(launches: Iterable[Launch], marker: str) -> tuple[list[Launch], int]:
    """The last iteration, with median times over all iterations of the same kernels; their number."""
    found = iterations(launches, marker)
    if not found:
        raise Unusable(f"{marker} was not launched twice: there is no complete iteration")
    names = [launch.name for launch in found[-1]]
    alike = [part for part in found if [launch.name for launch in part] == names]
    return [
        Launch(same[0].name, statistics.median(launch.microseconds for launch in same))
        for same in zip(*alike, strict=True)
    ], len(alike)


def totals(iteration: Sequence[Launch]) -> list[tuple[str, int, float]]:
    """Name, launches and microseconds of each kernel, the longest first."""
    times: dict[str, list[float]] = {}
    for launch in iteration:
        times.setdefault(launch.name, []).append(launch.microseconds)
    rows = [(name, len(each), sum(each)) for name, each in times.items()]
    return sorted(rows, key=lambda row: -row[2])


def tables(iteration: Sequence[Launch], count: int) -> str:
    """Both tables as Markdown."""
    whole = sum(launch.microseconds for launch in iteration)
    by_name = [
        f"| `{name}` | {launches} | {time:.2f} | {time / whole:.1%} |"
        for name, launches, time in totals(iteration)
    ]
    in_order = [
        f"| {number} | `{launch.name}` | {launch.microseconds:.2f} |"
        for number, launch in enumerate(iteration, 1)
    ]
    return "\n".join(
        [
            f"One iteration: {len(iteration)} kernels, {whole:.1f} µs run one by one; medians over "
            f"{count} iterations.",
            *("", "| kernel | launches | µs | share |", "|---|---:|---:|---:|", *by_name),
            *("", "| | in order | µs |", "|---:|---|---:|", *in_order),
        ]
    )


def main() -> int:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("csv", type=Path, help="output of ncu --csv")
    parser.add_argument("--marker", default=MARKER, help="the first kernel of each iteration")
    parser.add_argument("--out", type=Path, help="write the tables here instead of printing them")
    arguments = parser.parse_args()
    try:
        launches = read_launches(arguments.csv.read_text(errors="replace"))
        text = tables(*typical_iteration(launches, arguments.marker)) + "\n"
    except (OSError, Unusable) as problem:
        print(f"error: {arguments.csv}: {problem}", file=sys.stderr)
        return 1
    if arguments.out:
        arguments.out.write_text(text)
    else:
        print(text, end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
