"""The folder with the results of seeds.py, and the table in docs/many-runs.md.

| file | holds |
|---|---|
| `seeds.json` | device, versions, and the output of every program |
| `README.md` | tables, generated from `seeds.json`, and how images per second are computed |
| `seeds.png` | images per second by the number of GANs, if it was measured for several |
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from programs import ROOT, TITLES
from readme import SUFFIX, machine, put_between
from run_folder import Run, default_folder, device_name, version, write_whole
from seeds_tables import main_table, of_runs, plot, program_table

DOCUMENT = ROOT / "docs" / "many-runs.md"

HOW = (
    "Images per second are summed over all GANs while they train, without start, compilation and end. "
    "An iteration is one update of each network, and counts as the images of one batch.\n\n"
    "- **gan-cuda:** the images that all runs trained on after the first entries of their logs, divided "
    "by the seconds that this took: those of all runs added up, divided by the number of runs that train "
    "at the same time (benches/train_seeds.py; {iterations:,} iterations of each run). A run's seconds "
    "include reading losses and writing the log. The last column is what a user sees: the images of all "
    "iterations, divided by the time from the start of the first process to the end of the last, with "
    "reading data, samples and checkpoints.\n"
    "- **JAX:** the median of at least 20 calls of about 100 ms, after compilation "
    "(benches/jax_baseline.py). `vmap` trains all GANs in each call. In sequence: the speed of one GAN "
    "with all threads, which each of them has in turn.\n"
    "- **PyTorch:** the variant \"{variant}\". In sequence: the speed of one GAN, the median of at least "
    "20 samples of about 5 ms (benches/torch_baseline.py).\n"
    "- **Processes:** as many at the same time as there are threads, each with one thread and a GAN of "
    "its own; those that follow have the same speed. On a GPU a process for each GAN, without MPS. All "
    "begin together; the images that they trained on in the same seconds, divided by these "
    "(benches/processes.py).\n"
)


@dataclass
class SeedsRun(Run):
    """A run, whose reports are by the number of GANs, as text, instead of by preset."""

    preset: str = "cgan"
    variant: str = "fused"  # of PyTorch
    iterations: int = 500  # of each of the engine's runs


def write_run(run: SeedsRun, out: Path | None) -> Path:
    """Writes the folder: `out`, or one named by date and device."""
    run.name = device_name(run)
    run.torch, run.jax = version(run, "torch"), version(run, "jax")
    default = default_folder(run)
    folder = out or default.with_name(f"{default.name}-seeds")
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / "seeds.json", json.dumps(asdict(run), indent=1) + "\n")
    write_whole(folder / "README.md", text_of(run))
    return folder


def read_run(folder: Path) -> SeedsRun:
    """Reads the run in a folder."""
    return SeedsRun(**json.loads((folder / "seeds.json").read_text()))


def plot_run(run: SeedsRun, folder: Path) -> None:
    """Writes `seeds.png`."""
    title = f"{run.preset}, {run.name}, {run.precision} ({run.processor})"
    plot(run.reports, title, folder / "seeds.png")


def rounds(run: SeedsRun) -> str:
    """How often the programs were measured: `3 rounds`, or `2 to 3 rounds`."""
    found = {len(lines) for rows in run.reports.values() for lines in rows.values()} or {0}
    text = " to ".join(str(count) for count in sorted({min(found), max(found)}))
    return f"{text} round{'s' * (text != '1')}"


def text_of(run: SeedsRun) -> str:
    """The folder's README.md."""
    left_out = run.left_out_text() and f"{run.left_out_text()}\n"
    tables = [
        f"## {count} GAN{'s' * (count > 1)}\n\n{program_table(rows)}"
        for count, rows in of_runs(run.reports).items()
    ]
    curve = [main_table(run.reports)] if len(tables) > 1 else []
    return (
        f"# {run.date}, {run.name}, {run.precision}: `{run.preset}` with several seeds\n\n"
        f"{run.processor}; gan-cuda: {run.build}; PyTorch {run.torch}; JAX {run.jax}. Programs in "
        f"turn; the median over {rounds(run)}.\n\n"
        f"```sh\n{run.command}\n```\n\n{left_out}" + "\n\n".join([*curve, *tables]) + "\n\n"
        "## How images per second are computed\n\n"
        + HOW.format(iterations=run.iterations, variant=TITLES[run.variant])
    )


def section(run: SeedsRun, folder: Path) -> str:
    """What docs/many-runs.md says about a run: the machine, and the table."""
    link = os.path.relpath(folder.resolve(), DOCUMENT.parent)
    return (
        f"`{run.preset}` on {machine(run)} in {run.precision}; the median over {rounds(run)}; "
        f"PyTorch {run.torch} ({TITLES[run.variant]}), JAX {run.jax} "
        f"([measurements and definitions]({link}/README.md)):\n\n{main_table(run.reports)}"
    )


def write_document(run: SeedsRun, folder: Path) -> None:
    """Writes the section between the markers of docs/many-runs.md for the device."""
    text = DOCUMENT.read_text()
    write_whole(DOCUMENT, put_between(text, f"seeds{SUFFIX[run.device]}", section(run, folder)))
