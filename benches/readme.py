"""Writes the results of a run to README.md: a table, and a sentence about it.

Both are between markers: `speed` and `claim` for the CPU, `speed-cuda` and `claim-cuda` for a GPU,
with a suffix for a precision other than f32 (`claim-cuda-tf32`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from programs import OURS, ROOT
from run_folder import Run, write_whole
from tables import Reports, gains, geometric_mean, narrow_table, strongest_of

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
    """Replaces the content between two markers."""
    begin, end = f"<!-- {marker}:begin -->", f"<!-- {marker}:end -->"
    if begin not in text or end not in text:
        raise SystemExit(f"error: there is no {begin} and {end} to write between")
    before, rest = text.split(begin)
    return f"{before}{begin}\n{content}\n{end}{rest.split(end)[1]}"


def claim(run: Run, folder: Path) -> str:
    """The sentence: our speed relative to each preset's fastest peer, and to fused PyTorch."""
    reports = {preset: rows for preset, rows in run.reports.items() if OURS in rows}
    fastest = [strongest_of(reports, preset) for preset in reports]
    if not fastest or None in fastest:
        raise SystemExit("error: a preset has no figure of ours and a peer's: README claims nothing")
    ratios, of_fused = [ratio for _, ratio in fastest], list(gains(reports, "fused").values())
    peers = Counter(NAMES[name] for name, _ in fastest)
    clauses = [f"{comparison(ratios)} {fastest_peer(peers)}{spread(peers, ratios)}"]
    if set(peers) != {NAMES["fused"]} and len(of_fused) == len(ratios):
        clauses.append(f"{comparison(of_fused)} {NAMES['fused']}")
    means = [f"geometric mean{'s' * (len(clauses) > 1)}"] if len(ratios) > 1 else []
    notes = "; ".join([*means, *link(folder)])
    return (
        f"On {machine(run)}, gan-cuda trains {presets(reports)}{PRECISIONS[run.precision]} "
        f"{', and '.join(clauses)}{notes and f' ({notes})'}."
    )


def fastest_peer(peers: Counter[str]) -> str:
    """The fastest peer, by name if it is the same for every preset."""
    return "the fastest other program for each" if len(peers) > 1 else f"{next(iter(peers))}, the fastest other program"


def comparison(ratios: Sequence[float]) -> str:
    """The geometric mean of ratios as text; also right if ours is slower."""
    return f"{geometric_mean(ratios):.2f} times as fast as"


def spread(peers: Counter[str], ratios: Sequence[float]) -> str:
    """The peers, and the range of ratios; empty for a single ratio."""
    if len(ratios) == 1:
        return ""
    names = [f"{peer} for {in_words(count)}" for peer, count in peers.most_common()]
    low, high = (f"{extreme(ratios):.2f}" for extreme in (min, max))
    return f" ({', '.join(names) if len(peers) > 1 else 'by preset'}; {low} to {high} times)"


def machine(run: Run) -> str:
    """`two CPU threads (AMD EPYC)`, or `one NVIDIA H100`."""
    threads = re.search(r"(\d+) threads?", run.name)
    if threads is None:
        return f"one {run.name}"
    count = int(threads[1])
    return f"{in_words(count)} CPU thread{'s' * (count != 1)} ({run.processor})"


def presets(reports: Reports) -> str:
    """`five presets`, or the name of the only one."""
    names = [preset for preset, rows in reports.items() if OURS in rows]
    return f"`{names[0]}`" if len(names) == 1 else f"{in_words(len(names))} presets"


def in_words(count: int) -> str:
    """A small number as a word."""
    return NUMBERS[count] if count < len(NUMBERS) else str(count)


def link(folder: Path) -> list[str]:
    """A link to the run folder, if it is in the repository."""
    folder = folder.resolve()
    inside = folder.is_relative_to(ROOT)
    return [f"[measurements]({folder.relative_to(ROOT)}/README.md)"] if inside else []
