"""The GAN @@TITLE@@ after @@ITERATION@@ iterations, as PyTorch modules.

Written by gan-cuda @@VERSION@@. It needs torch, numpy and safetensors; torchvision writes the picture.

    python THIS.py                           # the images of `gan-cuda sample`: samples.png
    python THIS.py --seed 5 --count 20

Import it to use the networks: `generator, discriminator = load()`.
"""

from __future__ import annotations

import argparse

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: F401
from torch.nn.utils.parametrizations import spectral_norm  # noqa: F401

GENERATOR = @@GENERATOR_PATH@@
DISCRIMINATOR = @@DISCRIMINATOR_PATH@@
LATENT_DIM = @@LATENT_DIM@@
CLASSES = @@CLASSES@@
COUNT, COLUMNS = @@COUNT@@, @@COLUMNS@@  # of a sample grid
SEED = @@SEED@@  # of the run


@@GENERATOR@@


@@DISCRIMINATOR@@


def load(
    generator: str = GENERATOR, discriminator: str = DISCRIMINATOR
) -> tuple[Generator, Discriminator]:
    """Both networks with the weights of a checkpoint, in training mode."""
    return load_generator(generator), load_discriminator(discriminator)


def load_generator(path: str = GENERATOR) -> Generator:
    """The generator with the weights of a checkpoint."""
    generator = Generator()
    generator.load_state_dict(load_file(path))
    return generator


def load_discriminator(path: str = DISCRIMINATOR) -> Discriminator:
    """The discriminator with the weights of a checkpoint."""
    discriminator = Discriminator()
    discriminator.load_state_dict(load_file(path))
    return discriminator


def philox(count: int, seed: int) -> np.ndarray:
    """Random words (count, 4) of Philox 4x32-10, the stream of samples in gan-cuda."""
    mask = np.uint64(0xFFFF_FFFF)
    counter = [np.zeros(count, np.uint64) for _ in range(4)]
    counter[0] += np.arange(count, dtype=np.uint64)
    counter[1] += np.uint64(5)  # the stream
    key = [np.uint64(seed & 0xFFFF_FFFF), np.uint64(seed >> 32)]
    for _ in range(10):
        a = np.uint64(0xD251_1F53) * counter[0]
        b = np.uint64(0xCD9E_8D57) * counter[2]
        counter = [
            (b >> np.uint64(32)) ^ counter[1] ^ key[0],
            b & mask,
            (a >> np.uint64(32)) ^ counter[3] ^ key[1],
            a & mask,
        ]
        key = [(key[0] + np.uint64(0x9E37_79B9)) & mask, (key[1] + np.uint64(0xBB67_AE85)) & mask]
    return np.stack(counter, axis=1).astype(np.uint32)


def noise(count: int, seed: int = SEED) -> Tensor:
    """The noise (count, LATENT_DIM) of `gan-cuda sample --seed`."""
    words = philox(-(-count * LATENT_DIM // 4), seed)
@@TRANSFORM@@
    return torch.from_numpy(numbers.reshape(-1)[: count * LATENT_DIM].astype(np.float32)).view(
        count, LATENT_DIM
    )


@torch.no_grad()
def sample(
    generator: Generator,
    count: int = COUNT,
    seed: int = SEED,
    classes: list[int] = list(range(CLASSES)),
) -> Tensor:
    """Images (count, channels, height, width) in [-1, 1], in evaluation mode, sorted by class."""
    generator.eval()
    z = noise(count, seed)
    if not CLASSES:
        return generator(z)
    labels = torch.tensor([classes[i * len(classes) // count] for i in range(count)])
    return generator(z, labels)


def main() -> None:
    """Writes a grid of images."""
    parser = argparse.ArgumentParser(description="Generates images.")
    parser.add_argument("--generator", default=GENERATOR, help="weights (default: %(default)s)")
    parser.add_argument("--count", type=int, default=COUNT, help="images (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=SEED, help="of the noise (default: %(default)s)")
    parser.add_argument("--out", default="samples.png", help="PNG file (default: %(default)s)")
    arguments = parser.parse_args()
    from torchvision.utils import save_image

    generator = load_generator(arguments.generator)
    images = sample(generator, arguments.count, arguments.seed)
    save_image(images, arguments.out, nrow=COLUMNS, normalize=True, value_range=(-1, 1))
    print(f"wrote {arguments.out}: {len(images)} images")


if __name__ == "__main__":
    main()
