"""Tables and a plot of the ways to train many GANs (seeds.py).

A program's result is the median over rounds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from programs import OURS, Report
from tables import figure, header, ratio, row, times

CountReports = Mapping[str, Mapping[str, Sequence[Report | None]]]  # by count, then program


@dataclass(frozen=True)
class Program:
    """A way to train several GANs: its name in a table, where it is measured, its library."""

    title: str
    devices: tuple[str, ...] = ("cpu",)
    library: str | None = None


BOTH = ("cpu", "cuda")
PROGRAMS = {
    OURS: Program("gan-cuda, `--seeds`", BOTH),
    "gan-cuda-sequence": Program("gan-cuda, in sequence"),
    "gan-cuda-one-thread": Program("gan-cuda, in sequence, one thread"),
    "jax-vmap": Program("JAX, `vmap`", BOTH, "jax"),
    "jax-sequence": Program("JAX, in sequence", library="jax"),
    "jax-processes": Program("JAX, processes", library="jax"),
    "torch-sequence": Program("PyTorch, in sequence", library="torch"),
    "torch-processes": Program("PyTorch, processes", BOTH, "torch"),
}


def of_runs(reports: CountReports) -> dict[int, Mapping[str, Sequence[Report | None]]]:
    """The reports by ascending count."""
    return {int(count): reports[count] for count in sorted(reports, key=int)}


def measured(reports: CountReports) -> list[str]:
    """The programs in the order of the tables that were measured for a count."""
    return [name for name in PROGRAMS if any(name in rows for rows in reports.values())]


def whole(value: float | None) -> str:
    """A rate as text."""
    return "–" if value is None else f"{value:,.0f}"


def speed(rows: Mapping[str, Sequence[Report | None]], program: str) -> float | None:
    """A program's images per second."""
    return figure(rows.get(program), "images_per_second")


def spread(lines: Sequence[Report | None]) -> str:
    """The slowest and the fastest round."""
    rates = [line["images_per_second"] for line in lines if line]
    return f"{whole(min(rates))} to {whole(max(rates))}" if len(rates) > 1 else "–"


def concurrency(line: Report) -> tuple[str, str]:
    """How many GANs a program trains at the same time, and the CPU threads of each."""
    if line.get("seeds", 1) > 1:
        return str(line["seeds"]), f"{line['threads']} for all"
    return str(line.get("at_once", 1)), str(line["threads"])


def program_table(rows: Mapping[str, Sequence[Report | None]]) -> str:
    """A row for each program that trains one number of GANs."""
    titles = ["program", "at the same time", "threads of each", "images/s", "lowest to highest"]
    lines = header([*titles, "speed-up of `--seeds`", "images/s from start to end"])
    for name in measured({"": rows}):
        ours, rate = speed(rows, OURS), speed(rows, name)
        first = next((line for line in rows[name] if line), None)
        if rate is None or first is None:
            lines.append(row([PROGRAMS[name].title, "failed", *[""] * 5]))
            continue
        gain = "" if name == OURS else times(ratio(ours, rate))
        whole_time = figure(rows[name], "images_per_second_overall")
        cells = [*concurrency(first), whole(rate), spread(rows[name]), gain, whole(whole_time)]
        lines.append(row([PROGRAMS[name].title, *cells]))
    return "\n".join(lines)


def curve_table(reports: CountReports) -> str:
    """A row for each number of GANs, and a column for each program."""
    programs = measured(reports)
    peers = [name for name in programs if name != OURS]
    titles = [f"{PROGRAMS[name].title}, images/s" for name in programs]
    lines = header(["GANs", *titles, *(f"speed-up over {PROGRAMS[name].title}" for name in peers)])
    for count, rows in of_runs(reports).items():
        rates = [whole(speed(rows, name)) for name in programs]
        gains = [times(ratio(speed(rows, OURS), speed(rows, name))) for name in peers]
        lines.append(row([count, *rates, *gains]))
    return "\n".join(lines)


def main_table(reports: CountReports) -> str:
    """The table of all counts, or of all programs if there is only one count."""
    if len(reports) == 1:
        return program_table(next(iter(reports.values())))
    return curve_table(reports)


def plot(reports: CountReports, title: str, path: Path) -> None:
    """Draws images per second by the number of GANs, both axes logarithmic, if there are several."""
    if len(reports) < 2:
        return
    try:
        from matplotlib import pyplot
    except ImportError:
        print("no picture: python has no matplotlib (pip install matplotlib)")
        return
    figure_of_all, panel = pyplot.subplots(figsize=(6.4, 4.8))
    for name in measured(reports):
        rates = {count: speed(rows, name) for count, rows in of_runs(reports).items()}
        points = [(count, rate) for count, rate in rates.items() if rate]
        if points:
            panel.plot(*zip(*points, strict=True), "o-", label=PROGRAMS[name].title.replace("`", ""))
    panel.set_xscale("log", base=2)
    panel.set(yscale="log", xlabel="GANs", ylabel="images per second, all GANs together")
    panel.set_xticks(list(of_runs(reports)), labels=list(of_runs(reports)))
    panel.grid(True, which="both", linewidth=0.3)
    panel.legend(fontsize=8)
    figure_of_all.suptitle(title, fontsize=10)
    figure_of_all.tight_layout()
    figure_of_all.savefig(path, dpi=120)
    pyplot.close(figure_of_all)
