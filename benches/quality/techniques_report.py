#!/usr/bin/env python3
"""Writes docs/scores.md from the run folder that techniques.py made.

    python benches/quality/techniques_report.py benches/runs/DATE-techniques
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from report import COLUMNS, ROOT, Scores, line, plain

# Names and whether the average is scored, in the order of the tables, with what a reader knows them by.
# `cgan` is trained like `cgan-ema`, bit for bit.
GENERATORS = {
    ("cgan-ema", False): "`cgan`",
    ("cgan-ema", True): "`cgan-ema`",
    ("dcgan", False): "`dcgan`",
    ("wgan-gp", False): "`wgan-gp`",
    ("r3gan-small", False): "`r3gan-small --raw`",
    ("r3gan-small", True): "`r3gan-small`",
    ("stacked-dcgan", False): "`--preset dcgan`",
    ("stacked-pack-2", False): "`--preset dcgan --pack 2`",
    (
        "stacked-relativistic-r1-r2",
        False,
    ): "`--preset dcgan --loss relativistic --r1 1 --r2 1`",
}
DIGITS = ("fidelity (95 %)", "FCD", "KID", "precision", "recall", "coverage", "KL", "rarest class")
STACKED: dict[str, Callable[[Scores], str]] = {
    "modes": lambda row: f"{row['modes']:,}",
    "modes KL": plain("modes_kl", 3),
    "FCD": COLUMNS["FCD"],
    "precision": COLUMNS["precision"],
    "recall": COLUMNS["recall"],
}
# Name, modes, KL, source.
PUBLISHED = (
    ("DCGAN", "99", "–", "[PacGAN](https://arxiv.org/abs/1712.04086)"),
    ("DCGAN, packs of 2", "1,000", "0.06", "[PacGAN](https://arxiv.org/abs/1712.04086)"),
    ("relativistic, R1, R2", "1,000", "0.078", "[R3GAN](https://arxiv.org/abs/2501.05441)"),
)


def key(report: dict) -> tuple[int, int, int]:
    """Sort key: generators in the order above, then seeds, then iterations."""
    place = list(GENERATORS).index((report["name"], report["average"]))
    return place, report["seed"], report["iteration"]


def name(report: dict) -> str:
    """What a reader knows a generator by."""
    return GENERATORS[report["name"], report["average"]]


def rows(reports: Iterable[dict], columns: dict[str, Callable[[Scores], str]]) -> list[str]:
    """A row for each generator."""
    lines = []
    for report in reports:
        cells = [name(report), str(report["seed"]), f"{report['iteration']:,}"]
        cells += [cell(report["generator"]) for cell in columns.values()]
        lines.append(line(cells))
    return lines


def table(
    title: str,
    reports: list[dict],
    columns: dict[str, Callable[[Scores], str]],
    others: Iterable[str] = ("real", "noise"),
) -> str:
    """A table of generators, with real images and noise for comparison."""
    lines = [line([title, "seed", "iterations", *columns]), line(["---"] * (3 + len(columns)))]
    lines += rows(reports, columns)
    for other in others:
        scores = {k: v for k, v in reports[0][other].items() if not k.startswith("class_fidelity")}
        words = "real images" if other == "real" else other
        lines.append(line([words, "", "", *(cell(scores) for cell in columns.values())]))
    return "\n".join(lines)


def published(columns: Iterable[str]) -> str:
    """Rows of published scores."""
    return "\n".join(
        line([f"{what}, {source}", "", "", modes, kl, *("–" for _ in list(columns)[2:])])
        for what, modes, kl, source in PUBLISHED
    )


def grids(reports: list[dict], folder: Path) -> str:
    """The sample grids of the first seed after the last iteration."""
    last: dict[str, dict] = {name(report): report for report in reports if report["seed"] == 0}
    cells = []
    for title, report in last.items():
        raw = "-raw" if (report["name"], True) in GENERATORS and not report["average"] else ""
        file = f"{report['name']}-seed0-{report['iteration']}{raw}.png"
        link = os.path.relpath(folder / "grids" / file, ROOT / "docs")
        cells.append((title, f"![{title.strip('`')}]({link})"))
    titles, images = zip(*cells, strict=True)
    return "\n".join((line(titles), line(["---"] * len(cells)), line(images)))


def text(folder: Path) -> str:
    """The whole document."""
    reports = sorted((json.loads(path.read_text()) for path in folder.glob("*-seed*.json")), key=key)
    stacked = [report for report in reports if report["name"].startswith("stacked")]
    digits = [report for report in reports if report not in stacked]
    columns = {column: COLUMNS[column] for column in DIGITS}
    least = min(report["iteration"] for report in digits)
    equal = [report for report in digits if report["iteration"] == least]
    longer = [report for report in digits if report["iteration"] > least]
    source = os.path.relpath(folder, ROOT)
    notes = (folder / "notes.md").read_text().strip().split("\n---\n")
    parts = [
        "# Scores of losses, penalties and averages",
        f"<!-- Written by benches/quality/techniques_report.py from {source}. -->",
        "What [the techniques](techniques.md) change, measured by [`gan-cuda evaluate`](evaluation.md), "
        "whose `--help` defines the columns. All were trained on the CPU on the 10,000 embedded digits.",
        "## Digits",
        f"After {least:,} iterations: 10,000 images, compared with MNIST's 10,000 test "
        "images. `cgan` and `cgan-ema` are given the class labels. An iteration is a batch of 64 "
        "images for `cgan`, `cgan-ema` and `wgan-gp`, and of 128 for `dcgan` and `r3gan-small`; "
        "`wgan-gp` updates its generator in every fifth.",
        table("preset", equal, columns),
        *(["After the full length of these presets:", table("preset", longer, columns, ())] if longer else []),
        notes[0].strip(),
        grids(digits, folder),
        "## Mode collapse",
        "Three digits as one image, [`--dataset stacked-mnist`](data.md#stackedmnist), with 1,000 "
        "modes; 26,000 images, as in papers. Published scores are of other networks, and on stacks of "
        "all 60,000 digits.",
        table("flags", stacked, STACKED) + "\n" + published(STACKED),
        notes[1].strip(),
        grids(stacked, folder),
        "## How to repeat it",
        "[benches/quality/techniques.py](../benches/quality/techniques.py) trains and scores, and "
        f"resumes where it stopped. The results are in [{source}](../{source}).",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    (ROOT / "docs" / "scores.md").write_text(text(Path(sys.argv[1]).resolve()))
