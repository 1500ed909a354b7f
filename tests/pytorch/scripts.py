"""Networks of well-known GAN scripts, written down from their layers and attribute names.

Users come from scripts like these: each names its modules in its own way, and the keys of its
state_dict follow. `print_networks` prints what `gan-cuda presets --from` reads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Wrapped(nn.Module):
    """One Sequential as the attribute `model` or `main`."""

    def __init__(self, name: str, *layers: nn.Module) -> None:
        super().__init__()
        self.name = name
        self.add_module(name, nn.Sequential(*layers))

    def forward(self, x: Tensor) -> Tensor:
        return self.get_submodule(self.name)(x)


def blocks(widths: tuple[int, ...], normalize: bool) -> Iterator[nn.Module]:
    """Linear, BatchNorm from the second on (eps 0.8, meant as momentum), LeakyReLU."""
    for i, (inputs, outputs) in enumerate(pairwise(widths)):
        yield nn.Linear(inputs, outputs)
        if normalize and i > 0:
            yield nn.BatchNorm1d(outputs, 0.8)
        yield nn.LeakyReLU(0.2, inplace=True)


def pytorch_gan() -> tuple[nn.Module, nn.Module]:
    """PyTorch-GAN, gan.py."""
    generator = Wrapped(
        "model", *blocks((100, 128, 256, 512, 1024), True), nn.Linear(1024, 784), nn.Tanh()
    )
    layers = *blocks((784, 512, 256), False), nn.Linear(256, 1), nn.Sigmoid()
    return generator, Wrapped("model", *layers)


class LabelledGenerator(nn.Module):
    """PyTorch-GAN, cgan.py: the embedding first, under a name of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.label_emb = nn.Embedding(10, 10)
        layers = *blocks((110, 128, 256, 512, 1024), True), nn.Linear(1024, 784), nn.Tanh()
        self.model = nn.Sequential(*layers)

    def forward(self, noise: Tensor, labels: Tensor) -> Tensor:
        return self.model(torch.cat((self.label_emb(labels), noise), -1))


class LabelledDiscriminator(nn.Module):
    """PyTorch-GAN, cgan.py: the image first."""

    def __init__(self) -> None:
        super().__init__()
        self.label_embedding = nn.Embedding(10, 10)
        self.model = nn.Sequential(
            nn.Linear(794, 512),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Linear(512, 512),
            nn.Dropout(0.4),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Linear(512, 512),
            nn.Dropout(0.4),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Linear(512, 1),
        )

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        return self.model(torch.cat((images.flatten(1), self.label_embedding(labels)), -1))


def pytorch_cgan() -> tuple[nn.Module, nn.Module]:
    """PyTorch-GAN, cgan.py."""
    return LabelledGenerator(), LabelledDiscriminator()


class DcganGenerator(Wrapped):
    """Noise is an image of one pixel."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x[:, :, None, None])


def dcgan_example() -> tuple[nn.Module, nn.Module]:
    """PyTorch's examples, dcgan/main.py."""
    up: list[nn.Module] = []
    for i, (inputs, outputs) in enumerate(pairwise((100, 512, 256, 128, 64))):
        stride, padding = (1, 0) if i == 0 else (2, 1)
        up += [
            nn.ConvTranspose2d(inputs, outputs, 4, stride, padding, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(True),
        ]
    up += [nn.ConvTranspose2d(64, 3, 4, 2, 1, bias=False), nn.Tanh()]
    down: list[nn.Module] = []
    for i, (inputs, outputs) in enumerate(pairwise((3, 64, 128, 256, 512))):
        down.append(nn.Conv2d(inputs, outputs, 4, 2, 1, bias=False))
        if i > 0:
            down.append(nn.BatchNorm2d(outputs))
        down.append(nn.LeakyReLU(0.2, inplace=True))
    down += [nn.Conv2d(512, 1, 4, 1, 0, bias=False), nn.Sigmoid()]
    return DcganGenerator("main", *up), Wrapped("main", *down)


def pytorch_tutorial() -> tuple[nn.Module, nn.Module]:
    """pytorch-tutorial, generative_adversarial_network: Sequentials without a class."""
    discriminator = nn.Sequential(
        nn.Linear(784, 256),
        nn.LeakyReLU(0.2),
        nn.Linear(256, 256),
        nn.LeakyReLU(0.2),
        nn.Linear(256, 1),
        nn.Sigmoid(),
    )
    generator = nn.Sequential(
        nn.Linear(64, 256),
        nn.ReLU(),
        nn.Linear(256, 256),
        nn.ReLU(),
        nn.Linear(256, 784),
        nn.Tanh(),
    )
    return generator, discriminator


class Stack(nn.Module):
    """A Sequential for each layer: hidden0, hidden1, …, out."""

    def __init__(self, widths: tuple[int, ...], dropout: float, last: nn.Module) -> None:
        super().__init__()
        for i, (inputs, outputs) in enumerate(pairwise(widths[:-1])):
            layers: list[nn.Module] = [nn.Linear(inputs, outputs), nn.LeakyReLU(0.2)]
            layers += [nn.Dropout(dropout)] if dropout else []
            self.add_module(f"hidden{i}", nn.Sequential(*layers))
        self.out = nn.Sequential(nn.Linear(*widths[-2:]), last)

    def forward(self, x: Tensor) -> Tensor:
        for stage in self.children():
            x = stage(x)
        return x


def gans_from_scratch() -> tuple[nn.Module, nn.Module]:
    """GANs from Scratch (diegoalejogm/gans), vanilla GAN."""
    generator = Stack((100, 256, 512, 1024, 784), 0, nn.Tanh())
    return generator, Stack((784, 1024, 512, 256, 1), 0.3, nn.Sigmoid())


class FunctionalGenerator(nn.Module):
    """Layers as attributes; activations are functions, which print does not show."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(100, 256)
        self.fc2 = nn.Linear(256, 512)
        self.fc3 = nn.Linear(512, 1024)
        self.fc4 = nn.Linear(1024, 784)

    def forward(self, x: Tensor) -> Tensor:
        for layer in (self.fc1, self.fc2, self.fc3):
            x = F.leaky_relu(layer(x), 0.2)
        return torch.tanh(self.fc4(x))


class FunctionalDiscriminator(nn.Module):
    """The same, with dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(784, 1024)
        self.fc2 = nn.Linear(1024, 512)
        self.fc3 = nn.Linear(512, 256)
        self.fc4 = nn.Linear(256, 1)

    def forward(self, x: Tensor) -> Tensor:
        for layer in (self.fc1, self.fc2, self.fc3):
            x = F.dropout(F.leaky_relu(layer(x), 0.2), 0.3, self.training)
        return torch.sigmoid(self.fc4(x))


def functional() -> tuple[nn.Module, nn.Module]:
    """pytorch-mnist-GAN (lyeoni)."""
    return FunctionalGenerator(), FunctionalDiscriminator()


class OddGenerator(nn.Module):
    """Modules within modules, equal ones in a list, and a keyword as a name."""

    def __init__(self) -> None:
        super().__init__()
        self.embeddings = nn.ModuleDict({"label": nn.Embedding(10, 10)})
        inner = nn.Sequential(nn.ReLU(), nn.Linear(32, 32))
        self.m = nn.Sequential(nn.Linear(26, 32), inner, nn.ReLU(), nn.Linear(32, 49), nn.ReLU())
        equal = [nn.Sequential(nn.Linear(49, 49), nn.ReLU()) for _ in range(3)]
        self.blocks = nn.ModuleList(equal)
        up = (nn.ConvTranspose2d(1, 4, 4, 2, 1), nn.ReLU(), nn.ConvTranspose2d(4, 1, 4, 2, 1))
        self.add_module("class", nn.Sequential(*up, nn.Tanh()))

    def forward(self, noise: Tensor, labels: Tensor) -> Tensor:
        x = self.m(torch.cat((self.embeddings["label"](labels), noise), 1))
        for block in self.blocks:
            x = block(x)
        return self.get_submodule("class")(x.view(-1, 1, 7, 7))


class OddDiscriminator(nn.Module):
    """Labels are channels; a Flatten comes after the Sigmoid."""

    def __init__(self) -> None:
        super().__init__()
        self.label = nn.Embedding(10, 10)
        layers = (nn.Conv2d(11, 8, 4, 2, 1), nn.LeakyReLU(0.2), nn.Conv2d(8, 1, 14), nn.Sigmoid())
        self.main = nn.Sequential(*layers, nn.Flatten())

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        planes = self.label(labels)[:, :, None, None].expand(-1, -1, 28, 28)
        return self.main(torch.cat((images, planes), 1))


def odd() -> tuple[nn.Module, nn.Module]:
    """No known script: everything that others do not have."""
    return OddGenerator(), OddDiscriminator()


@dataclass(frozen=True)
class Script:
    """A script's networks, loss, Adam's betas, and whether it prints the discriminator first."""

    networks: Callable[[], tuple[nn.Module, nn.Module]]
    loss: nn.Module
    betas: tuple[float, float] = (0.5, 0.999)
    discriminator_first: bool = False


SCRIPTS = {
    "pytorch-gan": Script(pytorch_gan, nn.BCELoss()),
    "pytorch-cgan": Script(pytorch_cgan, nn.MSELoss()),
    "dcgan-example": Script(dcgan_example, nn.BCELoss()),
    "pytorch-tutorial": Script(pytorch_tutorial, nn.BCELoss(), (0.9, 0.999), True),
    "gans-from-scratch": Script(gans_from_scratch, nn.BCELoss(), (0.9, 0.999)),
    "odd": Script(odd, nn.BCELoss(), discriminator_first=True),
    "functional": Script(functional, nn.BCELoss(), (0.9, 0.999)),
}


def print_networks(script: Script) -> str:
    """Both networks, the loss and the generator's optimizer, as they are printed."""
    networks = script.networks()
    adam = torch.optim.Adam(networks[0].parameters(), lr=0.0002, betas=script.betas)
    order = networks[::-1] if script.discriminator_first else networks
    return "".join(f"{part}\n" for part in (*order, script.loss, adam))
