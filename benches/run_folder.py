"""The folder with the results of a run.

| file | holds |
|---|---|
| `reports.json` | device, versions, and the output of every program |
| `README.md` | tables, generated from `reports.json` |
"""

from __future__ import annotations

import argparse
import datetime
import json
import platform
import re
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path

from baseline import note_on_tf32
from programs import OURS, ROOT, TITLES, Report
from tables import full_tables, narrow_table, sources


@dataclass
class Run:
    """A run: its device and versions, and the programs' reports by round."""

    date: str
    device: str  # "cpu" or "cuda"
    precision: str
    command: str
    processor: str
    build: str
    name: str = ""  # of the device
    torch: str = "not run"
    jax: str = "not run"
    peaks: list[Report] = field(default_factory=list)
    reports: dict[str, dict[str, list[Report | None]]] = field(default_factory=dict)
    left_out: dict[str, list[str]] = field(default_factory=dict)  # presets by program, for time

    def add(self, preset: str, program: str, report: Report | None) -> None:
        """Adds a program's report; None if it failed."""
        self.reports.setdefault(preset, {}).setdefault(program, []).append(report)
        if preset in (presets := self.left_out.get(program, [])):
            presets.remove(preset)

    def leave_out(self, preset: str, program: str) -> None:
        """Adds a program that there was no time for, unless an earlier round has a report of it."""
        presets = self.left_out.setdefault(program, [])
        if preset not in presets and program not in self.reports.get(preset, {}):
            presets.append(preset)

    def left_out_text(self) -> str:
        """A paragraph about programs that were left out; empty if there are none."""
        parts = [
            f"{TITLES.get(program, program)} ({', '.join(f'`{name}`' for name in presets)})"
            for program, presets in self.left_out.items()
            if presets
        ]
        return f"No time was left for: {'; '.join(parts)}.\n" if parts else ""

    def failures(self) -> int:
        """How often a program failed on a preset."""
        rows = self.reports.values()
        return sum(line is None for row in rows for lines in row.values() for line in lines)


def typed() -> str:
    """The command line of this script."""
    return " ".join(["python", "benches/" + Path(sys.argv[0]).name, *sys.argv[1:]])


def new_run(arguments: argparse.Namespace) -> Run:
    """A new run."""
    return Run(
        date=datetime.date.today().isoformat(),
        device=arguments.device,
        precision=arguments.precision,
        command=typed(),
        processor=processor(),
        build=build(),
    )


def read_run(folder: Path) -> Run:
    """Reads the run in a folder."""
    path = folder / "reports.json"
    values = json.loads(path.read_text())
    if "reports" not in values:
        raise SystemExit(f"error: {path} has an older format, without reports")
    return Run(**values)


def write_run(run: Run, out: Path | None) -> Path:
    """Writes the folder: `out`, or one named by date and device."""
    run.name = device_name(run)
    run.torch, run.jax = version(run, "torch"), version(run, "jax")
    folder = out or default_folder(run)
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / "reports.json", json.dumps(asdict(run), indent=1) + "\n")
    write_whole(folder / "README.md", text_of(run))
    return folder


def version(run: Run, library: str) -> str:
    """The version of PyTorch or JAX, from the first report that has it."""
    programs = (program for row in run.reports.values() for program in row.values())
    found = (line[library] for lines in programs for line in lines if line and library in line)
    return next(found, getattr(run, library))


def write_whole(path: Path, text: str) -> None:
    """Writes a file atomically."""
    part = path.with_name(f"{path.name}.part")
    part.write_text(text)
    part.replace(path)


def text_of(run: Run) -> str:
    """The folder's README.md."""
    counts = sorted({len(lines) for row in run.reports.values() for lines in row.values()}) or [0]
    rounds = " to ".join(str(count) for count in dict.fromkeys((counts[0], counts[-1])))
    left_out = run.left_out_text() and f"{run.left_out_text()}\n"
    note = note_on_tf32(run.precision, run.reports)
    note = f"{note}\n\n" if note else ""
    jax = "" if run.jax == "not run" else f"; JAX {run.jax}"
    return (
        f"# {run.date}, {run.name}, {run.precision}\n\n"
        f"{run.processor}; gan-cuda: {run.build}; PyTorch {run.torch}{jax}. "
        f"Programs in turn, rounds: {rounds}; the median over them.\n\n"
        f"```sh\n{run.command}\n```\n\n{left_out}{note}"
        f"{narrow_table(run.device, run.reports, run.peaks)}\n\n"
        f"{sources(run.peaks)}\n\n{full_tables(run.reports, run.peaks)}\n"
    )


def default_folder(run: Run) -> Path:
    """`benches/runs/<date>-<device>`, with the precision if it is not f32."""
    name = run.name if run.precision == "f32" else f"{run.name} {run.precision}"
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    return ROOT / "benches/runs" / f"{run.date}-{slug}"


def device_name(run: Run) -> str:
    """The device's name in our reports: `CPU, 2 threads`, or a GPU's name."""
    lines = [line for row in run.reports.values() for line in row.get(OURS, ()) if line]
    return name_of(lines[0]) if lines else f"unknown {run.device}"


def name_of(report: Report) -> str:
    """The device in one of our reports, without its ordinal."""
    return report["device"].split(" (cuda:")[0]


def processor() -> str:
    """The processor's name."""
    info = Path("/proc/cpuinfo")
    names = re.findall(r"model name\s*:\s*(.+)", info.read_text()) if info.exists() else []
    return names[0] if names else platform.processor() or platform.machine()


def output_of(*command: str) -> str:
    """What a command prints."""
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout.strip()


def build() -> str:
    """Commit and compiler of the program; for a bundle, the content of VERSION."""
    version = ROOT / "VERSION"
    if version.exists():
        return version.read_text().strip().replace("\n", "; ")
    commit = output_of("git", "describe", "--always", "--dirty")
    return f"commit {commit}, {output_of('rustc', '--version')}"
