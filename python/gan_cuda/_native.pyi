from collections.abc import Callable, Iterable
from os import PathLike
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "Generator",
    "Progress",
    "__version__",
    "evaluate",
    "main",
    "presets",
    "to_toml",
    "train",
]

__version__: str

def main(arguments: list[str]) -> int: ...
def presets() -> str: ...
def to_toml(json: str) -> str: ...
def train(callback: Callable[[Progress], object] | None, **flags: Any) -> Path: ...
def evaluate(path: str | PathLike[str] | None, **flags: Any) -> str: ...
@final
class Progress:
    """The progress of a run; printed, it is a line of ``log.txt``."""

    @property
    def iteration(self) -> int:
        """Completed iterations."""

    @property
    def iterations(self) -> int:
        """Iterations of the whole run."""

    @property
    def epoch(self) -> int:
        """The current epoch, from 1."""

    @property
    def epochs(self) -> int:
        """Epochs of the whole run."""

    @property
    def batch(self) -> int:
        """Completed batches of the epoch."""

    @property
    def batches(self) -> int:
        """Batches of an epoch."""

    @property
    def d_loss(self) -> float:
        """The discriminator's loss."""

    @property
    def g_loss(self) -> float:
        """The generator's loss."""

    @property
    def penalty(self) -> float:
        """The sum of the discriminator's gradient penalties; 0 without them."""

    @property
    def d_real(self) -> float:
        """The discriminator's mean output for real images."""

    @property
    def d_fake(self) -> float:
        """The discriminator's mean output for generated images."""

    @property
    def images_per_second(self) -> float:
        """Real images per second of training."""

    @property
    def seconds(self) -> float:
        """Seconds of training so far, without pauses and evaluation."""

    @property
    def scores(self) -> dict[str, float]:
        """The newest scores, such as ``{"fcd": 12.3, "kid": 0.01}``; empty before the first."""

@final
class Generator:
    """A trained generator on a device. Its methods release the GIL."""

    @staticmethod
    def load(
        path: str | PathLike[str] | None = None,
        *,
        device: str | None = None,
        threads: int | None = None,
        generator: str | PathLike[str] | None = None,
        raw: bool = False,
        runs_dir: str | PathLike[str] | None = None,
    ) -> Generator:
        """Loads the generator of a checkpoint, or of a run's newest; by default of the newest run.

        Keyword arguments are the flags of ``gan-cuda sample``.
        """

    @property
    def checkpoint(self) -> Path:
        """The checkpoint's folder."""

    @property
    def iteration(self) -> int:
        """Completed iterations."""

    @property
    def preset(self) -> str:
        """The name of the GAN."""

    @property
    def classes(self) -> int | None:
        """The number of classes; None if the GAN is not conditional."""

    @property
    def class_names(self) -> list[str]:
        """The names of the classes; empty if they are just numbers."""

    @property
    def latent_dim(self) -> int:
        """The dimension of the noise."""

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Channels, height and width."""

    def sample(
        self,
        count: int | None = None,
        labels: str | Iterable[int | str] | None = None,
        seed: int | None = None,
    ) -> NDArray[np.float32]:
        """Generates the images that ``gan-cuda sample`` would generate with the same flags.

        Returns an array of shape (count, channels, height, width) with values from -1 to 1. The
        images are divided evenly among the labels and grouped by label. By default there are ten
        images for each label, all labels, and the seed is the run's.
        """

    def noise(self, count: int, seed: int | None = None) -> NDArray[np.float32]:
        """The noise from which `sample` generates images, of shape (count, latent_dim)."""

    def generate(
        self, noise: ArrayLike, labels: ArrayLike | None = None
    ) -> NDArray[np.float32]:
        """Generates an image for each row of noise; a conditional GAN needs as many labels.

        Returns an array of shape (rows, channels, height, width) with values from -1 to 1.
        """
