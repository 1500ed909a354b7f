"""A recorded run: its tensors and metadata (schemas 1 and 2), how to draw one and replay it.

README.md in this folder describes the keys. A run is a flat dictionary of
tensors; what went in (`G.`, `D.`, `in.`) determines what comes out (`out.`,
`grad.`, `after.`, `eval.`), so recording is drawing followed by replaying.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

import presets
from presets import PRESETS, Batch, MaskDropout, Preset, Trainer, draw_noise

SCHEMAS = (1, 2)  # of MLPs, of convolutions
LOSSES = ("bce-logits", "bce", "mse")
NEWS = ("r1", "r2", "gp", "ema")  # that files of schema 2 from elsewhere may have
HEAD = 64  # values that a slim file keeps of each tensor
# What a preset and the metadata call alike.
SAME = (
    "order fakes loss d_loss_scale lr adam_eps batch dropout latent_dim g_hidden d_hidden bn_eps "
    "bn_momentum final_relu image_shape"
).split()
DTYPES = {"f32": torch.float32, "f64": torch.float64}

Tensors = dict[str, Tensor]


@dataclass(frozen=True)
class Run:
    """What the metadata says: the preset with its overrides, and the recording's own."""

    preset: Preset
    dtype: str = "f32"
    steps: int = 3
    slim: bool = False

    @property
    def has_masks(self) -> bool:
        """Whether dropout is on; its masks are recorded then."""
        return self.preset.dropout > 0 and self.preset.dropout_at != "none"


def to_metadata(run: Run) -> dict[str, str]:
    """The file's metadata: numbers and lists as JSON, words as they are."""
    preset = run.preset
    values = {name: getattr(preset, name) for name in SAME} | {
        "schema": SCHEMAS[preset.convolutional],
        "preset": preset.name,
        "beta1": preset.betas[0],
        "beta2": preset.betas[1],
        "n_classes": preset.classes,
        "dtype": run.dtype,
        "steps": run.steps,
        "slim": run.slim,
        "torch": torch.__version__,
    }
    return {k: v if isinstance(v, str) else json.dumps(v) for k, v in values.items()}


def from_metadata(metadata: Mapping[str, str]) -> Run:
    """Reads the metadata back; every value overrides the preset's."""
    words = ("preset", "order", "fakes", "loss", "dtype", "torch")
    values = {k: v if k in words else json.loads(v) for k, v in metadata.items()}
    require_known(values)
    same = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items() if k in SAME}
    betas = (values["beta1"], values["beta2"])
    preset = replace(PRESETS[values["preset"]], betas=betas, classes=values["n_classes"], **same)
    return Run(preset, values["dtype"], values["steps"], values["slim"])


def require_known(values: Mapping[str, object]) -> None:
    """Refuses a training that is not replayed here."""
    if values["schema"] not in SCHEMAS:
        raise ValueError(f"schema {values['schema']} is neither 1 nor 2")
    if values["preset"] not in PRESETS:
        raise ValueError(f"there is no preset {values['preset']}")
    if values["loss"] not in LOSSES:
        raise ValueError(f"the loss {values['loss']} is not replayed here")
    for name in NEWS:
        if values.get(name, 0) != 0:
            raise ValueError(f"{name} = {values[name]} is not replayed here, only 0")
    if values.get("lr_d", values["lr"]) != values["lr"]:
        raise ValueError(f"lr_d = {values['lr_d']} is not replayed here, only that of lr")


def load(path: Path) -> tuple[Run, Tensors]:
    """A file's run and all its tensors but the penalties, of which there are none here."""
    with safe_open(path, framework="pt") as file:
        run = from_metadata(file.metadata())
        keys = [key for key in file.keys() if not key.endswith(".penalty")]
        return run, {key: file.get_tensor(key) for key in keys}


def save(path: Path, run: Run, tensors: Tensors) -> None:
    """Writes a run that was drawn and replayed."""
    contiguous = {key: tensor.contiguous() for key, tensor in tensors.items()}
    save_file(contiguous, path, metadata=to_metadata(run))


def build_networks(preset: Preset) -> dict[str, nn.Module]:
    """G and D with explicit masks, by the letter that their keys begin with."""
    return {
        "G": presets.build_generator(preset),
        "D": presets.build_discriminator(preset, explicit_masks=True),
    }


def state(networks: Mapping[str, nn.Module]) -> Tensors:
    """Copies of both state_dicts, without BatchNorm's counters."""
    return {
        f"{letter}.{name}": tensor.clone()
        for letter, network in networks.items()
        for name, tensor in network.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }


def draw(run: Run, seed: int) -> Tensors:
    """All that goes in: the initial weights and the inputs of every iteration."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(DTYPES[run.dtype])
    torch.manual_seed(seed)
    try:
        tensors = state(build_networks(run.preset))
        for step in range(run.steps):
            inputs = draw_inputs(run)
            tensors |= {f"in.{step}.{name}": tensor for name, tensor in inputs.items()}
    finally:
        torch.set_default_dtype(before)
    return tensors


def draw_inputs(run: Run) -> Tensors:
    """The inputs of one iteration."""
    preset, size = run.preset, run.preset.batch
    inputs = {"real": torch.rand(size, preset.pixels) * 2 - 1, "z": draw_noise(preset, size)}
    labels = ["real_labels", "fake_labels"]
    if preset.fakes == "fresh":
        inputs["z2"] = draw_noise(preset, size)
        labels.append("fake_labels2")
    if preset.classes:
        inputs |= {name: torch.randint(preset.classes, (size,)) for name in labels}
    if run.has_masks:
        inputs |= draw_masks(preset)
    return inputs


def draw_masks(preset: Preset) -> Tensors:
    """Masks of the three passes through D, scaled by 1/(1-p)."""
    first = 1 if preset.dropout_at == "before activation" else 0
    keep = 1 - preset.dropout
    return {
        f"mask.{call}.{layer}": (torch.rand(preset.batch, width) < keep) / keep
        for call in range(3)
        for layer, width in enumerate(preset.d_hidden[first:])
    }


class MaskFeeder:
    """Hands D's MaskDropout modules the recorded masks, pass by pass."""

    def __init__(self, discriminator: nn.Module) -> None:
        self.modules = [m for m in discriminator.modules() if isinstance(m, MaskDropout)]
        self.inputs: Tensors = {}
        self.call = 0
        discriminator.register_forward_pre_hook(self._next_pass)

    def begin_iteration(self, inputs: Tensors) -> None:
        """Starts counting passes anew."""
        self.inputs, self.call = inputs, 0

    def _next_pass(self, *_: object) -> None:
        for layer, module in enumerate(self.modules):
            module.mask = self.inputs.get(f"mask.{self.call}.{layer}")
        self.call += 1


def inputs_of(step: int, tensors: Tensors, dtype: torch.dtype) -> Tensors:
    """The inputs of one iteration by their short names, floats converted to `dtype`."""
    prefix = f"in.{step}."
    return {
        key.removeprefix(prefix): tensor.to(dtype) if tensor.is_floating_point() else tensor
        for key, tensor in tensors.items()
        if key.startswith(prefix)
    }


def load_networks(preset: Preset, tensors: Tensors, dtype: torch.dtype) -> dict[str, nn.Module]:
    """Both networks with the run's initial weights."""
    networks = build_networks(preset)
    for letter, network in networks.items():
        prefix = f"{letter}."
        weights = {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
        counters = {k: v for k, v in network.state_dict().items() if k.endswith("tracked")}
        network.to(dtype).load_state_dict(weights | counters)
    return networks


def replay(run: Run, tensors: Tensors, dtype: torch.dtype) -> Tensors:
    """Trains as the run says; returns all that came out, computed in `dtype`."""
    networks = load_networks(run.preset, tensors, dtype)
    trainer = Trainer(run.preset, networks["G"], networks["D"])
    feeder = MaskFeeder(networks["D"])
    results: Tensors = {}
    for step in range(run.steps):
        inputs = inputs_of(step, tensors, dtype)
        feeder.begin_iteration(inputs)
        fields = {k: v for k, v in inputs.items() if not k.startswith("mask.")}
        outcome = trainer.iteration(Batch(**fields))
        results[f"out.{step}.loss_d"] = outcome.d_loss.reshape(1)
        results[f"out.{step}.loss_g"] = outcome.g_loss.reshape(1)
        results[f"out.{step}.fake"] = outcome.fake
        if step == 0:
            results |= slimmed(run, gradients(networks))
        if step in (0, run.steps - 1):
            after = {f"after.{step}.{k}": v for k, v in state(networks).items()}
            results |= slimmed(run, after)
    results["eval.fake"] = evaluate(networks["G"], inputs_of(0, tensors, dtype))
    return results


def gradients(networks: Mapping[str, nn.Module]) -> Tensors:
    """The gradients that the last update of each network used."""
    return {
        f"grad.{letter}.{name}": parameter.grad.clone()
        for letter, network in networks.items()
        for name, parameter in network.named_parameters()
    }


def slimmed(run: Run, tensors: Tensors) -> Tensors:
    """In a slim run, the norm and the first values stand for each tensor."""
    if not run.slim:
        return tensors
    norms = {f"{key}#l2": tensor.norm().reshape(1) for key, tensor in tensors.items()}
    heads = {f"{key}#head": tensor.flatten()[:HEAD].clone() for key, tensor in tensors.items()}
    return norms | heads


def evaluate(generator: nn.Module, inputs: Tensors) -> Tensor:
    """G's images in evaluation mode."""
    generator.eval()
    with torch.no_grad():
        return presets.call(generator, inputs["z"], inputs.get("fake_labels"))
