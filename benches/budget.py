"""Time that is to be spent on programs, and no more."""

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
    """A program was not begun, or stopped, for want of time."""


class Budget:
    """Minutes from now on, without end if None.

    It begins no program that could not end in time, judged by the longest that the same one has
    taken, and ends one that does not.
    """

    def __init__(self, minutes: float | None) -> None:
        self.end = math.inf if minutes is None else time.monotonic() + 60 * minutes
        self.longest: dict[str, float] = {}

    def left(self) -> float:
        """Seconds."""
        return self.end - time.monotonic()

    def expected(self, program: str) -> float:
        """Seconds that a program will take."""
        return self.longest.get(program, EXPECTED.get(program, EXPECTED_SECONDS))

    def report_of(self, program: str, command: Sequence[str]) -> Report | None:
        """What a program reports; nothing if it fails."""
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
        """The machine's best rates, if there is time and they can be measured."""
        try:
            peaks = self.report_of("peaks", peaks_command(arguments))
        except OutOfTime:
            return []
        return [peaks] if peaks else []
