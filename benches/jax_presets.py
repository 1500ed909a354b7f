"""The presets' training in idiomatic, fast JAX.

`train` is one program for many iterations, a `lax.scan` of them: sampling random inputs, gathering
the batch, both updates with Adam. `jit` compiles the whole program, and may reuse the memory of its
input state; `vmap` makes it train several GANs at once.

An iteration is a pure function of the state and of its inputs, so that golden runs can replace the
inputs: tests/benches compares it with PyTorch. D's update passes real and fake images through D as
one batch, or as two if D has BatchNorm. G's images are generated once if both updates use the same.
Networks are in jax_networks.py. The images of a batch are chosen uniformly at random, with
replacement. Random numbers are JAX's default (threefry): `rbg` took two to five times as long on
the CPU.

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


class Inputs(NamedTuple):
    """The inputs of one iteration; None or empty if the preset does not need them.

    A mask is true where dropout keeps an activation. In `d_masks` the rows of the real images come
    first.
    """

    chosen: Array  # (batch,): indices of images of the data set
    z: Array  # (batch, latent_dim)
    fake_labels: Array | None = None  # (batch,)
    z2: Array | None = None  # for the second update, with fresh fakes
    fake_labels2: Array | None = None
    d_masks: list[Array] | tuple = ()  # (2 * batch, width) of each dropout
    g_masks: list[Array] | tuple = ()  # (batch, width)


class Learner(NamedTuple):
    """A network's parameters, Adam's moments, and BatchNorm's running statistics."""

    parameters: Tree
    first: Tree
    second: Tree
    statistics: Statistics  # running statistics


class State(NamedTuple):
    """All that training changes."""

    generator: Learner
    discriminator: Learner
    step: Array  # completed iterations


class LabelledImages(NamedTuple):
    """Images (batch, pixels) and labels (batch,), if there are classes."""

    images: Array
    labels: Array | None


class Fakes(NamedTuple):
    """A batch of fakes, and the function from their gradient to that of G's parameters."""

    images: Array
    labels: Array | None
    backward: Callable[[Array], tuple[Tree]]


class Outcome(NamedTuple):
    """The results of one iteration: losses (scalars), and the first batch of fakes."""

    d_loss: Array
    g_loss: Array
    fake: Array


def load_dataset(preset: Preset) -> Dataset:
    """The embedded digits if they have the preset's image shape, otherwise random images."""
    if preset.image_shape == DIGITS_SHAPE:
        pixels, labels = (np.frombuffer(part, np.uint8) for part in digits())
        images = (pixels.reshape(-1, preset.pixels).astype(np.float32) / 255 - 0.5) / 0.5
    else:
        shape = (random_count(preset), preset.pixels)
        images = np.random.default_rng(0).random(shape, np.float32) * 2 - 1
        labels = np.zeros(len(images), np.uint8)
    return Dataset(jnp.asarray(images), jnp.asarray(labels, dtype=jnp.int32))


def masked_widths(preset: Preset) -> tuple[int, ...]:
    """The widths of D's layers with dropout."""
    if preset.dropout == 0 or preset.dropout_at == "none":
        return ()
    return preset.d_hidden[1:] if preset.dropout_at == "before activation" else preset.d_hidden


def new_learner(parameters: Tree) -> Learner:
    """The state of a network before the first iteration."""
    first, second = (jax.tree.map(jnp.zeros_like, parameters) for _ in range(2))
    return Learner(parameters, first, second, init_statistics(parameters))


def new_state(preset: Preset, key: Array) -> State:
    """The state before the first iteration."""
    g_key, d_key = random.split(key)
    return State(
        generator=new_learner(init_generator(preset, g_key)),
        discriminator=new_learner(init_discriminator(preset, d_key)),
        step=jnp.zeros((), jnp.int32),
    )


def sample_inputs(preset: Preset, images: int, key: Array) -> Inputs:
    """Samples the inputs of one iteration, for a data set of `images` images."""
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

    return Inputs(
        chosen=integers(images),
        z=noise(),
        fake_labels=integers(preset.classes) if preset.classes else None,
        z2=noise() if fresh else None,
        fake_labels2=integers(preset.classes) if preset.classes and fresh else None,
        d_masks=masks(2 * preset.batch),
        g_masks=masks(preset.batch),
    )


def criterion(preset: Preset, output: Array, target: int) -> Array:
    """Mean loss of D's output (batch, 1), with one target for all, 0 or 1."""
    match preset.loss:
        case "mse":
            return jnp.mean((output - target) ** 2)
        case "bce":
            return jnp.mean(saturating_cross_entropy(output, target))
        case "bce-logits":
            return jnp.mean(nn.softplus(-output if target else output))
    raise ValueError(f"no loss {preset.loss}")


def saturating_cross_entropy(logit: Array, target: int) -> Array:
    """PyTorch's BCELoss after a Sigmoid, for each logit, with its limits of value and gradient."""
    p = nn.sigmoid(logit)
    value = -jnp.maximum(jnp.log(p) if target else jnp.log1p(-p), -100)
    slope = (p - target) * jnp.minimum(1, p * (1 - p) / 1e-12)
    value, slope, at = lax.stop_gradient((value, slope, logit))
    return value + slope * (logit - at)


def adam(preset: Preset, learner: Learner, gradients: Tree, step: Array) -> Learner:
    """The `step`th step of Adam."""
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


def discriminate_both(
    setup: Setup, network: Tree, real: LabelledImages, fake: LabelledImages, masks: list[Array]
) -> tuple[Array, Array, list[Statistics]]:
    """D's outputs for real and fake images, and the batch statistics of each pass.

    One pass, or two if D has BatchNorm.
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
    setup: Setup, dataset: Dataset, state: State, inputs: Inputs, fakes: Fakes
) -> tuple[State, Array]:
    """An optimizer step of D on real and fake images."""
    preset, learner = setup.preset, state.discriminator
    labels = None if fakes.labels is None else dataset.labels[inputs.chosen]
    real, fake = (
        LabelledImages(dataset.images[inputs.chosen], labels),
        LabelledImages(fakes.images, fakes.labels),
    )

    def loss_of(network: Tree) -> tuple[Array, list[Statistics]]:
        of_real, of_fake, passes = discriminate_both(setup, network, real, fake, inputs.d_masks)
        loss = criterion(preset, of_real, 1) + criterion(preset, of_fake, 0)
        return loss * preset.d_loss_scale, passes

    (loss, passes), gradients = jax.value_and_grad(loss_of, has_aux=True)(learner.parameters)
    for of_batch in passes:
        learner = move_statistics(preset, learner, of_batch)
    return state._replace(discriminator=adam(preset, learner, gradients, state.step)), loss


def update_generator(
    setup: Setup, state: State, inputs: Inputs, fakes: Fakes
) -> tuple[State, Array]:
    """An optimizer step of G; no gradients of D's parameters are computed."""
    preset, discriminator = setup.preset, state.discriminator

    def loss_of(images: Array) -> tuple[Array, Statistics]:
        output, of_batch = discriminate(
            setup, discriminator.parameters, images, fakes.labels, inputs.g_masks
        )
        return criterion(preset, output, 1), of_batch

    (loss, of_batch), of_images = jax.value_and_grad(loss_of, has_aux=True)(fakes.images)
    learner = adam(preset, state.generator, *fakes.backward(of_images), state.step)
    discriminator = move_statistics(preset, discriminator, of_batch)
    return state._replace(generator=learner, discriminator=discriminator), loss


def iteration(
    setup: Setup, dataset: Dataset, state: State, inputs: Inputs
) -> tuple[State, Outcome]:
    """Both updates in the preset's order."""
    state = state._replace(step=state.step + 1)
    state, fakes = make_fakes(setup, state, inputs.z, inputs.fake_labels)
    first = fakes.images
    g_first = setup.preset.order == "g-first"
    if g_first:
        state, g_loss = update_generator(setup, state, inputs, fakes)
    else:
        state, d_loss = update_discriminator(setup, dataset, state, inputs, fakes)
    if setup.preset.fakes == "fresh":
        state, fakes = make_fakes(setup, state, inputs.z2, inputs.fake_labels2)
    if g_first:
        state, d_loss = update_discriminator(setup, dataset, state, inputs, fakes)
    else:
        state, g_loss = update_generator(setup, state, inputs, fakes)
    return state, Outcome(d_loss, g_loss, first)


def train(
    setup: Setup, dataset: Dataset, iterations: int, state: State, key: Array
) -> tuple[State, Array]:
    """Trains; returns the losses of D and G: (iterations, 2)."""
    sample_one = partial(sample_inputs, setup.preset, len(dataset.images))
    inputs_or_keys = random.split(random.fold_in(key, state.step), iterations)
    if setup.inputs_ahead:
        inputs_or_keys = jax.vmap(sample_one)(inputs_or_keys)

    def next_state(state: State, inputs_or_key: Inputs | Array) -> tuple[State, Array]:
        inputs = inputs_or_key if setup.inputs_ahead else sample_one(inputs_or_key)
        state, outcome = iteration(setup, dataset, state, inputs)
        return state, jnp.stack((outcome.d_loss, outcome.g_loss))

    return lax.scan(next_state, state, inputs_or_keys)
