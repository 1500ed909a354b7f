#!/usr/bin/env python3
"""Times the presets' training in JAX, for comparison with the engine.

    python benches/jax_baseline.py --preset cgan --threads 2 --json
    python benches/jax_baseline.py --device cuda --precision tf32 --seeds 16

The program is in jax_presets.py: one `jit` of a `lax.scan` over many iterations. A sample is one
call, of as many iterations as take 100 ms, from call to completion; times are per iteration. Samples
of this length keep the overhead of a call (dispatch, and passing the state in and out) below 1 %.
Compilation is finished before the first sample.

`--seeds N` trains N independent GANs at once with `vmap`, with seeds 0 to N - 1: times are those of one
iteration of all N, images per second are summed over all N. They share the data set.

On the CPU, noise, labels and masks are sampled within each iteration, where they stay in the cache;
on a GPU, those of a whole call are sampled ahead of the scan, by a few large kernels instead of many
small ones. `--draw` chooses; the numbers are the same.

On the CPU, XLA starts a thread for each processor that the process may use, so `--threads` sets the
process's CPU affinity. On a GPU, preallocation is disabled so that the peak of memory can be
measured. XLA_FLAGS are those of the caller.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import baseline
from baseline import LEAST_SAMPLES, LEAST_WARMUP_SECONDS, Preset, Summary, peak_bytes, sized

if TYPE_CHECKING:  # at run time, jax is imported after its environment variables are set
    from jax import Array

SAMPLE_MS = 100.0
# Iterations of the call that determines the length of a sample.
PACE = {"cpu": 3, "cuda": 100}
DRAW = {"cpu": "within", "cuda": "ahead"}
MISSING = "error: python has no JAX: pip install jax, or 'jax[cuda13]' for a GPU (docs.jax.dev)"

Train = Callable[[int], "Array"]  # trains a number of iterations; waits for and returns their losses


def prepare(arguments: argparse.Namespace) -> None:
    """Sets environment variables and the affinity, which JAX and XLA read when imported."""
    os.environ["JAX_PLATFORMS"] = arguments.device
    os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"
    if arguments.threads is not None:
        allowed = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, allowed[: arguments.threads])


def trainer(preset: Preset, seeds: Sequence[int], precision: str, inputs_ahead: bool) -> Train:
    """A function that trains a run, or several at once, and keeps their state.

    The losses of several have one more axis, the first, for the seeds.
    """
    import jax
    import jax_presets as presets

    jax.config.update("jax_default_matmul_precision", presets.MATMUL_PRECISIONS[precision])
    setup, dataset = presets.Setup(preset, precision, inputs_ahead), presets.load_dataset(preset)
    start, train = presets.new_state, presets.train
    keys = jax.random.key(seeds[0])
    if len(seeds) > 1:
        keys = jax.vmap(jax.random.key)(jax.numpy.array(seeds))
        start = jax.vmap(start, in_axes=(None, 0))
        train = jax.vmap(train, in_axes=(None, None, None, 0, 0))
    train = jax.jit(train, static_argnums=(0, 2), donate_argnums=3)
    state = start(preset, keys)

    def run(iterations: int) -> Array:
        nonlocal state
        state, losses = jax.block_until_ready(train(setup, dataset, iterations, state, keys))
        return losses

    return run


def milliseconds(train: Train, iterations: int) -> float:
    """Milliseconds per iteration of one call."""
    begun = time.perf_counter()
    train(iterations)
    return (time.perf_counter() - begun) * 1e3 / iterations


def compiled_length(train: Train, pace: int, period: int) -> int:
    """The iterations of a sample, compiled; found with a call of about `pace` iterations.

    Each sample has whole periods, after which iterations repeat.
    """
    pace = math.ceil(pace / period) * period
    train(pace)
    group = math.ceil(SAMPLE_MS / milliseconds(train, pace) / period) * period
    # The first call compiles.
    train(group)
    return group


def measure(train: Train, pace: int, warmup: int, count: int, period: int) -> list[float]:
    """Milliseconds per iteration of each sample after the warm-up, for about `count` iterations."""
    group = compiled_length(train, pace, period)
    begun = time.perf_counter()
    for _ in range(math.ceil(warmup / group)):
        train(group)
    while time.perf_counter() - begun < LEAST_WARMUP_SECONDS:
        train(group)
    samples = max(LEAST_SAMPLES, count // group)
    times = [milliseconds(train, group) for _ in range(samples)]
    baseline.require_finite(float(train(group).sum()))
    return times


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    baseline.add_arguments(parser)
    parser.add_argument("--seeds", type=int, default=1, help="number of GANs trained at once")
    parser.add_argument(
        "--draw",
        choices=("ahead", "within"),
        help="sample random inputs ahead of the scan or within it (default: by device)",
    )
    arguments = parser.parse_args()
    baseline.check_arguments(parser, arguments)
    if arguments.seeds < 1:
        parser.error("--seeds: at least 1")
    arguments.draw = arguments.draw or DRAW[arguments.device]
    return arguments


def summarize(
    arguments: argparse.Namespace, batch: int, times: list[float], loaded: int | None
) -> Summary:
    """The result as a dictionary."""
    import jax

    summary = {
        "preset": arguments.preset,
        "variant": "jax",
        "device": arguments.device,
        "precision": arguments.precision,
        "batch": batch,
        "seeds": arguments.seeds,
        "draw": arguments.draw,
        **baseline.speed(times, batch * arguments.seeds),
        "jax": jax.__version__,
        "xla_flags": os.environ.get("XLA_FLAGS", ""),
        "threads": len(os.sched_getaffinity(0)),
        "peak_bytes": peak_bytes(),
        "peak_bytes_before_training": loaded,
    }
    if arguments.device == "cuda":
        memory = jax.devices()[0].memory_stats() or {}
        summary["peak_bytes_on_gpu"] = memory.get("peak_bytes_in_use")
    return summary


def main() -> int:
    """Times one preset."""
    arguments = parse_arguments()
    prepare(arguments)
    try:
        import jax

        jax.devices()
    except ImportError:
        raise SystemExit(MISSING) from None
    except (AssertionError, RuntimeError) as error:  # the first: no plugin
        reason = str(error) or "its plugin is missing: pip install 'jax[cuda13]'"
        raise SystemExit(f"error: JAX finds no --device {arguments.device}: {reason}") from None
    preset, loaded = sized(arguments), peak_bytes()
    how = {"precision": arguments.precision, "inputs_ahead": arguments.draw == "ahead"}
    train = trainer(preset, range(arguments.seeds), **how)
    pace = PACE[arguments.device]
    times = measure(train, pace, arguments.warmup, arguments.iterations, preset.period)
    baseline.show(summarize(arguments, preset.batch, times, loaded), arguments.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
