"""The command `gan-cuda` of the package: the program, in Python's process."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

import gan_cuda
import pytest
from conftest import PROGRAM, Program


def test_the_versions_of_module_and_program_agree(program: Program) -> None:
    assert program("--version").stdout == f"gan-cuda {gan_cuda.__version__}\n"
    by_module = subprocess.run([sys.executable, "-m", "gan_cuda", "--version"], capture_output=True)
    assert by_module.stdout == program("--version").stdout.encode()


def test_exit_codes_are_the_programs(program: Program, tmp_path: Path) -> None:
    assert program("presets").returncode == 0
    assert program("sample", tmp_path).returncode == 1
    assert program("train", "--epochs", 0).returncode == 2


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_saves_a_checkpoint(tmp_path: Path, number: int, code: int) -> None:
    flags = ["--iterations", "1000000", "--log-interval", "1", "--g-hidden", "12,12"]
    training = subprocess.Popen(
        [PROGRAM, "train", *flags], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    )
    assert training.stdout
    for line in training.stdout:
        if line.startswith("[Epoch"):
            training.send_signal(number)
            break
    rest = training.stdout.read()
    assert training.wait(10) == code
    assert re.search("stopped after iteration [0-9]+; to resume: gan-cuda train --resume", rest)
    assert list(tmp_path.glob("runs/*/checkpoint-*"))


def test_a_closed_pipe_is_no_error() -> None:
    shell = f"'{PROGRAM}' presets | head -n 1; exit ${{PIPESTATUS[0]}}"
    piped = subprocess.run(["bash", "-c", shell], capture_output=True, text=True)
    assert (piped.returncode, piped.stderr) == (0, "")


def test_the_command_does_not_import_numpy() -> None:
    script = "import sys, gan_cuda.__main__; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0
