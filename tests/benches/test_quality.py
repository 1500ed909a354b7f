"""Tests of benches/quality and benches/speedrun: `python -m unittest discover -s tests/benches`."""

from __future__ import annotations

import colorsys
import json
import os
import subprocess
import sys
import tempfile
import unittest
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "target" / "release" / "gan-cuda"
for folder in ("benches", "benches/quality", "benches/speedrun"):
    sys.path.insert(0, str(ROOT / folder))

import report  # noqa: E402
import speedrun  # noqa: E402
import techniques_report  # noqa: E402

try:
    import drift
    import numpy as np
    import torch
    from baseline import PRESETS
    from PIL import Image
    from scores import Scorer
    from torch_train import Run, training_images

    MISSING = None
except ModuleNotFoundError as error:
    MISSING = f"SKIPPED, as python has no {error.name}: pip install torch numpy safetensors pillow"
    print(MISSING, file=sys.stderr)


def row(fcd: float, **more: float) -> dict[str, float]:
    """A row of an evaluation."""
    names = ("kid", "kid_error", "precision", "recall", "density", "coverage", "ndb")
    return dict.fromkeys(names, 0.5) | {"fcd": fcd, **more}


class Report(unittest.TestCase):
    """docs/comparison.md."""

    def test_generators_are_listed_between_real_images_and_noise(self) -> None:
        fidelity = {"class_fidelity": 0.97, "class_fidelity_low": 0.96, "class_fidelity_high": 0.98}
        classes = {"histogram_kl": 0.1, "rarest_class": 3, "rarest_share": 0.01}
        with tempfile.TemporaryDirectory(dir=ROOT / "target") as folder:
            for preset, program, scores in (
                ("dcgan", "pytorch", row(7.0, **classes)),
                ("cgan", "gan-cuda", row(5.0, **fidelity, **classes)),
            ):
                rows = {"generator": scores, "real": row(1.0, **classes), "noise": row(900.0, **classes)}
                entry = rows | {"preset": preset, "program": program, "seed": 0, "epochs": 9}
                path = Path(folder) / f"{preset}-{program}-seed0.json"
                path.write_text(json.dumps(entry))
            (Path(folder) / "notes.md").write_text("A remark.\n")
            curve = [{"iteration": 0, "saturation": 0.25}, {"iteration": 9, "saturation": 0.75}]
            run = {"preset": "mlp-rgb", "about": "emoji", "image_size": 8, "epochs": 2}
            run |= {"data": {"saturation": 0.5}, "gan-cuda": curve, "pytorch": curve[:1]}
            (Path(folder) / "drift.json").write_text(json.dumps(run))
            lines = report.text(Path(folder)).splitlines()
        table = [line for line in lines if line.startswith("| ")]
        self.assertIn("| `cgan` | gan-cuda | 0 | 97.0 % (96.0–98.0) | 5.0 |", table[2])
        self.assertIn("| `dcgan` | PyTorch | 0 | – | 7.0 |", table[3])
        self.assertTrue(table[4].startswith("| real images |"))
        self.assertIn("| 900.0 |", table[5])
        self.assertIn("3: 1.0 %", table[2])
        self.assertIn("A remark.", lines)
        (colour,) = [line for line in lines if "mlp-rgb" in line]
        self.assertIn("emoji, 8×8, for 2 epochs", colour)
        self.assertIn("0.75 here and 0.25 in PyTorch; that of the images is 0.50", colour)


class Techniques(unittest.TestCase):
    """docs/scores.md."""

    def test_document_has_the_numbers_of_its_run_folder(self) -> None:
        (folder,) = (ROOT / "benches" / "runs").glob("*-techniques")
        written = (ROOT / "docs" / "scores.md").read_text()
        self.assertEqual(techniques_report.text(folder), written)
        (flagged,) = [line for line in written.splitlines() if line.startswith("| `--preset dcgan --pack 2`")][-1:]
        scores = json.loads(max(folder.glob("stacked-pack-2-seed0-*.json"), key=iterations).read_text())
        self.assertIn(f"| {scores['generator']['modes']:,} |", flagged)


def iterations(path: Path) -> int:
    """The number of iterations in a file's name."""
    return int(path.stem.rsplit("-", 1)[1])


class Speedrun(unittest.TestCase):
    """Its table, and when a run has passed."""

    def test_results_are_sorted_by_median_with_failures_last(self) -> None:
        def result(entry: str, *seconds: float | None) -> dict:
            runs = [{"seconds": s, "iteration": 9} for s in seconds]
            return {"entry": entry, "what": "w", "on": "c", "date": "d", "runs": runs}

        results = [result("a", 9.0, None, None), result("b", 7.0, 5.0, 30.0), result("c", 6.0)]
        lines = speedrun.table(results).splitlines()[2:]
        self.assertEqual([line.split("[")[1][0] for line in lines], ["c", "b", "a"])
        self.assertIn("**7.0** (7.0, 5.0, 30.0)", lines[1])

    def test_readme_claims_the_fastest_beside_both_cgans_once_all_have_passed(self) -> None:
        def result(entry: str, seconds: float | None, on: str = "c") -> dict:
            return {"entry": entry, "what": f"w of {entry}", "on": on, "runs": [{"seconds": seconds}]}

        both = [result("cgan", 100.4), result("pytorch-cgan", 300.0)]
        self.assertEqual(speedrun.claim(both, "c"), "")
        self.assertEqual(speedrun.claim([*both, result("a", None)], "c"), "")
        self.assertEqual(speedrun.claim([*both, result("a", 9.0)], "another"), "")
        text = speedrun.claim([*both, result("b", 20.0), result("a", 9.0)], "c")
        times = "9 seconds with w of a, 100 seconds with the preset `cgan`, and 300 seconds with the same model"
        for part in ("97.5 %", times, "from process start, c;"):
            self.assertIn(part, text)

    def test_both_scores_must_reach_the_goal(self) -> None:
        goal = speedrun.GOAL
        best = {"class_fidelity": goal["fidelity"], "fcd": goal["fcd"]}
        self.assertTrue(speedrun.passes(best))
        self.assertFalse(speedrun.passes(best | {"fcd": goal["fcd"] + 0.1}))
        self.assertFalse(speedrun.passes(best | {"class_fidelity": goal["fidelity"] - 0.001}))


@unittest.skipIf(MISSING, MISSING)
class Torch(unittest.TestCase):
    """Tests that need PyTorch."""

    def test_resumed_training_equals_uninterrupted_training(self) -> None:
        preset = PRESETS["mlp-dropout"]
        images, labels = (part[:300] for part in training_images(preset))
        whole = Run(preset, 1)
        whole.epoch(images, labels)
        whole.epoch(images, labels)
        parts = Run(preset, 1)
        with tempfile.TemporaryDirectory() as folder:
            parts.epoch(images, labels)
            parts.save(Path(folder) / "state.pt")
            parts = Run(preset, 2)
            parts.load(Path(folder) / "state.pt")
            parts.epoch(images, labels)
        self.assertEqual((parts.epochs, parts.iterations), (2, 6))
        for a, b in zip(
            whole.trainer.generator.parameters(), parts.trainer.generator.parameters(), strict=True
        ):
            self.assertTrue(torch.equal(a, b))

    def test_drift_measures_hsv_saturation(self) -> None:
        levels = torch.rand(2, 3, 4, 5, generator=torch.Generator().manual_seed(0))
        levels[0, :, 0, 0] = 0.0
        found = drift.numbers(levels * 2 - 1)
        pixels = levels.permute(0, 2, 3, 1).reshape(-1, 3).tolist()
        saturation = sum(colorsys.rgb_to_hsv(*pixel)[1] for pixel in pixels) / len(pixels)
        self.assertAlmostEqual(found["saturation"], saturation, places=5)
        self.assertAlmostEqual(found["std"], np.std(levels.numpy() * 2 - 1), places=5)

    def test_transparent_images_are_composited_on_white(self) -> None:
        preset = replace(PRESETS["mlp-rgb"], image_shape=(3, 2, 3))
        with tempfile.TemporaryDirectory() as folder:
            picture = Image.new("RGBA", (3, 2), (0, 0, 0, 0))
            picture.putpixel((1, 0), (10, 20, 30, 255))
            picture.save(Path(folder) / "a.png")
            images, labels = training_images(preset, Path(folder))
        self.assertEqual((images.shape, labels.tolist()), ((1, 18), [0]))
        levels = ((images + 1) * 127.5).view(3, 2, 3)
        self.assertTrue(torch.allclose(levels[:, 0, 1], torch.tensor([10.0, 20.0, 30.0]), atol=1e-4))
        self.assertEqual((images == 1.0).sum(), 15)

    @unittest.skipUnless(PROGRAM.exists(), "SKIPPED: cargo build --release comes first")
    def test_scores_match_those_of_the_program(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            environment = {**os.environ, "XDG_CACHE_HOME": folder, "XDG_DATA_DIRS": folder}

            def call(*words: str) -> str:
                command = [str(PROGRAM), *words, "--threads", "2", "--device", "cpu"]
                done = subprocess.run(
                    command, cwd=folder, env=environment, check=True, stdout=subprocess.PIPE
                )
                return done.stdout.decode()

            call("train", "--iterations", "60", "-q")
            ours = json.loads(call("evaluate", "--json", "--count", "2000"))["generator"]
            call("export", "--numpy", "x.npy", "--count", "2000", "-q")
            images, labels = (
                torch.tensor(np.load(Path(folder) / name)) for name in ("x.npy", "x-labels.npy")
            )
        theirs = Scorer().score(images, labels)
        # Their convolutions may see one image in a thousand otherwise.
        self.assertAlmostEqual(ours["class_fidelity"], theirs.fidelity, delta=0.001)
        self.assertAlmostEqual(ours["fcd"] / theirs.fcd, 1.0, delta=1e-4)


if __name__ == "__main__":
    unittest.main()
