"""The presets' networks in JAX: parameters and forward passes.

Parameters are those of PyTorch, in the layouts of XLA's operations: Linear (inputs, outputs),
convolutions (row, column, inputs, outputs); a transposed convolution has the weight of the
convolution whose adjoint it is. Feature maps are (batch, row, column, channel) inside; input and
output images are flattened in PyTorch's order, (batch, channel * row * column).

In bf16, as in flax, layers cast their weights and inputs, and BatchNorm's statistics are computed in
f32.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import jax
from baseline import Preset
from jax import Array, lax, nn, random
from jax import numpy as jnp

Tree = Any  # nested lists and dictionaries of arrays
Layer = dict[str, Array]
Statistics = list[Layer]  # mean and variance of each BatchNorm
ACTIVATIONS = {"relu": nn.relu, "leaky_relu": partial(nn.leaky_relu, negative_slope=0.2)}
KERNEL = 4  # of every convolution, in both directions
MAPS = ("NHWC", "HWIO", "NHWC")
# Stride and padding of a level, which halves height and width; and between 4x4 and a single pixel.
HALVE, WHOLE = (2, 1), (1, 0)


@dataclass(frozen=True)
class Setup:
    """The preset, precision and sampling of a training."""

    preset: Preset
    precision: str = "f32"
    inputs_ahead: bool = False  # sample the inputs of all iterations before the scan
    iterations: int = 1  # of the run, over which learning rates fall, if they do


class Norms:
    """The BatchNorms of a pass in order; collects their batch statistics."""

    def __init__(self, setup: Setup, network: Tree) -> None:
        self.preset = setup.preset
        self.layers = iter(network["norm"])
        self.statistics: Statistics = []

    def __call__(self, x: Array) -> Array:
        """Normalizes x (…, features) over all but the features."""
        y, of_batch = batch_norm(self.preset, x, next(self.layers))
        self.statistics.append(of_batch)
        return y


def uniform(key: Array, shape: tuple[int, ...], inputs: int) -> Array:
    """PyTorch's default for weights and biases of a layer with this number of inputs per output."""
    bound = 1 / math.sqrt(inputs)
    return random.uniform(key, shape, minval=-bound, maxval=bound)


def init_weight(preset: Preset, key: Array, shape: tuple[int, ...]) -> Array:
    """PyTorch's default, or normal if the preset says so."""
    if preset.weight_std is None:
        return uniform(key, shape, math.prod(shape[:-1]))
    return preset.weight_std * random.normal(key, shape)


def init_linear(preset: Preset, key: Array, inputs: int, outputs: int) -> Layer:
    """A Linear."""
    weight_key, bias_key = random.split(key)
    weight = init_weight(preset, weight_key, (inputs, outputs))
    return {"weight": weight, "bias": uniform(bias_key, (outputs,), inputs)}


def init_conv(
    preset: Preset, key: Array, inputs: int, outputs: int, transposed: bool = False
) -> Layer:
    """A convolution, with biases unless all layers are convolutions."""
    weight_key, bias_key = random.split(key)
    channels = (outputs, inputs) if transposed else (inputs, outputs)
    layer = {"weight": init_weight(preset, weight_key, (KERNEL, KERNEL, *channels))}
    if preset.architecture == "dcgan":
        layer["bias"] = uniform(bias_key, (outputs,), KERNEL**2 * channels[0])
    return layer


def init_norm(preset: Preset, key: Array, features: int, of_maps: bool = False) -> Layer:
    """A BatchNorm; BatchNorm2d (`of_maps`) has normal weights if the preset says so."""
    weight = jnp.ones(features)
    if of_maps and preset.weight_std is not None:
        weight += preset.weight_std * random.normal(key, (features,))
    return {"weight": weight, "bias": jnp.zeros(features)}


def init_embedding(preset: Preset, key: Array) -> Tree:
    """The label embedding, if there are classes."""
    if not preset.classes:
        return {}
    return {"embedding": random.normal(key, (preset.classes, preset.classes))}


def init_mlp(preset: Preset, key: Array, widths: tuple[int, ...], normed: tuple[int, ...]) -> Tree:
    """Linear layers and BatchNorms of these widths."""
    embedding_key, *keys = random.split(key, len(widths))
    layers = zip(keys, pairwise(widths), strict=True)
    return {
        "linear": [init_linear(preset, key, *sizes) for key, sizes in layers],
        "norm": [init_norm(preset, key, width) for width in normed],
        **init_embedding(preset, embedding_key),
    }


def init_generator(preset: Preset, key: Array) -> Tree:
    """G's parameters."""
    if preset.convolutional:
        return init_growing(preset, key)
    widths = (preset.latent_dim + preset.classes, *preset.g_hidden, preset.pixels)
    return init_mlp(preset, key, widths, preset.g_hidden[1:] if preset.batch_norm else ())


def init_discriminator(preset: Preset, key: Array) -> Tree:
    """D's parameters."""
    if preset.convolutional:
        return init_shrinking(preset, key)
    inputs = math.prod(preset.d_image_shape) + preset.classes
    return init_mlp(preset, key, (inputs, *preset.d_hidden, 1), ())


def init_growing(preset: Preset, key: Array) -> Tree:
    """Parameters of a G with convolutions."""
    keys = iter(random.split(key, 3 + 2 * len(preset.g_hidden)))
    inputs, first = preset.latent_dim + preset.classes, preset.g_hidden[0]
    network = {"conv": [], "norm": [], **init_embedding(preset, next(keys))}
    if preset.architecture == "dcgan":
        features = math.prod(first_map(preset))
        network["linear"] = [init_linear(preset, next(keys), inputs, features)]
        network["norm"].append(init_norm(preset, next(keys), features))
    else:
        network["conv"].append(init_conv(preset, next(keys), inputs, first, transposed=True))
        network["norm"].append(init_norm(preset, next(keys), first, of_maps=True))
    for sizes in pairwise((*preset.g_hidden, preset.image_shape[0])):
        network["conv"].append(init_conv(preset, next(keys), *sizes, transposed=True))
    for channels in preset.g_hidden[1:]:
        network["norm"].append(init_norm(preset, next(keys), channels, of_maps=True))
    return network


def init_shrinking(preset: Preset, key: Array) -> Tree:
    """Parameters of a D with convolutions."""
    keys = iter(random.split(key, 2 + 2 * len(preset.d_hidden)))
    channels = (preset.d_image_shape[0] + preset.classes, *preset.d_hidden)
    network = {"conv": [], "norm": [], **init_embedding(preset, next(keys))}
    for sizes in pairwise(channels):
        network["conv"].append(init_conv(preset, next(keys), *sizes))
    if preset.architecture == "dcgan":
        features = channels[-1] * math.prod(preset.halved(len(preset.d_hidden)))
        network["linear"] = [init_linear(preset, next(keys), features, 1)]
    else:
        network["conv"].append(init_conv(preset, next(keys), channels[-1], 1))
        for features in preset.d_hidden[1:]:
            network["norm"].append(init_norm(preset, next(keys), features, of_maps=True))
    return network


def init_statistics(network: Tree) -> Statistics:
    """The initial running statistics of the BatchNorms."""
    widths = [len(norm["bias"]) for norm in network["norm"]]
    return [{"mean": jnp.zeros(width), "variance": jnp.ones(width)} for width in widths]


def first_map(preset: Preset) -> tuple[int, int, int]:
    """Channels, height and width of G's first feature map."""
    return preset.g_hidden[0], *preset.halved(len(preset.g_hidden))


def cast(setup: Setup, *values: Array) -> list[Array]:
    """Casts to the precision in which layers compute."""
    return [x.astype(jnp.bfloat16) if setup.precision == "bf16" else x for x in values]


def linear(setup: Setup, x: Array, layer: Layer) -> Array:
    """x W + b."""
    x, weight, bias = cast(setup, x, layer["weight"], layer["bias"])
    return x @ weight + bias


def convolve(setup: Setup, x: Array, layer: Layer, how: tuple[int, int]) -> Array:
    """A convolution of maps x (batch, row, column, channel); `how`: stride and padding."""
    return biased(convolution(how, *cast(setup, x, layer["weight"])), layer)


def convolve_transposed(setup: Setup, x: Array, layer: Layer, how: tuple[int, int]) -> Array:
    """PyTorch's ConvTranspose2d of this stride and padding."""
    return biased(adjoint(how, *cast(setup, x, layer["weight"])), layer)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def convolution(how: tuple[int, int], x: Array, weight: Array) -> Array:
    """`convolve` without bias.

    The derivatives of this and of `adjoint` are explicit and use only the axis order MAPS: JAX's own
    use other axis orders, which are ten times slower within a loop in XLA for the CPU.
    """
    stride, padding = how
    return in_maps(x, weight, padding, window_strides=(stride, stride))


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def adjoint(how: tuple[int, int], x: Array, weight: Array) -> Array:
    """The adjoint of `convolution` with respect to x: a transposed convolution."""
    stride, padding = how
    flipped = weight.swapaxes(2, 3)[::-1, ::-1]
    return in_maps(x, flipped, KERNEL - 1 - padding, lhs_dilation=(stride, stride))


def by_weight(how: tuple[int, int], x: Array, dy: Array) -> Array:
    """The gradient of `convolution`'s weight, from its input x and the gradient dy of its output."""
    stride, padding = how
    x, dy = x.transpose(3, 1, 2, 0), dy.transpose(1, 2, 0, 3)
    return in_maps(x, dy, padding, rhs_dilation=(stride, stride)).transpose(1, 2, 0, 3)


def in_maps(x: Array, kernel: Array, padding: int, **how: tuple[int, int]) -> Array:
    """JAX's convolution with the axis order MAPS."""
    how = {"window_strides": (1, 1)} | how
    pads = [(padding, padding)] * 2
    return lax.conv_general_dilated(x, kernel, padding=pads, dimension_numbers=MAPS, **how)


convolution.defvjp(
    lambda how, x, weight: (convolution(how, x, weight), (x, weight)),
    lambda how, kept, dy: (adjoint(how, dy, kept[1]), by_weight(how, kept[0], dy)),
)
adjoint.defvjp(
    lambda how, x, weight: (adjoint(how, x, weight), (x, weight)),
    lambda how, kept, dy: (convolution(how, dy, kept[1]), by_weight(how, dy, kept[0])),
)


def biased(y: Array, layer: Layer) -> Array:
    """y + b, if the layer has biases."""
    return y + layer["bias"].astype(y.dtype) if "bias" in layer else y


def batch_norm(preset: Preset, x: Array, norm: Layer) -> tuple[Array, Layer]:
    """Normalizes by the batch statistics; also returns them, with unbiased variance.

    The variance is E[x²] − E[x]², as in flax: both means need a single pass.
    """
    wide = x.astype(norm["weight"].dtype)
    axes = tuple(range(x.ndim - 1))
    mean = wide.mean(axes)
    variance = jnp.maximum((wide * wide).mean(axes) - mean * mean, 0)
    y = (wide - mean) * (lax.rsqrt(variance + preset.bn_eps) * norm["weight"]) + norm["bias"]
    count = x.size // x.shape[-1]
    return y.astype(x.dtype), {"mean": mean, "variance": variance * (count / (count - 1))}


def to_maps(x: Array, shape: tuple[int, int, int]) -> Array:
    """Converts flattened images (channel, row, column) to maps (batch, row, column, channel)."""
    return x.reshape(-1, *shape).transpose(0, 2, 3, 1)


def from_maps(x: Array) -> Array:
    """The inverse: (batch, channel * row * column)."""
    return x.transpose(0, 3, 1, 2).reshape(len(x), -1)


def generate(
    setup: Setup, network: Tree, z: Array, labels: Array | None
) -> tuple[Array, Statistics]:
    """Images (batch, pixels), and the batch statistics of each BatchNorm."""
    norms = Norms(setup, network)
    x = z if labels is None else jnp.concatenate((network["embedding"][labels], z), axis=1)
    grow = generate_by_convolutions if setup.preset.convolutional else generate_by_linears
    return jnp.tanh(grow(setup, network, x, norms)).astype(z.dtype), norms.statistics


def generate_by_linears(setup: Setup, network: Tree, x: Array, norms: Norms) -> Array:
    """An MLP's images before the Tanh."""
    preset = setup.preset
    *hidden, last = network["linear"]
    for index, layer in enumerate(hidden):
        x = linear(setup, x, layer)
        if preset.batch_norm and index > 0:
            x = norms(x)
        x = ACTIVATIONS[preset.g_activation](x)
    return linear(setup, x, last)


def generate_by_convolutions(setup: Setup, network: Tree, x: Array, norms: Norms) -> Array:
    """Images of transposed convolutions before the Tanh."""
    preset, left = setup.preset, iter(network["conv"])
    activation = ACTIVATIONS[preset.g_activation]
    if preset.architecture == "dcgan":
        x = activation(norms(linear(setup, x, *network["linear"])))
        x = to_maps(x, first_map(preset))
    else:
        x = convolve_transposed(setup, x[:, None, None, :], next(left), WHOLE)
        x = activation(norms(x))
    *levels, last = left
    for layer in levels:
        x = activation(norms(convolve_transposed(setup, x, layer, HALVE)))
    return from_maps(convolve_transposed(setup, x, last, HALVE))


def discriminate(
    setup: Setup, network: Tree, images: Array, labels: Array | None, masks: list[Array]
) -> tuple[Array, Statistics]:
    """D's output (batch, 1) before any Sigmoid, which the loss includes; and batch statistics."""
    norms = Norms(setup, network)
    embedded = None if labels is None else network["embedding"][labels]
    if setup.preset.convolutional:
        output = discriminate_by_convolutions(setup, network, images, embedded, norms)
    else:
        x = images if labels is None else jnp.concatenate((images, embedded), axis=1)
        output = discriminate_by_linears(setup, network, x, masks)
    output = output.astype(images.dtype)
    return nn.relu(output) if setup.preset.final_relu else output, norms.statistics


def discriminate_by_linears(setup: Setup, network: Tree, x: Array, masks: list[Array]) -> Array:
    """The output of an MLP."""
    preset, left = setup.preset, iter(masks)
    *hidden, last = network["linear"]
    for index, layer in enumerate(hidden):
        x = linear(setup, x, layer)
        if preset.dropout_at == "before activation" and index > 0:
            x = dropout(preset, x, left)
        x = ACTIVATIONS[preset.d_activation](x)
        if preset.dropout_at == "after activation":
            x = dropout(preset, x, left)
    return linear(setup, x, last)


def discriminate_by_convolutions(
    setup: Setup, network: Tree, images: Array, embedded: Array | None, norms: Norms
) -> Array:
    """The output of convolutions; label embeddings are additional channels, which come last."""
    preset = setup.preset
    x = to_maps(images, preset.d_image_shape)
    if embedded is not None:
        shape = (*x.shape[:3], preset.classes)
        x = jnp.concatenate((x, jnp.broadcast_to(embedded[:, None, None, :], shape)), axis=-1)
    for level, layer in enumerate(network["conv"][: len(preset.d_hidden)]):
        x = convolve(setup, x, layer, HALVE)
        if preset.norms_in_d and level > 0:
            x = norms(x)
        x = ACTIVATIONS[preset.d_activation](x)
    if preset.architecture == "dcgan":
        return linear(setup, from_maps(x), *network["linear"])
    return from_maps(convolve(setup, x, network["conv"][-1], WHOLE))


def dropout(preset: Preset, x: Array, masks: Iterator[Array]) -> Array:
    """Applies the next mask and scales; the identity if there are no masks."""
    mask = next(masks, None)
    return x if mask is None else jnp.where(mask, x / (1 - preset.dropout), 0)
