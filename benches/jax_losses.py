"""Losses in JAX, and gradient penalties of a discriminator."""

from __future__ import annotations

from baseline import Preset
from jax import Array, lax, nn
from jax import numpy as jnp


def criterion(preset: Preset, output: Array, target: float) -> Array:
    """Mean loss of D's output (batch, 1), with one target for all, between 0 and 1."""
    match preset.loss:
        case "mse":
            return jnp.mean((output - target) ** 2)
        case "bce":
            return jnp.mean(saturating_cross_entropy(output, target))
        case "bce-logits":
            return jnp.mean(nn.softplus(output) - target * output)
    raise ValueError(f"no loss {preset.loss}")


def saturating_cross_entropy(logit: Array, target: float) -> Array:
    """PyTorch's BCELoss after a Sigmoid, for each logit, with its limits of value and gradient."""
    p = nn.sigmoid(logit)
    real, fake = jnp.maximum(jnp.log(p), -100), jnp.maximum(jnp.log1p(-p), -100)
    value = -(target * real + (1 - target) * fake)
    slope = (p - target) * jnp.minimum(1, p * (1 - p) / 1e-12)
    value, slope, at = lax.stop_gradient((value, slope, logit))
    return value + slope * (logit - at)


def discriminator_loss(preset: Preset, real: Array, fake: Array) -> Array:
    """D's loss, without its factor, of D's outputs for real and fake images (batch, 1)."""
    match preset.loss:
        case "hinge":
            return jnp.mean(nn.relu(1 - real)) + jnp.mean(nn.relu(1 + fake))
        case "wgan":
            return jnp.mean(fake) - jnp.mean(real)
        case "relativistic":
            return jnp.mean(nn.softplus(fake - real))
    return criterion(preset, real, preset.real_label) + criterion(preset, fake, 0)


def generator_loss(preset: Preset, fake: Array, real: Array | None) -> Array:
    """G's loss of D's outputs for fake images and, if the loss pairs them, real ones."""
    match preset.loss:
        case "hinge" | "wgan":
            return -jnp.mean(fake)
        case "relativistic":
            return jnp.mean(nn.softplus(real - fake))
    return criterion(preset, fake, 1)


def penalty(preset: Preset, name: str, gradients: Array) -> Array:
    """A penalty, "r1", "r2" or "gp", of the gradients (batch, pixels) of D's raw output."""
    squares = jnp.sum(gradients * gradients, axis=1)
    if name == "gp":
        is_zero = squares == 0  # where the derivative of a root is infinite
        norms = jnp.where(is_zero, 0, jnp.sqrt(jnp.where(is_zero, 1, squares)))
        return preset.gp * jnp.mean((norms - 1) ** 2)
    return getattr(preset, name) / 2 * jnp.mean(squares)
