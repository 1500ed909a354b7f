"""The presets as data: sizes, losses, order of updates, optimizers.

Separate from the networks (presets.py), so that programs without PyTorch can read the table, such
as the JAX baseline in `benches/`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


LOSSES = ("bce-logits", "bce", "mse", "hinge", "wgan", "relativistic")


@dataclass(frozen=True)
class Preset:
    """A row of the table. Use `dataclasses.replace` for variations."""

    name: str
    latent_dim: int
    g_hidden: tuple[int, ...]
    d_hidden: tuple[int, ...]
    g_activation: str  # of the hidden layers: "relu" or "leaky_relu" (slope 0.2)
    d_activation: str
    loss: str  # one of LOSSES; with "bce" D ends in a Sigmoid
    batch: int
    # "mlp"; "dcgan": convolutions and one Linear; "dcgan-rgb": convolutions only. With
    # convolutions, the widths of hidden layers are channels; each level halves or doubles the image.
    architecture: str = "mlp"
    lr: float = 2e-4
    lr_d: float | None = None  # D's, if it differs
    lr_decay: str = "none"  # "linear" or "cosine": down to 0 at the end of the run
    betas: tuple[float, float] = (0.5, 0.999)
    adam_eps: float = 1e-8
    d_loss_scale: float = 1.0  # factor of real loss + fake loss
    real_label: float = 1.0  # target of real images in D's loss, if it has targets
    r1: float = 0.0  # gamma of the penalty at real images
    r2: float = 0.0  # the same at fake images
    gp: float = 0.0  # factor of WGAN-GP's penalty, at points between them
    penalty_interval: int = 1  # penalties in every iteration of so many, multiplied by it
    n_critic: int = 1  # updates of D for each of G
    order: str = "d-first"
    fakes: str = "same"  # fakes of the second update; "fresh": generated again
    noise: str = "normal"  # or "uniform", in (-1, 1)
    image_shape: tuple[int, int, int] = (1, 28, 28)  # channels, height, width
    pack: int = 1  # consecutive images that D sees as one, with more channels
    classes: int = 0  # 0: without labels
    batch_norm: bool = False  # in an MLP, in all hidden layers of G except the first
    bn_eps: float = 1e-5
    bn_momentum: float = 0.1
    dropout: float = 0.0
    dropout_at: str = "none"  # in D: "after activation", "before activation" (not in the first)
    final_relu: bool = False  # a ReLU after D's last Linear
    # Initial weights N(0, std), and N(1, std) for BatchNorm2d, instead of PyTorch's default.
    weight_std: float | None = None
    ema: float = 0.0  # weight of the average of G's weights in the next one; 0: no average
    ema_warmup: int = 0  # after t updates of G, the weight is at most t/(t + ema_warmup)
    bare: bool = False  # the network is a Sequential: keys without "model."

    @property
    def pixels(self) -> int:
        """Values of one image: channels * height * width."""
        return math.prod(self.image_shape)

    @property
    def d_image_shape(self) -> tuple[int, int, int]:
        """Channels, height and width of what D sees as one image."""
        channels, height, width = self.image_shape
        return self.pack * channels, height, width

    @property
    def d_lr(self) -> float:
        """D's learning rate."""
        return self.lr if self.lr_d is None else self.lr_d

    @property
    def has_targets(self) -> bool:
        """Whether the loss compares D's outputs with targets."""
        return self.loss in ("bce-logits", "bce", "mse")

    @property
    def pairs_images(self) -> bool:
        """Whether G's loss needs the real images, too."""
        return self.loss == "relativistic"

    @property
    def is_penalized(self) -> bool:
        """Whether gradients of D are penalized."""
        return bool(self.r1 or self.r2 or self.gp)

    def penalizes(self, iteration: int) -> bool:
        """Whether an iteration, counted from 0, computes the penalties."""
        return self.is_penalized and iteration % self.penalty_interval == 0

    @property
    def period(self) -> int:
        """The number of iterations after which their updates and penalties repeat."""
        return self.n_critic * self.penalty_interval

    def updates(self, iteration: int) -> str:
        """The networks that an iteration, counted from 0, updates: "DG", "GD" or "D"."""
        if iteration % self.n_critic:
            return "D"
        return "DG" if self.order == "d-first" else "GD"

    @property
    def convolutional(self) -> bool:
        """Whether the networks have convolutions."""
        return self.architecture != "mlp"

    @property
    def norms_in_d(self) -> bool:
        """Whether D has BatchNorm: real and fake images must then be separate batches."""
        return self.architecture == "dcgan-rgb"

    def halved(self, levels: int) -> tuple[int, int]:
        """Height and width of the feature map at this number of levels from the image."""
        _, height, width = self.image_shape
        return height >> levels, width >> levels

    def misfit(self) -> str | None:
        """The reason why the number of levels does not fit the image size, if there is one."""
        if not self.convolutional:
            return None
        _, height, width = self.image_shape
        for levels in (len(self.g_hidden), len(self.d_hidden)):
            if height % 2**levels or width % 2**levels:
                return f"{self.name}: {height}x{width} images cannot be halved {levels} times"
            if self.architecture == "dcgan-rgb" and self.halved(levels) != (4, 4):
                return f"{self.name}: {levels} levels make no {height}x{width} images from 4x4"
        return None


def dcgan(**values: object) -> Preset:
    """A preset of convolutions: common values, and the given ones."""
    common = {
        "latent_dim": 100,
        "architecture": "dcgan",
        "g_hidden": (128, 64),
        "d_hidden": (64, 128),
        "g_activation": "relu",
        "d_activation": "leaky_relu",
        "loss": "bce",
        "batch": 128,
        "weight_std": 0.02,
    }
    return Preset(**common | values)


def cgan(**values: object) -> Preset:
    """A preset with the networks and the training of `cgan`, and the given values."""
    common = {
        "latent_dim": 100,
        "classes": 10,
        "g_hidden": (128, 256, 512, 1024),
        "d_hidden": (512, 512, 512),
        "g_activation": "leaky_relu",
        "d_activation": "leaky_relu",
        "batch_norm": True,
        "bn_eps": 0.8,
        "dropout": 0.4,
        "dropout_at": "before activation",
        "loss": "mse",
        "d_loss_scale": 0.5,
        "order": "g-first",
        "batch": 64,
    }
    return Preset(**common | values)


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
        cgan(name="cgan"),
        cgan(name="cgan-ema", ema=0.999, ema_warmup=10),
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
        dcgan(name="dcgan"),
        dcgan(name="cdcgan", classes=10),
        dcgan(
            name="wgan-gp",
            loss="wgan",
            gp=10.0,
            n_critic=5,
            fakes="fresh",
            lr=1e-4,
            betas=(0.0, 0.9),
            batch=64,
        ),
        dcgan(
            name="r3gan-small",
            loss="relativistic",
            r1=1.0,
            r2=1.0,
            betas=(0.0, 0.99),
            ema=0.999,
            ema_warmup=10,
        ),
        dcgan(
            name="dcgan-rgb",
            architecture="dcgan-rgb",
            image_shape=(3, 64, 64),
            g_hidden=(512, 256, 128, 64),
            d_hidden=(64, 128, 256, 512),
        ),
    )
}
