"""Tests of golden runs: `python -m unittest` in this folder (needs torch)."""

from __future__ import annotations

import math
import unittest
from dataclasses import replace
from pathlib import Path

import torch

import golden_run
import metadata
import presets
from make import small
from metadata import DTYPES, Run
from presets import PRESETS
from tolerances import compare, error_ratio, outlier_ratio

FOLDER = Path(__file__).parent


CRITIC = "wgan-gp_n-critic-cosine_f64.safetensors"
INTERVAL = "r3gan-small_interval-warmup_f64.safetensors"
PACK = "mlp-dropout_pack-smooth-linear-masks_f64.safetensors"


def worst_ratio(file: str, **changes: object) -> float:
    """Replays a golden run with a changed preset; returns the largest ratio."""
    run, tensors = golden_run.load(FOLDER / file)
    run = replace(run, preset=replace(run.preset, **changes))
    results = golden_run.replay(run, tensors, DTYPES[run.dtype])
    return max(compare(run, results, tensors).values())


class Definition(unittest.TestCase):
    def test_every_change_of_a_preset_is_detected(self) -> None:
        masks = "mlp-dropout_masks_f32.safetensors"
        for file, changes in (
            ("mlp_f32.safetensors", {"order": "g-first"}),
            ("mlp_f32.safetensors", {"lr": 2.9e-4}),
            ("mlp_f32.safetensors", {"betas": (0.5, 0.99)}),
            ("mlp_f32.safetensors", {"d_activation": "relu"}),
            ("mlp_f32.safetensors", {"loss": "mse"}),
            (masks, {"g_activation": "leaky_relu"}),
            ("cgan_masks_f32.safetensors", {"order": "d-first"}),
            ("mlp-rgb_f32.safetensors", {"fakes": "same"}),
            ("mlp-batchnorm_f64.safetensors", {"bn_eps": 0.81}),
            ("mlp-batchnorm_f32.safetensors", {"bn_momentum": 0.12}),
            ("mlp-batchnorm_f32.safetensors", {"d_loss_scale": 1.0}),
            ("mlp-batchnorm_f32.safetensors", {"order": "d-first"}),
            ("dcgan_f32.safetensors", {"d_activation": "relu"}),
            ("dcgan_f64.safetensors", {"bn_momentum": 0.12}),
            ("cdcgan_f32.safetensors", {"order": "g-first"}),
            ("dcgan-rgb_f32.safetensors", {"bn_eps": 1e-3}),
            ("mlp_hinge_f64.safetensors", {"loss": "wgan"}),
            ("mlp_wgan-gp_f64.safetensors", {"gp": 9.9}),
            ("mlp_relativistic-r1-r2-ema_f64.safetensors", {"r1": 1.9}),
            ("mlp_relativistic-r1-r2-ema_f64.safetensors", {"r2": 1.9}),
            ("mlp_relativistic-r1-r2-ema_f64.safetensors", {"ema": 0.89}),
            ("dcgan_r1-ema_f32.safetensors", {"r1": 9.0}),
            (INTERVAL, {"ema_warmup": 3}),
            (CRITIC, {"lr_decay": "linear"}),
            (PACK, {"real_label": 1.0}),
            (PACK, {"lr_d": None}),
            (PACK, {"lr_decay": "none"}),
            ("cgan-ema_masks_f32.safetensors", {"ema": 0.52}),
        ):
            with self.subTest(file=file, **changes):
                self.assertGreater(worst_ratio(file, **changes), 1)

    def test_other_intervals_compute_other_results(self) -> None:
        for file, changes in ((CRITIC, {"n_critic": 1}), (INTERVAL, {"penalty_interval": 3})):
            with self.assertRaises((KeyError, ValueError, TypeError)):
                worst_ratio(file, **changes)

    def test_every_golden_run_is_reproduced(self) -> None:
        for file in sorted(FOLDER.glob("*.safetensors")):
            with self.subTest(file=file.name):
                self.assertLessEqual(worst_ratio(file.name), 1)

    def test_replays_with_masks_and_fresh_fakes_are_bitwise_the_same(self) -> None:
        sizes = {"g_hidden": (6, 5), "d_hidden": (7, 4), "image_shape": (1, 3, 2), "batch": 3}
        for name, order in (("cgan", "g-first"), ("cgan", "d-first"), ("mlp-dropout", "g-first")):
            run = Run(replace(PRESETS[name], order=order, fakes="fresh", **sizes), "f64")
            inputs = golden_run.generate_inputs(run, seed=3)
            first, again = (golden_run.replay(run, inputs, torch.float64) for _ in range(2))
            self.assertEqual(max(compare(run, first, again).values()), 0)
            wrong = inputs | {"in.0.mask.2.0": torch.ones_like(inputs["in.0.mask.2.0"])}
            changed = golden_run.replay(run, wrong, torch.float64)
            self.assertGreater(max(compare(run, changed, first).values()), 1)

    def test_state_dict_keys_are_those_of_the_sources(self) -> None:
        generator = presets.build_generator(PRESETS["cgan"]).state_dict()
        indices = sorted({int(key.split(".")[1]) for key in generator if key.startswith("model")})
        self.assertEqual(indices, [0, 2, 3, 5, 6, 8, 9, 11])
        discriminator = presets.build_discriminator(PRESETS["cgan"]).state_dict()
        self.assertIn("label_embedding.weight", discriminator)
        self.assertEqual(tuple(discriminator["model.8.weight"].shape), (1, 512))
        self.assertIn("4.bias", presets.build_discriminator(PRESETS["mlp"]).state_dict())

    def test_parameter_counts_of_convolutions_are_those_of_the_sources(self) -> None:
        for name, counts in (("dcgan", (778305, 138561)), ("dcgan-rgb", (3576704, 2765568))):
            networks = golden_run.build_networks(PRESETS[name]).values()
            found = tuple(sum(p.numel() for p in network.parameters()) for network in networks)
            self.assertEqual(found, counts)

    def test_convolutions_are_initialized_as_in_the_sources(self) -> None:
        torch.manual_seed(4)
        generator = presets.build_generator(PRESETS["dcgan"])
        for key, mean, deviation in (
            ("model.0.weight", 0, 0.02),
            ("model.1.weight", 1, 0),
            ("conv_blocks.0.weight", 0, 0.02),
            ("conv_blocks.1.weight", 1, 0.02),
            ("conv_blocks.1.bias", 0, 0),
        ):
            values = generator.state_dict()[key]
            self.assertAlmostEqual(values.mean().item(), mean, delta=0.01)
            self.assertAlmostEqual(values.std().item(), deviation, delta=0.005)
        self.assertGreater(generator.state_dict()["conv_blocks.0.bias"].abs().max(), 0.01)

    def test_labels_are_channels_after_the_images_channels(self) -> None:
        preset = replace(small(PRESETS["cdcgan"]), loss="mse")
        torch.manual_seed(4)
        network = presets.build_discriminator(preset)
        images, labels = torch.rand(3, preset.pixels), torch.tensor([2, 0, 9])
        planes = network.label_embedding(labels).repeat_interleave(28 * 28, dim=1)
        x = torch.cat((images, planes), dim=1).view(3, 11, 28, 28)
        torch.testing.assert_close(network(images, labels), network.model(x))

    def test_number_of_convolutions_must_fit_the_image(self) -> None:
        self.assertTrue(all(preset.misfit() is None for preset in PRESETS.values()))
        odd = replace(PRESETS["dcgan"], image_shape=(1, 30, 28))
        self.assertIn("30x28 images cannot be halved 2 times", odd.misfit())
        large = replace(PRESETS["dcgan-rgb"], image_shape=(3, 128, 128))
        self.assertIn("4 levels make no 128x128 images", large.misfit())

    def test_metadata_is_written_and_read_back(self) -> None:
        for preset in PRESETS.values():
            run = Run(preset, "f64", 5, True)
            self.assertEqual(metadata.from_metadata(metadata.to_metadata(run)), run)
        smooth = replace(PRESETS["mlp"], lr_d=0.1, lr_decay="cosine", pack=2, real_label=0.9)
        written = metadata.to_metadata(Run(smooth))
        self.assertEqual((written["schema"], written["lr_d"]), ("2", "0.1"))
        self.assertEqual(metadata.from_metadata(written).preset, smooth)

    def test_schema_1_has_no_keys_of_schema_2(self) -> None:
        for name, schema in (("cgan", 1), ("dcgan", 2), ("cgan-ema", 2), ("wgan-gp", 2)):
            written = metadata.to_metadata(Run(PRESETS[name]))
            self.assertEqual(written["schema"], str(schema))
            self.assertEqual("n_critic" in written, schema == 2)
        hinge = replace(PRESETS["mlp"], loss="hinge")
        self.assertEqual(Run(hinge).schema, 2)

    def test_a_value_that_is_missing_is_neutral_even_if_the_presets_is_not(self) -> None:
        written = metadata.to_metadata(Run(PRESETS["wgan-gp"]))
        del written["gp"], written["n_critic"], written["lr_d"]
        preset = metadata.from_metadata(written).preset
        self.assertEqual((preset.gp, preset.n_critic, preset.d_lr), (0, 1, 1e-4))

    def test_unsupported_runs_are_refused(self) -> None:
        known = metadata.to_metadata(Run(PRESETS["dcgan"]))
        for key, value in (("schema", "3"), ("preset", "other"), ("loss", "other")):
            with self.subTest(key=key), self.assertRaisesRegex(ValueError, value):
                metadata.from_metadata(known | {key: value})

    def test_inputs_of_an_iteration_are_those_that_it_uses(self) -> None:
        changes = {"loss": "relativistic", "fakes": "fresh", "n_critic": 2, "gp": 1.0}
        preset = replace(small(PRESETS["cgan"]), penalty_interval=3, **changes)
        inputs = golden_run.generate_inputs(Run(preset, steps=4), seed=3)
        for step, passes, alpha in ((0, 5, True), (1, 2, False), (2, 4, False), (3, 3, True)):
            with self.subTest(step=step):
                self.assertIn(f"in.{step}.mask.{passes - 1}.0", inputs)
                self.assertNotIn(f"in.{step}.mask.{passes}.0", inputs)
                self.assertEqual(f"in.{step}.alpha" in inputs, alpha)
                self.assertEqual(f"in.{step}.z2" in inputs, step % 2 == 0)


class Comparator(unittest.TestCase):
    cgan = Run(PRESETS["cgan"])

    def test_nan_and_wrong_shapes_fail(self) -> None:
        want = torch.ones(3)
        for key in ("out.0.fake", "after.0.D.model.0.bias", "eval.fake"):
            self.assertEqual(error_ratio(self.cgan, key, torch.full((3,), math.nan), want), math.inf)
            self.assertEqual(error_ratio(self.cgan, key, torch.ones(2), want), math.inf)

    def test_one_outlier_in_a_small_tensor_is_allowed_and_two_are_not(self) -> None:
        error = torch.tensor([0.5, 0.0, 0.0])
        self.assertLessEqual(outlier_ratio(error, 0.1, 1.0), 1)
        error[1] = 0.2
        self.assertGreater(outlier_ratio(error, 0.1, 1.0), 1)

    def test_an_outlier_beyond_the_loose_bound_fails(self) -> None:
        self.assertGreater(outlier_ratio(torch.tensor([1.5, 0.0, 0.0]), 0.1, 1.0), 1)

    def test_bias_before_batch_norm_is_not_compared_in_f32(self) -> None:
        zero, one = torch.zeros(2), torch.ones(2)
        self.assertIsNone(error_ratio(self.cgan, "after.0.G.model.2.bias", zero, one))
        self.assertIsNotNone(error_ratio(self.cgan, "after.0.G.model.0.bias", zero, one))
        exact = replace(self.cgan, dtype="f64")
        self.assertGreater(error_ratio(exact, "after.0.G.model.2.bias", zero, one), 1)

    def test_bias_of_a_convolution_before_batch_norm_is_not_compared_in_f32(self) -> None:
        run, zero, one = Run(PRESETS["dcgan"]), torch.zeros(2), torch.ones(2)
        for key in ("model.0", "conv_blocks.0"):
            self.assertIsNone(error_ratio(run, f"after.0.G.{key}.bias", zero, one))
        for key in ("G.conv_blocks.1", "G.conv_blocks.3", "D.model.0"):
            self.assertIsNotNone(error_ratio(run, f"after.0.{key}.bias", zero, one))

    def test_average_may_lack_running_statistics_and_nothing_else(self) -> None:
        run, tensors = golden_run.load(FOLDER / "cgan-ema_masks_f32.safetensors")
        results = golden_run.replay(run, tensors, torch.float32)
        fewer = {k: v for k, v in tensors.items() if ".E." not in k or "running_" not in k}
        self.assertLess(len(compare(run, results, fewer)), len(compare(run, results, tensors)))
        del fewer["after.0.E.model.0.weight"]
        with self.assertRaisesRegex(ValueError, "after.0.E.model.0.weight"):
            compare(run, results, fewer)

    def test_convolutions_have_larger_tolerances(self) -> None:
        want = torch.ones(3)
        for key, widened in (("out.0.fake", 5), ("grad.G.model.0.weight", 5), ("out.0.loss_d", 1)):
            for name, factor in (("cgan", 1), ("dcgan", widened)):
                got = error_ratio(Run(PRESETS[name]), key, want + factor * 2e-5, want)
                self.assertAlmostEqual(got, 0.91, delta=0.01)


if __name__ == "__main__":
    unittest.main()
