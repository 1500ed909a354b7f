"""`gan_cuda.train`."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import gan_cuda
import pytest
from conftest import TINY, Program


def weights(run: Path) -> bytes:
    """The generator of a run's newest checkpoint."""
    return (max(run.glob("checkpoint-*")) / "generator.safetensors").read_bytes()


def test_training_writes_a_run_and_prints_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run = gan_cuda.train("mlp", iterations=3, runs_dir=tmp_path, name="first", **TINY)
    assert run == tmp_path / "00000-first"
    for name in ["config.toml", "samples/000003.png", "checkpoint-000003/generator.safetensors"]:
        assert (run / name).is_file(), name
    assert capfd.readouterr() == ("", "")


def test_the_callback_gets_what_stats_jsonl_holds(tmp_path: Path) -> None:
    seen: list[gan_cuda.Progress] = []
    run = gan_cuda.train(
        iterations=25, log_interval=10, runs_dir=tmp_path, callback=seen.append, **TINY
    )
    lines = [json.loads(line) for line in (run / "stats.jsonl").read_text().splitlines()]
    logged = [line for line in lines if "d_loss" in line]
    assert [entry["iteration"] for entry in logged] == [10, 20, 25]
    for progress, entry in zip(seen, logged, strict=True):
        for key, value in entry.items():
            assert getattr(progress, key) == pytest.approx(value, rel=1e-6), key
        assert (progress.iterations, progress.epochs, progress.scores) == (25, 1, {})
    log = (run / "log.txt").read_text().splitlines()
    assert [str(progress) for progress in seen] == [line for line in log if "[Epoch" in line]


def test_the_callback_gets_scores(tmp_path: Path) -> None:
    scores = []
    gan_cuda.train(
        iterations=4,
        log_interval=2,
        evaluate_interval=2,
        runs_dir=tmp_path,
        callback=lambda progress: scores.append(progress.scores),
        **TINY,
    )
    before, first, again, second = scores
    assert before == {} and first == again != second
    assert second.keys() == {"class_fidelity", "fcd", "kid"}


def test_false_from_the_callback_stops_the_run(tmp_path: Path) -> None:
    run = gan_cuda.train(
        iterations=10_000,
        log_interval=10,
        runs_dir=tmp_path,
        callback=lambda progress: progress.iteration < 20,
        **TINY,
    )
    assert [folder.name for folder in run.glob("checkpoint-*")] == ["checkpoint-000021"]


@pytest.mark.parametrize("answer", [None, 0, True])
def test_other_answers_do_not_stop_the_run(tmp_path: Path, answer: object) -> None:
    run = gan_cuda.train(
        iterations=3, log_interval=1, runs_dir=tmp_path, callback=lambda _: answer, **TINY
    )
    assert (run / "checkpoint-000003").is_dir()


def test_an_exception_in_the_callback_is_raised_after_a_checkpoint(tmp_path: Path) -> None:
    def fail(_: gan_cuda.Progress) -> None:
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        gan_cuda.train(
            iterations=10_000, log_interval=10, runs_dir=tmp_path, callback=fail, **TINY
        )
    assert (tmp_path / "00000-cgan-mnist/checkpoint-000011").is_dir()


def test_ctrl_c_stops_within_a_second_and_the_resumed_run_ends_with_the_same_bits(
    tmp_path: Path,
) -> None:
    pressed = 0.0

    def press() -> None:
        nonlocal pressed
        pressed = time.monotonic()
        os.kill(os.getpid(), signal.SIGINT)

    timer = threading.Timer(0.5, press)
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        gan_cuda.train(iterations=10_000_000, runs_dir=tmp_path, **TINY)
    assert time.monotonic() - pressed < 1
    [checkpoint] = tmp_path.glob("*/checkpoint-*")
    iterations = int(checkpoint.name.removeprefix("checkpoint-")) + 5
    resumed = gan_cuda.train(resume=checkpoint.parent, iterations=iterations)
    whole = gan_cuda.train(iterations=iterations, runs_dir=tmp_path, **TINY)
    assert resumed != whole and weights(resumed) == weights(whole)


def test_another_thread_runs_while_it_trains(tmp_path: Path) -> None:
    counted, done = 0, threading.Event()

    def count() -> None:
        nonlocal counted
        while not done.wait(0.001):
            counted += 1

    thread = threading.Thread(target=count)
    thread.start()
    before = counted
    gan_cuda.train(iterations=300, log_interval=300, runs_dir=tmp_path, **TINY)
    after = counted
    done.set()
    thread.join()
    assert after - before > 20


def test_a_preset_a_file_a_run_and_a_dictionary_train_the_same(tmp_path: Path) -> None:
    preset = gan_cuda.presets()["mlp"]
    preset["gan"]["batch_size"] = 16
    flags: dict[str, Any] = {"iterations": 3, "threads": 1, "runs_dir": tmp_path}
    by_name = gan_cuda.train("mlp", batch_size=16, **flags)
    by_dictionary = gan_cuda.train(preset, **flags)
    by_run = gan_cuda.train(by_name, **flags)
    by_file = gan_cuda.train(str(by_name / "config.toml"), **flags)
    expected = weights(by_name)
    assert [weights(run) for run in (by_dictionary, by_run, by_file)] == [expected] * 3


def test_resume_takes_the_preset_of_the_run(tmp_path: Path) -> None:
    run = gan_cuda.train("mlp", iterations=2, runs_dir=tmp_path, **TINY)
    assert gan_cuda.train(resume=True, iterations=4, runs_dir=tmp_path) == run
    assert (run / "checkpoint-000004").is_dir()


def test_presets_have_the_keys_of_their_files(program: Program) -> None:
    listed = json.loads(program("presets", "--json").stdout)
    presets = gan_cuda.presets()
    assert sorted(presets) == sorted(preset["name"] for preset in listed)
    assert presets["cgan"]["gan"]["lr"] == 0.0002
    layers = presets["cgan"]["gan"]["generator"]["sequences"][0]["layers"]
    assert layers[0] == "Linear(110, 128)"


@pytest.mark.parametrize(
    ("config", "flags", "arguments"),
    [
        (None, {"epochs": 0}, ["--epochs", "0"]),
        (None, {"epoch": 3}, ["--epoch", "3"]),
        (None, {"lr": -1}, ["--lr", "-1"]),
        ("mlp", {"dropout": 0.5}, ["--preset", "mlp", "--dropout", "0.5"]),
        ("dcgan-rgb", {}, ["--preset", "dcgan-rgb"]),
        ("gcan", {}, ["--preset", "gcan"]),
        (None, {"branch": True}, ["--branch"]),
    ],
)
def test_usage_errors_have_the_words_of_the_program(
    program: Program, config: str | None, flags: dict[str, Any], arguments: list[str]
) -> None:
    with pytest.raises(ValueError) as raised:
        gan_cuda.train(config, **flags)
    assert isinstance(raised.value, gan_cuda.UsageError)
    refused = program("train", *arguments)
    assert refused.returncode == 2
    assert refused.stderr.startswith(f"error: {raised.value}\n")


def test_other_errors_have_the_words_of_the_program(program: Program, tmp_path: Path) -> None:
    with pytest.raises(gan_cuda.Error) as raised:
        gan_cuda.train(resume=True, runs_dir=tmp_path)
    assert not isinstance(raised.value, ValueError)
    failed = program("train", "--resume", "--runs-dir", tmp_path)
    assert (failed.returncode, failed.stderr) == (1, f"error: {raised.value}\n")


def test_a_dictionary_that_is_no_configuration_is_refused() -> None:
    with pytest.raises(gan_cuda.UsageError, match="config cannot be written as TOML"):
        gan_cuda.train({"preset": None})
    with pytest.raises(gan_cuda.Error, match="is not a valid GAN configuration"):
        gan_cuda.train({"preset": "mine"})


def test_warnings_are_pythons(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="the losses have exploded") as caught:
        gan_cuda.train(iterations=60, lr=1.0, runs_dir=tmp_path, **TINY)
    assert caught[0].filename == __file__
