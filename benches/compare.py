#!/usr/bin/env python3
"""Times the engine and PyTorch in turn on this machine, and writes down what came out.

    cargo build --release
    python benches/compare.py --rounds 3

Each round runs `gan-cuda bench` and every variant of torch_baseline.py once per preset, one
after the other (A B A B), so that a machine whose speed drifts is the same for all. The figure of
a program is the median over rounds of its median iteration. Writes a run folder
`benches/runs/<date>-<device>/` (raw lines, versions, table) and, with `--readme`, the table
between README's speed markers. Do nothing else on the machine meanwhile.
"""

from __future__ import annotations

import argparse
import datetime
import json
import math
import platform
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PRESETS = ("mlp", "mlp-dropout", "cgan", "mlp-batchnorm", "mlp-rgb")
VARIANTS = ("eager", "fused")
OURS = "gan-cuda"


def parse_arguments() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--presets", nargs="+", default=PRESETS, choices=PRESETS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--iterations", type=int, default=100, help="of the 28x28 presets")
    parser.add_argument("--rgb-iterations", type=int, default=20, help="of mlp-rgb")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--date", default=datetime.date.today().isoformat())
    parser.add_argument("--readme", action="store_true", help="write README's table too")
    return parser.parse_args()


def run_json(command: list[str]) -> dict:
    """The JSON line that a command prints last."""
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.strip().splitlines()[-1])


def commands(preset: str, arguments: argparse.Namespace) -> dict[str, list[str]]:
    """The command of each program for a preset."""
    count = arguments.rgb_iterations if preset == "mlp-rgb" else arguments.iterations
    shared = ["--preset", preset, "--iterations", str(count), "--json"]
    threads = ["--threads", str(arguments.threads)]
    torch = [sys.executable, "benches/torch_baseline.py", *shared, *threads]
    ours = ["target/release/gan-cuda", "bench", "--device", "cpu", *shared, *threads]
    return {OURS: ours} | {variant: [*torch, "--variant", variant] for variant in VARIANTS}


def measure(arguments: argparse.Namespace) -> dict[str, dict[str, list[dict]]]:
    """Every program's reports, by preset and program."""
    reports: dict[str, dict[str, list[dict]]] = {}
    for preset in arguments.presets:
        programs = commands(preset, arguments)
        reports[preset] = {program: [] for program in programs}
        for _ in range(arguments.rounds):
            for program, command in programs.items():
                report = run_json(command)
                reports[preset][program].append(report)
                print(f"{preset:14} {program:9} {report['median_ms']:9.3f} ms", flush=True)
    return reports


def median_ms(reports: list[dict]) -> float:
    """The median over rounds of a program's median iteration."""
    return statistics.median(report["median_ms"] for report in reports)


def table(reports: dict[str, dict[str, list[dict]]]) -> str:
    """A Markdown table: milliseconds, and how many times faster than PyTorch."""
    lines = [
        "| preset | batch | gan-cuda | PyTorch eager | PyTorch fused Adam | faster than fused |",
        "|---|---|---|---|---|---|",
    ]
    ratios = []
    for preset, programs in reports.items():
        ours, eager, fused = (median_ms(programs[p]) for p in (OURS, *VARIANTS))
        ratios.append(fused / ours)
        batch = programs[OURS][0]["batch"]
        lines.append(
            f"| `{preset}` | {batch} | {ours:.2f} ms | {eager:.2f} ms | {fused:.2f} ms "
            f"| {ratios[-1]:.2f} × |"
        )
    mean = math.exp(statistics.fmean(math.log(ratio) for ratio in ratios))
    lines.append(f"| geometric mean | | | | | {mean:.2f} × |")
    return "\n".join(lines)


def processor() -> str:
    """The processor's name and the cores in use."""
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [line.split(":")[1] for line in info.read_text().splitlines() if "model name" in line]
        name = names[0].strip() if names else name
    return name


def write_run(arguments: argparse.Namespace, reports: dict, text: str) -> Path:
    """The run folder: raw reports, versions, commands, table."""
    folder = ROOT / "benches/runs" / f"{arguments.date}-cpu-{arguments.threads}-threads"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "reports.json").write_text(json.dumps(reports, indent=1) + "\n")
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True
    ).stdout.strip()
    torch = next(iter(reports.values()))["fused"][0]["torch"]
    rust = subprocess.run(["rustc", "--version"], capture_output=True, text=True).stdout.strip()
    (folder / "README.md").write_text(
        f"# {arguments.date}, CPU, {arguments.threads} threads\n\n"
        f"{processor()}; gan-cuda at {commit}, {rust}; PyTorch {torch}. "
        f"{arguments.rounds} rounds in turn, median of medians, ms per iteration.\n\n"
        f"```sh\npython {' '.join(['benches/compare.py', *sys.argv[1:]])}\n```\n\n{text}\n"
    )
    return folder


def write_readme(text: str) -> None:
    """Puts the table between README's markers."""
    path = ROOT / "README.md"
    before, rest = path.read_text().split("<!-- speed:begin -->")
    _, after = rest.split("<!-- speed:end -->")
    path.write_text(f"{before}<!-- speed:begin -->\n{text}\n<!-- speed:end -->{after}")


def main() -> None:
    """Measures, prints, writes."""
    arguments = parse_arguments()
    reports = measure(arguments)
    text = table(reports)
    print(text)
    print(f"wrote {write_run(arguments, reports, text)}")
    if arguments.readme:
        write_readme(text)


if __name__ == "__main__":
    main()
