"""A time limit for running programs."""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Sequence

from programs import LIMIT_SECONDS, OUR_FLAGS, Report, peaks_command, report_of

EXPECTED_SECONDS = 20.0  # of a program that has not run yet
EXPECTED = {
    **dict.fromkeys(OUR_FLAGS, 5.0),
    "jax": 40.0,
    "compile": 60.0,
    "compile-reduce-overhead": 60.0,
    "compile-graph": 60.0,
}


class OutOfTime(Exception):
    """A program was not started, or was stopped, because the time is over."""


class Budget:
    """A time limit in minutes from now on; None is unlimited.

    Does not start a program that is expected to exceed the limit, from the longest time that the same
    program has taken, and stops one that does.
    """

    def __init__(self, minutes: float | None) -> None:
        self.end = math.inf if minutes is None else time.monotonic() + 60 * minutes
        self.longest: dict[str, float] = {}

    def left(self) -> float:
        """Seconds left."""
        return self.end - time.monotonic()

    def expected(self, program: str) -> float:
        """Seconds that a program is expected to take."""
        return self.longest.get(program, EXPECTED.get(program, EXPECTED_SECONDS))

    def report_of(self, program: str, command: Sequence[str]) -> Report | None:
        """A program's report; None if it fails."""
        begun, left = time.monotonic(), self.left()
        if left < self.expected(program):
            raise OutOfTime
        report = report_of(command, min(LIMIT_SECONDS, left))
        if report is None and self.left() <= 0:
            raise OutOfTime
        took = time.monotonic() - begun
        self.longest[program] = max(took, self.longest.get(program, 0))
        return report

    def peaks(self, arguments: argparse.Namespace) -> list[Report]:
        """The machine's peak rates, if there is time and they can be measured."""
        try:
            peaks = self.report_of("peaks", peaks_command(arguments))
        except OutOfTime:
            return []
        return [peaks] if peaks else []
