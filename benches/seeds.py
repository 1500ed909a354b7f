#!/usr/bin/env python3
"""Compares ways to train many GANs that differ in the seed: the engine's, JAX's and PyTorch's.

    cargo build --release
    python benches/seeds.py --rounds 5 --write
    python benches/seeds.py --device cuda --counts 1,2,4,8,16,32,64 --write

On the CPU, for each number of GANs (`--counts`, 8 by default): the engine with `--seeds`, which divides
the threads among the runs, and one run after the other, with all threads and with one; JAX with `vmap`
over all, one after the other, and in processes at the same time, each with one thread; PyTorch one
after the other, and in processes. On a GPU: the engine with `--seeds`, JAX with `vmap`, PyTorch in
processes. There 1 is one of the counts, and GANs trained one after the other have its speed.

As in compare.py, programs run in turn in each round, each in a process of its own, and results are
medians over rounds. Writes a run folder, `benches/runs/<date>-<device>-seeds/` or `--out`, after every
program: `seeds.json`, and README.md, which says how the images per second are computed. With `--write`,
also the table in docs/many-runs.md. `--from` continues a folder; without `--rounds` it measures nothing
and only writes the tables again. Do not use the machine for anything else meanwhile.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import programs
from budget import Budget, OutOfTime
from programs import ALL_PRESETS, OURS
from run_folder import new_run, typed
from seeds_folder import SeedsRun, plot_run, read_run, write_document, write_run
from seeds_tables import PROGRAMS

DEFAULTS = {
    "cpu": {"counts": (8,), "variant": "fused", "iterations": 500, "rounds": 3},
    "cuda": {
        "counts": (1, 2, 4, 8, 16, 32, 64),
        "variant": "joined-graph",
        "iterations": 10_000,
        "rounds": 1,
    },
}


def counts(text: str) -> tuple[int, ...]:
    """`1,8` as (1, 8)."""
    numbers = tuple(int(part) for part in text.split(","))
    if min(numbers) < 1:
        raise ValueError("at least 1")
    return numbers


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    programs.add_arguments(parser)
    parser.add_argument("--out", type=Path, help="the run folder")
    parser.add_argument("--preset", choices=ALL_PRESETS, default="cgan")
    parser.add_argument("--counts", type=counts, metavar="N,N,…", help="numbers of GANs")
    parser.add_argument("--programs", nargs="*", choices=tuple(PROGRAMS), help="default: all")
    parser.add_argument("--variant", choices=tuple(programs.TITLES), help="of PyTorch")
    parser.add_argument("--rounds", type=int, help="default: by device, or 0 with --from")
    parser.add_argument("--iterations", type=int, help="of each of the engine's runs")
    parser.add_argument("--seconds", type=float, default=10.0, help="of processes at the same time")
    parser.add_argument("--minutes", type=float, help="time limit in total")
    parser.add_argument("--from", dest="folder", type=Path, help="a run folder to continue")
    parser.add_argument("--write", action="store_true", help="write the table of docs/many-runs.md")
    arguments = parser.parse_args()
    programs.check_arguments(parser, arguments)
    set_defaults(arguments)
    if arguments.rounds < 1 and not arguments.folder:
        parser.error("--rounds: at least 1")
    if reason := programs.reason_against(arguments.preset, arguments.variant):
        parser.error(f"--variant {arguments.variant}: {reason}")
    return arguments


def set_defaults(arguments: argparse.Namespace) -> None:
    """Sets what depends on the device and on what Python has."""
    if arguments.rounds is None and arguments.folder:
        arguments.rounds = 0
    for name, value in DEFAULTS[arguments.device].items():
        if getattr(arguments, name) is None:
            setattr(arguments, name, value)
    if arguments.programs is None:
        arguments.programs = possible(arguments.device)


def possible(device: str) -> list[str]:
    """The programs of a device whose library Python has."""
    missing = [library for library in ("jax", "torch") if not programs.has(library)]
    for library in missing:
        print(f"{library} is left out: python does not have it (pip install {library})", flush=True)
    return [
        name
        for name, program in PROGRAMS.items()
        if device in program.devices and program.library not in missing
    ]


def command(program: str, arguments: argparse.Namespace, count: int) -> list[str]:
    """The command of a program that trains this number of GANs."""
    threads = arguments.threads
    at_once = min(count, threads) if arguments.device == "cpu" else count
    processes = ["--processes", at_once, "--seconds", arguments.seconds]
    ours = ["train_seeds.py", "--program", arguments.program.resolve(), "--runs", count]
    ours += ["--iterations", arguments.iterations]
    words, of_each = {
        OURS: (ours, threads),
        "gan-cuda-sequence": ([*ours, "--in-sequence"], threads),
        "gan-cuda-one-thread": ([*ours, "--in-sequence"], 1),
        "jax-vmap": (["jax_baseline.py", "--seeds", count], threads),
        "jax-sequence": (["jax_baseline.py"], threads),
        "jax-processes": (["processes.py", "--variant", "jax", *processes], threads // at_once),
        "torch-sequence": (["torch_baseline.py", "--variant", arguments.variant], threads),
        "torch-processes": (
            ["processes.py", "--variant", arguments.variant, *processes],
            threads // at_once,
        ),
    }[program]
    flags = programs.device_flags(argparse.Namespace(**{**vars(arguments), "threads": of_each}))
    script, *rest = words
    shared = ["--preset", arguments.preset, *flags, "--json"]
    return [sys.executable, f"benches/{script}", *map(str, rest), *shared]


def in_order(arguments: argparse.Namespace) -> Iterator[tuple[int, str]]:
    """All pairs of count and program of a round."""
    for count in arguments.counts:
        for program in PROGRAMS:
            if program in arguments.programs:
                yield count, program


def measure_program(
    arguments: argparse.Namespace, run: SeedsRun, budget: Budget, count: int, program: str
) -> None:
    """Adds a program's report, unless it has failed for this count before."""
    if None in run.reports.get(str(count), {}).get(program, ()):
        return
    try:
        report = budget.report_of(program, command(program, arguments, count))
        run.add(str(count), program, report)
        outcome = f"{report['images_per_second']:12,.0f} images/s" if report else "failed"
    except OutOfTime:
        run.leave_out(str(count), program)
        outcome = "left out: no time"
    print(f"{count:3} {program:24} {outcome}", flush=True)


def begin(arguments: argparse.Namespace) -> SeedsRun:
    """A new run, or that in a folder, which more rounds are added to."""
    chosen = ("device", "precision", "preset", "variant", "iterations")
    values = {name: getattr(arguments, name) for name in chosen}
    if not arguments.folder:
        return SeedsRun(**{**asdict(new_run(arguments)), **values})
    run = read_run(arguments.folder)
    if arguments.rounds:
        if different := [name for name in chosen if getattr(run, name) != values[name]]:
            raise SystemExit(f"error: {arguments.folder} has another {', '.join(different)}")
        run.command += f"\n{typed()}"
    return run


def main() -> int:
    """Runs all rounds."""
    arguments = parse_arguments()
    run, folder = begin(arguments), arguments.out or arguments.folder
    before, budget = run.failures(), Budget(arguments.minutes)
    for _ in range(arguments.rounds):
        for count, program in in_order(arguments):
            measure_program(arguments, run, budget, count, program)
            folder = write_run(run, folder)
    folder = write_run(run, folder)
    plot_run(run, folder)
    print(f"wrote {folder}")
    if arguments.write:
        write_document(run, folder)
    return 1 if run.failures() > before else 0


if __name__ == "__main__":
    sys.exit(main())
