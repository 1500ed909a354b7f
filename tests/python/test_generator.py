"""`gan_cuda.Generator`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gan_cuda
import numpy as np
import pytest
from conftest import TINY, Program
from gan_cuda import Generator


@pytest.mark.parametrize(
    "flags",
    [{}, {"count": 7, "seed": 3}, {"labels": [7, 3]}, {"count": 5, "labels": "0-3", "seed": 1}],
)
def test_samples_are_those_of_the_program_bit_by_bit(
    program: Program, run: Path, tmp_path: Path, flags: dict[str, Any]
) -> None:
    images = Generator.load(run).sample(**flags)
    file = tmp_path / "images.npy"
    texts = {"labels": "7,3"} if flags.get("labels") == [7, 3] else {}
    arguments = [f"--{name}={value}" for name, value in {**flags, **texts}.items()]
    assert program("export", run, "--numpy", file, *arguments).returncode == 0
    expected = np.load(file)
    assert images.dtype == np.float32 and images.shape == expected.shape
    assert images.tobytes() == expected.tobytes()


def test_a_generator_describes_itself(run: Path) -> None:
    generator = Generator.load(run)
    assert generator.checkpoint == run / "checkpoint-000060"
    assert (generator.preset, generator.iteration) == ("cgan", 60)
    assert (generator.classes, generator.class_names) == (10, [])
    assert (generator.latent_dim, generator.image_shape) == (100, (1, 28, 28))
    assert repr(generator) == f"Generator({run}/checkpoint-000060, preset cgan)"


def test_a_run_and_its_checkpoint_have_the_same_generator(run: Path) -> None:
    by_run, by_checkpoint = Generator.load(run), Generator.load(str(run / "checkpoint-000060"))
    newest = Generator.load(runs_dir=run.parent, device="cpu", threads=1)
    assert by_run.sample(3).tobytes() == by_checkpoint.sample(3).tobytes()
    assert by_run.checkpoint == newest.checkpoint


def test_images_depend_on_their_own_noise_and_label(run: Path) -> None:
    generator = Generator.load(run)
    noise = generator.noise(4, seed=5)
    assert noise.dtype == np.float32 and noise.shape == (4, 100)
    images = generator.generate(noise, [1, 1, 8, 8])
    assert images.tobytes() == generator.sample(4, [1, 8], seed=5).tobytes()
    assert np.abs(images).max() <= 1
    # Any array of numbers will do.
    again = generator.generate(noise[2:].astype(np.float64).tolist(), np.array([8, 8]))
    np.testing.assert_allclose(again, images[2:], atol=1e-6)


def test_a_generator_without_classes_needs_no_labels(tmp_path: Path) -> None:
    generator = Generator.load(gan_cuda.train("mlp", iterations=1, runs_dir=tmp_path, **TINY))
    assert generator.classes is None
    assert generator.generate(np.zeros((3, 96))).shape == (3, 1, 28, 28)
    with pytest.raises(gan_cuda.UsageError, match="the GAN has no classes"):
        generator.generate(np.zeros((3, 96)), [0, 0, 0])


def test_wrong_inputs_are_refused(run: Path) -> None:
    generator = Generator.load(run)
    for problem, inputs in {
        "noise has shape [2, 99]; it must have 100 columns": (np.zeros((2, 99)), [0, 0]),
        "labels are 1, but the noise has 2 rows": (np.zeros((2, 100)), [0]),
        "labels are 0, but the noise has 2 rows": (np.zeros((2, 100)), None),
        "labels must be less than 10, not 10": (np.zeros((2, 100)), [9, 10]),
    }.items():
        with pytest.raises(gan_cuda.UsageError) as raised:
            generator.generate(*inputs)
        assert str(raised.value) == problem


@pytest.mark.parametrize(
    "flags", [{"count": 0}, {"seed": -1}, {"labels": [10]}, {"labels": "owls"}]
)
def test_usage_errors_have_the_words_of_the_program(
    program: Program, run: Path, flags: dict[str, Any]
) -> None:
    with pytest.raises(ValueError) as raised:
        Generator.load(run).sample(**flags)
    texts = {"labels": "10"} if flags.get("labels") == [10] else {}
    arguments = [f"--{name}={value}" for name, value in {**flags, **texts}.items()]
    refused = program("sample", run, *arguments)
    assert refused.returncode == 2
    assert refused.stderr.startswith(f"error: {raised.value}\n")


def test_a_folder_that_is_no_run_is_refused(program: Program, tmp_path: Path) -> None:
    for path in [tmp_path, tmp_path / "none"]:
        with pytest.raises(gan_cuda.Error) as raised:
            Generator.load(path)
        assert program("sample", path).stderr == f"error: {raised.value}\n"
