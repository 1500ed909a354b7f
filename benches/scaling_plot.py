#!/usr/bin/env python3
"""Plots the results of scaling.py.

python benches/scaling_plot.py benches/runs/2026-11-21-cpu-2-threads
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from programs import OURS, TITLES
from tables import limit_ms

COLOURS = ("#0072b2", "#d55e00")  # ours, PyTorch's: a colour-blind safe pair
MARKS = {"batch": ("o", "-", None), "width": ("^", ":", "white")}


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
    for series in MARKS:
        chosen = [point for point in points if point["series"] == series]
        if chosen:
            draw_series(panel, series, chosen, peaks)
    panel.set(xscale="log", yscale="log", xlabel="GFLOP per iteration (matrix products)")
    panel.margins(0.08)
    panel.grid(True, which="both", linewidth=0.3)
    panel.legend(fontsize=8, loc="lower right")


def draw_series(panel, series: str, points: list[dict], peaks: list[dict]) -> None:
    """The lines of one series."""
    mark, line, face = MARKS[series]
    work = [point["flop"] / 1e9 for point in points]
    for program, colour in zip(points[0]["milliseconds"], COLOURS, strict=True):
        times = [point["milliseconds"][program] for point in points]
        style = {"color": colour, "markersize": 6, "markerfacecolor": face or colour}
        label = f"{TITLES.get(program, program)}, by {series}"
        panel.plot(work, times, mark + line, label=label, **style)
    if peaks:
        limits = [limit_ms(point["reports"][OURS][0], peaks) for point in points]
        label = f"the hardware's limit, by {series}"
        panel.plot(work, limits, line, color="grey", linewidth=1, label=label)
    for point, x in zip(points, work, strict=True):
        name_point(panel, point, x)


def name_point(panel, point: dict, x: float) -> None:
    """Labels a point with its size: a batch above the upper line, a width below the lower one."""
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
