#!/usr/bin/env python3
"""Times the engine and PyTorch in turn on this machine, and writes down what came out.

    cargo build --release
    python benches/compare.py --rounds 5 --readme
    python benches/compare.py --device cuda --precision tf32
    python benches/compare.py --from benches/runs/2026-11-21-cpu-2-threads --readme

Each round measures the machine's best rates (peaks.py) and runs `gan-cuda bench` and every variant
of torch_baseline.py once per preset, one after the other (A B A B), so that a machine whose speed
drifts is the same for all. A program's figure is the median over rounds. Writes a run folder
(run_folder.py), `benches/runs/<date>-<device>/` unless `--out` names another, after every round;
with `--readme`, also the table between README's speed markers. `--from` goes on with the rounds of
a folder, measured by the same programs on the same machine; without `--rounds` it measures nothing
and only writes the folder's tables anew. A program that fails is named, and the exit code is then 1. Do
nothing else on the machine meanwhile.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import programs
from programs import NO_GRAPH, OURS, PRESETS, TITLES, VARIANTS, command, measured_peaks, report_of
from run_folder import Run, new_run, read_run, typed, write_readme, write_run
from tables import narrow_table


def parse_arguments() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    programs.add_arguments(parser)
    parser.add_argument("--presets", nargs="+", default=PRESETS, choices=PRESETS)
    parser.add_argument("--variants", nargs="*", choices=tuple(TITLES), help="of PyTorch")
    parser.add_argument("--rounds", type=int, help="default: 3, with --from none")
    parser.add_argument("--minutes", type=float, help="begin no further round after so many")
    parser.add_argument("--iterations", type=int, default=100, help="of the 28x28 presets")
    parser.add_argument("--rgb-iterations", type=int, default=20, help="of mlp-rgb")
    parser.add_argument("--from", dest="folder", type=Path, help="a run folder to go on with")
    parser.add_argument("--readme", action="store_true", help="write README's table too")
    arguments = parser.parse_args()
    programs.check_arguments(parser, arguments)
    if arguments.variants is None:
        arguments.variants = VARIANTS[arguments.device]
    if arguments.rounds is None:
        arguments.rounds = 0 if arguments.folder else 3
    if arguments.rounds < 1 and not arguments.folder:
        parser.error("--rounds: at least 1")
    return arguments


def measure_round(arguments: argparse.Namespace, run: Run) -> None:
    """Adds a report of every program that has not failed for a preset."""
    if arguments.variants and (peaks := measured_peaks(arguments)):
        run.peaks.append(peaks)
        print(f"{peaks['gflops']} GFLOP/s, {peaks['gigabytes_per_second']} GB/s", flush=True)
    ours = [OURS, NO_GRAPH] if arguments.device == "cuda" else [OURS]
    for preset in arguments.presets:
        count = arguments.rgb_iterations if preset == "mlp-rgb" else arguments.iterations
        flags = ["--preset", preset, "--iterations", str(count)]
        for program in [*ours, *arguments.variants]:
            lines = run.reports.setdefault(preset, {}).setdefault(program, [])
            if None in lines:
                continue
            lines.append(report_of(command(program, arguments, flags)))
            figure = f"{lines[-1]['median_ms']:9.3f} ms" if lines[-1] else "failed"
            print(f"{preset:14} {program:24} {figure}", flush=True)


def measure(arguments: argparse.Namespace) -> tuple[Run, Path]:
    """All rounds, each written down."""
    run = read_run(arguments.folder) if arguments.folder else new_run(arguments)
    out, begun = arguments.folder or arguments.out, time.monotonic()
    if arguments.folder and arguments.rounds:
        run.command += f"\n{typed()}"
    for _ in range(arguments.rounds):
        measure_round(arguments, run)
        write_run(run, out)
        if arguments.minutes and time.monotonic() - begun > arguments.minutes * 60:
            break
    return run, write_run(run, out)


def main() -> int:
    """Measures, prints, writes."""
    arguments = parse_arguments()
    run, folder = measure(arguments)
    print(f"{narrow_table(run.device, run.reports, run.peaks)}\nwrote {folder}")
    if arguments.readme:
        write_readme(run)
    return 1 if run.failed() else 0


if __name__ == "__main__":
    sys.exit(main())
