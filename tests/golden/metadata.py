"""The metadata of a golden run, as README.md describes it: a preset with the run's own values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

import torch

from preset_table import LOSSES, PRESETS, Preset

SCHEMAS = (1, 2)
# Keys with the same name in presets and metadata.
SHARED_KEYS = (
    "order fakes loss d_loss_scale lr adam_eps batch dropout latent_dim g_hidden d_hidden bn_eps "
    "bn_momentum final_relu image_shape"
).split()
# The same, in schema 2 only; a file without such a key has the value of `DEFAULTS`.
FURTHER_KEYS = (
    "real_label r1 r2 gp penalty_interval n_critic lr_d lr_decay ema ema_warmup pack"
).split()
STRINGS = ("preset", "order", "fakes", "loss", "lr_decay", "dtype", "torch")
DEFAULTS = {field.name: field.default for field in fields(Preset) if field.name in FURTHER_KEYS}
DTYPES = {"f32": torch.float32, "f64": torch.float64}


@dataclass(frozen=True)
class Run:
    """The metadata of a golden run: the preset with its overrides, and the run's own settings."""

    preset: Preset
    dtype: str = "f32"
    steps: int = 3
    slim: bool = False

    @property
    def has_masks(self) -> bool:
        """Whether the run has dropout, and so its masks."""
        return self.preset.dropout > 0 and self.preset.dropout_at != "none"

    @property
    def schema(self) -> int:
        """The schema that describes the run."""
        preset = self.preset
        has_further = any(getattr(preset, key) != value for key, value in DEFAULTS.items())
        return 2 if preset.convolutional or has_further or not preset.has_targets else 1


def to_metadata(run: Run) -> dict[str, str]:
    """The file's metadata: numbers and lists as JSON, strings as they are."""
    preset = run.preset
    keys = SHARED_KEYS + (FURTHER_KEYS if run.schema == 2 else [])
    values = {name: getattr(preset, name) for name in keys} | {
        "schema": run.schema,
        "preset": preset.name,
        "beta1": preset.betas[0],
        "beta2": preset.betas[1],
        "n_classes": preset.classes,
        "dtype": run.dtype,
        "steps": run.steps,
        "slim": run.slim,
        "torch": torch.__version__,
    }
    if "lr_d" in values:
        values["lr_d"] = preset.d_lr
    return {k: v if isinstance(v, str) else json.dumps(v) for k, v in values.items()}


def from_metadata(metadata: Mapping[str, str]) -> Run:
    """Reads the metadata back; every value overrides the preset's."""
    values = {k: v if k in STRINGS else json.loads(v) for k, v in metadata.items()}
    require_supported(values)
    shared = DEFAULTS | {k: values[k] for k in values if k in SHARED_KEYS + FURTHER_KEYS}
    shared = {k: tuple(v) if isinstance(v, list) else v for k, v in shared.items()}
    if shared["lr_d"] == shared["lr"]:
        shared["lr_d"] = None
    betas = (values["beta1"], values["beta2"])
    preset = replace(PRESETS[values["preset"]], betas=betas, classes=values["n_classes"], **shared)
    return Run(preset, values["dtype"], values["steps"], values["slim"])


def require_supported(values: Mapping[str, object]) -> None:
    """Raises an error for runs that cannot be replayed here."""
    if values["schema"] not in SCHEMAS:
        raise ValueError(f"schema {values['schema']} is neither 1 nor 2")
    if values["preset"] not in PRESETS:
        raise ValueError(f"there is no preset {values['preset']}")
    if values["loss"] not in LOSSES:
        raise ValueError(f"the loss {values['loss']} is not supported")
