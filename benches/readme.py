"""What README.md says of a measurement: a table, and one sentence about it.

Both stand between markers: `speed` and `claim` for the CPU, `speed-cuda` and `claim-cuda` for a
GPU, with the precision behind it where that is not f32 (`claim-cuda-tf32`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from programs import OURS, ROOT
from run_folder import Run, write_whole
from tables import Reports, gains, geometric_mean, narrow_table, strongest_peer

README = ROOT / "README.md"
SUFFIX = {"cpu": "", "cuda": "-cuda"}
NAMES = {
    "eager": "PyTorch",
    "fused": "PyTorch with fused Adam",
    "joined": "PyTorch with fused Adam and D's batches joined",
    "compile": "compiled PyTorch",
    "compile-reduce-overhead": "PyTorch compiled to reduce overhead",
    "graph": "PyTorch in one CUDA graph",
    "joined-graph": "PyTorch in one CUDA graph with D's batches joined",
    "compile-graph": "compiled PyTorch in one CUDA graph",
    "jax": "JAX",
}
PRECISIONS = {"f32": "", "tf32": " in TF32", "bf16": " in bfloat16"}
NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def write_readme(run: Run, folder: Path) -> None:
    """Writes the table and the sentence between README's markers."""
    suffix = SUFFIX[run.device] + ("" if run.precision == "f32" else f"-{run.precision}")
    table = narrow_table(run.device, run.reports, run.peaks)
    text = put_between(README.read_text(), f"speed{suffix}", table)
    write_whole(README, put_between(text, f"claim{suffix}", claim(run, folder)))


def put_between(text: str, marker: str, content: str) -> str:
    """README's text with other content between two markers."""
    begin, end = f"<!-- {marker}:begin -->", f"<!-- {marker}:end -->"
    if begin not in text or end not in text:
        raise SystemExit(f"error: {README} has no {begin} and {end} to write between")
    before, rest = text.split(begin)
    return f"{before}{begin}\n{content}\n{end}{rest.split(end)[1]}"


def claim(run: Run, folder: Path) -> str:
    """How many times as fast ours is as the strongest peer, and as PyTorch with fused Adam."""
    peer = strongest_peer(run.reports)
    if peer is None:
        raise SystemExit("error: no peer was measured on every preset, so README can claim nothing")
    of_peer = list(gains(run.reports, peer).values())
    strongest = f"the strongest peer measured there{spread(of_peer)}"
    clauses = [f"{comparison(of_peer)} {NAMES[peer]}, {strongest}"]
    of_fused = list(gains(run.reports, "fused").values())
    if peer != "fused" and len(of_fused) == len(of_peer):
        clauses.append(f"{comparison(of_fused)} {NAMES['fused']}")
    means = [f"geometric mean{'s' * (len(clauses) > 1)}"] if len(of_peer) > 1 else []
    notes = "; ".join([*means, *link(folder)])
    return (
        f"On {machine(run)}, gan-cuda trains {presets(run.reports)}{PRECISIONS[run.precision]} "
        f"{', and '.join(clauses)}{notes and f' ({notes})'}."
    )


def comparison(ratios: Sequence[float]) -> str:
    """Right also where ours is slower."""
    return f"{geometric_mean(ratios):.2f} times as fast as"


def spread(ratios: Sequence[float]) -> str:
    """From the least to the largest ratio, where they differ."""
    low, high = (f"{extreme(ratios):.2f}" for extreme in (min, max))
    return "" if low == high else f" ({low} to {high} times, by preset)"


def machine(run: Run) -> str:
    """`two CPU threads (AMD EPYC)`, or `one NVIDIA H100`."""
    threads = re.search(r"(\d+) threads?", run.name)
    if threads is None:
        return f"one {run.name}"
    count = int(threads[1])
    return f"{in_words(count)} CPU thread{'s' * (count != 1)} ({run.processor})"


def presets(reports: Reports) -> str:
    """`the five presets`, or the name of the only one."""
    names = [preset for preset, rows in reports.items() if OURS in rows]
    return f"`{names[0]}`" if len(names) == 1 else f"the {in_words(len(names))} presets"


def in_words(count: int) -> str:
    """A small number as a word."""
    return NUMBERS[count] if count < len(NUMBERS) else str(count)


def link(folder: Path) -> list[str]:
    """To the run folder, where it belongs to the repository."""
    folder = folder.resolve()
    inside = folder.is_relative_to(ROOT)
    return [f"[run]({folder.relative_to(ROOT)}/README.md)"] if inside else []
