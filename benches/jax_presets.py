"""The presets' training in JAX, as its best users write it.

`train` is one program for many iterations, a `lax.scan` of them: draws, the gathering of the batch,
both updates with Adam. It is compiled as a whole by `jit`, which may reuse the memory of the state
that it is given, and `vmap` makes it train several GANs at once.

An iteration is a pure function of the state and of what was drawn for it, so that a golden run's
inputs can stand for the draws: tests/benches compares it with PyTorch. D's update passes real and
fake images through D as one batch; G's images are made once where both updates use the same.
Images of a batch are chosen uniformly at random, with replacement. Random numbers are JAX's default
(threefry): on the CPU its `rbg` took two to five times as long.

Precisions are those of torch_variants.py. In bf16, as flax does it, layers cast their weights and
inputs, BatchNorm's statistics are computed in f32, and so are the losses.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import jax
import numpy as np
from baseline import DIGITS_SHAPE, Preset, digits, random_count
from jax import Array, lax, nn, random
from jax import numpy as jnp

Tree = Any  # lists and dictionaries of arrays
MATMUL_PRECISIONS = {"f32": "highest", "tf32": "tensorfloat32", "bf16": "default"}
ACTIVATIONS = {"relu": nn.relu, "leaky_relu": partial(nn.leaky_relu, negative_slope=0.2)}


@dataclass(frozen=True)
class Setup:
    """What is trained, and how."""

    preset: Preset
    precision: str = "f32"
    draws_ahead: bool = False  # of all iterations at once, before the first of them


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
    """A network's parameters and Adam's moments of their gradients."""

    parameters: Tree
    first: Tree
    second: Tree


class State(NamedTuple):
    """All that training changes."""

    generator: Learner
    discriminator: Learner
    statistics: list[dict[str, Array]]  # running mean and variance of G's BatchNorms
    step: Array  # iterations done


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


def init_linear(preset: Preset, key: Array, inputs: int, outputs: int) -> dict[str, Array]:
    """PyTorch's default, or normal weights where the preset has them."""
    weight_key, bias_key = random.split(key)
    bound, shape = 1 / math.sqrt(inputs), (inputs, outputs)
    weight = random.uniform(weight_key, shape, minval=-bound, maxval=bound)
    if preset.weight_std is not None:
        weight = preset.weight_std * random.normal(weight_key, shape)
    return {
        "weight": weight,
        "bias": random.uniform(bias_key, (outputs,), minval=-bound, maxval=bound),
    }


def init_network(preset: Preset, key: Array, widths: tuple[int, ...]) -> Tree:
    """Linear layers, and the embedding of labels where there are classes."""
    embedding_key, *keys = random.split(key, len(widths))
    layers = zip(keys, pairwise(widths), strict=True)
    network = {"linear": [init_linear(preset, key, *sizes) for key, sizes in layers]}
    if preset.classes:
        network["embedding"] = random.normal(embedding_key, (preset.classes, preset.classes))
    return network


def init_generator(preset: Preset, key: Array) -> Tree:
    """G's parameters."""
    widths = (preset.latent_dim + preset.classes, *preset.g_hidden, preset.pixels)
    network = init_network(preset, key, widths)
    network["norm"] = [
        {"weight": jnp.ones(width), "bias": jnp.zeros(width)} for width in normed_widths(preset)
    ]
    return network


def init_discriminator(preset: Preset, key: Array) -> Tree:
    """D's parameters."""
    return init_network(preset, key, (preset.pixels + preset.classes, *preset.d_hidden, 1))


def normed_widths(preset: Preset) -> tuple[int, ...]:
    """Of G's layers that have a BatchNorm."""
    return preset.g_hidden[1:] if preset.batch_norm else ()


def masked_widths(preset: Preset) -> tuple[int, ...]:
    """Of D's layers that have dropout."""
    if preset.dropout == 0 or preset.dropout_at == "none":
        return ()
    return preset.d_hidden[1:] if preset.dropout_at == "before activation" else preset.d_hidden


def new_learner(parameters: Tree) -> Learner:
    """With moments of zero."""
    first, second = (jax.tree.map(jnp.zeros_like, parameters) for _ in range(2))
    return Learner(parameters, first, second)


def new_state(preset: Preset, key: Array) -> State:
    """Before the first iteration."""
    g_key, d_key = random.split(key)
    return State(
        generator=new_learner(init_generator(preset, g_key)),
        discriminator=new_learner(init_discriminator(preset, d_key)),
        statistics=[
            {"mean": jnp.zeros(width), "variance": jnp.ones(width)}
            for width in normed_widths(preset)
        ],
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


def linear(setup: Setup, x: Array, layer: dict[str, Array]) -> Array:
    """x W + b."""
    weight, bias = layer["weight"], layer["bias"]
    if setup.precision == "bf16":
        x, weight, bias = (value.astype(jnp.bfloat16) for value in (x, weight, bias))
    return x @ weight + bias


def batch_norm(preset: Preset, x: Array, norm: dict[str, Array]) -> tuple[Array, dict[str, Array]]:
    """Normalises by the batch's statistics; also returns these, the variance unbiased.

    The variance is E[x²] − E[x]², as in flax: both means come out of one pass.
    """
    wide = x.astype(norm["weight"].dtype)
    mean = wide.mean(0)
    variance = jnp.maximum((wide * wide).mean(0) - mean * mean, 0)
    y = (wide - mean) * (lax.rsqrt(variance + preset.bn_eps) * norm["weight"]) + norm["bias"]
    unbiased = variance * (len(x) / (len(x) - 1))
    return y.astype(x.dtype), {"mean": mean, "variance": unbiased}


def generate(
    setup: Setup, network: Tree, z: Array, labels: Array | None
) -> tuple[Array, list[dict[str, Array]]]:
    """Images (batch, pixels), and the statistics of each BatchNorm's batch."""
    preset, statistics = setup.preset, []
    x = z if labels is None else jnp.concatenate((network["embedding"][labels], z), axis=1)
    *hidden, last = network["linear"]
    for index, layer in enumerate(hidden):
        x = linear(setup, x, layer)
        if preset.batch_norm and index > 0:
            x, of_batch = batch_norm(preset, x, network["norm"][index - 1])
            statistics.append(of_batch)
        x = ACTIVATIONS[preset.g_activation](x)
    return jnp.tanh(linear(setup, x, last)).astype(z.dtype), statistics


def discriminate(
    setup: Setup, network: Tree, images: Array, labels: Array | None, masks: list[Array]
) -> Array:
    """D's output (batch, 1) before any Sigmoid, which the loss has in it."""
    preset, x, left = setup.preset, images, iter(masks)
    if labels is not None:
        x = jnp.concatenate((images, network["embedding"][labels]), axis=1)
    *hidden, last = network["linear"]
    for index, layer in enumerate(hidden):
        x = linear(setup, x, layer)
        if preset.dropout_at == "before activation" and index > 0:
            x = dropout(preset, x, left)
        x = ACTIVATIONS[preset.d_activation](x)
        if preset.dropout_at == "after activation":
            x = dropout(preset, x, left)
    output = linear(setup, x, last).astype(images.dtype)
    return nn.relu(output) if preset.final_relu else output


def dropout(preset: Preset, x: Array, masks: Iterator[Array]) -> Array:
    """Scales what the next mask keeps; all of it where there are no masks."""
    mask = next(masks, None)
    return x if mask is None else jnp.where(mask, x / (1 - preset.dropout), 0)


def criterion(preset: Preset, output: Array, target: int) -> Array:
    """Mean loss of D's output (batch, 1) against one target for all, 0 or 1."""
    match preset.loss:
        case "mse":
            return jnp.mean((output - target) ** 2)
        case "bce" | "bce-logits":
            return jnp.mean(nn.softplus(-output if target else output))
    raise ValueError(f"no loss {preset.loss}")


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
    return Learner(parameters, first, second)


def make_fakes(setup: Setup, state: State, z: Array, labels: Array | None) -> tuple[State, Fakes]:
    """A batch of G, whose running statistics move."""
    images, backward, of_batch = jax.vjp(
        lambda network: generate(setup, network, z, labels),
        state.generator.parameters,
        has_aux=True,
    )
    momentum = setup.preset.bn_momentum
    statistics = jax.tree.map(
        lambda running, new: (1 - momentum) * running + momentum * new, state.statistics, of_batch
    )
    return state._replace(statistics=statistics), Fakes(images, labels, backward)


def update_discriminator(
    setup: Setup, dataset: Dataset, state: State, drawn: Draw, fakes: Fakes
) -> tuple[State, Array]:
    """One step of D on real and fake images as one batch."""
    preset = setup.preset
    images = jnp.concatenate((dataset.images[drawn.chosen], fakes.images))
    labels = None
    if fakes.labels is not None:
        labels = jnp.concatenate((dataset.labels[drawn.chosen], fakes.labels))

    def loss_of(network: Tree) -> Array:
        real, fake = jnp.split(discriminate(setup, network, images, labels, drawn.d_masks), 2)
        return (criterion(preset, real, 1) + criterion(preset, fake, 0)) * preset.d_loss_scale

    loss, gradients = jax.value_and_grad(loss_of)(state.discriminator.parameters)
    learner = adam(preset, state.discriminator, gradients, state.step)
    return state._replace(discriminator=learner), loss


def update_generator(setup: Setup, state: State, drawn: Draw, fakes: Fakes) -> tuple[State, Array]:
    """One step of G; no gradients of D's own parameters are computed."""
    network = state.discriminator.parameters

    def loss_of(images: Array) -> Array:
        output = discriminate(setup, network, images, fakes.labels, drawn.g_masks)
        return criterion(setup.preset, output, 1)

    loss, of_images = jax.value_and_grad(loss_of)(fakes.images)
    learner = adam(setup.preset, state.generator, *fakes.backward(of_images), state.step)
    return state._replace(generator=learner), loss


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
