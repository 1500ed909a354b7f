"""Losses of a GAN, and gradient penalties on its discriminator, by autograd."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from preset_table import Preset


def criterion(preset: Preset, output: Tensor, target: float | Tensor) -> Tensor:
    """Mean loss of D's output (batch, 1), with one target for all or one for each."""
    loss = {
        "bce-logits": F.binary_cross_entropy_with_logits,
        "bce": F.binary_cross_entropy,
        "mse": F.mse_loss,
    }[preset.loss]
    if not isinstance(target, Tensor):
        target = torch.full_like(output, target)
    return loss(output, target)


def discriminator_loss(preset: Preset, real: Tensor, fake: Tensor) -> Tensor:
    """D's loss, without its factor, of D's outputs for real and fake images (batch, 1)."""
    match preset.loss:
        case "hinge":
            return F.relu(1 - real).mean() + F.relu(1 + fake).mean()
        case "wgan":
            return fake.mean() - real.mean()
        case "relativistic":
            return F.softplus(fake - real).mean()
    return criterion(preset, real, preset.real_label) + criterion(preset, fake, 0.0)


def generator_loss(preset: Preset, fake: Tensor, real: Tensor | None) -> Tensor:
    """G's loss of D's outputs for fake images and, if the loss pairs them, real ones."""
    match preset.loss:
        case "hinge" | "wgan":
            return -fake.mean()
        case "relativistic":
            return F.softplus(real - fake).mean()
    return criterion(preset, fake, 1.0)


def image_gradient(output: Tensor, images: Tensor) -> Tensor:
    """The gradient of each output with respect to its own image: (batch, pixels)."""
    return torch.autograd.grad(output.sum(), images, create_graph=True)[0]


def squared_norm_penalty(gamma: float, gradient: Tensor) -> Tensor:
    """R1 at real images, R2 at fake ones: gamma/2 * mean ||gradient||^2 (arXiv:1801.04406)."""
    return gamma / 2 * gradient.square().sum(dim=1).mean()


def unit_norm_penalty(factor: float, gradient: Tensor) -> Tensor:
    """WGAN-GP's: factor * mean (||gradient|| - 1)^2 (arXiv:1704.00028)."""
    return factor * (gradient.norm(dim=1) - 1).square().mean()


class RawOutput:
    """Follows a network, and keeps the output of its last pass as it is before any Sigmoid."""

    def __init__(self, network: nn.Module) -> None:
        self.value: Tensor | None = None
        sigmoids = [module for module in network.modules() if isinstance(module, nn.Sigmoid)]
        if sigmoids:
            sigmoids[-1].register_forward_pre_hook(lambda _, inputs: self._keep(inputs[0]))
        else:
            network.register_forward_hook(lambda _, _inputs, output: self._keep(output))

    def _keep(self, value: Tensor) -> None:
        self.value = value
