"""Tests of seeds.py and its programs: `python -m unittest discover -s tests/benches`."""

from __future__ import annotations

import argparse
import io
import json
import re
import subprocess
import sys
import tempfile
import unittest
from contextlib import redirect_stdout
from pathlib import Path
from unittest import mock

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benches"))

import programs  # noqa: E402
import seeds  # noqa: E402
import seeds_folder  # noqa: E402
from budget import Budget  # noqa: E402
from programs import OURS  # noqa: E402
from seeds_folder import SeedsRun, read_run, section, write_document, write_run  # noqa: E402
from seeds_tables import PROGRAMS, main_table, program_table  # noqa: E402

# Two runs at a time: in 2 s each one trains on 1,000 images before its first log entry, and in 4 s on
# 9,000 after it. Alone, a run is twice as fast.
FAKE = '''#!{python}
import json, pathlib, sys
words = sys.argv[1:]
value = dict(zip(words, words[1:]))
if "--seeds" in words:
    first, last = map(int, value["--seeds"].split("-"))
    seeds, seconds = range(first, last + 1), [2, 6]
else:
    seeds, seconds = [int(value["--seed"])], [1, 3]
for seed in seeds:
    run = pathlib.Path(value["--runs-dir"], "00000-set", f"0000{{seed}}-seed={{seed}}")
    run.mkdir(parents=True, exist_ok=True)
    rows = [{{"iteration": 0, "samples": {{}}}}]
    for images, after in zip([1000, 10000], seconds):
        rows.append({{"d_loss": {loss}, "images_per_second": images / after, "seconds": after}})
    (run / "stats.jsonl").write_text("\\n".join(map(json.dumps, rows)))
print("gan-cuda 0.1.0\\ndevice    CPU, 2 threads\\n          2 runs at a time, 1 thread each")
'''


def fake_program(folder: str, loss: str = "0.0") -> Path:
    """A program that trains as fast as its comment says."""
    path = Path(folder) / "gan-cuda"
    path.write_text(FAKE.format(python=sys.executable, loss=loss))
    path.chmod(0o755)
    return path


def script(name: str, *words: object) -> subprocess.CompletedProcess:
    """Runs a script of benches/."""
    command = [sys.executable, str(ROOT / "benches" / name), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def report(program: str, images: float) -> dict:
    """A program's report."""
    line = {"images_per_second": images, "threads": 2}
    if program.startswith(OURS):
        return line | {"device": "CPU, 2 threads", "images_per_second_overall": images / 2}
    return line | ({"jax": "0.10"} if program.startswith("jax") else {"torch": "2.11"})


def run_of(rates: dict[int, dict[str, float]], device: str = "cpu") -> SeedsRun:
    """A run of one round."""
    reports = {
        str(count): {program: [report(program, rate)] for program, rate in row.items()}
        for count, row in rates.items()
    }
    return SeedsRun("2026-11-30", device, "f32", "seeds.py", "AMD EPYC", "commit 1", reports=reports)


def arguments(**more: object) -> argparse.Namespace:
    """The command line of seeds.py."""
    values = {"device": "cpu", "precision": "f32", "threads": 2, "preset": "cgan", "counts": (8,)}
    values |= {"variant": "fused", "iterations": 100, "seconds": 1.0, "programs": tuple(PROGRAMS)}
    return argparse.Namespace(**values | {"program": Path("/p")} | more)


class Ours(unittest.TestCase):
    """train_seeds.py."""

    def trained(self, *words: object, loss: str = "0.0") -> subprocess.CompletedProcess:
        with tempfile.TemporaryDirectory() as folder:
            program = fake_program(folder, loss)
            return script("train_seeds.py", "--program", program, "--json", *words)

    def test_runs_at_the_same_time_add_up(self) -> None:
        done = json.loads(self.trained("--runs", 4).stdout)
        self.assertEqual((done["runs"], done["at_once"], done["threads"]), (4, 2, 1))
        self.assertEqual(done["images_per_second"], 2 * 9000 / 4)
        self.assertEqual(done["device"], "CPU, 2 threads")
        overall = done["images_per_second_overall"] * done["seconds_overall"]
        self.assertAlmostEqual(overall / 40_000, 1, delta=0.05)

    def test_runs_in_sequence_have_the_speed_of_one(self) -> None:
        done = json.loads(self.trained("--runs", 3, "--in-sequence").stdout)
        self.assertEqual((done["runs"], done["at_once"], done["threads"]), (3, 1, 2))
        self.assertEqual(done["images_per_second"], 9000 / 2)

    def test_a_run_that_diverged_has_no_speed(self) -> None:
        done = self.trained("--runs", 2, loss="None")
        self.assertEqual(done.returncode, 1)
        self.assertIn("not finite", done.stderr)

    def test_too_few_iterations_for_a_speed_are_refused(self) -> None:
        done = self.trained("--runs", 2, "--iterations", 99)
        self.assertEqual(done.returncode, 2)
        self.assertIn("--iterations: at least 100", done.stderr)

    def test_a_failing_program_is_an_error_with_its_output(self) -> None:
        done = script("train_seeds.py", "--program", "/bin/false", "--runs", 1)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, "error: .*/false train --preset cgan ")


    def test_when_it_is_stopped_the_program_is_stopped_too(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            program, mark = Path(folder) / "gan-cuda", Path(folder) / "pid"
            program.write_text(f"#!/bin/sh\necho $$ > {mark}\nexec sleep 60\n")
            program.chmod(0o755)
            command = [sys.executable, str(ROOT / "benches/train_seeds.py"), "--program", str(program)]
            with redirect_stdout(io.StringIO()):
                self.assertIsNone(programs.report_of(command, limit=4))
            status = Path(f"/proc/{mark.read_text().strip()}/status")
            # Until the system has collected it, it is a zombie.
            running = status.exists() and "State:\tZ" not in status.read_text()
        self.assertFalse(running)


class Commands(unittest.TestCase):
    def test_every_program_of_a_device_runs_once_per_count(self) -> None:
        for device in ("cpu", "cuda"):
            chosen = [name for name, program in PROGRAMS.items() if device in program.devices]
            order = list(seeds.in_order(arguments(device=device, counts=(1, 8), programs=chosen)))
            self.assertEqual(order, [(count, name) for count in (1, 8) for name in chosen])

    def test_commands_exist_and_divide_the_threads(self) -> None:
        for program in PROGRAMS:
            command = seeds.command(program, arguments(), 8)
            self.assertTrue((ROOT / command[1]).is_file(), command)
            text = " ".join(command[2:])
            is_one = program in ("gan-cuda-one-thread", "jax-processes", "torch-processes")
            self.assertIn(f"--threads {1 if is_one else 2}", text)
            self.assertEqual("--processes 2 " in text, program.endswith("-processes"))

    def test_on_a_gpu_there_is_a_process_for_each_gan(self) -> None:
        chosen = arguments(device="cuda", precision="tf32", variant="joined-graph")
        text = " ".join(seeds.command("torch-processes", chosen, 64))
        self.assertIn("--variant joined-graph --processes 64", text)
        self.assertIn("--device cuda --precision tf32", text)

    def test_without_a_library_its_programs_are_left_out(self) -> None:
        with mock.patch.object(programs, "has", lambda library: library == "torch"):
            chosen = seeds.possible("cpu")
        self.assertIn("torch-processes", chosen)
        self.assertEqual([name for name in chosen if name.startswith("jax")], [])


class Measuring(unittest.TestCase):
    def test_whole_program_writes_and_continues_a_folder(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            words = ["--program", fake_program(folder), "--counts", "2,4", "--rounds", 1]
            ours = [name for name in PROGRAMS if name.startswith(OURS)]
            done = script("seeds.py", *words, "--programs", *ours, "--out", f"{folder}/run")
            self.assertEqual(done.returncode, 0, done.stderr)
            more = ["--from", f"{folder}/run"]
            done = script("seeds.py", *words, "--programs", OURS, *more)
            self.assertEqual(done.returncode, 0, done.stderr)
            run = read_run(Path(folder) / "run")
            text = (Path(folder) / "run" / "README.md").read_text()
        for count in ("2", "4"):
            lengths = {name: len(lines) for name, lines in run.reports[count].items()}
            self.assertEqual(lengths, dict.fromkeys(ours, 1) | {OURS: 2})
        self.assertEqual(run.name, "CPU, 2 threads")
        self.assertIn("| gan-cuda, `--seeds` | 2 | 1 | 4,500 | 4,500 to 4,500 |", text)
        self.assertIn("| gan-cuda, in sequence | 1 | 2 | 4,500 | – | 1.00 × |", text)

    def test_a_failed_program_is_not_run_again(self) -> None:
        run = run_of({8: {OURS: 100.0}})
        failing = [sys.executable, "-c", "raise SystemExit(1)"]
        with mock.patch.object(seeds, "command", return_value=failing) as command:
            for _ in range(2):
                seeds.measure_program(arguments(), run, Budget(None), 8, "jax-vmap")
        self.assertEqual(command.call_count, 1)
        self.assertEqual((run.reports["8"]["jax-vmap"], run.failures()), ([None], 1))
        self.assertIn("| JAX, `vmap` | failed |", program_table(run.reports["8"]))

    def test_programs_without_time_are_listed(self) -> None:
        run = run_of({8: {OURS: 100.0}})
        seeds.measure_program(arguments(), run, Budget(0.01), 8, "jax-vmap")
        self.assertEqual(run.left_out_text(), "No time was left for: jax-vmap (`8`).\n")


class Tables(unittest.TestCase):
    def test_one_count_has_a_row_for_each_program(self) -> None:
        run = run_of({8: {"torch-processes": 50.0, OURS: 200.0, "jax-vmap": 80.0}})
        run.reports["8"]["jax-vmap"][0] |= {"seeds": 8}
        run.reports["8"]["torch-processes"][0] |= {"at_once": 2, "threads": 1}
        *_, ours, jax, torch = main_table(run.reports).splitlines()
        self.assertEqual(ours, "| gan-cuda, `--seeds` | 1 | 2 | 200 | – |  | 100 |")
        self.assertEqual(jax, "| JAX, `vmap` | 8 | 2 for all | 80 | – | 2.50 × | – |")
        self.assertEqual(torch, "| PyTorch, processes | 2 | 1 | 50 | – | 4.00 × | – |")

    def test_several_counts_are_a_curve(self) -> None:
        rates = {8: {OURS: 800.0, "jax-vmap": 1600.0}, 64: {OURS: 900.0}, 1: {OURS: 100.0}}
        _, _, *lines = main_table(run_of(rates, "cuda").reports).splitlines()
        self.assertEqual(
            lines,
            ["| 1 | 100 | – |  |", "| 8 | 800 | 1,600 | 0.50 × |", "| 64 | 900 | – |  |"],
        )

    def test_folder_is_written_and_read_back(self) -> None:
        run = run_of({8: {OURS: 200.0, "jax-vmap": 80.0, "torch-processes": 50.0}})
        with tempfile.TemporaryDirectory() as folder:
            write_run(run, Path(folder))
            self.assertEqual(read_run(Path(folder)), run)
            text = (Path(folder) / "README.md").read_text()
        self.assertIn("PyTorch 2.11; JAX 0.10.", text)
        self.assertIn("500 iterations of each run", text)


class Document(unittest.TestCase):
    """docs/many-runs.md."""

    def test_table_is_written_between_the_markers_of_the_device(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "many-runs.md"
            path.write_text(seeds_folder.DOCUMENT.read_text())
            for device, counts in (("cpu", (8,)), ("cuda", (1, 8))):
                run = run_of({count: {OURS: 100.0 * count} for count in counts}, device)
                run.name = "CPU, 2 threads"
                with mock.patch.object(seeds_folder, "DOCUMENT", path):
                    write_document(run, Path(folder))
            first, second = (part.split(":end")[0] for part in path.read_text().split(":begin")[1:])
        self.assertIn("two CPU threads (AMD EPYC) in f32; the median over 1 round;", first)
        self.assertIn("[measurements and definitions](./README.md)", first)
        self.assertIn("| gan-cuda, `--seeds` | 1 | 2 | 800 |", first)
        self.assertIn("| 8 | 800 |", second)

    def test_document_has_the_numbers_of_its_run_folders(self) -> None:
        parts = seeds_folder.DOCUMENT.read_text().split(":begin -->\n")[1:]
        self.assertEqual(len(parts), 2)
        for part in parts:
            written = part.split("\n<!-- ")[0]
            if written != "Not measured yet.":
                link = re.search(r"\]\((.+)/README.md\)", written)[1]
                folder = seeds_folder.DOCUMENT.parent / link
                self.assertEqual(section(read_run(folder), folder), written)


class Processes(unittest.TestCase):
    """processes.py."""

    SIZES = "--g-hidden 9,8 --d-hidden 7,6 --batch-size 5 --warmup 1".split()

    def test_images_of_all_processes_add_up(self) -> None:
        for variant, library in (("fused", "torch"), ("jax", "jax")):
            if not programs.has(library):
                print(f"SKIPPED, as python has no {library}", file=sys.stderr)
                continue
            words = ["--variant", variant, "--threads", 1, "--processes", 2, "--seconds", 0.3]
            done = script("processes.py", *words, *self.SIZES, "--json")
            self.assertEqual(done.returncode, 0, done.stderr)
            line = json.loads(done.stdout)
            self.assertEqual((line["at_once"], line["threads"]), (2, 1))
            self.assertEqual(len(line["images_per_second_of_each"]), 2)
            self.assertGreater(min(line["images_per_second_of_each"]), 0)
            total = sum(line["images_per_second_of_each"])
            self.assertAlmostEqual(line["images_per_second"] / total, 1, places=3)
            self.assertIn(library, line)

    def test_a_process_that_fails_ends_all(self) -> None:
        """A batch of no images, or PyTorch is missing."""
        done = script("processes.py", "--processes", 2, "--threads", 1, "--g-hidden", "9,0")
        self.assertEqual(done.returncode, 1)
        self.assertIn("error:", done.stderr)

    def test_a_variant_that_cannot_train_a_preset_is_refused(self) -> None:
        done = script("processes.py", "--preset", "dcgan-rgb", "--variant", "joined")
        self.assertEqual(done.returncode, 2)
        self.assertIn("BatchNorm", done.stderr)


if __name__ == "__main__":
    unittest.main()
