"""Tests of the variants of PyTorch: `python -m unittest discover -s tests/benches`."""

from __future__ import annotations

import sys
import unittest
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benches"))

try:
    import torch
    from baseline import Preset, reason_against
    from torch import Tensor
    from torch_variants import (
        VARIANTS,
        JoinedTrainer,
        Sampler,
        Setup,
        build,
        configure,
        load_dataset,
    )

    from presets import PRESETS, build_discriminator, build_generator
    from training import Batch, Trainer

    MISSING = None
except ModuleNotFoundError as error:
    MISSING = f"SKIPPED, as python has no {error.name}: pip install torch numpy safetensors"
    print(MISSING, file=sys.stderr)

JOINABLE = (
    "mlp",
    "mlp-dropout",
    "cgan",
    "cgan-ema",
    "mlp-rgb",
    "mlp-batchnorm",
    "dcgan",
    "cdcgan",
)


def small(name: str) -> Preset:
    """A preset of small layers, without dropout, whose masks would differ between passes."""
    sizes = {"g_hidden": (9, 8), "d_hidden": (7, 6), "batch": 5, "dropout": 0.0}
    if name == "dcgan-rgb":
        sizes["image_shape"] = (3, 16, 16)
    return replace(PRESETS[name], **sizes)


@unittest.skipIf(MISSING, MISSING)
class Joined(unittest.TestCase):
    def test_a_joined_pass_has_the_losses_and_gradients_of_two(self) -> None:
        for name in JOINABLE:
            preset = small(name)
            torch.manual_seed(1)
            networks = build_generator(preset).double(), build_discriminator(preset).double()
            separate = Trainer(preset, *deepcopy(networks))
            joined = JoinedTrainer(preset, *deepcopy(networks))
            joined.target = joined.target.double()
            sampler = batches(preset)
            for _ in range(3):
                batch = in_double(sampler.next_batch())
                want, got = separate.iteration(batch), joined.iteration(batch)
                with self.subTest(preset=name):
                    self.assertAlmostEqual(got.d_loss.item(), want.d_loss.item(), delta=1e-12)
                    self.assertAlmostEqual(got.g_loss.item(), want.g_loss.item(), delta=1e-12)
                    for a, b in zip(gradients(joined), gradients(separate), strict=True):
                        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-12)

    def test_a_discriminator_with_batch_norm_is_refused(self) -> None:
        preset = small("dcgan-rgb")
        networks = build_generator(preset), build_discriminator(preset)
        with self.assertRaisesRegex(ValueError, "real and fake images are two batches"):
            JoinedTrainer(preset, *networks)

    def test_a_wrong_scale_is_detected(self) -> None:
        preset = small("cgan")
        torch.manual_seed(1)
        networks = build_generator(preset), build_discriminator(preset)
        separate = Trainer(preset, *deepcopy(networks))
        wrong = JoinedTrainer(replace(preset, d_loss_scale=1.0), *deepcopy(networks))
        batch = batches(preset).next_batch()
        losses = [trainer.iteration(batch).d_loss.item() for trainer in (separate, wrong)]
        self.assertGreater(abs(losses[0] - losses[1]), 1e-3)


@unittest.skipIf(MISSING, MISSING)
class Precision(unittest.TestCase):
    def test_convolutions_have_the_precision_of_matrix_multiplications(self) -> None:
        for precision in ("tf32", "bf16", "f32"):
            configure(precision)
            self.assertEqual(torch.backends.cudnn.allow_tf32, precision == "tf32")
            self.assertEqual(torch.backends.cuda.matmul.allow_tf32, precision == "tf32")


@unittest.skipIf(MISSING, MISSING)
class Variants(unittest.TestCase):
    def test_variants_without_a_compiler_train_on_the_cpu(self) -> None:
        for variant in ("eager", "fused", "joined"):
            for name in JOINABLE if variant == "joined" else PRESETS:
                with self.subTest(variant=variant, preset=name):
                    iteration = VARIANTS[variant](Setup(small(name), torch.device("cpu")))
                    outcome = iteration()
                    self.assertTrue(torch.isfinite(outcome.d_loss + outcome.g_loss))

    def test_variants_that_cannot_train_a_preset_are_refused(self) -> None:
        for name, refused in (
            ("cgan-ema", ()),
            ("dcgan-rgb", ("joined", "joined-graph")),
            ("r3gan-small", ("joined", "joined-graph", "compile", "compile-graph")),
            ("wgan-gp", ("joined", "joined-graph", "compile", "graph", "compile-graph")),
        ):
            for variant in refused:
                self.assertIsNotNone(reason_against(PRESETS[name], variant), (name, variant))
            for variant in ("eager", "fused"):
                self.assertIsNone(reason_against(PRESETS[name], variant), (name, variant))
        self.assertIsNone(reason_against(PRESETS["r3gan-small"], "graph"))

    def test_joined_runs_with_dropout(self) -> None:
        preset = replace(small("cgan"), dropout=0.4)
        trainer = build(Setup(preset, torch.device("cpu")), JoinedTrainer, fused=True)
        outcome = trainer.iteration(batches(preset).next_batch())
        self.assertTrue(torch.isfinite(outcome.d_loss))


def batches(preset: Preset) -> Sampler:
    """Of its data set, on the CPU."""
    device = torch.device("cpu")
    return Sampler(preset, load_dataset(preset, device), device)


def in_double(batch: Batch) -> Batch:
    """Its images and noise in double precision."""
    changes = {"real": batch.real.double(), "z": batch.z.double()}
    if batch.z2 is not None:
        changes["z2"] = batch.z2.double()
    return replace(batch, **changes)


def gradients(trainer: Trainer) -> list[Tensor]:
    """Those that the last update of each network used."""
    networks = (trainer.generator, trainer.discriminator)
    return [parameter.grad for network in networks for parameter in network.parameters()]


if __name__ == "__main__":
    unittest.main()
