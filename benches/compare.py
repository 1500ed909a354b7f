#!/usr/bin/env python3
"""Times the engine and PyTorch in turn on this machine, and writes down what came out.

    cargo build --release
    python benches/compare.py --rounds 3
    python benches/compare.py --device cuda

Each round runs `gan-cuda bench` and every variant of torch_baseline.py once per preset, one
after the other (A B A B), so that a machine whose speed drifts is the same for all. The figure of
a program is the median over rounds of its median iteration. Writes a run folder (raw lines,
versions, table), `benches/runs/<date>-<device>/` unless `--out` names another, after every
round; with `--readme`, also the table between README's speed markers. A program that fails is
named, and the exit code is then 1. Do nothing else on the machine meanwhile.
"""

from __future__ import annotations

import argparse
import datetime
import json
import math
import platform
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PRESETS = ("mlp", "mlp-dropout", "cgan", "mlp-batchnorm", "mlp-rgb")
OURS = "gan-cuda"
NO_GRAPH = "gan-cuda --no-graph"
LIMIT_SECONDS = 300  # of one program on one preset
TITLES = {
    "eager": "PyTorch eager",
    "fused": "PyTorch fused Adam",
    "compile": "PyTorch compiled",
    "graph": "PyTorch CUDA graph",
    "compile-graph": "PyTorch compiled, CUDA graph",
}
VARIANTS = {"cpu": ("eager", "fused"), "cuda": tuple(TITLES)}
MARKERS = {"cpu": "speed", "cuda": "speed-cuda"}

Reports = dict[str, dict[str, list[dict]]]  # by preset and program


def parse_arguments() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", choices=tuple(VARIANTS), default="cpu")
    parser.add_argument("--presets", nargs="+", default=PRESETS, choices=PRESETS)
    parser.add_argument("--variants", nargs="*", choices=tuple(TITLES), help="of PyTorch")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--minutes", type=float, help="begin no further round after so many")
    parser.add_argument("--iterations", type=int, default=100, help="of the 28x28 presets")
    parser.add_argument("--rgb-iterations", type=int, default=20, help="of mlp-rgb")
    parser.add_argument("--threads", type=int, default=2, help="of the CPU, where it computes")
    parser.add_argument("--program", type=Path, default=ROOT / "target/release/gan-cuda")
    parser.add_argument("--date", default=datetime.date.today().isoformat())
    parser.add_argument("--out", type=Path, help="the run folder")
    parser.add_argument("--readme", action="store_true", help="write README's table too")
    arguments = parser.parse_args()
    if arguments.variants is None:
        arguments.variants = VARIANTS[arguments.device]
    return arguments


def commands(preset: str, arguments: argparse.Namespace) -> dict[str, list[str]]:
    """The command of each program for a preset."""
    count = arguments.rgb_iterations if preset == "mlp-rgb" else arguments.iterations
    shared = ["--device", arguments.device, "--preset", preset, "--iterations", str(count)]
    shared.append("--json")
    if arguments.device == "cpu":
        shared += ["--threads", str(arguments.threads)]
    ours = [str(arguments.program.resolve()), "bench", *shared]
    programs = {OURS: ours}
    if arguments.device == "cuda":
        programs[NO_GRAPH] = [*ours, "--no-graph"]
    torch = [sys.executable, "benches/torch_baseline.py", *shared, "--variant"]
    return programs | {variant: [*torch, variant] for variant in arguments.variants}


def report_of(command: list[str]) -> dict | None:
    """The JSON line that a command prints last; nothing, and why, if it fails."""
    try:
        done = subprocess.run(
            command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=LIMIT_SECONDS
        )
        return json.loads(done.stdout.strip().splitlines()[-1])
    except subprocess.CalledProcessError as error:
        print(f"{error}\n{error.stderr[-4000:]}", flush=True)
    except subprocess.TimeoutExpired as error:
        print(error, flush=True)
    return None


def measure_round(arguments: argparse.Namespace, reports: Reports) -> None:
    """Adds a report of every program that has not failed for a preset."""
    for preset in arguments.presets:
        for program, command in commands(preset, arguments).items():
            lines = reports.setdefault(preset, {}).setdefault(program, [])
            if None in lines:
                continue
            lines.append(report_of(command))
            figure = f"{lines[-1]['median_ms']:9.3f} ms" if lines[-1] else "failed"
            print(f"{preset:14} {program:20} {figure}", flush=True)


def median_ms(lines: list[dict | None]) -> float | None:
    """The median over rounds of a program's median iteration; nothing where it failed."""
    return None if None in lines else statistics.median(line["median_ms"] for line in lines)


def columns(reports: Reports) -> list[str]:
    """The programs, in their order."""
    return list(next(iter(reports.values())))


def strongest(figures: dict[str, float | None]) -> str | None:
    """PyTorch's fastest variant, if one ran."""
    ran = [variant for variant in TITLES if figures.get(variant)]
    return min(ran, key=lambda variant: figures[variant], default=None)


def table(reports: Reports) -> str:
    """A Markdown table: milliseconds, and how many times faster than PyTorch's fastest variant."""
    programs = columns(reports)
    titles = [TITLES.get(program, program) for program in programs]
    lines = [
        f"| preset | batch | {' | '.join(titles)} | faster than PyTorch's best |",
        "|---" * (len(programs) + 3) + "|",
    ]
    ratios = []
    for preset, of_preset in reports.items():
        figures = {program: median_ms(of_preset[program]) for program in programs}
        cells = [
            f"{figures[p]:.{digits(figures[p])}f} ms" if figures[p] else "failed" for p in programs
        ]
        best, gain = strongest(figures), ""
        if best and figures[OURS]:
            ratios.append(figures[best] / figures[OURS])
            gain = f"{ratios[-1]:.2f} × ({best})"
        batch = next((line["batch"] for line in of_preset[OURS] if line), "")
        lines.append(f"| `{preset}` | {batch} | {' | '.join(cells)} | {gain} |")
    if ratios:
        mean = math.exp(statistics.fmean(math.log(ratio) for ratio in ratios))
        lines.append(f"| geometric mean | {'| ' * len(programs)}| {mean:.2f} × |")
    return "\n".join(lines)


def digits(milliseconds: float) -> int:
    """Decimals that leave three or four significant figures."""
    return 2 if milliseconds >= 1 else 4


def first_report(reports: Reports, programs: tuple[str, ...]) -> dict:
    """What one of these programs said first."""
    found = (line for row in reports.values() for name in programs for line in row.get(name, ()))
    return next((line for line in found if line), {})


def device_name(arguments: argparse.Namespace, reports: Reports) -> str:
    """What was measured: `CPU, 2 threads`, or a GPU's name."""
    if arguments.device == "cpu":
        return f"CPU, {arguments.threads} threads"
    described = first_report(reports, (OURS, NO_GRAPH)).get("device", "unknown GPU")
    return described.split(" (cuda:")[0]


def processor() -> str:
    """The processor's name."""
    info = Path("/proc/cpuinfo")
    names = re.findall(r"model name\s*:\s*(.+)", info.read_text()) if info.exists() else []
    return names[0] if names else platform.processor() or platform.machine()


def output_of(*command: str) -> str:
    """What a command prints."""
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout.strip()


def build() -> str:
    """Commit and compiler of the program: of a bundle, what its VERSION says."""
    version = ROOT / "VERSION"
    if version.exists():
        return version.read_text().strip().replace("\n", "; ")
    commit = output_of("git", "describe", "--always", "--dirty")
    return f"commit {commit}, {output_of('rustc', '--version')}"


def write_run(arguments: argparse.Namespace, reports: Reports, rounds: int) -> Path:
    """The run folder: raw reports, versions, commands, table."""
    device = device_name(arguments, reports)
    slug = re.sub(r"[^a-z0-9]+", "-", device.lower()).strip("-")
    default = ROOT / "benches/runs" / f"{arguments.date}-{slug}"
    folder = arguments.out or default
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "reports.json").write_text(json.dumps(reports, indent=1) + "\n")
    torch = first_report(reports, tuple(TITLES)).get("torch", "not run")
    command = " ".join(["benches/compare.py", *sys.argv[1:]])
    (folder / "README.md").write_text(
        f"# {arguments.date}, {device}\n\n"
        f"{processor()}; gan-cuda: {build()}; PyTorch {torch}. "
        f"In turn, rounds: {rounds}; median of medians, ms per iteration, single precision.\n\n"
        f"```sh\npython {command}\n```\n\n{table(reports)}\n"
    )
    return folder


def write_readme(text: str, marker: str) -> None:
    """Puts the table between README's markers."""
    path, begin, end = ROOT / "README.md", f"<!-- {marker}:begin -->", f"<!-- {marker}:end -->"
    readme = path.read_text()
    if begin not in readme or end not in readme:
        raise SystemExit(f"error: {path} has no {begin} and {end} to put the table between")
    before, rest = readme.split(begin)
    path.write_text(f"{before}{begin}\n{text}\n{end}{rest.split(end)[1]}")


def main() -> int:
    """Measures, prints, writes."""
    arguments = parse_arguments()
    begun = time.monotonic()
    reports: Reports = {}
    for done in range(1, arguments.rounds + 1):
        measure_round(arguments, reports)
        folder = write_run(arguments, reports, done)
        if arguments.minutes and time.monotonic() - begun > arguments.minutes * 60:
            break
    print(f"{table(reports)}\nwrote {folder}")
    if arguments.readme:
        write_readme(table(reports), MARKERS[arguments.device])
    return 1 if any(None in lines for row in reports.values() for lines in row.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
