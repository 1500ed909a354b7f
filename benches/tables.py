"""Tables of results as Markdown.

A program's result is the median over rounds.

The hardware's limit for an iteration is the longer of two times, computing its matrix
multiplications and moving their operands (convolutions count as matrix multiplications), plus the
time of Adam's memory traffic; all at the machine's measured peak rates. The longer one, because
loading operands and computing overlap; plus, because Adam must wait for gradients and computes
little. Data that stays in a cache between uses can be faster than the limit.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence

from programs import ALL_PRESETS, OUR_FLAGS, OURS, TITLES, WINOGRAD, Report

Rows = Mapping[str, Sequence[Report | None]]  # of one preset, by program
Reports = Mapping[str, Rows]  # by preset

NARROW = {
    "cpu": (WINOGRAD, "eager", "fused", "joined", "compile", "jax"),
    "cuda": ("eager", "fused", "compile", "graph", "joined-graph", "jax"),
}
SHORT = {
    WINOGRAD: "Winograd",
    "eager": "PyTorch eager",
    "fused": "fused Adam",
    "joined": "one D batch",
    "compile": "compiled",
    "compile-reduce-overhead": "reduce-overhead",
    "graph": "CUDA graph",
    "joined-graph": "CUDA graph, one D batch",
    "compile-graph": "compiled CUDA graph",
    "jax": "JAX",
}


def in_order(reports: Reports) -> Reports:
    """Presets and programs in the order of the tables, independent of the order of measuring."""
    programs = (*OUR_FLAGS, *TITLES)
    return {
        preset: {name: reports[preset][name] for name in programs if name in reports[preset]}
        for preset in ALL_PRESETS
        if preset in reports
    }


def figure(lines: Sequence[Report | None] | None, key: str) -> float | None:
    """The median over rounds of a program's value; None if it failed or did not run."""
    if not lines or None in lines or any(line.get(key) is None for line in lines if line):
        return None
    return statistics.median(line[key] for line in lines if line)


def best_peaks(peaks: Sequence[Report]) -> tuple[float, float] | None:
    """The peak GFLOP/s and GB/s of all rounds."""
    if not peaks:
        return None
    gflops = max(peak["gflops"] for peak in peaks)
    return gflops, max(peak["gigabytes_per_second"] for peak in peaks)


def limit_ms(report: Report, peaks: Sequence[Report]) -> float | None:
    """The hardware's limit in milliseconds for the iteration of one of our reports."""
    best = best_peaks(peaks)
    if best is None:
        return None
    gflops, gigabytes = best
    computing = report["flop"] / gflops
    moving = (report["bytes"] - report["adam_bytes"]) / gigabytes
    return (max(computing, moving) + report["adam_bytes"] / gigabytes) / 1e6


def limit_of(rows: Rows, peaks: Sequence[Report]) -> float | None:
    """The hardware's limit in milliseconds for a preset."""
    report = next((line for line in rows.get(OURS, ()) if line), None)
    return limit_ms(report, peaks) if report else None


def geometric_mean(ratios: Sequence[float]) -> float:
    """The geometric mean of at least one ratio."""
    return math.exp(statistics.fmean(math.log(ratio) for ratio in ratios))


def ratio(above: float | None, below: float | None) -> float | None:
    """The ratio of two values, if there are both."""
    return above / below if above and below else None


def gains(reports: Reports, name: str) -> dict[str, float]:
    """Our speed relative to a program, by preset, if both were measured."""
    found = {
        preset: ratio(figure(rows.get(name), "median_ms"), figure(rows.get(OURS), "median_ms"))
        for preset, rows in reports.items()
    }
    return {preset: value for preset, value in found.items() if value}


def strongest_of(reports: Reports, preset: str) -> tuple[str, float] | None:
    """The fastest peer on a preset, and our speed relative to it."""
    found = {name: gains(reports, name).get(preset) for name in TITLES}
    measured = {name: value for name, value in found.items() if value}
    return min(measured.items(), key=lambda item: item[1], default=None)


def median_of(lines: Sequence[Report | None] | None) -> str:
    """A program's milliseconds; empty if it did not run."""
    return milliseconds(figure(lines, "median_ms")) if lines else ""


def milliseconds(value: float | None) -> str:
    """A time in milliseconds as text."""
    return "failed" if value is None else f"{value:.{2 if value >= 1 else 4}f}"


def times(value: float | None) -> str:
    """A ratio as text."""
    return "" if value is None else f"{value:.2f} ×"


def percent(value: float | None) -> str:
    """A fraction as a percentage."""
    return "" if value is None else f"{value:.0%}".replace("%", " %")


def megabytes(value: float | None) -> str:
    """A number of bytes in MB (10⁶ bytes)."""
    return "" if value is None else f"{value / 1e6:.0f} MB"


def row(cells: Sequence[object]) -> str:
    """A row of a table."""
    return f"| {' | '.join(str(cell) for cell in cells)} |"


def header(titles: Sequence[str]) -> list[str]:
    """A table's first two lines."""
    return [row(titles), "|---" * len(titles) + "|"]


def narrow_table(device: str, reports: Reports, peaks: Sequence[Report]) -> str:
    """A row per preset: milliseconds, ratios to ours, the share of the roofline."""
    reports = in_order(reports)
    ran = [name for name in NARROW[device] if any(name in rows for rows in reports.values())]
    titles = ["preset", "batch", f"{OURS}, ms", *(SHORT[name] for name in ran)]
    lines = header([*titles, "speed-up over fastest other program", "speed-up over fused Adam", "share of the roofline"])
    strongest = {preset: strongest_of(reports, preset) for preset in reports}
    of_fused = gains(reports, "fused")
    for preset, rows in reports.items():
        batch = next((line["batch"] for line in rows.get(OURS, ()) if line), "")
        share = percent(ratio(limit_of(rows, peaks), figure(rows.get(OURS), "median_ms")))
        cells = [median_of(rows.get(name)) for name in (OURS, *ran)]
        ratios = [named_gain(strongest[preset]), times(of_fused.get(preset))]
        lines.append(row([f"`{preset}`", batch, *cells, *ratios, share]))
    empty = [""] * (len(ran) + 2)
    means = [mean_times([found[1] for found in strongest.values() if found])]
    means.append(mean_times(list(of_fused.values())))
    return "\n".join([*lines, row(["geometric mean", *empty, *means, ""])])


def named_gain(found: tuple[str, float] | None) -> str:
    """A ratio and its peer."""
    return "" if found is None else f"{times(found[1])} ({SHORT[found[0]]})"


def mean_times(ratios: Sequence[float]) -> str:
    """The geometric mean, if there is one."""
    return times(geometric_mean(ratios)) if ratios else ""


def full_tables(reports: Reports, peaks: Sequence[Report]) -> str:
    """All values: a table per preset, then the geometric means."""
    reports = in_order(reports)
    tables = [preset_table(preset, rows, peaks) for preset, rows in reports.items()]
    return "\n\n".join([*tables, means(reports)])


def preset_table(preset: str, rows: Rows, peaks: Sequence[Report]) -> str:
    """A row per program."""
    ours, limit = figure(rows.get(OURS), "median_ms"), limit_of(rows, peaks)
    our_memory = figure(rows.get(OURS), "peak_bytes")
    titles = ["program", "ms", "p10", "p90", "images/s", "time to ours", "share of the roofline"]
    lines = header([*titles, "peak memory", "before training", "memory to ours"])
    for program, of_rounds in rows.items():
        median, low, high = (figure(of_rounds, f"{key}_ms") for key in ("median", "p10", "p90"))
        rate, memory = (figure(of_rounds, key) for key in ("images_per_second", "peak_bytes"))
        lines.append(
            row(
                [
                    TITLES.get(program, program),
                    *(milliseconds(value) for value in (median, low, high)),
                    "" if rate is None else f"{rate:,.0f}",
                    times(ratio(median, ours)),
                    percent(ratio(limit, median)),
                    megabytes(memory),
                    megabytes(figure(of_rounds, "peak_bytes_before_training")),
                    times(ratio(memory, our_memory)),
                ]
            )
        )
    return "\n".join([f"## `{preset}`\n\n{work_of(rows, limit)}\n", *lines])


def work_of(rows: Rows, limit: float | None) -> str:
    """The batch size, operations and memory traffic of an iteration as text."""
    report = next((line for line in rows.get(OURS, ()) if line), None)
    if report is None:
        return "failed"
    at = "" if limit is None else f" The hardware's limit: {milliseconds(limit)} ms."
    return (
        f"Batch {report['batch']}; {report['flop'] / 1e9:.3f} GFLOP and "
        f"{report['bytes'] / 1e6:.1f} MB an iteration, {report['adam_bytes'] / 1e6:.1f} MB of "
        f"them Adam's.{at}"
    )


def means(reports: Reports) -> str:
    """Time and memory of each variant relative to ours, over all presets."""
    lines = header(["program", "time to ours, geometric mean", "least", "memory to ours"])
    for name, title in TITLES.items():
        found = {}
        for key in ("median_ms", "peak_bytes"):
            of_presets = (
                ratio(figure(rows.get(name), key), figure(rows.get(OURS), key))
                for rows in reports.values()
            )
            found[key] = [value for value in of_presets if value]
        if found["median_ms"]:
            mean, least = geometric_mean(found["median_ms"]), min(found["median_ms"])
            memory = geometric_mean(found["peak_bytes"]) if found["peak_bytes"] else None
            lines.append(row([title, times(mean), times(least), times(memory)]))
    return "\n".join(["## All presets\n", *lines])


def sources(peaks: Sequence[Report]) -> str:
    """How the limit is computed."""
    best = best_peaks(peaks)
    if best is None:
        return "The machine's best rates were not measured."
    return (
        f"The hardware's limit: matrix multiplications at {best[0]:,.1f} GFLOP/s or moving their "
        f"operands at {best[1]:,.1f} GB/s, whichever is longer, plus Adam's memory traffic. Both "
        "rates are PyTorch's best on this machine between the rounds (benches/peaks.py): of large "
        "square matrices, and of arrays larger than the caches. Data in a cache can be faster. "
        "Peak memory is the process's, with program and libraries; before training is that of "
        "PyTorch or JAX before it creates the networks."
    )
