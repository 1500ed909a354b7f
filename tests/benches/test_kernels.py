"""Tests of benches/kernels.py on a table as Nsight Compute writes it; they need no GPU."""

from __future__ import annotations

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benches"))

import kernels
from kernels import Launch, Unusable

HEADER = (
    '"ID","Process ID","Process Name","Host Name","Kernel Name","Context","Stream","Block Size",'
    '"Grid Size","Device","CC","Section Name","Metric Name","Metric Unit","Metric Value"'
)
GEMM = "void cutlass::Kernel2<cutlass_80_simt_sgemm_64x64_8x5_nn_align1>(T1::Params)"
GEMM_NAME = "cutlass::Kernel2<cutlass_80_simt_sgemm_64x64_8x5_nn_align1>"


def row(number: int, name: str, value: str, unit: str = "ns", metric: str = kernels.METRIC) -> str:
    """A line of the table."""
    return (
        f'"{number}","77","gan-cuda","127.0.0.1","{name}","1","7","(256, 1, 1)","(64, 1, 1)","0",'
        f'"9.0","Command line profiler metrics","{metric}","{unit}","{value}"'
    )


def written(*launches: tuple[str, str]) -> str:
    """The output of ncu for these kernels and their nanoseconds, with the program's lines between."""
    rows = [row(number, name, value) for number, (name, value) in enumerate(launches)]
    before = ["==PROF== Connected to process 77 (/tmp/gan-cuda)", "trains cgan on MNIST", HEADER]
    between = '==PROF== Profiling "adam_update": 0%....50%....100% - 1 pass'
    return "\n".join([*before, rows[0], between, *rows[1:], "==PROF== Disconnected", ""])


class Names(unittest.TestCase):
    def test_parameters_and_void_are_removed_and_template_arguments_kept(self) -> None:
        self.assertEqual(kernels.plain_name(GEMM), GEMM_NAME)
        self.assertEqual(kernels.plain_name("adam_update"), "adam_update")
        self.assertEqual(
            kernels.plain_name("void gemv<int, (bool)1>(Params<(int)5>, float *)"),
            "gemv<int, (bool)1>",
        )


class Reading(unittest.TestCase):
    def test_other_lines_before_and_between_rows_are_ignored(self) -> None:
        launches = kernels.read_launches(written(("adam_update", "2,048"), (GEMM, "5120")))
        self.assertEqual(launches, [Launch("adam_update", 2.048), Launch(GEMM_NAME, 5.12)])

    def test_all_units_are_converted_to_microseconds(self) -> None:
        units = {"ns": 1.5, "nsecond": 1.5, "us": 1500, "usecond": 1500, "ms": 1.5e6, "second": 1.5e9}
        for unit, microseconds in units.items():
            text = "\n".join([HEADER, row(0, "a", "1,500.00", unit)])
            self.assertAlmostEqual(kernels.read_launches(text)[0].microseconds, microseconds)

    def test_other_metrics_are_ignored(self) -> None:
        other = row(0, "a", "98.7", "%", "sm__throughput.avg.pct_of_peak_sustained_elapsed")
        text = "\n".join([HEADER, other, row(0, "a", "1000")])
        self.assertEqual(kernels.read_launches(text), [Launch("a", 1.0)])

    def test_an_invalid_time_is_an_error(self) -> None:
        for value, unit in (("n/a", "ns"), ("1", "cycle")):
            with self.assertRaisesRegex(Unusable, "is no time"):
                kernels.read_launches("\n".join([HEADER, row(0, "a", value, unit)]))

    def test_a_missing_permission_is_reported(self) -> None:
        text = (
            "==ERROR== ERR_NVGPUCTRPERM - The user does not have permission to access NVIDIA GPU "
            "Performance Counters on the target device 0.\n"
        )
        with self.assertRaisesRegex(Unusable, "NVreg_RestrictProfilingToAdminUsers=0"):
            kernels.read_launches(text)

    def test_without_a_table_the_errors_of_ncu_are_reported(self) -> None:
        with self.assertRaisesRegex(Unusable, "ncu said: No kernels were profiled."):
            kernels.read_launches("==PROF== Connected\n==WARNING== No kernels were profiled.\n")


class Iterations(unittest.TestCase):
    def test_an_iteration_begins_with_batch_prepare(self) -> None:
        marker = Launch("batch_prepare", 1)
        first, second = Launch("draw", 2), Launch("adam", 3)
        sampled = Launch("batch_norm_evaluate", 4)
        launches = [sampled, marker, first, second, marker, first, second, sampled]
        self.assertEqual(
            kernels.typical_iteration(launches, "batch_prepare"), ([marker, first, second], 1)
        )

    def test_times_are_medians_over_iterations_with_the_same_kernels(self) -> None:
        marker = Launch("batch_prepare", 1)
        launches = [marker, Launch("shuffle", 50), Launch("adam", 99), marker]
        for time in (3, 9, 4):
            launches += [Launch("adam", time), marker]
        self.assertEqual(
            kernels.typical_iteration(launches, "batch_prepare"), ([marker, Launch("adam", 4)], 3)
        )

    def test_a_single_step_is_no_complete_iteration(self) -> None:
        with self.assertRaisesRegex(Unusable, "not launched twice"):
            kernels.typical_iteration([Launch("batch_prepare", 1)], "batch_prepare")


class Tables(unittest.TestCase):
    def test_totals_are_by_name_with_the_longest_first(self) -> None:
        iteration = [Launch("a", 1.0), Launch("b", 5.0), Launch("a", 2.0)]
        self.assertEqual(kernels.totals(iteration), [("b", 1, 5.0), ("a", 2, 3.0)])
        text = kernels.tables(iteration, 4)
        self.assertIn("3 kernels, 8.0 µs", text)
        self.assertIn("| `a` | 2 | 3.00 | 37.5% |", text)
        self.assertIn("| 3 | `a` | 2.00 |", text)


if __name__ == "__main__":
    unittest.main()
