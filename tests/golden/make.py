#!/usr/bin/env python3
"""Generates golden runs (training runs with PyTorch on the CPU), and checks existing ones.

    python make.py --preset cgan --masks --out cgan_masks_f32.safetensors
    python make.py --check *.safetensors
    python make.py --check *.safetensors --replay-dtype f64

By default a run has the preset's settings with a sixteenth of its widths, images
of 12x12, batches of 4, 3 steps, and no dropout. For convolutions, widths are
channels, and images are 28x28 or 32x32.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import torch

import golden_run
from metadata import DTYPES, Run
from preset_table import LOSSES, PRESETS, Preset
from tolerances import compare


def int_list(text: str) -> tuple[int, ...]:
    """'8,16' -> (8, 16)."""
    return tuple(int(part) for part in text.split(","))


def parse_arguments() -> argparse.Namespace:
    """The command line; flags that override a preset's settings are None by default."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    mode = parser.add_mutually_exclusive_group(required=True)
    mode.add_argument("--out", type=Path, help="the file to write")
    mode.add_argument("--check", type=Path, nargs="+", metavar="FILE", help="files to replay")
    parser.add_argument("--replay-dtype", choices=DTYPES, help="replay in this precision")
    parser.add_argument("--preset", choices=PRESETS, help="required with --out")
    parser.add_argument("--dtype", choices=DTYPES, default="f32")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--slim", action="store_true", help="store norms and heads of tensors")
    parser.add_argument("--masks", action="store_true", help="with dropout and its masks")
    parser.add_argument("--dropout", type=float, metavar="P", help="like --masks, with this p")
    add_overrides(parser)
    return parser.parse_args()


# Settings of a preset that flags of the same name override, with argparse options.
OVERRIDES: dict[str, dict[str, object]] = {
    **dict.fromkeys(("batch", "latent_dim", "classes", "pack"), {"type": int}),
    **dict.fromkeys(("g_hidden", "d_hidden"), {"type": int_list, "metavar": "N,N,..."}),
    "image_shape": {"type": int_list, "metavar": "C,H,W"},
    "order": {"choices": ("d-first", "g-first")},
    "fakes": {"choices": ("same", "fresh")},
    "loss": {"choices": LOSSES},
    **dict.fromkeys(("d_loss_scale", "real_label", "r1", "r2", "gp"), {"type": float}),
    **dict.fromkeys(("penalty_interval", "n_critic", "ema_warmup"), {"type": int}),
    "lr_decay": {"choices": ("none", "linear", "cosine")},
    **dict.fromkeys(("lr", "lr_d", "adam_eps", "ema", "bn_eps", "bn_momentum"), {"type": float}),
    "final_relu": {"action": "store_true", "default": None},
}


def add_overrides(parser: argparse.ArgumentParser) -> None:
    """Flags that override a value of the preset."""
    group = parser.add_argument_group("overrides of the preset")
    for name, options in OVERRIDES.items():
        group.add_argument(f"--{name.replace('_', '-')}", **options)
    group.add_argument("--b1", type=float)
    group.add_argument("--b2", type=float)


IMAGE_SIZES = {"mlp": 12, "dcgan": 28, "dcgan-rgb": 32}


def small(preset: Preset) -> Preset:
    """The preset at a size for tests."""
    g_hidden, d_hidden = preset.g_hidden, preset.d_hidden
    if preset.architecture == "dcgan-rgb":  # the levels nearest the image
        g_hidden, d_hidden = g_hidden[-3:], d_hidden[:3]
    size = IMAGE_SIZES[preset.architecture]
    return replace(
        preset,
        batch=4,
        g_hidden=sixteenth(g_hidden),
        d_hidden=sixteenth(d_hidden),
        image_shape=(preset.image_shape[0], size, size),
    )


def sixteenth(widths: tuple[int, ...]) -> tuple[int, ...]:
    """A sixteenth of each width, at least 1."""
    return tuple(max(1, width // 16) for width in widths)


def with_overrides(preset: Preset, arguments: argparse.Namespace) -> Preset:
    """The preset with the overrides of the flags."""
    given = {name: getattr(arguments, name) for name in OVERRIDES}
    changes = {name: value for name, value in given.items() if value is not None}
    b1, b2 = preset.betas
    changes["betas"] = (
        b1 if arguments.b1 is None else arguments.b1,
        b2 if arguments.b2 is None else arguments.b2,
    )
    changes["dropout"] = preset.dropout if arguments.masks else 0.0
    if arguments.dropout is not None:
        changes["dropout"] = arguments.dropout
    return replace(preset, **changes)


def reject(preset: Preset) -> str | None:
    """The reason why a run of this preset cannot be generated, if there is one."""
    if preset.dropout and preset.dropout_at == "none":
        return f"{preset.name} has no dropout"
    if len(preset.image_shape) != 3:
        return "an image shape is C,H,W"
    if bool(preset.classes) != bool(PRESETS[preset.name].classes):
        return f"{preset.name} {'needs' if not preset.classes else 'takes no'} classes"
    if has_batch_norm1d(preset) and preset.batch == 1:
        return "a BatchNorm cannot train on a batch of one"
    return reject_training(preset) or preset.misfit()


def reject_training(preset: Preset) -> str | None:
    """The reason why losses, penalties and packs do not fit the networks, if there is one."""
    if preset.real_label != 1 and not preset.has_targets:
        return f"the loss {preset.loss} has no targets, so no label of real images"
    if preset.is_penalized and preset.norms_in_d:
        return f"{preset.name}'s D has BatchNorm, so its gradients cannot be penalized"
    if preset.pack > 1 and preset.classes:
        return f"{preset.name} has classes, so its images cannot be packed"
    if preset.batch % preset.pack:
        return f"a batch of {preset.batch} cannot be divided into packs of {preset.pack}"
    return None


def has_batch_norm1d(preset: Preset) -> bool:
    """Whether G has a BatchNorm1d, which needs a batch of two images or more."""
    if preset.architecture == "mlp":
        return preset.batch_norm and len(preset.g_hidden) > 1
    return preset.architecture == "dcgan"


def make(arguments: argparse.Namespace) -> int:
    """Generates a run and writes the file."""
    if arguments.preset is None:
        sys.exit("make.py: --out needs --preset")
    preset = with_overrides(small(PRESETS[arguments.preset]), arguments)
    if reason := reject(preset):
        sys.exit(f"make.py: {reason}")
    run = Run(preset, arguments.dtype, arguments.steps, arguments.slim)
    tensors = golden_run.generate_inputs(run, arguments.seed)
    results = golden_run.replay(run, tensors, DTYPES[run.dtype])
    golden_run.save(arguments.out, run, tensors | results)
    return 0


def check(path: Path, replay_dtype: str | None) -> bool:
    """Replays a file and prints the largest ratio of an error to its tolerance."""
    try:
        run, tensors = golden_run.load(path)
        results = golden_run.replay(run, tensors, DTYPES[replay_dtype or run.dtype])
        ratios = compare(run, results, tensors)
    except ValueError as error:
        print(f"FAIL {path.name}: {error}")
        return False
    key = max(ratios, key=ratios.__getitem__)
    passed = ratios[key] <= 1
    verdict = "ok  " if passed else "FAIL"
    print(f"{verdict} {path.name}: {len(ratios)} tensors, worst {ratios[key]:.3g} at {key}")
    return passed


def main() -> int:
    """Runs the command line; returns 0 if all files pass."""
    arguments = parse_arguments()
    torch.set_num_threads(1)
    if arguments.out is not None:
        return make(arguments)
    results = [check(path, arguments.replay_dtype) for path in arguments.check]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
