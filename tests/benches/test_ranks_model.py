"""Tests of benches/ranks_model.py."""

from __future__ import annotations

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benches"))

import ranks_model
from ranks_model import Link, Work, exchanged, seconds

FREE = Link("free", 0.0, float("inf"))
WORK = Work(nodes=0, flop=1e12, traffic=0.0, adam=0.0, reduced=[4000], gathered=[120])


def network(parameters: int, *layers: str) -> dict[str, object]:
    """A network as `gan-cuda presets --json` lists it."""
    return {"parameters": parameters, "layers": list(layers)}


class Model(unittest.TestCase):
    def test_without_communication_twice_as_many_gpus_take_half_the_time(self) -> None:
        times = [seconds(WORK, ranks, FREE) for ranks in (1, 2, 4)]
        # BatchNorm's sums are one more node.
        halves = [times[0] / ranks + ranks_model.NODE for ranks in (2, 4)]
        for time, half in zip(times[1:], halves, strict=True):
            self.assertAlmostEqual(time, half, delta=1e-12)

    def test_each_exchange_has_a_latency_and_its_bytes_take_time(self) -> None:
        slow = Link("slow", 1.0, 100.0)
        # Two of four ranks' parts of a ring's bytes, twice; and three times those of a gather.
        expected = 2.0 + (6000 + 360) / 100
        self.assertAlmostEqual(seconds(WORK, 4, slow) - seconds(WORK, 4, FREE), expected, places=6)

    def test_exchanges_follow_from_layers_and_passes(self) -> None:
        preset = {
            "settings": {"fakes": "fresh"},
            "generator": network(10, "Linear(2, 5)", "BatchNorm1d(5, eps=0.8)", "ReLU()"),
            "discriminator": network(20, "Conv2d(1, 7, kernel_size=4)", "BatchNorm2d(7)"),
        }
        reduced, gathered = exchanged(preset)
        self.assertEqual(reduced, [40, 80])
        floats = [3 * 5, 3 * 5, 2 * 5, 3 * 2 * 7, 2 * 2 * 7, 3 * 7, 2 * 7]
        self.assertEqual(gathered, [4 * numbers for numbers in floats])


if __name__ == "__main__":
    unittest.main()
