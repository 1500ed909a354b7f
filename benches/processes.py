#!/usr/bin/env python3
"""Times a preset's training in several processes at the same time, in PyTorch or JAX.

    python benches/processes.py --variant fused --processes 2 --threads 1
    python benches/processes.py --device cuda --variant joined-graph --processes 8

Each process trains a GAN of its own, as torch_baseline.py or jax_baseline.py does. When all are warm,
they begin together and train for `--seconds`. Images per second are summed over the processes; they are
means over that time, not medians, because processes that share a GPU without MPS take turns on it.

On the CPU, each process has `--threads` processors of its own, as long as there are enough.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import Connection

import baseline
from baseline import LEAST_WARMUP_SECONDS, Summary, sized
from programs import TITLES

# Periods of PyTorch's iterations after which the host waits for the device.
GROUP = {"cpu": 1, "cuda": 100}

Train = Callable[[], int]  # trains some iterations to the end, and returns their number


def torch_train(arguments: argparse.Namespace, seed: int) -> Train:
    """Training in a variant of PyTorch."""
    import torch
    from torch_variants import VARIANTS, Setup, configure

    if arguments.threads is not None:
        torch.set_num_threads(arguments.threads)
    configure(arguments.precision)
    torch.manual_seed(seed)
    preset, device = sized(arguments), torch.device(arguments.device)
    iteration = VARIANTS[arguments.variant](Setup(preset, device, arguments.precision))
    group = GROUP[arguments.device] * preset.period

    def train() -> int:
        for _ in range(group):
            outcome = iteration()
        baseline.require_finite(outcome.d_loss.item())  # waits for the device
        return group

    return train


def jax_train(arguments: argparse.Namespace, seed: int) -> Train:
    """Training in JAX."""
    import jax_baseline

    jax_baseline.prepare(arguments)
    preset, device = sized(arguments), arguments.device
    ahead = jax_baseline.DRAW[device] == "ahead"
    run = jax_baseline.trainer(preset, [seed], arguments.precision, inputs_ahead=ahead)
    group = jax_baseline.compiled_length(run, jax_baseline.PACE[device], preset.period)

    def train() -> int:
        baseline.require_finite(float(run(group).sum()))
        return group

    return train


def occupy_processors(arguments: argparse.Namespace, index: int) -> None:
    """Binds a process to processors that no other has, if there are enough for all."""
    if arguments.device != "cpu" or arguments.threads is None:
        return
    allowed, first = sorted(os.sched_getaffinity(0)), index * arguments.threads
    if arguments.processes * arguments.threads <= len(allowed):
        os.sched_setaffinity(0, allowed[first : first + arguments.threads])


def rate(train: Train, seconds: float) -> float:
    """Iterations per second, over at least that time."""
    begun, done = time.perf_counter(), 0
    while (elapsed := time.perf_counter() - begun) < seconds:
        done += train()
    return done / elapsed


def work(pipe: Connection, arguments: argparse.Namespace, index: int) -> None:
    """One process: says when it is ready, waits for the others, and sends its rate."""
    occupy_processors(arguments, index)
    train = (jax_train if arguments.variant == "jax" else torch_train)(arguments, index)
    done = 0
    while done < arguments.warmup:
        done += train()
    rate(train, LEAST_WARMUP_SECONDS)
    pipe.send("ready")
    pipe.recv()
    pipe.send(rate(train, arguments.seconds))


def received(pipes: list[Connection]) -> list:
    """What every process sends next."""
    try:
        return [pipe.recv() for pipe in pipes]
    except EOFError:
        raise SystemExit("error: a process has failed") from None


def measure(arguments: argparse.Namespace) -> list[float]:
    """The iterations per second of each process."""
    context = multiprocessing.get_context("spawn")
    pipes, workers = [], []
    for index in range(arguments.processes):
        ours, theirs = context.Pipe()
        worker = context.Process(target=work, args=(theirs, arguments, index), daemon=True)
        worker.start()
        theirs.close()  # so that the end of the process is the end of the pipe
        pipes.append(ours)
        workers.append(worker)
    received(pipes)
    for pipe in pipes:
        pipe.send("begin")
    rates = received(pipes)
    for worker in workers:
        worker.join()
    return rates


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    baseline.add_arguments(parser)
    parser.add_argument("--variant", choices=tuple(TITLES), default="fused")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=10.0)
    arguments = parser.parse_args()
    baseline.check_arguments(parser, arguments)
    if arguments.processes < 1:
        parser.error("--processes: at least 1")
    if reason := baseline.reason_against(sized(arguments), arguments.variant):
        parser.error(f"--variant {arguments.variant}: {reason}")
    return arguments


def summarize(arguments: argparse.Namespace, rates: list[float]) -> Summary:
    """The result as a dictionary."""
    from importlib.metadata import version

    batch = sized(arguments).batch
    library = "jax" if arguments.variant == "jax" else "torch"
    return {
        "preset": arguments.preset,
        "variant": arguments.variant,
        "device": arguments.device,
        "precision": arguments.precision,
        "batch": batch,
        "at_once": arguments.processes,
        "threads": arguments.threads if arguments.device == "cpu" else None,
        "seconds": arguments.seconds,
        "images_per_second": round(sum(rates) * batch, 1),
        "images_per_second_of_each": [round(rate * batch, 1) for rate in rates],
        library: version(library),
    }


def main() -> int:
    """Runs the command line."""
    arguments = parse_arguments()
    baseline.show(summarize(arguments, measure(arguments)), arguments.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
