#!/usr/bin/env python3
"""Draws what scaling.py measured.

python benches/scaling_plot.py benches/runs/2026-11-21-cpu-2-threads
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from programs import OURS, TITLES
from tables import limit_ms

COLOURS = ("#0072b2", "#d55e00")  # ours, PyTorch's: told apart by the colour-blind too
MARKS = {"batch": ("o", "-"), "width": ("^", ":")}


def plot(folder: Path) -> None:
    """Writes `scaling.png`: a panel per preset, both axes logarithmic."""
    try:
        from matplotlib import pyplot
    except ImportError:
        print("no picture: python has no matplotlib (pip install matplotlib)")
        return
    run = json.loads((folder / "scaling.json").read_text())
    presets = list(dict.fromkeys(point["preset"] for point in run["points"]))
    size = (6.4 * len(presets), 5.2)
    figure, panels = pyplot.subplots(1, len(presets), figsize=size, squeeze=False)
    for panel, preset in zip(panels[0], presets, strict=True):
        points = [point for point in run["points"] if point["preset"] == preset]
        draw_panel(panel, points, run["peaks"])
        panel.set_title(preset)
    panels[0][0].set_ylabel("ms per iteration")
    figure.suptitle(f"{run['name']}, {run['precision']} ({run['processor']})", fontsize=10)
    figure.tight_layout()
    figure.savefig(folder / "scaling.png", dpi=120)
    print(f"wrote {folder / 'scaling.png'}")


def draw_panel(panel, points: list[dict], peaks: list[dict]) -> None:
    """One preset: a line for each program and series, and the hardware's limit."""
    programs = list(points[0]["milliseconds"])
    for series, (mark, line) in MARKS.items():
        chosen = [point for point in points if point["series"] == series]
        work = [point["flop"] / 1e9 for point in chosen]
        for program, colour in zip(programs, COLOURS, strict=True):
            times = [point["milliseconds"][program] for point in chosen]
            label = f"{TITLES.get(program, program)}, {series}" if chosen else None
            panel.plot(work, times, mark + line, color=colour, label=label, markersize=5)
        for point, x in zip(chosen, work, strict=True):
            name_point(panel, point, x)
    if peaks:
        ordered = sorted(points, key=lambda point: point["flop"])
        limits = [limit_ms(point["reports"][OURS][0], peaks) for point in ordered]
        work = [point["flop"] / 1e9 for point in ordered]
        panel.plot(work, limits, "--", color="grey", linewidth=1, label="the hardware's limit")
    panel.set(xscale="log", yscale="log", xlabel="GFLOP per iteration (matrix products)")
    panel.grid(True, which="both", linewidth=0.3)
    panel.legend(fontsize=8)


def name_point(panel, point: dict, x: float) -> None:
    """Says a point's size: a batch above the upper line, a width below the lower one."""
    above = point["series"] == "batch"
    size = f"{point['size']:g}"
    y = (max if above else min)(point["milliseconds"].values())
    panel.annotate(
        size if above else f"×{size}",
        (x, y),
        textcoords="offset points",
        xytext=(0, 7 if above else -13),
        ha="center",
        fontsize=7,
    )


if __name__ == "__main__":
    plot(Path(sys.argv[1]))
