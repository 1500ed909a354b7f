"""The presets' training in JAX, as its best users write it.

`train` is one program for many iterations, a `lax.scan` of them: draws, the gathering of the batch,
both updates with Adam. It is compiled as a whole by `jit`, which may reuse the memory of the state
that it is given, and `vmap` makes it train several GANs at once.

An iteration is a pure function of the state and of what was drawn for it, so that a golden run's
inputs can stand for the draws: tests/benches compares it with PyTorch. D's update passes real and
fake images through D as one batch, unless D has BatchNorm, for which they are two; G's images are
made once where both updates use the same. Networks are in jax_networks.py. Images of a batch are
chosen uniformly at random, with replacement. Random numbers are JAX's default (threefry): on the
CPU its `rbg` took two to five times as long.

Precisions are those of torch_variants.py; losses are computed in f32.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import numpy as np
from baseline import DIGITS_SHAPE, Preset, digits, random_count
from jax import Array, lax, nn, random
from jax import numpy as jnp
from jax_networks import (
    Setup,
    Statistics,
    Tree,
    discriminate,
    generate,
    init_discriminator,
    init_generator,
    init_statistics,
)

MATMUL_PRECISIONS = {"f32": "highest", "tf32": "tensorfloat32", "bf16": "default"}


class Dataset(NamedTuple):
    """Images (count, pixels) in [-1, 1] and labels (count,), on the device."""

    images: Array
    labels: Array


class Draw(NamedTuple):
    """What one iteration takes in; what its preset has no use for is None or empty.

    A mask is true where dropout keeps an activation. In `d_masks` the rows of the real images come
    first.
    """

    chosen: Array  # (batch,): which images of the data set
    z: Array  # (batch, latent_dim)
    fake_labels: Array | None = None  # (batch,)
    z2: Array | None = None  # of the second update, where fakes are fresh
    fake_labels2: Array | None = None
    d_masks: list[Array] | tuple = ()  # (2 * batch, width) of each dropout
    g_masks: list[Array] | tuple = ()  # (batch, width)


class Learner(NamedTuple):
    """A network's parameters, Adam's moments of their gradients, and what BatchNorms keep."""

    parameters: Tree
    first: Tree
    second: Tree
    statistics: Statistics  # running ones


class State(NamedTuple):
    """All that training changes."""

    generator: Learner
    discriminator: Learner
    step: Array  # iterations done


class Labelled(NamedTuple):
    """Images (batch, pixels) and, where there are classes, labels (batch,)."""

    images: Array
    labels: Array | None


class Fakes(NamedTuple):
    """A generated batch, and the function from its gradient to that of G's parameters."""

    images: Array
    labels: Array | None
    backward: Callable[[Array], tuple[Tree]]


class Outcome(NamedTuple):
    """What one iteration gives: losses (scalars), and the first generated batch."""

    d_loss: Array
    g_loss: Array
    fake: Array


def load_dataset(preset: Preset) -> Dataset:
    """The embedded digits where they fit, random images otherwise."""
    if preset.image_shape == DIGITS_SHAPE:
        pixels, labels = (np.frombuffer(part, np.uint8) for part in digits())
        images = (pixels.reshape(-1, preset.pixels).astype(np.float32) / 255 - 0.5) / 0.5
    else:
        shape = (random_count(preset), preset.pixels)
        images = np.random.default_rng(0).random(shape, np.float32) * 2 - 1
        labels = np.zeros(len(images), np.uint8)
    return Dataset(jnp.asarray(images), jnp.asarray(labels, dtype=jnp.int32))


def masked_widths(preset: Preset) -> tuple[int, ...]:
    """Of D's layers that have dropout."""
    if preset.dropout == 0 or preset.dropout_at == "none":
        return ()
    return preset.d_hidden[1:] if preset.dropout_at == "before activation" else preset.d_hidden


def new_learner(parameters: Tree) -> Learner:
    """Before the first iteration."""
    first, second = (jax.tree.map(jnp.zeros_like, parameters) for _ in range(2))
    return Learner(parameters, first, second, init_statistics(parameters))


def new_state(preset: Preset, key: Array) -> State:
    """Before the first iteration."""
    g_key, d_key = random.split(key)
    return State(
        generator=new_learner(init_generator(preset, g_key)),
        discriminator=new_learner(init_discriminator(preset, d_key)),
        step=jnp.zeros((), jnp.int32),
    )


def draw(preset: Preset, images: int, key: Array) -> Draw:
    """What one iteration takes in, of a data set of so many images."""
    keys = iter(random.split(key, 5 + 2 * len(preset.d_hidden)))
    fresh = preset.fakes == "fresh"

    def noise() -> Array:
        shape = (preset.batch, preset.latent_dim)
        if preset.noise == "uniform":
            return random.uniform(next(keys), shape, minval=-1, maxval=1)
        return random.normal(next(keys), shape)

    def integers(end: int) -> Array:
        return random.randint(next(keys), (preset.batch,), 0, end)

    def masks(rows: int) -> list[Array]:
        keep = 1 - preset.dropout
        return [random.bernoulli(next(keys), keep, (rows, n)) for n in masked_widths(preset)]

    return Draw(
        chosen=integers(images),
        z=noise(),
        fake_labels=integers(preset.classes) if preset.classes else None,
        z2=noise() if fresh else None,
        fake_labels2=integers(preset.classes) if preset.classes and fresh else None,
        d_masks=masks(2 * preset.batch),
        g_masks=masks(preset.batch),
    )


def criterion(preset: Preset, output: Array, target: int) -> Array:
    """Mean loss of D's output (batch, 1) against one target for all, 0 or 1."""
    match preset.loss:
        case "mse":
            return jnp.mean((output - target) ** 2)
        case "bce":
            return jnp.mean(saturating_cross_entropy(output, target))
        case "bce-logits":
            return jnp.mean(nn.softplus(-output if target else output))
    raise ValueError(f"no loss {preset.loss}")


def saturating_cross_entropy(logit: Array, target: int) -> Array:
    """Of each logit: PyTorch's BCELoss behind a Sigmoid, with the limits of its value and gradient."""
    p = nn.sigmoid(logit)
    value = -jnp.maximum(jnp.log(p) if target else jnp.log1p(-p), -100)
    slope = (p - target) * jnp.minimum(1, p * (1 - p) / 1e-12)
    value, slope, at = lax.stop_gradient((value, slope, logit))
    return value + slope * (logit - at)


def adam(preset: Preset, learner: Learner, gradients: Tree, step: Array) -> Learner:
    """One step of Adam, the `step`th."""
    beta1, beta2 = preset.betas
    rate = preset.lr / (1 - beta1**step)
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
    """BatchNorms' running statistics after a pass."""
    momentum = preset.bn_momentum
    moved = jax.tree.map(
        lambda running, new: (1 - momentum) * running + momentum * new,
        learner.statistics,
        of_batch,
    )
    return learner._replace(statistics=moved)


def make_fakes(setup: Setup, state: State, z: Array, labels: Array | None) -> tuple[State, Fakes]:
    """A batch of G, whose running statistics move."""
    images, backward, of_batch = jax.vjp(
        lambda network: generate(setup, network, z, labels),
        state.generator.parameters,
        has_aux=True,
    )
    generator = move_statistics(setup.preset, state.generator, of_batch)
    return state._replace(generator=generator), Fakes(images, labels, backward)


def discriminate_both(
    setup: Setup, network: Tree, real: Labelled, fake: Labelled, masks: list[Array]
) -> tuple[Array, Array, list[Statistics]]:
    """D's outputs for real and fake images, and the statistics of each pass's batches.

    One pass, or two where D has BatchNorm.
    """
    if setup.preset.norms_in_d:
        of_real, first = discriminate(setup, network, *real, ())
        of_fake, second = discriminate(setup, network, *fake, ())
        return of_real, of_fake, [first, second]
    images = jnp.concatenate((real.images, fake.images))
    labels = None if fake.labels is None else jnp.concatenate((real.labels, fake.labels))
    outputs, _ = discriminate(setup, network, images, labels, masks)
    return *jnp.split(outputs, 2), []


def update_discriminator(
    setup: Setup, dataset: Dataset, state: State, drawn: Draw, fakes: Fakes
) -> tuple[State, Array]:
    """One step of D on real and fake images."""
    preset, learner = setup.preset, state.discriminator
    labels = None if fakes.labels is None else dataset.labels[drawn.chosen]
    real, fake = (
        Labelled(dataset.images[drawn.chosen], labels),
        Labelled(fakes.images, fakes.labels),
    )

    def loss_of(network: Tree) -> tuple[Array, list[Statistics]]:
        of_real, of_fake, passes = discriminate_both(setup, network, real, fake, drawn.d_masks)
        loss = criterion(preset, of_real, 1) + criterion(preset, of_fake, 0)
        return loss * preset.d_loss_scale, passes

    (loss, passes), gradients = jax.value_and_grad(loss_of, has_aux=True)(learner.parameters)
    for of_batch in passes:
        learner = move_statistics(preset, learner, of_batch)
    return state._replace(discriminator=adam(preset, learner, gradients, state.step)), loss


def update_generator(setup: Setup, state: State, drawn: Draw, fakes: Fakes) -> tuple[State, Array]:
    """One step of G; no gradients of D's own parameters are computed."""
    preset, judge = setup.preset, state.discriminator

    def loss_of(images: Array) -> tuple[Array, Statistics]:
        output, of_batch = discriminate(
            setup, judge.parameters, images, fakes.labels, drawn.g_masks
        )
        return criterion(preset, output, 1), of_batch

    (loss, of_batch), of_images = jax.value_and_grad(loss_of, has_aux=True)(fakes.images)
    learner = adam(preset, state.generator, *fakes.backward(of_images), state.step)
    judge = move_statistics(preset, judge, of_batch)
    return state._replace(generator=learner, discriminator=judge), loss


def iteration(setup: Setup, dataset: Dataset, state: State, drawn: Draw) -> tuple[State, Outcome]:
    """Both updates in the preset's order."""
    state = state._replace(step=state.step + 1)
    state, fakes = make_fakes(setup, state, drawn.z, drawn.fake_labels)
    first = fakes.images
    g_first = setup.preset.order == "g-first"
    if g_first:
        state, g_loss = update_generator(setup, state, drawn, fakes)
    else:
        state, d_loss = update_discriminator(setup, dataset, state, drawn, fakes)
    if setup.preset.fakes == "fresh":
        state, fakes = make_fakes(setup, state, drawn.z2, drawn.fake_labels2)
    if g_first:
        state, d_loss = update_discriminator(setup, dataset, state, drawn, fakes)
    else:
        state, g_loss = update_generator(setup, state, drawn, fakes)
    return state, Outcome(d_loss, g_loss, first)


def train(
    setup: Setup, dataset: Dataset, iterations: int, state: State, key: Array
) -> tuple[State, Array]:
    """So many iterations; their losses (iterations, 2) are D's and G's."""
    draw_one = partial(draw, setup.preset, len(dataset.images))
    draws = random.split(random.fold_in(key, state.step), iterations)
    if setup.draws_ahead:
        draws = jax.vmap(draw_one)(draws)

    def next_state(state: State, drawn: Draw | Array) -> tuple[State, Array]:
        drawn = drawn if setup.draws_ahead else draw_one(drawn)
        state, outcome = iteration(setup, dataset, state, drawn)
        return state, jnp.stack((outcome.d_loss, outcome.g_loss))

    return lax.scan(next_state, state, draws)
