"""Tests of losses, penalties and the training iteration: `python -m unittest` in this folder."""

from __future__ import annotations

import math
import unittest
from copy import deepcopy
from dataclasses import replace

import torch
from torch import Tensor, nn

import presets
from losses import discriminator_loss, generator_loss
from make import reject, small
from presets import PRESETS, Preset, sample_noise
from training import Batch, Outcome, Trainer, decay_factor

TINY = {"g_hidden": (6, 5), "d_hidden": (7, 4), "image_shape": (1, 3, 2), "batch": 4}


def tiny(**changes: object) -> Preset:
    """An MLP of a few numbers."""
    return replace(PRESETS["mlp"], **TINY | changes)


def trainer_of(preset: Preset, iterations: int = 4) -> Trainer:
    """A trainer in double precision; the same weights for the same sizes."""
    torch.manual_seed(6)
    networks = presets.build_generator(preset), presets.build_discriminator(preset)
    return Trainer(preset, *(network.double() for network in networks), iterations=iterations)


def batch_of(preset: Preset, seed: int = 7) -> Batch:
    """Random inputs."""
    torch.manual_seed(seed)
    real = torch.rand(preset.batch, preset.pixels).double() * 2 - 1
    alpha = torch.rand(preset.batch // preset.pack, 1).double()
    noises = (sample_noise(preset, preset.batch).double() for _ in range(2))
    return Batch(real, *noises, alpha=alpha)


def linear_critic(weights: Tensor, *last: nn.Module) -> nn.Module:
    """A discriminator whose gradient is the same everywhere."""
    layer = nn.Linear(len(weights), 1).double()
    with torch.no_grad():
        layer.weight.copy_(weights)
    return nn.Sequential(layer, *last)


def with_critic(preset: Preset, *last: nn.Module) -> tuple[Trainer, float]:
    """A trainer with a linear critic, and the norm of the critic's gradient."""
    weights = torch.linspace(-1, 2, preset.pixels * preset.pack).double()
    critic = linear_critic(weights, *last)
    generator = presets.build_generator(preset).double()
    return Trainer(preset, generator, critic), weights.norm().item()


def d_gradients(preset: Preset) -> tuple[Outcome, list[Tensor]]:
    """The first iteration, and the gradients that D's optimizer used."""
    trainer = trainer_of(preset)
    outcome = trainer.iteration(batch_of(preset))
    return outcome, [p.grad.clone() for p in trainer.discriminator.parameters()]


class Losses(unittest.TestCase):
    real = torch.tensor([[2.0], [-1.0]])
    fake = torch.tensor([[0.5], [-3.0]])

    def test_losses_are_those_of_the_papers(self) -> None:
        softplus = [math.log1p(math.exp(x)) for x in (-1.5, -2.0, 1.5, 2.0)]
        for loss, d_loss, g_loss in (
            ("hinge", (0 + 2) / 2 + (1.5 + 0) / 2, 1.25),
            ("wgan", -1.25 - 0.5, 1.25),
            ("relativistic", sum(softplus[:2]) / 2, sum(softplus[2:]) / 2),
            ("mse", (1 + 4) / 2 + (0.25 + 9) / 2, (0.25 + 16) / 2),
        ):
            preset = replace(PRESETS["mlp"], loss=loss)
            with self.subTest(loss=loss):
                got = discriminator_loss(preset, self.real, self.fake).item()
                self.assertAlmostEqual(got, d_loss, places=6)
                got = generator_loss(preset, self.fake, self.real).item()
                self.assertAlmostEqual(got, g_loss, places=6)

    def test_label_of_real_images_concerns_the_discriminators_real_loss_only(self) -> None:
        preset = replace(PRESETS["mlp"], loss="mse", real_label=0.9)
        d_loss = discriminator_loss(preset, self.real, self.fake).item()
        self.assertAlmostEqual(d_loss, (1.21 + 3.61) / 2 + (0.25 + 9) / 2, places=6)
        self.assertAlmostEqual(generator_loss(preset, self.fake, None).item(), 8.125, places=6)


class Penalties(unittest.TestCase):
    def test_penalties_of_a_linear_critic_are_known(self) -> None:
        for changes, want in (
            ({"r1": 3.0}, lambda norm: 1.5 * norm**2),
            ({"r2": 2.0}, lambda norm: norm**2),
            ({"r1": 3.0, "r2": 2.0}, lambda norm: 2.5 * norm**2),
            ({"gp": 4.0}, lambda norm: 4 * (norm - 1) ** 2),
            ({"gp": 4.0, "pack": 2}, lambda norm: 4 * (norm - 1) ** 2),
        ):
            preset = tiny(**changes)
            trainer, norm = with_critic(preset)
            with self.subTest(**changes):
                penalty = trainer.iteration(batch_of(preset)).penalty.item()
                self.assertAlmostEqual(penalty, want(norm), places=9)

    def test_penalty_is_on_the_logit_before_a_sigmoid(self) -> None:
        preset = tiny(loss="bce", r1=2.0)
        trainer, norm = with_critic(preset, nn.Sigmoid())
        penalty = trainer.iteration(batch_of(preset)).penalty.item()
        self.assertAlmostEqual(penalty, norm**2, places=9)

    def test_interval_multiplies_the_gradient_and_not_the_reported_penalty(self) -> None:
        once, gradients = d_gradients(tiny(r1=3.0))
        rare, scaled = d_gradients(tiny(r1=3.0, penalty_interval=2))
        _, doubled = d_gradients(tiny(r1=6.0))
        self.assertEqual(rare.penalty, once.penalty)
        for a, b, other in zip(scaled, doubled, gradients, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-15)
        self.assertTrue(any((a != b).any() for a, b in zip(scaled, gradients, strict=True)))

    def test_points_between_images_have_the_weights_alpha(self) -> None:
        preset = tiny(gp=1.0)
        trainer, seen = trainer_of(preset), []
        trainer.discriminator.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
        batch = batch_of(preset)
        batch.alpha = torch.tensor([[1.0], [0.0], [0.25], [1.0]]).double()
        trainer.iteration(batch)
        real, fake, points = (images.detach() for images in seen[:3])
        mixed = torch.stack((real[0], fake[1], real[2] / 4 + fake[2] * 3 / 4, real[3]))
        torch.testing.assert_close(points, mixed)


class Iterations(unittest.TestCase):
    def test_generator_and_penalties_have_their_intervals(self) -> None:
        preset = tiny(n_critic=2, penalty_interval=3, r2=1.0, fakes="fresh")
        trainer = trainer_of(preset, iterations=7)
        for step in range(7):
            before = deepcopy(trainer.generator.state_dict())
            outcome = trainer.iteration(batch_of(preset, seed=step))
            after = trainer.generator.state_dict()
            moved = any((before[key] != after[key]).any() for key in before)
            with self.subTest(step=step):
                self.assertEqual(moved, step % 2 == 0)
                self.assertEqual(outcome.g_loss is not None, step % 2 == 0)
                self.assertEqual(outcome.penalty is not None, step % 3 == 0)
                self.assertIsNotNone(outcome.d_loss)

    def test_relativistic_generator_sees_real_images_too(self) -> None:
        for order, parts in (("d-first", 4), ("g-first", 4)):
            preset = tiny(loss="relativistic", order=order)
            trainer, seen = trainer_of(preset), []
            trainer.discriminator.register_forward_pre_hook(lambda _, x, s=seen: s.append(x[0]))
            batch = batch_of(preset)
            trainer.iteration(batch)
            self.assertEqual(len(seen), parts)
            for images in seen[::2]:
                self.assertTrue(torch.equal(images, batch.real))

    def test_learning_rates_fall_to_zero_at_the_end_of_the_run(self) -> None:
        self.assertEqual([decay_factor("linear", x) for x in (0, 0.25, 1)], [1, 0.75, 0])
        self.assertAlmostEqual(decay_factor("cosine", 1 / 3), 0.75)
        self.assertAlmostEqual(decay_factor("cosine", 1), 0)
        self.assertEqual(decay_factor("none", 0.5), 1)
        preset = tiny(lr_decay="linear", lr=1.0, lr_d=2.0, n_critic=2)
        trainer, rates = trainer_of(preset, iterations=3), []
        for step in range(3):
            trainer.iteration(batch_of(preset, seed=step))
            optimizers = trainer.g_optimizer, trainer.d_optimizer
            rates.append([optimizer.param_groups[0]["lr"] for optimizer in optimizers])
        for got, want in zip(rates, ([1, 2], [2 / 3, 4 / 3], [1 / 3, 2 / 3]), strict=True):
            for a, b in zip(got, want, strict=True):
                self.assertAlmostEqual(a, b)


class Average(unittest.TestCase):
    def test_average_follows_its_formula_from_the_initial_weights_on(self) -> None:
        """Running statistics included; iterations without an update of G do not change it."""
        preset = replace(small(PRESETS["r3gan-small"]), ema=0.7, ema_warmup=2, n_critic=2, r1=0)
        preset = replace(preset, r2=0.0, image_shape=(1, 8, 8))
        trainer = trainer_of(preset, iterations=5)
        average = state_of(trainer.generator)
        for step in range(5):
            trainer.iteration(batch_of(preset, seed=step))
            if step % 2 == 0:
                t = step // 2 + 1
                weight = min(0.7, t / (t + 2))
                new = state_of(trainer.generator)
                average = {k: weight * average[k] + (1 - weight) * new[k] for k in average}
            got = state_of(trainer.average)
            self.assertIn("model.1.running_var", got)
            for key, value in average.items():
                torch.testing.assert_close(got[key], value, rtol=1e-12, atol=1e-15)


def state_of(network: nn.Module) -> dict[str, Tensor]:
    """A copy of its parameters and running statistics."""
    state = network.state_dict().items()
    return {key: value.clone() for key, value in state if value.is_floating_point()}


class Packs(unittest.TestCase):
    def test_discriminator_sees_consecutive_images_as_channels(self) -> None:
        preset = replace(small(PRESETS["dcgan"]), pack=2, batch=6, image_shape=(3, 8, 4))
        trainer, seen = trainer_of(preset), []
        first = trainer.discriminator.model[0]
        first.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
        batch = batch_of(preset)
        trainer.iteration(batch)
        images = batch.real.view(6, 3, 8, 4)
        want = torch.stack([torch.cat((images[i], images[i + 1])) for i in (0, 2, 4)])
        self.assertTrue(torch.equal(seen[0], want))
        self.assertEqual([tuple(x.shape) for x in seen], [(3, 6, 8, 4)] * 3)

    def test_what_does_not_fit_is_refused(self) -> None:
        for name, changes, reason in (
            ("mlp", {"pack": 3}, "a batch of 4 cannot be divided into packs of 3"),
            ("cgan", {"pack": 2}, "cgan has classes"),
            ("dcgan-rgb", {"r1": 1.0}, "D has BatchNorm"),
            ("mlp", {"loss": "hinge", "real_label": 0.9}, "hinge has no targets"),
        ):
            preset = replace(small(PRESETS[name]), dropout=0.0, **changes)
            self.assertIn(reason, reject(preset))


if __name__ == "__main__":
    unittest.main()
