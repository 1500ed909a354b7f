"""A training iteration in JAX: the updates of both networks, as pure functions of their state.

D's update passes real and fake images through D as one batch, or as two if D has BatchNorm. Images
at which gradients are penalized pass apart from the others; one pass serves the loss and the
penalties. G's images are generated once if both updates use the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
from baseline import Preset
from jax import Array, lax
from jax import numpy as jnp
from jax_losses import discriminator_loss, generator_loss, penalty
from jax_networks import Setup, Statistics, Tree, discriminate, generate


class Dataset(NamedTuple):
    """Images (count, pixels) in [-1, 1] and labels (count,), on the device."""

    images: Array
    labels: Array


class Inputs(NamedTuple):
    """The inputs of one iteration; None or empty if the preset does not need them.

    A mask is true where dropout keeps an activation. In `d_masks` the rows of the real images come
    first, then those of the fakes and of points between them; in `g_masks`, too, if G's loss needs
    real images.
    """

    chosen: Array  # (batch,): indices of images of the data set
    z: Array  # (batch, latent_dim)
    fake_labels: Array | None = None  # (batch,)
    z2: Array | None = None  # for the second update, with fresh fakes
    fake_labels2: Array | None = None
    alpha: Array | None = None  # (batch, 1): weights of the real images in the points between
    d_masks: list[Array] | tuple = ()  # (2 or 3 * batch, width) of each dropout
    g_masks: list[Array] | tuple = ()  # (1 or 2 * batch, width)


class Learner(NamedTuple):
    """A network's parameters, Adam's moments, and BatchNorm's running statistics."""

    parameters: Tree
    first: Tree
    second: Tree
    statistics: Statistics  # running statistics


class Average(NamedTuple):
    """The moving average of a network."""

    parameters: Tree
    statistics: Statistics


class State(NamedTuple):
    """All that training changes."""

    generator: Learner
    discriminator: Learner
    step: Array  # completed iterations
    average: Average | None = None  # of the generator


class Seen(NamedTuple):
    """What D sees in a pass: images (batch, pixels), labels (batch,) if any, masks if any."""

    images: Array
    labels: Array | None
    masks: list[Array] | tuple = ()


class Fakes(NamedTuple):
    """A batch of fakes, and the function from their gradient to that of G's parameters."""

    images: Array
    labels: Array | None
    backward: Callable[[Array], tuple[Tree]]


class Outcome(NamedTuple):
    """The results of one iteration: losses (scalars), and the first batch of fakes.

    The loss of G and the penalty are None if they are not computed.
    """

    d_loss: Array
    g_loss: Array | None
    fake: Array
    penalty: Array | None = None


def joined(parts: list[Seen]) -> Seen:
    """Several batches as one."""
    labels = None if parts[0].labels is None else jnp.concatenate([part.labels for part in parts])
    masks = [jnp.concatenate(masks) for masks in zip(*(part.masks for part in parts), strict=True)]
    return Seen(jnp.concatenate([part.images for part in parts]), labels, masks)


def packed(preset: Preset, images: Array) -> Array:
    """What D sees: consecutive images side by side, as one with more channels."""
    return images.reshape(-1, preset.pack * preset.pixels)


def masks_of(masks: list[Array] | tuple, part: int, rows: int) -> list[Array]:
    """The masks of one of several batches."""
    return [mask[part * rows : (part + 1) * rows] for mask in masks]


def fraction(part: Array, whole: Array | float) -> Array:
    """The quotient of integers, in the default precision: JAX's own is in single precision."""
    return part.astype(jnp.result_type(float)) / whole


def decay_factor(decay: str, done: Array) -> Array | float:
    """The factor of the learning rate after a fraction of the steps, from 0 to 1."""
    match decay:
        case "linear":
            return 1 - done
        case "cosine":
            return 0.5 * (1 + jnp.cos(jnp.pi * done))
    return 1.0


def adam(
    setup: Setup, learner: Learner, gradients: Tree, step: Array, lr: float, steps: float
) -> Learner:
    """The `step`th step of Adam, from 1; learning rates fall over `steps` steps."""
    preset = setup.preset
    beta1, beta2 = preset.betas
    rate = lr * decay_factor(preset.lr_decay, fraction(step - 1, steps)) / (1 - beta1**step)
    scale = lax.rsqrt(1 - beta2**step)
    first = jax.tree.map(lambda m, g: beta1 * m + (1 - beta1) * g, learner.first, gradients)
    second = jax.tree.map(lambda v, g: beta2 * v + (1 - beta2) * g * g, learner.second, gradients)
    parameters = jax.tree.map(
        lambda p, m, v: p - rate * m / (jnp.sqrt(v) * scale + preset.adam_eps),
        learner.parameters,
        first,
        second,
    )
    return Learner(parameters, first, second, learner.statistics)


def move_statistics(preset: Preset, learner: Learner, of_batch: Statistics) -> Learner:
    """Updates BatchNorm's running statistics after a pass."""
    momentum = preset.bn_momentum
    moved = jax.tree.map(
        lambda running, new: (1 - momentum) * running + momentum * new,
        learner.statistics,
        of_batch,
    )
    return learner._replace(statistics=moved)


def make_fakes(setup: Setup, state: State, z: Array, labels: Array | None) -> tuple[State, Fakes]:
    """Generates a batch of fakes, which updates G's running statistics."""
    images, backward, of_batch = jax.vjp(
        lambda network: generate(setup, network, z, labels),
        state.generator.parameters,
        has_aux=True,
    )
    generator = move_statistics(setup.preset, state.generator, of_batch)
    return state._replace(generator=generator), Fakes(images, labels, backward)


def discriminate_all(
    setup: Setup, network: Tree, parts: list[Seen]
) -> tuple[list[Array], list[Statistics]]:
    """D's outputs for each batch, and the batch statistics of each pass.

    One pass, or one for each batch if D has BatchNorm.
    """
    if not parts:
        return [], []
    if setup.preset.norms_in_d:
        passes = [discriminate(setup, network, *part) for part in parts]
        outputs, statistics = zip(*passes, strict=True)
        return list(outputs), list(statistics)
    output, _ = discriminate(setup, network, *joined(parts))
    return jnp.split(output, len(parts)), []


def discriminate_penalized(
    setup: Setup, network: Tree, parts: dict[str, Seen]
) -> tuple[list[Array], Array | float]:
    """D's outputs for each batch, and the sum of their penalties; D has no BatchNorm."""
    if not parts:
        return [], 0.0
    images, *others = joined(list(parts.values()))
    output, backward = jax.vjp(lambda x: discriminate(setup, network, x, *others)[0], images)
    (gradients,) = backward(jnp.ones_like(output))
    of_each = zip(parts, jnp.split(gradients, len(parts)), strict=True)
    total = sum(penalty(setup.preset, name, of_part) for name, of_part in of_each)
    return jnp.split(output, len(parts)), total


def update_discriminator(
    setup: Setup, real: Seen, state: State, inputs: Inputs, fakes: Fakes, penalizes: bool
) -> tuple[State, Array, Array | None]:
    """An optimizer step of D on real and fake images; returns its loss and the penalty, too."""
    preset, learner = setup.preset, state.discriminator
    rows = len(real.images)
    images = [real.images, packed(preset, fakes.images)]
    if penalizes and preset.gp:
        images.append(inputs.alpha * images[0] + (1 - inputs.alpha) * images[1])
    labels = (real.labels, fakes.labels, real.labels)
    seen = {
        name: Seen(images[part], labels[part], masks_of(inputs.d_masks, part, rows))
        for part, name in enumerate(("r1", "r2", "gp")[: len(images)])
    }
    penalized = {name: part for name, part in seen.items() if penalizes and getattr(preset, name)}
    plain = {name: part for name, part in seen.items() if name not in penalized}

    def loss_of(network: Tree) -> tuple[Array, tuple[Array, Array | float, list[Statistics]]]:
        outputs, passes = discriminate_all(setup, network, list(plain.values()))
        others, total = discriminate_penalized(setup, network, penalized)
        by_name = dict(zip((*plain, *penalized), (*outputs, *others), strict=True))
        loss = discriminator_loss(preset, by_name["r1"], by_name["r2"]) * preset.d_loss_scale
        return loss + preset.penalty_interval * total, (loss, total, passes)

    gradients, (loss, total, passes) = jax.grad(loss_of, has_aux=True)(learner.parameters)
    for of_batch in passes:
        learner = move_statistics(preset, learner, of_batch)
    learner = adam(setup, learner, gradients, state.step, preset.d_lr, setup.iterations)
    return state._replace(discriminator=learner), loss, total if penalizes else None


def update_generator(
    setup: Setup, real: Seen, state: State, inputs: Inputs, fakes: Fakes
) -> tuple[State, Array]:
    """An optimizer step of G; no gradients of D's parameters are computed."""
    preset, discriminator = setup.preset, state.discriminator
    rows = len(real.images)

    def loss_of(images: Array) -> tuple[Array, list[Statistics]]:
        before = [real] if preset.pairs_images else []
        parts = [*before, Seen(packed(preset, images), fakes.labels)]
        parts = [
            part._replace(masks=masks_of(inputs.g_masks, index, rows))
            for index, part in enumerate(parts)
        ]
        outputs, passes = discriminate_all(setup, discriminator.parameters, parts)
        return generator_loss(preset, outputs[-1], outputs[0]), passes

    (loss, passes), of_images = jax.value_and_grad(loss_of, has_aux=True)(fakes.images)
    step = (state.step - 1) // preset.n_critic + 1
    steps = setup.iterations / preset.n_critic
    gradients = fakes.backward(of_images)
    learner = adam(setup, state.generator, *gradients, step, preset.lr, steps)
    for of_batch in passes:
        discriminator = move_statistics(preset, discriminator, of_batch)
    average = update_average(preset, state.average, learner, step)
    return State(learner, discriminator, state.step, average), loss


def update_average(
    preset: Preset, average: Average | None, learner: Learner, step: Array
) -> Average | None:
    """Adds G to its average, whose weight grows with the number of G's updates."""
    if average is None:
        return None
    decay = jnp.minimum(preset.ema, fraction(step, step + preset.ema_warmup))
    new = Average(learner.parameters, learner.statistics)
    return jax.tree.map(lambda old, new: decay * old + (1 - decay) * new, average, new)


def iteration(
    setup: Setup, dataset: Dataset, state: State, inputs: Inputs, number: int = 0
) -> tuple[State, Outcome]:
    """The updates in the preset's order; `number`: completed iterations, or within a period."""
    preset = setup.preset
    state = state._replace(step=state.step + 1)
    updates, penalizes = preset.updates(number), preset.penalizes(number)
    real = Seen(
        packed(preset, dataset.images[inputs.chosen]),
        dataset.labels[inputs.chosen] if preset.classes else None,
    )
    noises = ((inputs.z, inputs.fake_labels), (inputs.z2, inputs.fake_labels2))
    g_loss = None
    for index, update in enumerate(updates):
        if index == 0 or preset.fakes == "fresh":
            state, fakes = make_fakes(setup, state, *noises[index])
        if index == 0:
            first = fakes.images
        if update == "D":
            state, d_loss, total = update_discriminator(
                setup, real, state, inputs, fakes, penalizes
            )
        else:
            state, g_loss = update_generator(setup, real, state, inputs, fakes)
    return state, Outcome(d_loss, g_loss, first, total)
