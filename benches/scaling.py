#!/usr/bin/env python3
"""Measures how the time of an iteration scales with its work: larger batches, and wider layers.

    python benches/scaling.py --presets cgan mlp-batchnorm
    python benches/scaling.py --device cuda --variant jax --minutes 5 --out report/scaling

Runs ours and one variant of PyTorch, or JAX, in turn, with batch sizes from 16 to 4096, and with the
preset's batch size and all hidden layers and the noise half to four times as wide. A series ends when
the next iteration would take longer than `--limit` seconds; programs that would exceed `--minutes`
are not started. Writes `scaling.json` to the run folder after every point, and `scaling.png` at the
end if matplotlib is installed; if killed, plot with scaling_plot.py. On a GPU, where time is limited,
the default is `cgan`, one round and every other batch size.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import baseline
import programs
from budget import Budget, OutOfTime
from programs import ALL_PRESETS, OURS, TITLES, VARIANTS, command
from run_folder import Run, default_folder, name_of, new_run, write_whole
from scaling_plot import plot

WIDTHS = (0.5, 1.0, 2.0, 4.0)
DEFAULTS = {
    "cpu": {
        "presets": ("cgan", "mlp-batchnorm"),
        "variant": "fused",
        "batches": tuple(2**power for power in range(4, 13)),
        "rounds": 2,
    },
    "cuda": {
        "presets": ("cgan",),
        "variant": "joined-graph",
        "batches": tuple(4**power for power in range(2, 7)),
        "rounds": 1,
    },
}


@dataclass
class Point:
    """A size, the work of its iteration, and each program's reports by round."""

    preset: str
    series: str  # "batch" or "width"
    size: float
    flop: int
    milliseconds: dict[str, float]
    reports: dict[str, list[dict]]


@dataclass
class Outcome:
    """All points, the sizes left out for time, and whether a program failed."""

    points: list[Point] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    failed: bool = False


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    programs.add_arguments(parser)
    parser.add_argument("--out", type=Path, help="the run folder")
    parser.add_argument("--presets", nargs="+", choices=ALL_PRESETS)
    parser.add_argument("--variant", choices=tuple(TITLES), help="a PyTorch variant, or jax")
    parser.add_argument("--batches", nargs="+", type=int)
    parser.add_argument("--widths", nargs="*", type=float, default=WIDTHS)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--minutes", type=float, help="time limit in total")
    parser.add_argument("--iterations", type=int, default=20)
    parser.add_argument("--warmup", type=int, default=5)
    parser.add_argument("--limit", type=float, default=3.0, help="maximum seconds per iteration")
    arguments = parser.parse_args()
    programs.check_arguments(parser, arguments)
    for name, value in DEFAULTS[arguments.device].items():
        if getattr(arguments, name) is None:
            setattr(arguments, name, value)
    if arguments.variant not in VARIANTS[arguments.device]:
        parser.error(f"--variant {arguments.variant}: not on --device {arguments.device}")
    for preset in arguments.presets:
        if reason := programs.reason_against(preset, arguments.variant):
            parser.error(f"--variant {arguments.variant}: {reason}")
    return arguments


def sizes(preset: str, series: str, size: float) -> list[str]:
    """The flags for this size of a preset."""
    if series == "batch":
        return ["--batch-size", str(int(size))]
    own = baseline.PRESETS[preset]

    def scaled(*widths: int) -> str:
        return ",".join(str(max(1, round(size * width))) for width in widths)

    hidden = ["--g-hidden", scaled(*own.g_hidden), "--d-hidden", scaled(*own.d_hidden)]
    return ["--latent-dim", scaled(own.latent_dim), *hidden]


def measure_point(
    arguments: argparse.Namespace, budget: Budget, preset: str, series: str, size: float
) -> Point | None:
    """Runs both programs in turn; None if one failed."""
    flags = ["--preset", preset, *sizes(preset, series, size)]
    flags += ["--iterations", str(arguments.iterations), "--warmup", str(arguments.warmup)]
    reports: dict[str, list[dict]] = {OURS: [], arguments.variant: []}
    for _ in range(arguments.rounds):
        for program, lines in reports.items():
            line = budget.report_of(program, command(program, arguments, flags))
            if line is None:
                return None
            lines.append(line)
    medians = {
        program: statistics.median(line["median_ms"] for line in lines)
        for program, lines in reports.items()
    }
    return Point(preset, series, size, reports[OURS][0]["flop"], medians, reports)


def measure_series(
    arguments: argparse.Namespace, budget: Budget, outcome: Outcome, preset: str, series: str
) -> Iterator[Point]:
    """Measures points of ascending size until one is too slow, time is over, or a program fails."""
    last = None
    for size in arguments.batches if series == "batch" else arguments.widths:
        name = f"{preset:14} {series} {size:<6g}"
        if last and expected_seconds(last, series, size) > arguments.limit:
            print(f"{name} left out: too slow", flush=True)
            return
        try:
            last = measure_point(arguments, budget, preset, series, size)
        except OutOfTime:
            print(f"{name} left out: no time", flush=True)
            outcome.left_out.append(f"{preset} by {series}, from {size:g} on")
            return
        if last is None:
            outcome.failed = True
            return
        print(f"{name} {last.milliseconds}", flush=True)
        yield last


def expected_seconds(point: Point, series: str, size: float) -> float:
    """Estimates the time of an iteration from a smaller one."""
    growth = (size / point.size) ** (1 if series == "batch" else 2)
    return max(point.milliseconds.values()) * growth / 1e3


def write(run: Run, outcome: Outcome, out: Path | None) -> Path:
    """Writes the results to `out`, or to compare.py's folder for the same day and device."""
    if outcome.points:
        run.name = name_of(outcome.points[0].reports[OURS][0])
    folder = out or default_folder(run)
    folder.mkdir(parents=True, exist_ok=True)
    about = {key: value for key, value in asdict(run).items() if key != "reports"}
    about |= {"left_out": outcome.left_out, "points": [asdict(point) for point in outcome.points]}
    write_whole(folder / "scaling.json", json.dumps(about, indent=1) + "\n")
    return folder


def measure(arguments: argparse.Namespace) -> tuple[Outcome, Path]:
    """Measures all series; writes the results after every point."""
    run, outcome, budget = new_run(arguments), Outcome(), Budget(arguments.minutes)
    run.peaks = budget.peaks(arguments)
    for preset in arguments.presets:
        for series in ("batch", "width"):
            for point in measure_series(arguments, budget, outcome, preset, series):
                outcome.points.append(point)
                write(run, outcome, arguments.out)
    return outcome, write(run, outcome, arguments.out)


def main() -> int:
    """Runs the command line."""
    outcome, folder = measure(parse_arguments())
    print(f"wrote {folder / 'scaling.json'}")
    if outcome.points:
        plot(folder)
    return 1 if outcome.failed else 0


if __name__ == "__main__":
    sys.exit(main())
