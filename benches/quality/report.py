#!/usr/bin/env python3
"""Writes docs/comparison.md from the run folder that compare.py made.

    python benches/quality/report.py benches/runs/DATE-quality
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PRESETS = ("mlp", "mlp-dropout", "cgan", "mlp-batchnorm", "dcgan", "cdcgan")
PROGRAMS = {
    "gan-cuda": "gan-cuda",
    "gan-cuda-logits": "gan-cuda, loss from logits",
    "pytorch": "PyTorch",
    "pytorch-logits": "PyTorch, loss from logits",
}
Scores = Mapping[str, float]


def fidelity(row: Scores) -> str:
    """Class fidelity as a percentage."""
    if "class_fidelity" not in row:
        return "–"
    low, high = (100 * row[f"class_fidelity_{end}"] for end in ("low", "high"))
    return f"{100 * row['class_fidelity']:.1f} % ({low:.1f}–{high:.1f})"


def short(number: float) -> str:
    """A number with its significant digits."""
    return f"{number:,.0f}" if abs(number) >= 1000 else f"{number:.2f}"


def plain(key: str, digits: int) -> Callable[[Scores], str]:
    """A number with this many decimals."""
    return lambda row: f"{row[key]:.{digits}f}" if key in row else "–"


COLUMNS: dict[str, Callable[[Scores], str]] = {
    "fidelity (95 %)": fidelity,
    "FCD": plain("fcd", 1),
    "KID": lambda row: f"{short(row['kid'])} ± {short(row['kid_error'])}",
    "precision": plain("precision", 3),
    "recall": plain("recall", 3),
    "density": plain("density", 2),
    "coverage": plain("coverage", 3),
    "KL": plain("histogram_kl", 3),
    "rarest class": lambda row: f"{row['rarest_class']}: {100 * row['rarest_share']:.1f} %",
    "NDB": plain("ndb", 2),
    "nearest": plain("nearest_neighbour_ratio", 2),
}


def line(cells: list[str]) -> str:
    """A row of a table."""
    return f"| {' | '.join(cells)} |"


def table(reports: list[dict]) -> list[str]:
    """The table of all generators, with real images and noise for comparison."""
    lines = [line(["preset", "trained by", "seed", *COLUMNS]), line(["---"] * (3 + len(COLUMNS)))]
    for report in reports:
        cells = [cell(report["generator"]) for cell in COLUMNS.values()]
        names = [f"`{report['preset']}`", PROGRAMS[report["program"]], str(report["seed"])]
        lines.append(line([*names, *cells]))
    for row, name in (("real", "real images"), ("noise", "noise")):
        scores = {k: v for k, v in reports[0][row].items() if not k.startswith("class_fidelity")}
        lines.append(line([name, "", "", *(cell(scores) for cell in COLUMNS.values())]))
    return lines


def grids(reports: list[dict], folder: Path) -> list[str]:
    """Sample grids of the first seed, ours beside PyTorch's."""
    lines = [line(["preset", "gan-cuda", "PyTorch"]), line(["---"] * 3)]
    for preset in PRESETS:
        cells = []
        for program in ("gan-cuda", "pytorch"):
            path = folder / "grids" / f"{preset}-{program}-seed0.png"
            link = os.path.relpath(path, ROOT / "docs")
            cells.append(f"![{preset}, {PROGRAMS[program]}]({link})" if path.exists() else "–")
        if cells != ["–", "–"]:
            lines.append(line([f"`{preset}`", *cells]))
    return lines


def drift(folder: Path) -> str:
    """The curves of `mlp-rgb`'s colours, if there are any."""
    path = folder / "drift.json"
    if not path.exists():
        return ""
    run = json.loads(path.read_text())
    side, link = run["image_size"], os.path.relpath(folder / "drift.png", ROOT / "docs")
    ends = {name: run[name][-1]["saturation"] for name in ("gan-cuda", "pytorch")}
    return "\n\n".join((
        "## Colour",
        f"`{run['preset']}` is for folders of colour images, and its samples are known to gain "
        f"saturation and contrast during training. Here it was trained on {run['about']}, "
        f"{side}×{side}, for {run['epochs']} epochs. After the last epoch the saturation of its samples "
        f"is {ends['gan-cuda']:.2f} here and {ends['pytorch']:.2f} in PyTorch; that of the images is "
        f"{run['data']['saturation']:.2f}.",
        f"![saturation and contrast of samples over iterations, ours and PyTorch's]({link})",
    ))


def order(report: dict) -> tuple[int, int, int]:
    """Sort key: presets in their usual order, then seeds, then programs."""
    program = list(PROGRAMS).index(report["program"])
    return PRESETS.index(report["preset"]), report["seed"], program


def text(folder: Path) -> str:
    """The whole document."""
    reports = [json.loads(path.read_text()) for path in sorted(folder.glob("*-seed*.json"))]
    reports.sort(key=order)
    notes = folder / "notes.md"
    epochs = {report["preset"]: report["epochs"] for report in reports}
    lengths = ", ".join(f"`{preset}` {epochs[preset]}" for preset in PRESETS if preset in epochs)
    source = os.path.relpath(folder, ROOT)
    parts = [
        "# Presets compared with PyTorch",
        f"<!-- Written by benches/quality/report.py from {source}. -->",
        "The presets for digits, trained on the same 10,000 digits by gan-cuda and by PyTorch "
        f"(epochs: {lengths}). `gan-cuda evaluate` generated 10,000 images with each generator and "
        "compared them with MNIST's 10,000 test images, on which no generator was trained; "
        "`gan-cuda evaluate --help` defines the columns. The row \"real images\" scores the 10,000 "
        "training images: the best scores that a generator can hope for.",
        "\n".join(table(reports)),
        notes.read_text().strip() if notes.exists() else "",
        "## Samples",
        "From the generators of seed 0, all with the same noise; one class per row where there are "
        "classes.",
        "\n".join(grids(reports, folder)),
        drift(folder),
        "## How to repeat it",
        f"[benches/quality/compare.py](../benches/quality/compare.py) trains and scores, and "
        f"resumes where it stopped; [drift.py](../benches/quality/drift.py) plots the curves. The results "
        f"are in [{source}](../{source}).",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    (ROOT / "docs" / "comparison.md").write_text(text(Path(sys.argv[1]).resolve()))
