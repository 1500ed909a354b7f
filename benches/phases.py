#!/usr/bin/env python3
"""Profiles an iteration on the CPU with perf: time by group of functions.

    CARGO_PROFILE_RELEASE_DEBUG=line-tables-only cargo build --release
    python benches/phases.py --out benches/runs/2026-11-21-cpu-2-threads

Runs `gan-cuda bench` under `perf record` once per preset, and, for presets with convolutions, again
with `--conv winograd`, and writes `profile.md`. Needs Linux's perf, and addr2line of binutils or
LLVM. A sample belongs to the innermost inlined function at its address whose source file matches a
group. (Function names do not help, as all vectorised loops are closures in pulp.) A group's time is
its fraction of all threads' samples, times the median of an iteration; loading the program and its
data is excluded.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import programs
from programs import OURS, PRESETS, ROOT, WINOGRAD, command, reason_against
from run_folder import Run, default_folder, new_run
from tables import header, milliseconds, percent, row

PRODUCTS, ADAM, LOADING = "matrix multiplications: tiles", "Adam", "loading"
SYSTEM, LIBRARIES, REST = "the system", "libc: copies, exp, …", "the rest"
# Patterns of source files, tried in this order; innermost functions come first.
GROUPS = {
    "matrix multiplications: packing, transposing": r"src/device/cpu/gemm/(pack|rearrange)",
    PRODUCTS: r"src/device/cpu/gemm/(?!vector)",
    "convolutions, their layouts": r"src/device/cpu/conv",
    ADAM: r"src/device/cpu/optimizer",
    "BatchNorm": r"src/device/cpu/batch_norm",
    "bias, activation, loss, embedding": r"src/device/cpu/(linear|activation|loss|embedding)",
    "random inputs, gathering": r"src/(device/cpu/(random|batch\.)|rng)",
    "thread pool: dispatch, waiting": r"src/device/cpu/(team|thread_pool)",
    LOADING: r"src/(data|nn/init|train)/?|/(flate2|miniz_oxide|rand\w*|chacha20)-[0-9]",
}
SAMPLES_PER_SECOND = 1997
MAPPED = re.compile(r"\[0x([0-9a-f]+)\(0x([0-9a-f]+)\) @ (?:0x)?([0-9a-f]+) .*\]: r-xp (.+)")


def record(command: list[str], data: Path) -> dict:
    """Runs a command under perf; returns the JSON line that it prints."""
    perf = ["perf", "record", "-q", "-e", "cpu-clock", "-F", str(SAMPLES_PER_SECOND)]
    perf += ["-o", str(data), "--"]
    done = subprocess.run(
        [*perf, *command],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return json.loads(done.stdout.strip().splitlines()[-1])


def samples(data: Path, program: Path) -> tuple[Counter[int], Counter[str]]:
    """Samples by address in the program's file, and those elsewhere by group."""
    listing = subprocess.run(
        ["perf", "script", "-i", str(data), "--show-mmap-events", "-F", "comm,ip"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    inside: Counter[int] = Counter()
    elsewhere: Counter[str] = Counter()
    mapped: list[tuple[int, int, int, str]] = []
    for line in listing.splitlines():
        if found := MAPPED.search(line):
            begin, length, offset = (int(found[group], 16) for group in (1, 2, 3))
            mapped.append((begin, length, offset, found[4]))
        elif "PERF_RECORD" not in line and (words := line.split()):
            count(int(words[-1], 16), mapped, program, inside, elsewhere)
    return inside, elsewhere


def count(
    address: int,
    mapped: list[tuple[int, int, int, str]],
    program: Path,
    inside: Counter[int],
    elsewhere: Counter[str],
) -> None:
    """Counts one sample."""
    for begin, length, offset, path in mapped:
        if begin <= address < begin + length:
            if path == str(program):
                inside[address - begin + offset] += 1
            else:
                elsewhere[LIBRARIES] += 1
            return
    elsewhere[SYSTEM] += 1


def code_shift(program: Path) -> int:
    """The difference between addresses and file offsets in the code segment."""
    listing = subprocess.run(
        ["readelf", "-lW", str(program)], check=True, capture_output=True, text=True
    ).stdout
    segment = next(line for line in listing.splitlines() if "LOAD" in line and "R E" in line)
    offset, address = (int(word, 16) for word in segment.split()[1:3])
    return address - offset


def inlined_files(program: Path, addresses: Iterable[int]) -> Iterator[list[str]]:
    """The source files of the functions at each address, innermost first."""
    tool = shutil.which("llvm-addr2line") or "addr2line"
    text = subprocess.run(
        [tool, "-i", "-a", "-e", str(program)],
        input="\n".join(hex(address) for address in addresses),
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    files: list[str] = []
    for line in text.splitlines()[1:]:
        if line.startswith("0x"):
            yield files
            files = []
        else:
            files.append(line.rsplit(":", 1)[0])
    yield files


def group_of(files: Iterable[str]) -> str:
    """The group of a sample."""
    for file in files:
        for group, pattern in GROUPS.items():
            if re.search(pattern, file):
                return group
    return REST


def by_group(data: Path, program: Path) -> Counter[str]:
    """Samples by group, without those of loading."""
    inside, groups = samples(data, program)
    shift = code_shift(program)
    files = inlined_files(program, (address + shift for address in inside))
    for found, of_address in zip(files, inside.values(), strict=True):
        groups[group_of(found)] += of_address
    del groups[LOADING]
    return groups


def profile_table(reports: dict[str, dict], groups: dict[str, Counter[str]]) -> str:
    """A row per group; then the rates of matrix multiplications and Adam."""
    names = [name for name in (*GROUPS, SYSTEM, LIBRARIES, REST) if name != LOADING]
    lines = header(["ms of an iteration", *reports])

    def fraction(column: str, *chosen: str) -> float:
        return sum(groups[column][name] for name in chosen) / groups[column].total()

    def spent(column: str, *chosen: str) -> float:
        return fraction(column, *chosen) * reports[column]["median_ms"]

    for name in names:
        cells = (f"{spent(c, name):.2f} ({percent(fraction(c, name))})" for c in reports)
        lines.append(row([name, *cells]))
    lines.append(row(["all", *(milliseconds(r["median_ms"]) for r in reports.values())]))
    products = [name for name in names if name.startswith("matrix multiplications")]
    rates = {"GFLOP/s of matrix multiplications, with packing": ("flop", products)}
    rates |= {"GB/s while Adam runs": ("adam_bytes", [ADAM])}
    for title, (key, chosen) in rates.items():
        took = {column: spent(column, *chosen) for column in reports}
        cells = (f"{reports[c][key] / took[c] / 1e6:.1f}" if took[c] else "" for c in reports)
        lines.append(row([title, *cells]))
    return "\n".join(lines)


def text_of(run: Run, reports: dict[str, dict], groups: dict[str, Counter[str]]) -> str:
    """The content of profile.md."""
    count = " / ".join(str(groups[column].total()) for column in reports)
    return (
        f"# Where an iteration's time goes: {run.date}, {run.name}\n\n"
        f"{run.processor}; gan-cuda: {run.build}.\n\n```sh\n{run.command}\n```\n\n"
        f"{profile_table(reports, groups)}\n\n"
        f"perf's cpu-clock at {SAMPLES_PER_SECOND} samples a second, {count} samples of all "
        "threads; a group's time is its fraction of them, times the median of an iteration. A "
        "sample counts for the innermost inlined function whose source file matches a group. The "
        "GFLOP of a convolution are those of the direct form, even if Winograd's needs fewer.\n"
    )


def columns(presets: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    """Columns of the table: title, preset, and program."""
    for preset in presets:
        yield f"`{preset}`", preset, OURS
        if not reason_against(preset, WINOGRAD):
            yield f"`{preset}`, Winograd", preset, WINOGRAD


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    programs.add_arguments(parser)
    parser.add_argument("--out", type=Path, help="the run folder")
    parser.add_argument("--presets", nargs="+", default=PRESETS, choices=PRESETS)
    parser.add_argument("--iterations", type=int, default=1000, help="for grey images")
    parser.add_argument("--rgb-iterations", type=int, default=40, help="for RGB images")
    arguments = parser.parse_args()
    if arguments.device != "cpu":
        parser.error("--device cuda: perf sees the CPU only")
    return arguments


def main() -> int:
    """Runs the command line."""
    arguments = parse_arguments()
    run, program = new_run(arguments), arguments.program.resolve()
    reports, groups = {}, {}
    for title, preset, ours in columns(arguments.presets):
        flags = ["--preset", preset, "--iterations", str(programs.iterations(arguments, preset))]
        with tempfile.TemporaryDirectory() as scratch:
            data = Path(scratch) / "perf.data"
            reports[title] = record(command(ours, arguments, flags), data)
            groups[title] = by_group(data, program)
        print(title, dict(groups[title]), flush=True)
    run.name = next(iter(reports.values()))["device"]
    folder = arguments.out or default_folder(run)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "profile.md").write_text(text_of(run, reports, groups))
    print(f"wrote {folder / 'profile.md'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
