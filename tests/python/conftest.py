"""Fixtures: the installed program, and a short run."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gan_cuda
import pytest

PROGRAM = Path(sys.executable).with_name("gan-cuda")

# A shell's background jobs, and their children, ignore SIGINT.
signal.signal(signal.SIGINT, signal.default_int_handler)

#: Flags of a fast run.
TINY: dict[str, Any] = {
    "g_hidden": [12, 12],
    "d_hidden": [12, 12],
    "batch_size": 16,
    "threads": 1,
    "no_tensorboard": True,
}

Program = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def program() -> Program:
    """Runs the command `gan-cuda`."""

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [PROGRAM, *map(str, arguments)], capture_output=True, text=True, check=False
        )

    return run


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of 60 iterations."""
    return gan_cuda.train(iterations=60, runs_dir=tmp_path_factory.mktemp("runs"), **TINY)
