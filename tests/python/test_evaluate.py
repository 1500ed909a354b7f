"""`gan_cuda.evaluate`."""

from __future__ import annotations

import json
from pathlib import Path

import gan_cuda
import pytest
from conftest import Program


def test_the_report_is_the_programs_json(
    program: Program, run: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    report = gan_cuda.evaluate(run, count=100, labels=[7, 3], threads=1)
    assert capfd.readouterr() == ("", "")
    arguments = ["--count", 100, "--labels", "7,3", "--threads", 1]
    printed = program("evaluate", run, "--json", *arguments)
    assert report == json.loads(printed.stdout)
    assert (report["count"], report["labels"], report["iteration"]) == (100, [7, 3], 60)
    assert report["generator"]["fcd"] > report["real"]["fcd"]


def test_usage_errors_have_the_words_of_the_program(program: Program, run: Path) -> None:
    with pytest.raises(gan_cuda.UsageError) as raised:
        gan_cuda.evaluate(run, count=1)
    assert program("evaluate", run, "--count", 1).stderr.startswith(f"error: {raised.value}\n")
