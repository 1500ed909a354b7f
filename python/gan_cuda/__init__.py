"""Trains, samples and scores GANs.

Keyword arguments are the flags of the program ``gan-cuda`` with underscores:
``train(epochs=3, g_hidden=[64, 64], no_graph=True)`` does what
``gan-cuda train --epochs 3 --g-hidden 64,64 --no-graph`` does. ``None`` and ``False`` omit a flag.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from gan_cuda import _native
from gan_cuda._errors import Error, UsageError
from gan_cuda._native import Generator, Progress, __version__

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from gan_cuda._flags import EvaluateFlags, TrainFlags

__all__ = [
    "Error",
    "Generator",
    "Progress",
    "UsageError",
    "__version__",
    "evaluate",
    "presets",
    "train",
]


def presets() -> dict[str, dict[str, Any]]:
    """The presets by name, each with the keys of its TOML file; `train` accepts an edited one."""
    by_name: dict[str, dict[str, Any]] = json.loads(_native.presets())
    return by_name


def train(
    config: str | os.PathLike[str] | Mapping[str, Any] | None = None,
    *,
    callback: Callable[[Progress], object] | None = None,
    **flags: Unpack[TrainFlags],
) -> Path:
    """Trains a GAN, and returns the folder of the run.

    ``config`` is the name of a preset (by default ``cgan``, or that of the run to resume), a TOML
    file, a run, or a dictionary as in `presets`. ``callback`` is called with the losses after every
    ``log_interval`` iterations, and with the scores after each evaluation; if it returns ``False``,
    the run saves a checkpoint and stops. So it does on Ctrl-C and on an exception in the callback,
    which is then raised. The GIL is released. Nothing is printed: ``callback=print`` prints the
    losses.

    Raises `UsageError` for arguments that the command line refuses, `Error` if training fails.
    """
    match config:
        case None:
            return _native.train(callback, **flags)
        case Mapping():
            with TemporaryDirectory() as folder:
                file = Path(folder, "config.toml")
                toml = _native.to_toml(json.dumps(config, default=os.fspath))
                file.write_text(toml, encoding="utf-8")
                return _native.train(callback, config=file, **flags)
        case str() if config in presets() or not os.path.exists(config):
            return _native.train(callback, preset=config, **flags)
        case _:
            return _native.train(callback, config=config, **flags)


def evaluate(
    path: str | os.PathLike[str] | None = None, **flags: Unpack[EvaluateFlags]
) -> dict[str, Any]:
    """Scores the generator of a run or checkpoint, by default of the newest run.

    Returns what ``gan-cuda evaluate --json`` prints: ``report["generator"]["fcd"]``. The GIL is
    released.

    Raises `UsageError` for arguments that the command line refuses, `Error` if something fails.
    """
    report: dict[str, Any] = json.loads(_native.evaluate(path, **flags))
    return report
