"""The programs that are compared, and their command lines."""

from __future__ import annotations

import argparse
import importlib.util
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import baseline

ROOT = Path(__file__).resolve().parent.parent
PRESETS = (
    "mlp",
    "mlp-dropout",
    "cgan",
    "mlp-batchnorm",
    "mlp-rgb",
    "dcgan",
    "cdcgan",
    "dcgan-rgb",
)
# Compared on request only, to keep within the time of a run on a GPU.
ALL_PRESETS = (*PRESETS, "cgan-ema", "wgan-gp", "r3gan-small")
OURS = "gan-cuda"
NO_GRAPH = "gan-cuda --no-graph"
WINOGRAD = "gan-cuda --conv winograd"
# The additional flags of our variants.
OUR_FLAGS = {OURS: (), NO_GRAPH: ("--no-graph",), WINOGRAD: ("--conv", "winograd")}
TITLES = {
    "eager": "PyTorch eager",
    "fused": "PyTorch, fused Adam",
    "joined": "PyTorch, fused Adam, D's batches joined",
    "compile": "PyTorch compiled",
    "compile-reduce-overhead": "PyTorch compiled, reduce-overhead",
    "graph": "PyTorch, one CUDA graph",
    "joined-graph": "PyTorch, one CUDA graph, D's batches joined",
    "compile-graph": "PyTorch compiled, one CUDA graph",
    "jax": "JAX, jit of a scan",
}
# The programs of a round in order. A wave runs for every preset before the next one starts, so that
# the most important programs are measured first on a GPU, where time is limited.
WAVES = {
    "cpu": ((OURS, WINOGRAD, "eager", "fused", "joined", "compile", "jax"),),
    "cuda": (
        (OURS, "joined-graph", "jax", "graph"),
        (NO_GRAPH, "eager", "fused", "joined"),
        ("compile-graph", "compile-reduce-overhead", "compile"),
    ),
}
VARIANTS = {
    device: tuple(name for name in TITLES if any(name in wave for wave in waves))
    for device, waves in WAVES.items()
}
LIMIT_SECONDS = 400  # of one program on one preset

Report = dict  # what a program prints about one preset


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of every script that runs these programs."""
    parser.add_argument("--device", choices=tuple(VARIANTS), default="cpu")
    parser.add_argument("--precision", choices=("f32", "tf32", "bf16"), default="f32")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads")
    parser.add_argument("--program", type=Path, default=ROOT / "target/release/gan-cuda")


def check_arguments(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> None:
    """Exits with an error if flags contradict each other."""
    if arguments.device == "cpu" and arguments.precision != "f32":
        parser.error(f"--precision {arguments.precision}: the CPU computes in f32 only")


def device_flags(arguments: argparse.Namespace) -> list[str]:
    """The flags for device and precision."""
    flags = ["--device", arguments.device]
    if arguments.device == "cpu":
        return [*flags, "--threads", str(arguments.threads)]
    return [*flags, "--precision", arguments.precision]


def command(program: str, arguments: argparse.Namespace, flags: Sequence[str]) -> list[str]:
    """The command of a program; `flags` are flags that all programs have."""
    shared = [*device_flags(arguments), *flags, "--json"]
    if program == "jax":
        return [sys.executable, "benches/jax_baseline.py", *shared]
    if program in TITLES:
        return [sys.executable, "benches/torch_baseline.py", "--variant", program, *shared]
    return [str(arguments.program.resolve()), "bench", *shared, *OUR_FLAGS[program]]


def reason_against(preset: str, program: str) -> str | None:
    """The reason why a program cannot or need not train a preset, if there is one."""
    if program == WINOGRAD and not baseline.PRESETS[preset].convolutional:
        return f"{preset} has no convolutions"
    if program in OUR_FLAGS:
        return None
    return baseline.reason_against(baseline.PRESETS[preset], program)


def iterations(arguments: argparse.Namespace, preset: str) -> int:
    """The number of iterations for a preset, by its images."""
    in_colour = baseline.PRESETS[preset].image_shape[0] == 3
    return arguments.rgb_iterations if in_colour else arguments.iterations


def has(library: str) -> bool:
    """Whether Python has JAX or PyTorch."""
    return importlib.util.find_spec(library) is not None


def report_of(command: Sequence[str], limit: float = LIMIT_SECONDS) -> Report | None:
    """The last line that a command prints, as JSON; None if it fails, with the error printed."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=ROOT, **pipes) as process:
        try:
            output, errors = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired as error:
            print(error, flush=True)
            end(process)
            return None
    if process.returncode:
        error = subprocess.CalledProcessError(process.returncode, command)
        print(f"{error}\n{errors[-4000:]}", flush=True)
        return None
    return json.loads(output.strip().splitlines()[-1])


def end(process: subprocess.Popen) -> None:
    """Ends a process, which gets the time to end those that it has started."""
    process.terminate()
    try:
        process.communicate(timeout=5)
    except subprocess.TimeoutExpired:
        process.kill()


def peaks_command(arguments: argparse.Namespace) -> list[str]:
    """The command that measures the machine's peak rates."""
    return [sys.executable, "benches/peaks.py", *device_flags(arguments), "--json"]
