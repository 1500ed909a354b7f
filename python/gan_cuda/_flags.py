"""The keyword arguments of `train` and `evaluate`, for type checkers and editors.

``gan-cuda train --help`` and ``gan-cuda evaluate --help`` describe them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from os import PathLike
from typing import TypedDict

FilePath = str | PathLike[str]


class TrainFlags(TypedDict, total=False):
    """The flags of ``gan-cuda train``."""

    seed: int | None
    dataset: FilePath | None
    data_dir: FilePath | None
    skip_bad_images: bool
    image_size: int | None
    channels: int | None
    epochs: int | None
    iterations: int | None
    device: str | None
    precision: str | None
    gemm: str | None
    no_graph: bool
    threads: int | None
    conv: str | None
    batch_size: int | None
    latent_dim: int | None
    g_hidden: Sequence[int] | None
    d_hidden: Sequence[int] | None
    lr: float | None
    lr_g: float | None
    lr_d: float | None
    lr_decay: str | None
    b1: float | None
    b2: float | None
    latent: str | None
    loss: str | None
    d_loss_scale: float | None
    real_label: float | None
    n_critic: int | None
    r1: float | None
    r2: float | None
    gp: float | None
    penalty_interval: int | None
    ema: float | None
    spectral_norm: bool
    augment: str | Iterable[str] | None
    pack: int | None
    order: str | None
    fakes: str | None
    leaky_slope: float | None
    dropout: float | None
    bn_eps: float | None
    bn_momentum: float | None
    init: str | None
    init_generator: FilePath | None
    init_discriminator: FilePath | None
    d_final_relu: bool
    sample_interval: int | str | None
    log_interval: int | None
    checkpoint_interval: int | str | None
    keep: int | None
    evaluate_interval: int | str | None
    keep_best: str | None
    no_tensorboard: bool
    runs_dir: FilePath | None
    name: str | None
    resume: bool | FilePath | None
    branch: bool
    force: bool


class EvaluateFlags(TypedDict, total=False):
    """The flags of ``gan-cuda evaluate``."""

    runs_dir: FilePath | None
    generator: FilePath | None
    raw: bool
    device: str | None
    threads: int | None
    dataset: FilePath | None
    data_dir: FilePath | None
    skip_bad_images: bool
    count: int | None
    seed: int | None
    labels: str | Iterable[int | str] | None
    bn: str | None
    reference: FilePath | None
