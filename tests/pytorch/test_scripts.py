"""From a PyTorch script and back: `presets --from`, `train`, `export --pytorch`.

Each script's networks are printed, imported, trained for some iterations and loaded into the
script's own modules, strictly; the exported modules must compute the same as those, and the same
images as the program.

    python3 -m unittest discover -s tests/pytorch

Needs torch, numpy, safetensors, and the program as target/release/gan-cuda (or GAN_CUDA_PROGRAM).
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import tempfile
import unittest
from pathlib import Path
from types import ModuleType

import numpy as np
import torch
from safetensors.torch import load_file
from scripts import SCRIPTS, print_networks

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("GAN_CUDA_PROGRAM", str(ROOT / "target/release/gan-cuda"))
PRESETS = (
    *("mlp", "mlp-dropout", "cgan", "mlp-batchnorm", "dcgan", "cdcgan", "dcgan-rgb"),
    *("cgan-ema", "wgan-gp", "r3gan-small"),
)
PRINTED = ROOT / "tests/cli/import"
TOLERANCE = 1e-5
FEW = "--iterations 3 --batch-size 8 --threads 2 --quiet".split()


def run(folder: Path, *arguments: str) -> str:
    """Runs the program in a folder and returns what it prints."""
    command = [PROGRAM, *arguments]
    process = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if process.returncode:
        raise AssertionError(f"{' '.join(command)}: {process.stderr}")
    return process.stdout


def load_module(path: Path) -> ModuleType:
    """Imports a Python file."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def with_functions(toml: str) -> str:
    """Adds the activations and dropouts that the functional networks' forward() calls."""
    generator, discriminator = toml.split("[gan.discriminator]")
    hidden = '"LeakyReLU(0.2)"'
    for i, (inputs, outputs) in enumerate(((100, 256), (256, 512), (512, 1024), (1024, 784))):
        layer = f'"Linear({inputs}, {outputs})"'
        function = hidden if i < 3 else '"Tanh()"'
        generator = generator.replace(layer, f"{layer}, {function}")
    for inputs, outputs in ((784, 1024), (1024, 512), (512, 256)):
        layer = f'"Linear({inputs}, {outputs})"'
        discriminator = discriminator.replace(layer, f'{layer}, {hidden}, "Dropout(0.3)"')
    return f"{generator}[gan.discriminator]{discriminator}"


def write_pictures(folder: Path) -> None:
    """Some colour images, as binary PPM files."""
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (24, 64, 64, 3), dtype=np.uint8)
    for i, picture in enumerate(pixels):
        (folder / f"{i}.ppm").write_bytes(b"P6 64 64 255\n" + picture.tobytes())


class Scripts(unittest.TestCase):
    """Each script's networks, there and back."""

    def setUp(self) -> None:
        self.scratch = Path(self.enterContext(tempfile.TemporaryDirectory()))

    def train_script(self, name: str) -> ModuleType:
        """Trains a script's networks for some iterations; the exported modules."""
        toml = run(self.scratch, "presets", "--from", str(PRINTED / f"{name}.txt"))
        if name == "functional":
            toml = with_functions(toml)
        (self.scratch / "gan.toml").write_text(toml)
        return self.train("--config", "gan.toml", colour=name == "dcgan-example")

    def train(self, *flags: str, colour: bool = False) -> ModuleType:
        """Trains for some iterations; the exported modules, and images of seed 7."""
        data: list[str] = []
        if colour:
            write_pictures(self.scratch / "pictures")
            data = ["--dataset", "pictures"]
        run(self.scratch, "train", *flags, *data, *FEW)
        run(self.scratch, "export", "--pytorch", "modules.py", "--numpy", "images.npy", "--seed", "7")
        return load_module(self.scratch / "modules.py")

    def test_printed_files_are_what_pytorch_prints(self) -> None:
        for name, script in SCRIPTS.items():
            with self.subTest(name):
                self.assertEqual((PRINTED / f"{name}.txt").read_text(), print_networks(script))

    def test_exported_scripts_sample_the_programs_images(self) -> None:
        for name in SCRIPTS:
            with self.subTest(name), tempfile.TemporaryDirectory() as folder:
                self.scratch = Path(folder)
                modules = self.train_script(name)
                self.check_images(name, modules)
                self.check_original(name, modules)

    def test_exported_presets_sample_the_programs_images(self) -> None:
        for name in PRESETS:
            with self.subTest(name), tempfile.TemporaryDirectory() as folder:
                self.scratch = Path(folder)
                self.check_images(name, self.train("--preset", name, colour=name == "dcgan-rgb"))

    def test_normalized_and_packed_discriminators_are_exported(self) -> None:
        for preset in ("mlp", "dcgan"):
            with self.subTest(preset), tempfile.TemporaryDirectory() as folder:
                self.scratch = Path(folder)
                modules = self.train("--preset", preset, "--spectral-norm", "--pack", "2")
                _, discriminator = modules.load()
                for module in discriminator.eval().modules():
                    if isinstance(module, (torch.nn.Linear, torch.nn.Conv2d)):
                        norm = torch.linalg.matrix_norm(module.weight.flatten(1), 2)
                        self.assertAlmostEqual(float(norm.detach()), 1.0, delta=0.2)
                pairs = torch.zeros(3, 2, 28, 28)
                self.assertEqual(discriminator(pairs).shape, (3, 1))

    def check_images(self, name: str, modules: ModuleType) -> None:
        """The exported modules sample the images of the program; the discriminator takes them."""
        generator, discriminator = modules.load()
        images = np.load(self.scratch / "images.npy")
        got = modules.sample(generator, len(images), 7)
        self.assertEqual(got.shape, images.shape)
        worst = float(np.abs(got.numpy() - images).max())
        print(f"{name}: images differ by {worst:.1e} at most")
        self.assertLessEqual(worst, TOLERANCE)
        labels = [torch.zeros(len(got), dtype=torch.long)] if modules.CLASSES else []
        self.assertEqual(discriminator(got, *labels).shape, (len(got), 1))

    def check_original(self, name: str, modules: ModuleType) -> None:
        """The script's own modules load the checkpoint strictly and compute the same."""
        exported = modules.load()
        z = modules.noise(6, 1)
        labels = [torch.arange(6)] if modules.CLASSES else []
        images = exported[0].eval()(z, *labels)
        inputs = images if name in ("dcgan-example", "odd") else images.flatten(1)
        checkpoint = Path(modules.GENERATOR).parent
        for network, original, x in zip(exported, SCRIPTS[name].networks(), (z, inputs)):
            role = type(network).__name__.lower()
            original.load_state_dict(load_file(checkpoint / f"{role}.safetensors"))
            of_network = network.eval()(images if x is inputs else x, *labels)
            of_original = original.eval()(x, *labels)
            torch.testing.assert_close(of_network.flatten(1), of_original.flatten(1))


if __name__ == "__main__":
    unittest.main()
