#!/usr/bin/env python3
"""Runs an entry of the speedrun and adds its times to the table (README.md has the rules).

    cargo build --release
    python benches/speedrun/speedrun.py cgan --seeds 0 1 2

An entry is a file entries/NAME.toml, with a command line and a description; a custom GAN is next to
it. Only --write changes the table.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from readme import README, put_between  # noqa: E402

ROOT = HERE.parent.parent
GOAL = json.loads((HERE / "goal.json").read_text())
RESULTS, TABLE = HERE / "results.json", HERE / "README.md"


def passes(scores: dict) -> bool:
    """Whether an evaluation reaches the goal."""
    return scores["class_fidelity"] >= GOAL["fidelity"] and scores["fcd"] <= GOAL["fcd"]


def ours(words: list[str], folder: Path) -> Iterator[dict]:
    """Yields the evaluations of a run of our program as they are made."""
    process = subprocess.Popen(words, cwd=folder, stdout=subprocess.DEVNULL)
    try:
        seen, ended = 0, False
        while not ended:
            # Read once more after the end, as the last line may be a score.
            ended = process.poll() is not None
            for stats in folder.glob("runs/*/stats.jsonl"):
                lines = stats.read_text().splitlines(keepends=True)
                whole = [text for text in lines if text.endswith("\n")]
                for record in map(json.loads, whole[seen:]):
                    if "scores" in record:
                        yield {"iteration": record["iteration"], **record["scores"]}
                seen = len(whole)
            time.sleep(0.01)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


def others(words: list[str], folder: Path) -> Iterator[dict]:
    """Yields the evaluations of a program that prints each as a line of JSON."""
    process = subprocess.Popen(words, cwd=folder, stdout=subprocess.PIPE, text=True)
    try:
        for text in process.stdout:
            scores = json.loads(text)
            scores["class_fidelity"] = scores.pop("fidelity")
            yield scores
    finally:
        process.kill()
        process.wait()


def run(entry: dict, seed: int, arguments: argparse.Namespace) -> dict:
    """Runs an entry until an evaluation passes."""
    program = str(arguments.program.resolve())
    words = [
        word.format(
            program=program, python=sys.executable, here=HERE, seed=seed,
            threads=arguments.threads, device=arguments.device, **GOAL,
        )
        for word in entry["command"]
    ]
    with tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        evaluations = ours if entry["program"] == "gan-cuda" else others
        scores = {}
        for count, scores in enumerate(evaluations(words, Path(folder)), 1):
            seconds = time.perf_counter() - begun
            print(f"{seconds:7.1f} s  {json.dumps(scores)}", flush=True)
            if passes(scores):
                return {"seed": seed, "seconds": round(seconds, 2), "evaluations": count, **scores}
    return {"seed": seed, "seconds": None, **scores}


def processor() -> str:
    """The processor's name."""
    for text in Path("/proc/cpuinfo").read_text().splitlines():
        if text.startswith("model name"):
            return text.split(":", 1)[1].strip()
    return platform.processor()


def median(result: dict) -> float:
    """Median seconds of a result; infinite if most of its runs did not pass."""
    return statistics.median(float("inf") if r["seconds"] is None else r["seconds"] for r in result["runs"])


def table(results: list[dict]) -> str:
    """Results by their medians, the fastest first."""
    lines = ["| seconds, median (each seed) | entry | iterations | on | date |", "|---|---|---|---|---|"]
    for result in sorted(results, key=median):
        each = ", ".join("–" if r["seconds"] is None else f"{r['seconds']:.1f}" for r in result["runs"])
        iterations = ", ".join(str(r["iteration"]) for r in result["runs"])
        lines.append(
            f"| **{median(result):.1f}** ({each}) | [{result['entry']}](entries/{result['entry']}.toml): "
            f"{result['what']} | {iterations} | {result['on']} | {result['date']} |"
        )
    return "\n".join(lines)


def claim(results: list[dict], on: str) -> str:
    """The claim for README: the fastest entry compared with `cgan`; empty until all have results."""
    here = {result["entry"]: result for result in results if result["on"] == on}
    passed = [result for result in here.values() if all(r["seconds"] is not None for r in result["runs"])]
    if not {"cgan", "pytorch-cgan"} < {result["entry"] for result in passed}:
        return ""
    fastest = min(passed, key=median)
    ours, peers = (round(median(here[name])) for name in ("cgan", "pytorch-cgan"))
    return (
        f"Training until a classifier recognizes {100 * GOAL['fidelity']:g} % of the generated digits as the digit "
        f"requested (and [FCD](#score-a-run) ≤ {GOAL['fcd']}) takes {median(fastest):.0f} seconds with {fastest['what']}, "
        f"{ours} seconds with the preset `cgan`, and {peers} seconds with the same model in PyTorch "
        f"(from process start, {on}; [speedrun](benches/speedrun/README.md))."
    )


def write(result: dict) -> None:
    """Replaces an entry's result, and writes the table and README's claim."""
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    results = [r for r in results if (r["entry"], r["on"]) != (result["entry"], result["on"])]
    results.append(result)
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    TABLE.write_text(put_between(TABLE.read_text(), "table", table(results)))
    if text := claim(results, result["on"]):
        README.write_text(put_between(README.read_text(), "speedrun", text))


def main() -> None:
    """Runs an entry with each seed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = sorted(path.stem for path in (HERE / "entries").glob("*.toml"))
    parser.add_argument("entry", choices=names)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--program", type=Path, default=ROOT / "target" / "release" / "gan-cuda")
    parser.add_argument("--write", action="store_true", help="add the result to the table")
    arguments = parser.parse_args()
    entry = tomllib.loads((HERE / "entries" / f"{arguments.entry}.toml").read_text())
    # Without data sets of this machine, so that the embedded digits are used.
    os.environ |= {"XDG_CACHE_HOME": "/nonexistent", "XDG_DATA_DIRS": "/nonexistent"}
    runs = [run(entry, seed, arguments) for seed in arguments.seeds]
    result = {
        "entry": arguments.entry,
        "what": entry["what"],
        "on": f"{arguments.threads} threads of {processor()}"
        if arguments.device == "cpu"
        else arguments.device,
        "date": datetime.date.today().isoformat(),
        "runs": runs,
    }
    print(json.dumps(result, indent=1))
    if arguments.write:
        write(result)


if __name__ == "__main__":
    main()
