"""The presets and their networks in PyTorch, exactly as their sources define them.

One table row per preset and one builder for all of them. The recorded runs
(`make.py`), the checkpoint test (`check_checkpoint.py`) and the speed baseline
(`benches/torch_baseline.py`) take their networks and their training iteration
from here, so there is one definition to compare the engine with.

Module order is part of the definition: it decides the keys of the state_dict.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True)
class Preset:
    """A row of the table. `dataclasses.replace` makes the variations of it."""

    name: str
    latent_dim: int
    g_hidden: tuple[int, ...]
    d_hidden: tuple[int, ...]
    g_activation: str  # of the hidden layers: "relu" or "leaky_relu" (slope 0.2)
    d_activation: str
    loss: str  # "bce-logits", "bce" (D ends in a Sigmoid) or "mse"
    batch: int
    lr: float = 2e-4
    betas: tuple[float, float] = (0.5, 0.999)
    adam_eps: float = 1e-8
    d_loss_scale: float = 1.0  # of real + fake
    order: str = "d-first"
    fakes: str = "same"  # images of the second update; "fresh": drawn anew
    noise: str = "normal"  # or "uniform", in (-1, 1)
    image_shape: tuple[int, int, int] = (1, 28, 28)  # channels, height, width
    classes: int = 0  # 0: without labels
    batch_norm: bool = False  # on all hidden layers of G but the first
    bn_eps: float = 1e-5
    bn_momentum: float = 0.1
    dropout: float = 0.0
    dropout_at: str = "none"  # in D: "after activation", "before activation" (not in the first)
    final_relu: bool = False  # one more ReLU on D's last Linear
    weight_std: float | None = None  # Linear weights N(0, std) instead of the default
    bare: bool = False  # a bare Sequential: keys without "model."

    @property
    def pixels(self) -> int:
        """Values of one image: channels * height * width."""
        return math.prod(self.image_shape)


PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset(
            name="mlp",
            latent_dim=96,
            noise="uniform",
            g_hidden=(1024, 1024),
            d_hidden=(256, 256),
            g_activation="relu",
            d_activation="leaky_relu",
            loss="bce-logits",
            lr=3e-4,
            batch=256,
            bare=True,
        ),
        Preset(
            name="mlp-dropout",
            latent_dim=100,
            g_hidden=(256, 512, 1024),
            d_hidden=(1024, 512, 256),
            g_activation="relu",
            d_activation="relu",
            dropout=0.3,
            dropout_at="after activation",
            loss="bce",
            batch=128,
            weight_std=0.02,
        ),
        Preset(
            name="cgan",
            latent_dim=100,
            classes=10,
            g_hidden=(128, 256, 512, 1024),
            d_hidden=(512, 512, 512),
            g_activation="leaky_relu",
            d_activation="leaky_relu",
            batch_norm=True,
            bn_eps=0.8,
            dropout=0.4,
            dropout_at="before activation",
            loss="mse",
            d_loss_scale=0.5,
            order="g-first",
            batch=64,
        ),
        Preset(
            name="mlp-rgb",
            latent_dim=100,
            image_shape=(3, 128, 128),
            g_hidden=(128, 256, 512, 1024),
            d_hidden=(512, 256),
            g_activation="leaky_relu",
            d_activation="leaky_relu",
            batch_norm=True,
            bn_eps=0.8,
            loss="bce",
            fakes="fresh",
            batch=64,
        ),
        Preset(
            name="mlp-batchnorm",
            latent_dim=100,
            g_hidden=(128, 256, 512, 1024),
            d_hidden=(512, 256, 128),
            g_activation="leaky_relu",
            d_activation="relu",
            batch_norm=True,
            bn_eps=0.8,
            loss="bce",
            d_loss_scale=0.5,
            order="g-first",
            lr=1e-4,
            betas=(0.9, 0.999),
            batch=64,
        ),
    )
}


class MaskDropout(nn.Module):
    """Stands at Dropout's index and multiplies by a mask that it is given.

    `mask` (batch, width) is already scaled by 1/(1-p); None lets x pass.
    """

    mask: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        return x if self.mask is None else x * self.mask


class Generator(nn.Module):
    """(z, labels) -> images (batch, pixels); the label's embedding comes first."""

    def __init__(self, model: nn.Sequential, classes: int) -> None:
        super().__init__()
        if classes:
            self.label_embedding = nn.Embedding(classes, classes)
        self.model = model

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        if labels is not None:
            z = torch.cat((self.label_embedding(labels), z), dim=1)
        return self.model(z)


class Discriminator(nn.Module):
    """(images (batch, pixels), labels) -> (batch, 1); the label's embedding comes last."""

    def __init__(self, model: nn.Sequential, classes: int) -> None:
        super().__init__()
        if classes:
            self.label_embedding = nn.Embedding(classes, classes)
        self.model = model

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        if labels is not None:
            images = torch.cat((images, self.label_embedding(labels)), dim=1)
        return self.model(images)


def activation(name: str) -> nn.Module:
    """The module of a hidden layer's activation."""
    return nn.ReLU(inplace=True) if name == "relu" else nn.LeakyReLU(0.2, inplace=True)


def generator_layers(preset: Preset) -> Iterator[nn.Module]:
    """G's modules in the order of its Sequential."""
    widths = (preset.latent_dim + preset.classes, *preset.g_hidden)
    for layer, (inputs, outputs) in enumerate(pairwise(widths)):
        yield nn.Linear(inputs, outputs)
        if preset.batch_norm and layer > 0:
            yield nn.BatchNorm1d(outputs, eps=preset.bn_eps, momentum=preset.bn_momentum)
        yield activation(preset.g_activation)
    yield nn.Linear(widths[-1], preset.pixels)
    yield nn.Tanh()


def discriminator_layers(preset: Preset, explicit_masks: bool) -> Iterator[nn.Module]:
    """D's modules in the order of its Sequential."""
    widths = (preset.pixels + preset.classes, *preset.d_hidden)
    for layer, (inputs, outputs) in enumerate(pairwise(widths)):
        yield nn.Linear(inputs, outputs)
        dropout = MaskDropout() if explicit_masks else nn.Dropout(preset.dropout)
        if preset.dropout_at == "before activation" and layer > 0:
            yield dropout
        yield activation(preset.d_activation)
        if preset.dropout_at == "after activation":
            yield dropout
    yield nn.Linear(widths[-1], 1)
    if preset.final_relu:
        yield nn.ReLU()
    if preset.loss == "bce":
        yield nn.Sigmoid()


def initialise(network: nn.Module, preset: Preset) -> None:
    """Redraws Linear weights where the source does; all else keeps PyTorch's defaults."""
    if preset.weight_std is None:
        return
    for module in network.modules():
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, 0.0, preset.weight_std)


def build_generator(preset: Preset) -> nn.Module:
    """G, initialised, in training mode."""
    model = nn.Sequential(*generator_layers(preset))
    network = model if preset.bare else Generator(model, preset.classes)
    initialise(network, preset)
    return network


def build_discriminator(preset: Preset, explicit_masks: bool = False) -> nn.Module:
    """D, initialised, in training mode; `explicit_masks` puts MaskDropout for Dropout."""
    model = nn.Sequential(*discriminator_layers(preset, explicit_masks))
    network = model if preset.bare else Discriminator(model, preset.classes)
    initialise(network, preset)
    return network


def draw_noise(preset: Preset, batch: int, device: torch.device | str = "cpu") -> Tensor:
    """z (batch, latent_dim) from the preset's distribution."""
    if preset.noise == "uniform":
        return torch.rand(batch, preset.latent_dim, device=device) * 2 - 1
    return torch.randn(batch, preset.latent_dim, device=device)


def criterion(preset: Preset, output: Tensor, target: float) -> Tensor:
    """Mean loss of D's output (batch, 1) against one target for all."""
    loss = {
        "bce-logits": F.binary_cross_entropy_with_logits,
        "bce": F.binary_cross_entropy,
        "mse": F.mse_loss,
    }[preset.loss]
    return loss(output, torch.full_like(output, target))


@dataclass
class Batch:
    """What one iteration takes in. `z2`, `fake_labels2`: where fakes are fresh."""

    real: Tensor
    z: Tensor
    z2: Tensor | None = None
    real_labels: Tensor | None = None
    fake_labels: Tensor | None = None
    fake_labels2: Tensor | None = None


@dataclass
class Outcome:
    """What one iteration gives: losses (scalars), and the first generated batch."""

    loss_d: Tensor
    loss_g: Tensor
    fake: Tensor


def call(network: nn.Module, x: Tensor, labels: Tensor | None) -> Tensor:
    """Passes labels only to a network that takes them (a bare Sequential does not)."""
    return network(x) if labels is None else network(x, labels)


class Trainer:
    """The training iteration. Networks stay in training mode all along."""

    def __init__(
        self,
        preset: Preset,
        generator: nn.Module,
        discriminator: nn.Module,
        **adam: bool,
    ) -> None:
        """`adam`: how it shall compute, such as `fused` or `capturable`; nothing of its values."""
        self.preset = preset
        self.generator = generator
        self.discriminator = discriminator
        self.g_parameters = list(generator.parameters())
        self.g_optimizer = self._adam(self.g_parameters, adam)
        self.d_optimizer = self._adam(list(discriminator.parameters()), adam)

    def _adam(
        self, parameters: Sequence[nn.Parameter], how: Mapping[str, bool]
    ) -> torch.optim.Adam:
        preset = self.preset
        return torch.optim.Adam(
            parameters, lr=preset.lr, betas=preset.betas, eps=preset.adam_eps, **how
        )

    def zero_grad(self) -> None:
        """Forgets all gradients."""
        self.g_optimizer.zero_grad()
        self.d_optimizer.zero_grad()

    def iteration(self, batch: Batch) -> Outcome:
        """Both updates in the preset's order."""
        if self.preset.order == "d-first":
            return self._d_first(batch)
        return self._g_first(batch)

    def _d_first(self, batch: Batch) -> Outcome:
        fresh = self.preset.fakes == "fresh"
        with torch.set_grad_enabled(not fresh):
            fake = call(self.generator, batch.z, batch.fake_labels)
        loss_d = self.update_discriminator(batch, fake.detach(), batch.fake_labels)
        second, labels = fake, batch.fake_labels
        if fresh:
            labels = batch.fake_labels2
            second = call(self.generator, batch.z2, labels)
        loss_g = self.update_generator(second, labels)
        return Outcome(loss_d, loss_g, fake.detach())

    def _g_first(self, batch: Batch) -> Outcome:
        fake = call(self.generator, batch.z, batch.fake_labels)
        loss_g = self.update_generator(fake, batch.fake_labels)
        second, labels = fake.detach(), batch.fake_labels
        if self.preset.fakes == "fresh":
            labels = batch.fake_labels2
            with torch.no_grad():
                second = call(self.generator, batch.z2, labels)
        loss_d = self.update_discriminator(batch, second, labels)
        return Outcome(loss_d, loss_g, fake.detach())

    def update_discriminator(self, batch: Batch, fake: Tensor, labels: Tensor | None) -> Tensor:
        """One step of D on the real batch, then on `fake`, which carries no graph."""
        self.d_optimizer.zero_grad()
        real_output = call(self.discriminator, batch.real, batch.real_labels)
        real_loss = criterion(self.preset, real_output, 1.0)
        fake_output = call(self.discriminator, fake, labels)
        fake_loss = criterion(self.preset, fake_output, 0.0)
        loss = (real_loss + fake_loss) * self.preset.d_loss_scale
        loss.backward()
        self.d_optimizer.step()
        return loss.detach()

    def update_generator(self, fake: Tensor, labels: Tensor | None) -> Tensor:
        """One step of G; no gradients of D's own parameters are computed."""
        self.g_optimizer.zero_grad()
        loss = criterion(self.preset, call(self.discriminator, fake, labels), 1.0)
        loss.backward(inputs=self.g_parameters)
        self.g_optimizer.step()
        return loss.detach()
