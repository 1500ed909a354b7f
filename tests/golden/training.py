"""The training iteration in PyTorch: both updates, penalties, the average of G's weights."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from losses import (
    RawOutput,
    discriminator_loss,
    generator_loss,
    image_gradient,
    squared_norm_penalty,
    unit_norm_penalty,
)
from preset_table import Preset
from presets import call


@dataclass
class Batch:
    """The inputs of one iteration. `z2`, `fake_labels2`: for fresh fakes; `alpha`: for `gp`."""

    real: Tensor
    z: Tensor
    z2: Tensor | None = None
    real_labels: Tensor | None = None
    fake_labels: Tensor | None = None
    fake_labels2: Tensor | None = None
    alpha: Tensor | None = None


@dataclass
class Outcome:
    """The results of one iteration: losses (scalars), and the first batch of fakes.

    `g_loss` and `penalty` are None in iterations that do not compute them.
    """

    d_loss: Tensor | None = None
    g_loss: Tensor | None = None
    penalty: Tensor | None = None
    fake: Tensor | None = None


def decay_factor(decay: str, done: float) -> float:
    """The factor of the learning rate after a fraction of the steps, from 0 to 1."""
    match decay:
        case "linear":
            return 1 - done
        case "cosine":
            return 0.5 * (1 + math.cos(math.pi * done))
    return 1.0


def averaged(network: nn.Module) -> list[Tensor]:
    """What an average of a network averages: its parameters and running statistics."""
    return [value for value in network.state_dict().values() if value.is_floating_point()]


class Trainer:
    """The training iteration. Networks are always in training mode."""

    def __init__(
        self,
        preset: Preset,
        generator: nn.Module,
        discriminator: nn.Module,
        iterations: int = 1,
        **adam: bool,
    ) -> None:
        """`iterations`: of the run, over which learning rates fall, if they do.

        `adam`: Adam's implementation options, such as `fused` or `capturable`.
        """
        self.preset = preset
        self.generator = generator
        self.discriminator = discriminator
        self.average = deepcopy(generator) if preset.ema else None
        self.raw = RawOutput(discriminator) if preset.is_penalized else None
        self.iterations = iterations
        self.completed = self.g_updates = 0  # iterations, and those that update G
        self.g_parameters = list(generator.parameters())
        self.g_optimizer = self._adam(self.g_parameters, preset.lr, adam)
        self.d_optimizer = self._adam(list(discriminator.parameters()), preset.d_lr, adam)

    def _adam(
        self, parameters: Sequence[nn.Parameter], lr: float, options: Mapping[str, bool]
    ) -> torch.optim.Adam:
        preset = self.preset
        return torch.optim.Adam(
            parameters, lr=lr, betas=preset.betas, eps=preset.adam_eps, **options
        )

    def zero_grad(self) -> None:
        """Resets all gradients."""
        self.g_optimizer.zero_grad()
        self.d_optimizer.zero_grad()

    def iteration(self, batch: Batch) -> Outcome:
        """The updates in the preset's order."""
        preset, outcome = self.preset, Outcome()
        updates, fresh = preset.updates(self.completed), preset.fakes == "fresh"
        self._decay_learning_rates()
        for index, update in enumerate(updates):
            if index == 0 or fresh:
                users = update if fresh else updates
                fake, labels = self._generate(batch, index, trained="G" in users)
            if index == 0:
                outcome.fake = fake.detach()
            if update == "D":
                outcome.d_loss, outcome.penalty = self.update_discriminator(
                    batch, fake.detach(), labels
                )
            else:
                outcome.g_loss = self.update_generator(batch, fake, labels)
        self.completed += 1
        return outcome

    def _generate(self, batch: Batch, index: int, trained: bool) -> tuple[Tensor, Tensor | None]:
        """The fakes for an update and all that share them, and their labels."""
        z, labels = (
            (batch.z, batch.fake_labels) if index == 0 else (batch.z2, batch.fake_labels2)
        )
        with torch.set_grad_enabled(trained):
            return call(self.generator, z, labels), labels

    def packed(self, images: Tensor) -> Tensor:
        """What D sees: consecutive images side by side, as one with more channels."""
        return images.view(-1, math.prod(self.preset.d_image_shape))

    def update_discriminator(
        self, batch: Batch, fake: Tensor, labels: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        """An optimizer step of D on the real batch and on `fake`, which must be detached.

        Returns the loss, and the penalty without the factor of its interval.
        """
        preset, real = self.preset, self.packed(batch.real)
        fake = self.packed(fake)
        penalizes = preset.penalizes(self.completed)
        self.d_optimizer.zero_grad()
        real_output, at_real = self._discriminate(real, batch.real_labels, penalizes and preset.r1)
        fake_output, at_fake = self._discriminate(fake, labels, penalizes and preset.r2)
        loss = discriminator_loss(preset, real_output, fake_output) * preset.d_loss_scale
        total, penalty = loss, None
        if penalizes:
            penalty = at_real + at_fake + self._penalty_between(batch, real, fake)
            total = loss + preset.penalty_interval * penalty
            penalty = penalty.detach()
        total.backward()
        self.d_optimizer.step()
        return loss.detach(), penalty

    def _discriminate(
        self, images: Tensor, labels: Tensor | None, gamma: float
    ) -> tuple[Tensor, Tensor | float]:
        """D's output for images without a gradient, and R1 or R2 there, if gamma is not 0."""
        if not gamma:
            return call(self.discriminator, images, labels), 0.0
        images = images.detach().requires_grad_()
        output = call(self.discriminator, images, labels)
        return output, squared_norm_penalty(gamma, image_gradient(self.raw.value, images))

    def _penalty_between(self, batch: Batch, real: Tensor, fake: Tensor) -> Tensor | float:
        """WGAN-GP's penalty at points between real and fake images, with the real ones' labels."""
        if not self.preset.gp:
            return 0.0
        points = (batch.alpha * real + (1 - batch.alpha) * fake).requires_grad_()
        call(self.discriminator, points, batch.real_labels)
        return unit_norm_penalty(self.preset.gp, image_gradient(self.raw.value, points))

    def update_generator(self, batch: Batch, fake: Tensor, labels: Tensor | None) -> Tensor:
        """An optimizer step of G; no gradients of D's parameters are computed."""
        self.g_optimizer.zero_grad()
        real_output = None
        if self.preset.pairs_images:
            real_output = call(self.discriminator, self.packed(batch.real), batch.real_labels)
        output = call(self.discriminator, self.packed(fake), labels)
        loss = generator_loss(self.preset, output, real_output)
        loss.backward(inputs=self.g_parameters)
        self.g_optimizer.step()
        self.g_updates += 1
        self._update_average()
        return loss.detach()

    def _decay_learning_rates(self) -> None:
        preset = self.preset
        if preset.lr_decay == "none":
            return
        done = self.completed / self.iterations
        for optimizer, lr in (
            (self.g_optimizer, preset.lr),
            (self.d_optimizer, preset.d_lr),
        ):
            optimizer.param_groups[0]["lr"] = lr * decay_factor(preset.lr_decay, done)

    def _update_average(self) -> None:
        """Adds G to its average, whose weight grows with the number t of G's updates."""
        if self.average is None:
            return
        t = self.g_updates
        decay = min(self.preset.ema, t / (t + self.preset.ema_warmup))
        with torch.no_grad():
            update = get_ema_multi_avg_fn(decay)
            update(averaged(self.average), averaged(self.generator), None)
