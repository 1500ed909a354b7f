"""Tests of the JAX baseline: `python -m unittest discover -s tests/benches`.

With the inputs of PyTorch's golden runs (tests/golden/README.md), the iteration must give the same
losses, fakes and parameters, within the tolerances stated there.
"""

from __future__ import annotations

import json
import subprocess
import sys
import unittest
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "golden"
sys.path[:0] = [str(ROOT / "benches"), str(GOLDEN)]

try:
    import jax
    import jax_baseline
    import jax_losses
    import jax_presets
    import numpy as np
    import torch
    from baseline import Preset
    from jax import Array
    from jax import numpy as jnp
    from jax_presets import Average, Dataset, Inputs, Learner, Setup, State
    from torch import Tensor

    import golden_run
    from presets import PRESETS
    from golden_run import Run, Tensors
    from tolerances import compare

    jax.config.update("jax_default_matmul_precision", "highest")
    jax.config.update("jax_disable_most_optimizations", True)  # or compiling takes ten minutes
    MISSING = None
except ModuleNotFoundError as error:
    MISSING = f"SKIPPED, as python has no {error.name}: pip install jax torch numpy safetensors"
    print(MISSING, file=sys.stderr)


def array(tensor: Tensor) -> Array:
    """Converts a tensor to a JAX array; integers to 32 bits."""
    values = jnp.asarray(tensor.numpy())
    return values if tensor.is_floating_point() else values.astype(jnp.int32)


@dataclass(frozen=True)
class Kind:
    """Where jax_networks keeps modules of a kind, and how it lays out their weights."""

    name: str
    from_torch: Callable[[Array], Array]
    to_torch: Callable[[Array], Array]


def kind_of(module: torch.nn.Module) -> Kind | None:
    """Nothing of a module without parameters, or an embedding."""
    match module:
        case torch.nn.Linear():
            return Kind("linear", jnp.transpose, jnp.transpose)
        case torch.nn.Conv2d() | torch.nn.ConvTranspose2d():
            return Kind(
                "conv", lambda w: w.transpose(2, 3, 1, 0), lambda w: w.transpose(3, 2, 0, 1)
            )
        case torch.nn.BatchNorm1d() | torch.nn.BatchNorm2d():
            return Kind("norm", jnp.asarray, jnp.asarray)
    return None


def modules(run: Run, letter: str) -> dict[str, Kind]:
    """A network's modules with parameters by their keys, in order."""
    network = golden_run.build_networks(run.preset)[letter]
    found = {f"{letter}.{name}": kind_of(module) for name, module in network.named_modules()}
    return {key: kind for key, kind in found.items() if kind}


def golden_learner(run: Run, letter: str, tensors: Tensors) -> Learner:
    """A network as jax_presets has it before training, from a state_dict's keys and layout."""
    network, statistics = {"norm": []}, []
    for key, kind in modules(run, letter).items():
        layer = {"weight": kind.from_torch(array(tensors[f"{key}.weight"]))}
        if f"{key}.bias" in tensors:
            layer["bias"] = array(tensors[f"{key}.bias"])
        network.setdefault(kind.name, []).append(layer)
        if kind.name == "norm":
            mean, variance = (array(tensors[f"{key}.running_{part}"]) for part in ("mean", "var"))
            statistics.append({"mean": mean, "variance": variance})
    if run.preset.classes:
        network["embedding"] = array(tensors[f"{letter}.label_embedding.weight"])
    return jax_presets.new_learner(network)._replace(statistics=statistics)


def golden_state(run: Run, tensors: Tensors) -> State:
    """The initial state of a run."""
    generator, discriminator = (golden_learner(run, letter, tensors) for letter in ("G", "D"))
    average = jax_presets.new_average(run.preset, generator)
    return State(generator, discriminator, jnp.zeros((), jnp.int32), average)


def named_network(run: Run, letter: str, learner: Learner | Average) -> dict[str, Array]:
    """Parameters and running statistics of G or D by a state_dict's keys and in its layout."""
    network, statistics = learner.parameters, iter(learner.statistics)
    layers = {name: iter(of_kind) for name, of_kind in network.items() if name != "embedding"}
    named = {}
    for key, kind in modules(run, letter).items():
        layer = next(layers[kind.name])
        named |= {f"{key}.{part}": value for part, value in layer.items()}
        named[f"{key}.weight"] = kind.to_torch(layer["weight"])
        if kind.name == "norm":
            running = next(statistics)
            named[f"{key}.running_mean"] = running["mean"]
            named[f"{key}.running_var"] = running["variance"]
    if "embedding" in network:
        named[f"{letter}.label_embedding.weight"] = network["embedding"]
    return named


def named_state(run: Run, state: State) -> dict[str, Array]:
    """The same of G, D and the average."""
    named = named_network(run, "G", state.generator)
    named |= named_network(run, "D", state.discriminator)
    if state.average:
        of_average = named_network(run, "G", state.average)
        named |= {f"E{key.removeprefix('G')}": value for key, value in of_average.items()}
    return named


def golden_batch(run: Run, step: int, tensors: Tensors) -> tuple[Dataset, Inputs]:
    """An iteration's inputs: its real images are the whole data set."""
    prefix, preset = f"in.{step}.", run.preset
    given = {k.removeprefix(prefix): array(v) for k, v in tensors.items() if k.startswith(prefix)}
    passes = golden_run.discriminator_passes(preset, step)
    of_g = 1 + preset.pairs_images if "G" in preset.updates(step) else 0
    is_g_first = preset.updates(step) == "GD"
    g_passes = range(of_g) if is_g_first else range(passes - of_g, passes)
    d_passes = range(of_g, passes) if is_g_first else range(passes - of_g)

    def masks(calls: range) -> list[Array]:
        layers = len([key for key in given if key.startswith("mask.0.")])
        of_layers = ([given[f"mask.{c}.{layer}"] > 0 for c in calls] for layer in range(layers))
        return [jnp.concatenate(of_layer) for of_layer in of_layers] if calls else []

    inputs = Inputs(
        chosen=jnp.arange(preset.batch),
        z=given["z"],
        fake_labels=given.get("fake_labels"),
        z2=given.get("z2"),
        fake_labels2=given.get("fake_labels2"),
        alpha=given.get("alpha"),
        d_masks=masks(d_passes),
        g_masks=masks(g_passes),
    )
    labels = given.get("real_labels", jnp.zeros(preset.batch, jnp.int32))
    return Dataset(given["real"], labels), inputs


def replay(run: Run, tensors: Tensors) -> dict[str, Array]:
    """All results, by the keys of a golden run."""
    setup = Setup(run.preset, iterations=run.steps)
    iteration = jax.jit(partial(jax_presets.iteration, setup), static_argnums=3)
    state, results = golden_state(run, tensors), {}
    for step in range(run.steps):
        dataset, inputs = golden_batch(run, step, tensors)
        state, outcome = iteration(dataset, state, inputs, step % run.preset.period)
        scalars = {"loss_d": outcome.d_loss, "loss_g": outcome.g_loss, "penalty": outcome.penalty}
        if f"out.{step}.penalty" in tensors and not run.preset.is_penalized:
            scalars["penalty"] = jnp.zeros(())
        computed = {name: value for name, value in scalars.items() if value is not None}
        results |= {f"out.{step}.{name}": value.reshape(1) for name, value in computed.items()}
        results[f"out.{step}.fake"] = outcome.fake
        if step in (0, run.steps - 1):
            after = named_state(run, state)
            results |= {f"after.{step}.{key}": value for key, value in after.items()}
    return results


def error_ratios(file: Path, **changes: object) -> dict[str, float]:
    """The errors of a golden run divided by their tolerances, with a changed preset."""
    run, tensors = golden_run.load(file)
    run = replace(run, preset=replace(run.preset, **changes))
    with jax.enable_x64(run.dtype == "f64"):
        results = {key: torch.tensor(np.array(v)) for key, v in replay(run, tensors).items()}
    expected = {k: v for k, v in tensors.items() if k.startswith(("out.", "after."))}
    return compare(run, results, expected)


@unittest.skipIf(MISSING, MISSING)
class GoldenRuns(unittest.TestCase):
    def test_golden_runs_match_pytorch(self) -> None:
        files = sorted(GOLDEN.glob("*.safetensors"))
        self.assertGreater(len(files), 8)
        for file in files:
            with self.subTest(file=file.name):
                found = error_ratios(file)
                worst = max(found, key=found.get)
                print(f"{file.name:52} {found[worst]:.3f} of the tolerance, {worst}")
                self.assertLessEqual(found[worst], 1)

    def test_every_change_of_a_preset_is_detected(self) -> None:
        for file, changes in (
            ("mlp_f32", {"order": "g-first"}),
            ("mlp_f32", {"lr": 2.9e-4}),
            ("mlp-rgb_f32", {"fakes": "same"}),
            ("mlp-dropout_masks_f32", {"dropout": 0.31}),
            ("cgan_masks_f32", {"order": "d-first"}),
            ("mlp-batchnorm_f64", {"bn_eps": 0.81}),
            ("mlp-batchnorm_f32", {"bn_momentum": 0.12}),
            ("dcgan_f32", {"d_activation": "relu"}),
            ("cdcgan_f32", {"order": "g-first"}),
            ("dcgan-rgb_f64", {"bn_momentum": 0.12}),
            ("mlp_hinge_f64", {"loss": "wgan"}),
            ("wgan-gp_n-critic-cosine_f64", {"gp": 9.9}),
            ("wgan-gp_n-critic-cosine_f64", {"lr_decay": "linear"}),
            ("r3gan-small_interval-warmup_f64", {"r1": 0.9}),
            ("r3gan-small_interval-warmup_f64", {"r2": 0.9}),
            ("r3gan-small_interval-warmup_f64", {"ema_warmup": 3}),
            ("mlp-dropout_pack-smooth-linear-masks_f64", {"real_label": 1.0}),
            ("mlp-dropout_pack-smooth-linear-masks_f64", {"lr_d": None}),
        ):
            with self.subTest(file=file, **changes):
                found = error_ratios(GOLDEN / f"{file}.safetensors", **changes)
                self.assertGreater(max(found.values()), 1)


@unittest.skipIf(MISSING, MISSING)
class Training(unittest.TestCase):
    def losses(self, preset: Preset, seeds: int = 1, **how: object) -> np.ndarray:
        """The losses of six iterations in two calls: (seeds, 6, 2), which must be whole periods."""
        setup, dataset = Setup(preset, **how), jax_presets.load_dataset(preset)
        keys = jax.random.split(jax.random.key(3), seeds)
        state = jax.vmap(jax_presets.new_state, (None, 0))(preset, keys)
        train = jax.vmap(jax_presets.train, (None, None, None, 0, 0))
        train = jax.jit(train, static_argnums=(0, 2))
        parts = []
        for _ in range(2):
            state, losses = train(setup, dataset, 3, state, keys)
            parts.append(losses)
        return np.concatenate(parts, axis=1)

    def test_gans_trained_at_once_equal_those_trained_separately(self) -> None:
        together, alone = (self.losses(small("cgan"), seeds) for seeds in (3, 1))
        self.assertTrue((together[0] != together[1]).all())
        np.testing.assert_allclose(together[0], alone[0], rtol=1e-4)

    def test_each_gan_of_several_equals_the_one_trained_alone_with_its_seed(self) -> None:
        def losses(*seeds: int) -> np.ndarray:
            train = jax_baseline.trainer(small("cgan"), seeds, "f32", inputs_ahead=False)
            return np.concatenate([train(3), train(3)], axis=-2)

        together = losses(4, 0, 7)
        self.assertEqual(together.shape, (3, 6, 2))
        for of_seed, seed in zip(together, (4, 0, 7), strict=True):
            np.testing.assert_allclose(of_seed, losses(seed), rtol=1e-4)
        self.assertGreater(np.abs(together[0] - together[1]).max(), 1e-3)

    def test_inputs_sampled_ahead_are_the_same(self) -> None:
        within, ahead = (
            self.losses(small("mlp-rgb"), inputs_ahead=ahead) for ahead in (False, True)
        )
        np.testing.assert_allclose(ahead, within, rtol=1e-4)

    def test_presets_with_penalties_and_periods_train(self) -> None:
        critic = replace(small("wgan-gp"), n_critic=3)
        for preset, is_updated in ((small("r3gan-small"), [1] * 6), (critic, [1, 0, 0] * 2)):
            losses = self.losses(preset, seeds=2)
            self.assertTrue(np.isfinite(losses).all())
            for seed in losses:
                self.assertEqual((seed[:, 1] != 0).tolist(), [bool(x) for x in is_updated])

    def test_iterations_must_be_whole_periods(self) -> None:
        with self.assertRaisesRegex(ValueError, "3 iterations are no multiple of 5"):
            self.losses(small("wgan-gp"))

    def test_a_zero_gradient_has_a_penalty_with_a_derivative(self) -> None:
        preset = replace(PRESETS["wgan-gp"], gp=2.0)
        value, slope = jax.value_and_grad(partial(jax_losses.penalty, preset, "gp"))(
            jnp.array([[0.0, 0.0], [3.0, 4.0]])
        )
        self.assertAlmostEqual(float(value), 17.0, places=5)
        np.testing.assert_allclose(slope, [[0, 0], [4.8, 6.4]], rtol=1e-5)

    def test_bf16_is_near_f32(self) -> None:
        for name in ("cgan", "dcgan-rgb"):
            with self.subTest(preset=name):
                exact, rounded = (self.losses(small(name), precision=p) for p in ("f32", "bf16"))
                self.assertGreater((exact != rounded).mean(), 0.5)
                np.testing.assert_allclose(rounded, exact, rtol=0.1)


@unittest.skipIf(MISSING, MISSING)
class Beginning(unittest.TestCase):
    def test_networks_of_convolutions_are_initialized_as_in_pytorch(self) -> None:
        """Compares mean and standard deviation."""
        torch.manual_seed(3)
        for name in ("cdcgan", "dcgan-rgb"):
            preset = PRESETS[name]
            run = Run(preset)
            state = jax_presets.new_state(preset, jax.random.key(3))
            want = golden_run.state(golden_run.build_networks(preset))
            got = {key: np.asarray(value) for key, value in named_state(run, state).items()}
            self.assertEqual(got.keys(), want.keys())
            for key, value in want.items():
                with self.subTest(preset=name, key=key):
                    self.assertEqual(got[key].shape, tuple(value.shape))
                    if value.numel() > 50:
                        mean, deviation = value.mean().item(), value.std().item()
                        self.assertAlmostEqual(got[key].std(), deviation, delta=deviation / 3)
                        self.assertAlmostEqual(got[key].mean(), mean, delta=0.6 * deviation)


@unittest.skipIf(MISSING, MISSING)
class Draws(unittest.TestCase):
    def inputs(self, name: str) -> Inputs:
        return jax_presets.sample_inputs(PRESETS[name], 50, jax.random.key(5))

    def test_noise_is_that_of_the_preset(self) -> None:
        for name, preset in PRESETS.items():
            z = np.asarray(self.inputs(name).z)
            self.assertEqual(z.shape, (preset.batch, preset.latent_dim))
            deviation = 1.0 if preset.noise == "normal" else 1 / np.sqrt(3)
            self.assertAlmostEqual(z.std(), deviation, delta=0.05)
            self.assertAlmostEqual(z.mean(), 0, delta=0.05)

    def test_images_and_labels_are_sampled_from_all(self) -> None:
        inputs = self.inputs("cgan")
        self.assertTrue(0 <= inputs.chosen.min() and 30 < inputs.chosen.max() < 50)
        self.assertEqual(set(inputs.fake_labels.tolist()), set(range(10)))
        self.assertIsNone(inputs.z2)
        fresh = self.inputs("mlp-rgb")
        self.assertTrue((fresh.z != fresh.z2).all())

    def test_masks_have_the_right_probability_and_differ_between_passes(self) -> None:
        for name, layers in (("cgan", 2), ("mlp-dropout", 3)):
            inputs, preset = self.inputs(name), PRESETS[name]
            self.assertEqual((len(inputs.d_masks), len(inputs.g_masks)), (layers, layers))
            for mask in (*inputs.d_masks, *inputs.g_masks):
                self.assertAlmostEqual(float(mask.mean()), 1 - preset.dropout, delta=0.01)
            real, fake = np.split(np.asarray(inputs.d_masks[0]), 2)
            for other in (fake, np.asarray(inputs.g_masks[0])):
                self.assertGreater((real != other).mean(), 0.3)


class Program(unittest.TestCase):
    @unittest.skipIf(MISSING, MISSING)
    def test_it_prints_the_same_keys_as_the_pytorch_baseline(self) -> None:
        sizes = "--g-hidden 9,8 --d-hidden 7,6 --batch-size 5 --iterations 20 --threads 1".split()
        jax_line, torch_line = (
            json.loads(output_of(script, *sizes, "--json"))
            for script in ("jax_baseline.py", "torch_baseline.py")
        )
        self.assertEqual(torch_line.keys() - jax_line.keys(), {"torch"})
        self.assertEqual(jax_line.keys() - torch_line.keys(), {"jax", "xla_flags", "seeds", "draw"})
        self.assertEqual((jax_line["threads"], jax_line["variant"]), (1, "jax"))
        self.assertGreaterEqual(jax_line["samples"], 20)

    def test_without_jax_it_says_what_to_install(self) -> None:
        """`-S -E` hides installed packages."""
        done = run_script(["-S", "-E"], "jax_baseline.py", "--threads", "1")
        self.assertEqual(done.returncode, 1)
        self.assertIn("pip install jax", done.stderr)


def small(name: str) -> Preset:
    """A preset with small layers."""
    preset = replace(PRESETS[name], g_hidden=(9, 8), d_hidden=(7, 6), batch=5)
    return replace(preset, image_shape=(3, 16, 16)) if name == "dcgan-rgb" else preset


def run_script(flags: list[str], script: str, *arguments: str) -> subprocess.CompletedProcess:
    """Runs a script of benches/."""
    command = [sys.executable, *flags, str(ROOT / "benches" / script), *arguments]
    return subprocess.run(command, capture_output=True, text=True)


def output_of(script: str, *arguments: str) -> str:
    """The output of a script, which must succeed."""
    done = run_script([], script, *arguments)
    if done.returncode:
        raise AssertionError(done.stderr)
    return done.stdout


if __name__ == "__main__":
    unittest.main()
