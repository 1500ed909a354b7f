#!/usr/bin/env python3
"""An iteration's time against its work: larger batches, and wider layers.

    python benches/scaling.py --presets cgan mlp-batchnorm
    python benches/scaling.py --device cuda --out report/scaling

Ours and one variant of PyTorch in turn, at batches from 16 to 4096, and at the preset's batch with
all hidden layers and the noise half to four times as wide. A series ends where the next iteration
would take longer than `--limit` seconds. Writes `scaling.json` and, where python has matplotlib,
`scaling.png` into the run folder.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import programs
import torch_variants
from programs import OURS, PRESETS, TITLES, command, measured_peaks, report_of
from run_folder import Run, default_folder, new_run
from scaling_plot import plot

BATCHES = tuple(2**power for power in range(4, 13))
WIDTHS = (0.5, 1.0, 2.0, 4.0)
VARIANT = {"cpu": "fused", "cuda": "graph"}


@dataclass
class Point:
    """A size, the work of an iteration of it, and each program's reports in rounds."""

    preset: str
    series: str  # "batch" or "width"
    size: float
    flop: int
    milliseconds: dict[str, float]
    reports: dict[str, list[dict]]


def parse_arguments() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    programs.add_arguments(parser)
    parser.add_argument("--presets", nargs="+", default=("cgan", "mlp-batchnorm"), choices=PRESETS)
    parser.add_argument("--variant", choices=tuple(TITLES), help="of PyTorch")
    parser.add_argument("--batches", nargs="+", type=int, default=BATCHES)
    parser.add_argument("--widths", nargs="*", type=float, default=WIDTHS)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--iterations", type=int, default=20)
    parser.add_argument("--warmup", type=int, default=5)
    parser.add_argument("--limit", type=float, default=3.0, help="seconds of one iteration")
    arguments = parser.parse_args()
    programs.check_arguments(parser, arguments)
    arguments.variant = arguments.variant or VARIANT[arguments.device]
    return arguments


def sizes(preset: str, series: str, size: float) -> list[str]:
    """The flags that make a preset of this size."""
    if series == "batch":
        return ["--batch-size", str(int(size))]
    own = torch_variants.PRESETS[preset]

    def scaled(*widths: int) -> str:
        return ",".join(str(max(1, round(size * width))) for width in widths)

    hidden = ["--g-hidden", scaled(*own.g_hidden), "--d-hidden", scaled(*own.d_hidden)]
    return ["--latent-dim", scaled(own.latent_dim), *hidden]


def measure_point(
    arguments: argparse.Namespace, preset: str, series: str, size: float
) -> Point | None:
    """Both programs in turn; nothing where one failed."""
    flags = ["--preset", preset, *sizes(preset, series, size)]
    flags += ["--iterations", str(arguments.iterations), "--warmup", str(arguments.warmup)]
    reports: dict[str, list[dict]] = {OURS: [], arguments.variant: []}
    for _ in range(arguments.rounds):
        for program, lines in reports.items():
            line = report_of(command(program, arguments, flags))
            if line is None:
                return None
            lines.append(line)
    medians = {
        program: statistics.median(line["median_ms"] for line in lines)
        for program, lines in reports.items()
    }
    print(f"{preset:14} {series} {size:<6g} {medians}", flush=True)
    return Point(preset, series, size, reports[OURS][0]["flop"], medians, reports)


def measure_series(arguments: argparse.Namespace, preset: str, series: str) -> list[Point]:
    """Points of ascending size, as long as they are quick."""
    points: list[Point] = []
    for size in arguments.batches if series == "batch" else arguments.widths:
        if points and expected_seconds(points[-1], series, size) > arguments.limit:
            print(f"{preset:14} {series} {size:<6g} left out: too slow", flush=True)
            break
        point = measure_point(arguments, preset, series, size)
        if point is None:
            break
        points.append(point)
    return points


def expected_seconds(point: Point, series: str, size: float) -> float:
    """Of an iteration, from a smaller one: work grows with the batch, and width by width."""
    growth = (size / point.size) ** (1 if series == "batch" else 2)
    return max(point.milliseconds.values()) * growth / 1e3


def folder_of(arguments: argparse.Namespace, run: Run, points: list[Point]) -> Path:
    """Where this is written: `--out`, or the folder of compare.py on the same day and device."""
    if points:
        run.name = points[0].reports[OURS][0]["device"].split(" (cuda:")[0]
    folder = arguments.out or default_folder(run)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def main() -> int:
    """Measures, writes, draws."""
    arguments = parse_arguments()
    run = new_run(arguments)
    peaks = measured_peaks(arguments)
    run.peaks = [peaks] if peaks else []
    points = [
        point
        for preset in arguments.presets
        for series in ("batch", "width")
        for point in measure_series(arguments, preset, series)
    ]
    folder = folder_of(arguments, run, points)
    about = {key: value for key, value in asdict(run).items() if key != "reports"}
    text = json.dumps({**about, "points": [asdict(point) for point in points]}, indent=1)
    (folder / "scaling.json").write_text(text + "\n")
    print(f"wrote {folder / 'scaling.json'}")
    if points:
        plot(folder)
    return 0 if points else 1


if __name__ == "__main__":
    sys.exit(main())
