"""The presets' training in idiomatic, fast JAX.

`train` is one program for many iterations, a `lax.scan` of them: sampling random inputs, gathering
the batch, both updates with Adam. `jit` compiles the whole program, and may reuse the memory of its
input state; `vmap` makes it train several GANs at once.

An iteration is a pure function of the state and of its inputs, so that golden runs can replace the
inputs: tests/benches compares it with PyTorch. Updates are in jax_updates.py, networks in
jax_networks.py. If iterations differ, the scan's body is a whole period of them. The images of a
batch are chosen uniformly at random, with replacement. Random numbers are JAX's default (threefry):
`rbg` took two to five times as long on the CPU.

Precisions are those of torch_variants.py; losses are computed in f32.
"""

from __future__ import annotations

from functools import partial
from operator import itemgetter

import jax
import numpy as np
from baseline import DIGITS_SHAPE, Preset, digits, random_count
from jax import Array, lax, random
from jax import numpy as jnp
from jax_networks import Setup, Tree, init_discriminator, init_generator, init_statistics
from jax_updates import Average, Dataset, Inputs, Learner, State, iteration

MATMUL_PRECISIONS = {"f32": "highest", "tf32": "tensorfloat32", "bf16": "default"}


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
    generator = new_learner(init_generator(preset, g_key))
    return State(
        generator=generator,
        discriminator=new_learner(init_discriminator(preset, d_key)),
        step=jnp.zeros((), jnp.int32),
        average=new_average(preset, generator),
    )


def new_average(preset: Preset, generator: Learner) -> Average | None:
    """The average of G before the first iteration: a copy, as state is donated."""
    if not preset.ema:
        return None
    return jax.tree.map(jnp.copy, Average(generator.parameters, generator.statistics))


def sample_inputs(preset: Preset, images: int, key: Array) -> Inputs:
    """Samples the inputs of one iteration, for a data set of `images` images."""
    keys = iter(random.split(key, 6 + 2 * len(preset.d_hidden)))
    fresh, rows = preset.fakes == "fresh", preset.batch // preset.pack

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
        d_masks=masks(rows * (3 if preset.gp else 2)),
        g_masks=masks(rows * (2 if preset.pairs_images else 1)),
        alpha=random.uniform(next(keys), (rows, 1)) if preset.gp else None,
    )


def train(
    setup: Setup, dataset: Dataset, iterations: int, state: State, key: Array
) -> tuple[State, Array]:
    """Trains for whole periods; returns the losses of D and G: (iterations, 2).

    G's loss is 0 in iterations that do not compute it.
    """
    period = setup.preset.period
    if iterations % period:
        raise ValueError(f"{iterations} iterations are no multiple of {period}")
    sample_one = partial(sample_inputs, setup.preset, len(dataset.images))
    inputs_or_keys = random.split(random.fold_in(key, state.step), iterations)
    if setup.inputs_ahead:
        inputs_or_keys = jax.vmap(sample_one)(inputs_or_keys)
    in_periods = jax.tree.map(lambda x: x.reshape(-1, period, *x.shape[1:]), inputs_or_keys)

    def next_state(state: State, inputs_or_keys: Inputs | Array) -> tuple[State, Array]:
        losses = []
        for number in range(period):
            inputs = jax.tree.map(itemgetter(number), inputs_or_keys)
            inputs = inputs if setup.inputs_ahead else sample_one(inputs)
            state, outcome = iteration(setup, dataset, state, inputs, number)
            g_loss = jnp.zeros_like(outcome.d_loss) if outcome.g_loss is None else outcome.g_loss
            losses.append(jnp.stack((outcome.d_loss, g_loss)))
        return state, jnp.stack(losses)

    state, losses = lax.scan(next_state, state, in_periods)
    return state, losses.reshape(iterations, 2)
