"""Tests of compare.py: `python -m unittest discover -s tests/benches`."""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
import unittest
from contextlib import redirect_stdout
from pathlib import Path
from unittest import mock

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benches"))

import budget  # noqa: E402
import compare  # noqa: E402
import readme  # noqa: E402
from budget import Budget, OutOfTime  # noqa: E402
from programs import NO_GRAPH, OURS, PRESETS, VARIANTS, WAVES, WINOGRAD  # noqa: E402
from run_folder import Run, read_run, write_run  # noqa: E402
from tables import narrow_table, strongest_of  # noqa: E402

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]
REPORT = [sys.executable, "-c", "print('{}')"]


def report(program: str, milliseconds: float) -> dict:
    """A program's report, with the keys that the tables need."""
    common = dict.fromkeys(("median_ms", "p10_ms", "p90_ms"), milliseconds) | {"batch": 64}
    if program == OURS:
        return common | {"device": "CPU, 2 threads", "flop": 1, "bytes": 2, "adam_bytes": 1}
    return common | ({"jax": "0.10"} if program == "jax" else {"torch": "2.11"})


def run_of(figures: dict[str, dict[str, float]], device: str = "cpu") -> Run:
    """A run of one round."""
    reports = {
        preset: {program: [report(program, ms)] for program, ms in row.items()}
        for preset, row in figures.items()
    }
    return Run("2026-11-27", device, "f32", "compare.py", "AMD EPYC", "commit 1", reports=reports)


def two_presets(jax: float) -> Run:
    """Ours takes 10 ms on both, PyTorch 20, JAX so many and twice as many."""
    return run_of(
        {
            "mlp": {OURS: 10.0, "fused": 20.0, "jax": jax},
            "cgan": {OURS: 10.0, "fused": 20.0, "jax": 2 * jax, "joined": 9.0},
        }
    )


class Claim(unittest.TestCase):
    def sentence(self, run: Run) -> str:
        run.name = "CPU, 2 threads"
        return readme.claim(run, Path("/elsewhere"))

    def test_it_compares_with_each_presets_fastest_peer(self) -> None:
        self.assertEqual(
            self.sentence(two_presets(jax=11.0)),
            "On two CPU threads (AMD EPYC), gan-cuda trains two presets 0.99 times as fast as "
            "the fastest other program for each (JAX for one, PyTorch with fused Adam and D's batches joined "
            "for one; 0.90 to 1.10 times), and 2.00 times as fast as PyTorch with fused Adam (geometric "
            "means).",
        )

    def test_the_fastest_of_all_presets_is_named(self) -> None:
        text = self.sentence(two_presets(jax=4.0))
        self.assertIn("0.57 times as fast as JAX, the fastest other program (by preset; 0.40 to 0.80", text)

    def test_pytorch_is_named_once_if_it_is_the_fastest(self) -> None:
        run = two_presets(jax=30.0)
        del run.reports["cgan"]["joined"]
        self.assertIn(
            "2.00 times as fast as PyTorch with fused Adam, the fastest other program (by preset; 2.00 to "
            "2.00 times) (geometric mean).",
            self.sentence(run),
        )

    def test_without_a_peer_there_is_none(self) -> None:
        with self.assertRaises(SystemExit):
            self.sentence(run_of({"cgan": {OURS: 10.0}}))

    def test_a_readme_without_markers_is_an_error(self) -> None:
        with self.assertRaisesRegex(SystemExit, "<!-- claim:begin -->"):
            readme.put_between("no markers", "claim", "text")
        text = "a <!-- claim:begin -->old<!-- claim:end --> z"
        self.assertEqual(
            readme.put_between(text, "claim", "new"),
            "a <!-- claim:begin -->\nnew\n<!-- claim:end --> z",
        )


class Tables(unittest.TestCase):
    def test_presets_may_have_different_strongest_peers(self) -> None:
        reports = two_presets(jax=11.0).reports
        self.assertEqual(strongest_of(reports, "cgan"), ("joined", 0.9))
        self.assertEqual(strongest_of(reports, "mlp"), ("jax", 1.1))

    def test_failed_programs_are_marked_and_missing_ones_empty(self) -> None:
        run = two_presets(jax=11.0)
        run.reports["cgan"]["jax"].append(None)
        line = narrow_table("cpu", run.reports, []).splitlines()[3]
        want = "| `cgan` | 64 | 10.00 | 20.00 | 9.00 | failed | 0.90 × (one D batch) | 2.00 × |  |"
        self.assertEqual(line, want)
        self.assertEqual(run.failures(), 1)

    def test_winograd_has_a_column_and_is_no_peer(self) -> None:
        run = run_of({"dcgan": {"fused": 20.0, WINOGRAD: 5.0, OURS: 10.0}})
        title, _, line, _ = narrow_table("cpu", run.reports, []).splitlines()
        self.assertIn("| gan-cuda, ms | Winograd | fused Adam |", title)
        want = "| `dcgan` | 64 | 10.00 | 5.00 | 20.00 | 2.00 × (fused Adam) | 2.00 × |  |"
        self.assertEqual(line, want)

    def test_presets_have_a_fixed_order(self) -> None:
        run = run_of({"cgan": {"jax": 9.0, OURS: 10.0}, "mlp": {OURS: 10.0}})
        lines = narrow_table("cpu", run.reports, []).splitlines()
        self.assertIn("`mlp`", lines[2])
        self.assertIn("`cgan`", lines[3])


class Folder(unittest.TestCase):
    def test_run_is_written_and_read_back(self) -> None:
        run = two_presets(jax=11.0)
        run.leave_out("mlp", "compile")
        with tempfile.TemporaryDirectory() as scratch:
            folder = write_run(run, Path(scratch))
            self.assertEqual(read_run(folder), run)
            names = sorted(path.name for path in folder.iterdir())
            self.assertEqual(names, ["README.md", "reports.json"])
            text = (folder / "README.md").read_text()
        self.assertIn("No time was left for: PyTorch compiled (`mlp`).", text)
        self.assertIn("PyTorch 2.11; JAX 0.10.", text)

    def test_it_notes_that_convolutions_are_in_tf32(self) -> None:
        run = run_of({"dcgan": {OURS: 10.0}}, "cuda")
        for precision, count in (("f32", 0), ("tf32", 1)):
            run.precision = precision
            with tempfile.TemporaryDirectory() as scratch:
                text = (write_run(run, Path(scratch)) / "README.md").read_text()
            self.assertEqual(text.count("convolutions in TF32"), count)

    def test_programs_measured_later_are_no_longer_listed_as_left_out(self) -> None:
        run = two_presets(jax=11.0)
        run.leave_out("mlp", "compile")
        run.add("mlp", "compile", report("compile", 30.0))
        self.assertEqual(run.left_out_text(), "")

    def test_programs_of_an_earlier_round_are_not_listed_as_left_out(self) -> None:
        run = two_presets(jax=11.0)
        run.leave_out("mlp", "jax")
        self.assertEqual(run.left_out_text(), "")

    def test_a_folder_from_before_jax_is_read(self) -> None:
        run = read_run(ROOT / "benches/runs/2026-11-21-cpu-2-threads-avx2")
        self.assertEqual(strongest_of(run.reports, "mlp")[0], "compile")
        self.assertEqual((run.jax, run.left_out), ("not run", {}))

    def test_folder_without_reports_is_refused(self) -> None:
        with self.assertRaisesRegex(SystemExit, "older format"):
            read_run(ROOT / "benches/runs/2026-11-21-cpu-2-threads")


def whole_round(arguments: argparse.Namespace) -> list[tuple[str, str]]:
    """Presets and programs in order."""
    waves = WAVES[arguments.device]
    return [turn for wave in waves for turn in compare.in_order(arguments, wave)]


class Order(unittest.TestCase):
    def test_on_a_gpu_the_most_important_programs_run_first(self) -> None:
        arguments = argparse.Namespace(
            device="cuda", variants=VARIANTS["cuda"], presets=("mlp", "cgan")
        )
        order = whole_round(arguments)
        self.assertEqual(order[:4], [("cgan", p) for p in (OURS, "joined-graph", "jax", "graph")])
        self.assertEqual(order[4][0], "mlp")
        self.assertLess(order.index(("mlp", "jax")), order.index(("cgan", "eager")))

    def test_every_program_of_a_device_runs_once_per_round(self) -> None:
        for device, variants in VARIANTS.items():
            arguments = argparse.Namespace(device=device, variants=variants, presets=PRESETS)
            order = whole_round(arguments)
            self.assertEqual(len(order), len(set(order)))
            for preset in PRESETS:
                want = {OURS, NO_GRAPH, *variants} if device == "cuda" else {OURS, *variants}
                if device == "cpu" and "dcgan" in preset:
                    want.add(WINOGRAD)
                if preset == "dcgan-rgb":
                    want -= {"joined", "joined-graph"}
                self.assertEqual({program for name, program in order if name == preset}, want)

    def test_programs_that_cannot_train_a_preset_are_left_out(self) -> None:
        arguments = argparse.Namespace(
            device="cuda", variants=VARIANTS["cuda"], presets=("cgan-ema", "wgan-gp", "r3gan-small")
        )
        programs = {preset: set() for preset in arguments.presets}
        for preset, program in whole_round(arguments):
            programs[preset].add(program)
        self.assertEqual(programs["cgan-ema"], {OURS, NO_GRAPH, *VARIANTS["cuda"]})
        self.assertEqual(programs["wgan-gp"], {OURS, NO_GRAPH, "jax", "eager", "fused"})
        self.assertEqual(programs["r3gan-small"], programs["wgan-gp"] | {"graph"})

    def test_presets_whose_batches_cannot_be_joined_are_reported(self) -> None:
        arguments = argparse.Namespace(
            presets=("dcgan", "dcgan-rgb"), variants=("fused", "joined"), precision="tf32"
        )
        with redirect_stdout(io.StringIO()) as text:
            compare.print_notes(arguments)
        left_out, note = text.getvalue().splitlines()
        self.assertRegex(left_out, "^dcgan-rgb +joined +is left out: .* are two batches$")
        self.assertRegex(note, "^warning: .* convolutions in TF32")


class Budgets(unittest.TestCase):
    def test_programs_that_would_exceed_the_budget_are_not_started(self) -> None:
        with self.assertRaises(OutOfTime):
            Budget(minutes=0.3).report_of("eager", REPORT)
        self.assertEqual(Budget(minutes=0.3).report_of(OURS, REPORT), {})
        self.assertEqual(Budget(minutes=None).report_of("eager", REPORT), {})

    def test_the_longest_time_so_far_is_the_expected_time(self) -> None:
        some = Budget(minutes=1.0)
        self.assertEqual(some.report_of("eager", REPORT), {})
        self.assertLess(some.expected("eager"), budget.EXPECTED_SECONDS)
        some.longest["eager"] = 100.0
        with self.assertRaises(OutOfTime):
            some.report_of("eager", REPORT)

    def test_running_out_of_time_is_not_a_failure(self) -> None:
        with mock.patch.object(budget, "EXPECTED_SECONDS", 0.1), self.assertRaises(OutOfTime):
            Budget(minutes=0.01).report_of("eager", SLEEP)


if __name__ == "__main__":
    unittest.main()
