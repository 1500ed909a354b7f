"""Class fidelity and FCD in PyTorch and NumPy, with the same classifier as `gan-cuda evaluate`: an
independent implementation, which also scores PyTorch generators during training.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor, nn

CLASSIFIERS = Path(__file__).resolve().parent.parent.parent / "data" / "classifiers"
AT_ONCE = 1000


def classifier(dataset: str) -> tuple[nn.Sequential, nn.Linear]:
    """The classifier: from images to features, and to logits of the classes and of no class."""
    weights = load_file(CLASSIFIERS / f"{dataset}.safetensors")
    weights = {key: values.float() for key, values in weights.items()}
    channels, logits = weights["body.0.weight"].shape[1], len(weights["head.0.bias"])
    body = nn.Sequential(
        nn.Conv2d(channels, 32, kernel_size=4, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(32, 64, kernel_size=4, stride=2, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(64 * 7 * 7, 120),
        nn.ReLU(),
        nn.Dropout(),
        nn.Linear(120, 84),
        nn.ReLU(),
    )
    head = nn.Linear(84, logits)
    body.load_state_dict({k[5:]: v for k, v in weights.items() if k.startswith("body.")})
    head.load_state_dict({k[7:]: v for k, v in weights.items() if k.startswith("head.")})
    return body.eval(), head


@dataclass
class Scores:
    """Class fidelity and Fréchet distance."""

    fidelity: float
    fcd: float


class Scorer:
    """Scores generated images of a known data set, with its test images as reference."""

    def __init__(self, dataset: str = "mnist") -> None:
        self.body, self.head = classifier(dataset)
        with safe_open(CLASSIFIERS / f"{dataset}-test.safetensors", "numpy") as file:
            steps = file.get_tensor("steps").astype(np.float64)
            features = file.get_tensor("features") * steps
        self.real = moments(features)

    def score(self, images: Tensor, labels: Tensor) -> Scores:
        """The scores of images (count, 1, 28, 28) in [-1, 1], which are rounded as in a PNG."""
        x = ((images + 1) * 127.5).round().clamp(0, 255) / 127.5 - 1
        with torch.no_grad():
            features = torch.cat([self.body(part) for part in x.split(AT_ONCE)])
            seen = self.head(features)[:, :-1].argmax(1)
        fcd = frechet(moments(features.double().numpy()), self.real)
        return Scores((seen == labels).double().mean().item(), fcd)


def moments(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance."""
    return points.mean(axis=0), np.cov(points, rowvar=False)


def frechet(a: tuple[np.ndarray, np.ndarray], b: tuple[np.ndarray, np.ndarray]) -> float:
    """The Fréchet distance of two Gaussians."""
    values, vectors = np.linalg.eigh(a[1])
    root = (vectors * np.sqrt(values.clip(0))) @ vectors.T
    shared = np.sqrt(np.linalg.eigvalsh(root @ b[1] @ root).clip(0)).sum()
    means = ((a[0] - b[0]) ** 2).sum()
    return float(means + np.trace(a[1]) + np.trace(b[1]) - 2 * shared)
