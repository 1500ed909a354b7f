#!/usr/bin/env python3
"""Times the engine, PyTorch and JAX in turn on this machine, and writes the results.

    cargo build --release
    python benches/compare.py --rounds 5 --readme
    python benches/compare.py --device cuda --precision tf32 --minutes 8
    python benches/compare.py --from benches/runs/2026-11-21-cpu-2-threads-avx2 --readme

Each round runs `gan-cuda bench`, every variant of torch_baseline.py and jax_baseline.py once per
preset, one after the other (A B A B), so that drifts of the machine's speed affect all of them, and
measures the machine's peak rates (peaks.py). A program's result is the median over rounds.
Writes a run folder (run_folder.py), `benches/runs/<date>-<device>/` or `--out`, after every program;
with `--readme`, also the table and the claim between README's markers.

`--from` continues a folder, with the same programs or others on the same machine; without
`--rounds` it measures nothing and only rewrites the folder's tables. With `--minutes`, programs that
would exceed the limit are not started (budget.py); the output and the folder list them. Programs
that fail are listed, too, and the exit code is then 1. Do not use the machine for anything else
meanwhile.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import programs
from baseline import note_on_tf32
from budget import Budget, OutOfTime
from programs import ALL_PRESETS, OUR_FLAGS, PRESETS, TITLES, VARIANTS, WAVES, command
from readme import write_readme
from run_folder import Run, new_run, read_run, typed, write_run
from tables import narrow_table


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    programs.add_arguments(parser)
    parser.add_argument("--out", type=Path, help="the run folder")
    parser.add_argument("--presets", nargs="+", default=PRESETS, choices=ALL_PRESETS)
    parser.add_argument("--variants", nargs="*", choices=tuple(TITLES), help="of PyTorch, or jax")
    parser.add_argument("--rounds", type=int, help="default: 3, or 0 with --from")
    parser.add_argument("--minutes", type=float, help="time limit in total")
    parser.add_argument("--iterations", type=int, default=100, help="for grey images")
    parser.add_argument("--rgb-iterations", type=int, default=20, help="for RGB images")
    parser.add_argument("--from", dest="folder", type=Path, help="a run folder to continue")
    parser.add_argument("--readme", action="store_true", help="write README's table and claim too")
    arguments = parser.parse_args()
    programs.check_arguments(parser, arguments)
    check_variants(parser, arguments)
    if arguments.rounds is None:
        arguments.rounds = 0 if arguments.folder else 3
    if arguments.rounds < 1 and not arguments.folder:
        parser.error("--rounds: at least 1")
    return arguments


def check_variants(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> None:
    """Selects all variants of the device by default; JAX only if it is installed."""
    possible = VARIANTS[arguments.device]
    if arguments.variants is None:
        arguments.variants = [name for name in possible if name != "jax" or programs.has("jax")]
        if "jax" not in arguments.variants:
            print("JAX is left out: python does not have it (pip install jax)", flush=True)
    for name in arguments.variants:
        if name not in possible:
            parser.error(f"--variants {name}: not on --device {arguments.device}")


def in_order(arguments: argparse.Namespace, wave: Sequence[str]) -> Iterator[tuple[str, str]]:
    """All pairs of preset and program of a wave; on a GPU the default preset comes first."""
    chosen = {*OUR_FLAGS, *arguments.variants}
    presets = list(arguments.presets)
    if arguments.device == "cuda":
        presets.sort(key=lambda preset: preset != "cgan")
    for preset in presets:
        for program in wave:
            if program in chosen and not programs.reason_against(preset, program):
                yield preset, program


def measure_peaks(arguments: argparse.Namespace, run: Run, budget: Budget) -> None:
    """Adds the machine's peak rates; those of a GPU, which is not shared, only once per run."""
    if run.peaks and run.device == "cuda":
        return
    for peaks in budget.peaks(arguments):
        run.peaks.append(peaks)
        print(f"{peaks['gflops']} GFLOP/s, {peaks['gigabytes_per_second']} GB/s", flush=True)


def measure_program(
    arguments: argparse.Namespace, run: Run, budget: Budget, preset: str, program: str
) -> None:
    """Adds a program's report, unless it has failed for this preset before."""
    flags = ["--preset", preset, "--iterations", str(programs.iterations(arguments, preset))]
    if None in run.reports.get(preset, {}).get(program, ()):
        return
    try:
        report = budget.report_of(program, command(program, arguments, flags))
        run.add(preset, program, report)
        outcome = f"{report['median_ms']:9.3f} ms" if report else "failed"
    except OutOfTime:
        run.leave_out(preset, program)
        outcome = "left out: no time"
    print(f"{preset:14} {program:24} {outcome}", flush=True)


def measure_round(
    arguments: argparse.Namespace, run: Run, budget: Budget, folder: Path | None
) -> Path | None:
    """Runs every program once, and writes the folder after each; peak rates after the first wave."""
    for number, wave in enumerate(WAVES[arguments.device]):
        for preset, program in in_order(arguments, wave):
            measure_program(arguments, run, budget, preset, program)
            folder = write_run(run, folder)
        if number == 0 and arguments.variants:
            measure_peaks(arguments, run, budget)
    return folder


def measure(arguments: argparse.Namespace, run: Run) -> Path:
    """Runs all rounds."""
    folder, budget = arguments.out or arguments.folder, Budget(arguments.minutes)
    for _ in range(arguments.rounds):
        folder = measure_round(arguments, run, budget, folder)
    return write_run(run, folder)


def continued(arguments: argparse.Namespace) -> Run:
    """The run in a folder, which more rounds are added to."""
    run = read_run(arguments.folder)
    if not arguments.rounds:
        return run
    if (run.device, run.precision) != (arguments.device, arguments.precision):
        flags = f"--device {run.device} --precision {run.precision}"
        raise SystemExit(f"error: {arguments.folder} was measured with {flags}")
    run.command += f"\n{typed()}"
    return run


def print_notes(arguments: argparse.Namespace) -> None:
    """Prints which programs are left out, and a note on precision."""
    for preset in arguments.presets:
        for program in arguments.variants:
            if reason := programs.reason_against(preset, program):
                print(f"{preset:14} {program:24} is left out: {reason}", flush=True)
    if note := note_on_tf32(arguments.precision, arguments.presets):
        print(f"warning: {note}", flush=True)


def main() -> int:
    """Runs the comparison."""
    arguments = parse_arguments()
    run = continued(arguments) if arguments.folder else new_run(arguments)
    print_notes(arguments)
    before = run.failures()
    folder = measure(arguments, run)
    print(
        f"{narrow_table(run.device, run.reports, run.peaks)}\n{run.left_out_text()}wrote {folder}"
    )
    if arguments.readme:
        write_readme(run, folder)
    return 1 if run.failures() > before else 0


if __name__ == "__main__":
    sys.exit(main())
