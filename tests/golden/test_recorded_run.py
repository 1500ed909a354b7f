"""Tests of the recorder itself: `python -m unittest` in this folder (needs torch)."""

from __future__ import annotations

import math
import unittest
from dataclasses import replace
from pathlib import Path

import torch

import presets
import recorded_run
from presets import PRESETS
from recorded_run import DTYPES, Run
from tolerances import compare, outlier_share, share

FOLDER = Path(__file__).parent


def worst_share(file: str, **changes: object) -> float:
    """Replays a recorded file with its definition changed; the largest share."""
    run, tensors = recorded_run.load(FOLDER / file)
    run = replace(run, preset=replace(run.preset, **changes))
    results = recorded_run.replay(run, tensors, DTYPES[run.dtype])
    return max(compare(run, results, tensors).values())


class Definition(unittest.TestCase):
    def test_every_wrong_definition_is_noticed(self) -> None:
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
        ):
            with self.subTest(file=file, **changes):
                self.assertGreater(worst_share(file, **changes), 1)

    def test_masks_and_fresh_fakes_replay_to_the_same_bits(self) -> None:
        small = {"g_hidden": (6, 5), "d_hidden": (7, 4), "image_shape": (1, 3, 2), "batch": 3}
        for name, order in (("cgan", "g-first"), ("cgan", "d-first"), ("mlp-dropout", "g-first")):
            run = Run(replace(PRESETS[name], order=order, fakes="fresh", **small), "f64")
            inputs = recorded_run.draw(run, seed=3)
            first, again = (recorded_run.replay(run, inputs, torch.float64) for _ in range(2))
            self.assertEqual(max(compare(run, first, again).values()), 0)
            wrong = inputs | {"in.0.mask.2.0": torch.ones_like(inputs["in.0.mask.2.0"])}
            changed = recorded_run.replay(run, wrong, torch.float64)
            self.assertGreater(max(compare(run, changed, first).values()), 1)

    def test_state_dict_keys_are_those_of_the_sources(self) -> None:
        generator = presets.build_generator(PRESETS["cgan"]).state_dict()
        indices = sorted({int(key.split(".")[1]) for key in generator if key.startswith("model")})
        self.assertEqual(indices, [0, 2, 3, 5, 6, 8, 9, 11])
        discriminator = presets.build_discriminator(PRESETS["cgan"]).state_dict()
        self.assertIn("label_embedding.weight", discriminator)
        self.assertEqual(tuple(discriminator["model.8.weight"].shape), (1, 512))
        self.assertIn("4.bias", presets.build_discriminator(PRESETS["mlp"]).state_dict())

    def test_metadata_survives_writing_and_reading(self) -> None:
        for preset in PRESETS.values():
            run = Run(preset, "f64", 5, True)
            self.assertEqual(recorded_run.from_metadata(recorded_run.to_metadata(run)), run)


class Comparator(unittest.TestCase):
    cgan = Run(PRESETS["cgan"])

    def test_nan_and_wrong_shapes_fail(self) -> None:
        want = torch.ones(3)
        for key in ("out.0.fake", "after.0.D.model.0.bias", "eval.fake"):
            self.assertEqual(share(self.cgan, key, torch.full((3,), math.nan), want), math.inf)
            self.assertEqual(share(self.cgan, key, torch.ones(2), want), math.inf)

    def test_one_outlier_in_a_small_tensor_is_allowed_and_two_are_not(self) -> None:
        error = torch.tensor([0.5, 0.0, 0.0])
        self.assertLessEqual(outlier_share(error, 0.1, 1.0), 1)
        error[1] = 0.2
        self.assertGreater(outlier_share(error, 0.1, 1.0), 1)

    def test_an_outlier_beyond_the_loose_bound_fails(self) -> None:
        self.assertGreater(outlier_share(torch.tensor([1.5, 0.0, 0.0]), 0.1, 1.0), 1)

    def test_bias_before_batch_norm_is_left_out_in_f32_only(self) -> None:
        zero, one = torch.zeros(2), torch.ones(2)
        self.assertIsNone(share(self.cgan, "after.0.G.model.2.bias", zero, one))
        self.assertIsNotNone(share(self.cgan, "after.0.G.model.0.bias", zero, one))
        exact = replace(self.cgan, dtype="f64")
        self.assertGreater(share(exact, "after.0.G.model.2.bias", zero, one), 1)


if __name__ == "__main__":
    unittest.main()
