"""Type hints."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import gan_cuda
import pytest
from conftest import Program
from gan_cuda._flags import EvaluateFlags, TrainFlags

#: Flags that Python has in another form.
TERMINAL = {
    *("config", "preset", "help", "quiet", "verbose", "dry_run", "tensorboard", "json"),
    *("seeds", "sweep"),
    *("rank", "world_size", "local_rank", "master_addr", "master_port", "join_timeout"),
    "local_batch_norm",
}


def flags(help_text: str) -> set[str]:
    names = re.findall(r"^ +(?:-[a-z], )?--([a-z0-9-]+)", help_text, re.MULTILINE)
    return {name.replace("-", "_") for name in names}


def test_keyword_arguments_are_the_flags_of_the_program(program: Program) -> None:
    for command, hints in [("train", TrainFlags), ("evaluate", EvaluateFlags)]:
        assert hints.__annotations__.keys() == flags(program(command, "--help").stdout) - TERMINAL


def test_mypy_accepts_the_package_and_these_tests(tmp_path: Path) -> None:
    mypy = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary"]
    for checked in [["-p", "gan_cuda"], [str(Path(__file__).parent)]]:
        command = [*mypy, "--cache-dir", str(tmp_path), *checked]
        found = subprocess.run(command, capture_output=True, text=True)
        assert found.stdout + found.stderr == ""


def test_flags_that_do_not_exist_are_refused() -> None:
    # Mypy reports an ignored error that is none.
    with pytest.raises(gan_cuda.UsageError, match="unexpected argument '--epoch' found"):
        gan_cuda.train(epoch=3)  # type: ignore[call-arg]
    with pytest.raises(gan_cuda.UsageError, match="invalid value 'three' for '--epochs <N>'"):
        gan_cuda.train(epochs="three")  # type: ignore[arg-type]


def test_the_stubs_of_the_native_module_agree_with_it() -> None:
    stubtest = [sys.executable, "-m", "mypy.stubtest", "gan_cuda._native", "--concise"]
    compared = subprocess.run(stubtest, capture_output=True, text=True)
    assert (compared.returncode, compared.stdout) == (0, "")
