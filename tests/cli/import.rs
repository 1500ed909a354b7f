//! `presets --from`: GANs from what PyTorch prints. The files in `import/` are printed by the
//! networks in `tests/pytorch/scripts.py`, and the tests there train and load all of them.

use std::path::PathBuf;

use super::scratch::{Scratch, assert_snapshot, has};

/// The file that a script's networks printed.
fn printed(script: &str) -> PathBuf {
    PathBuf::from(format!("{}/tests/cli/import/{script}.txt", env!("CARGO_MANIFEST_DIR")))
}

/// Imports a script's networks as `gan.toml`; returns the warnings.
fn import(scratch: &Scratch, script: &str) -> String {
    let answer = scratch
        .run_words(&["presets", "--from", printed(script).to_str().unwrap()].map(String::from));
    scratch.put("gan.toml", &answer.out);
    answer.warns()
}

#[test]
fn imported_file_keeps_the_keys_loss_and_adam_of_the_script() {
    let scratch = Scratch::new();
    for script in ["pytorch-cgan", "gans-from-scratch", "dcgan-example"] {
        assert_eq!(import(&scratch, script), "", "{script}");
        assert_snapshot(&format!("import-{script}"), &scratch.text("gan.toml"));
    }
}

#[test]
fn discriminator_may_be_printed_first() {
    let scratch = Scratch::new();
    assert_eq!(import(&scratch, "pytorch-tutorial"), "");
    let shown = ["generator, 283920 parameters", "0  Linear(64, 256)", "Sigmoid()", "betas (0.9"];
    scratch.run("presets gan.toml").prints(&shown);
}

/// A ModuleList of equal blocks, a Sequential within another one, an embedding within a module, a
/// keyword of Python as a name, a Flatten behind the final Sigmoid.
#[test]
fn odd_modules_keep_their_keys() {
    let scratch = Scratch::with_digits();
    assert_eq!(import(&scratch, "odd"), "");
    let length = "--data-dir digits --iterations 1 --batch-size 8 --threads 1 -q";
    scratch.run(&format!("train --config gan.toml {length}")).succeeds();
    let file = |network| {
        scratch.bytes(&format!("runs/00000-odd-mnist/checkpoint-000001/{network}.safetensors"))
    };
    let weights = [file("generator"), file("discriminator")].concat();
    let keys = String::from_utf8_lossy(&weights);
    for key in [
        "embeddings.label.weight",
        "m.1.1.bias",
        "m.3.bias",
        "blocks.2.0.bias",
        "class.2.bias",
        "main.2.bias",
    ] {
        assert!(keys.contains(&format!("\"{key}\"")), "no {key}");
    }
    scratch.run("export --pytorch gan.py -q").succeeds();
    let script = scratch.text("gan.py");
    has(&script, &["self.m.add_module(\"1\", ", "self.add_module(\"class\", nn.Sequential("]);
}

#[test]
fn missing_activations_are_reported_and_can_be_added() {
    let scratch = Scratch::with_digits();
    let warnings = import(&scratch, "functional");
    assert_eq!(warnings.lines().count(), 4, "{warnings}");
    has(
        &warnings,
        &[
            "generator has no activation between fc1 and fc2, fc2",
            "LeakyReLU",
            "Tanh",
            "Sigmoid is added",
        ],
    );
    let linear = "\"Linear(1024, 784)\"";
    let text = scratch.text("gan.toml").replace(linear, &format!("{linear}, \"Tanh()\""));
    scratch.put("gan.toml", text);
    let length = "--data-dir digits --iterations 1 --batch-size 8 --threads 1";
    scratch.run(&format!("train --config gan.toml {length}")).succeeds();
    let weights =
        scratch.bytes("runs/00000-functional-mnist/checkpoint-000001/generator.safetensors");
    let keys = String::from_utf8_lossy(&weights);
    assert!(keys.contains("\"fc4.weight\"") && !keys.contains("fc4.0"));
    scratch.run("export --onnx gan.onnx").succeeds();
    // BCELoss expects probabilities, so forward() must end with a sigmoid.
    scratch.run("presets gan.toml").prints(&["fc4.1  Tanh()", "fc4.1  Sigmoid()"]);
}

#[test]
fn what_cannot_be_imported_is_named_with_its_line() {
    let scratch = Scratch::new();
    let discriminator = "D(\n(0): Linear(784, 1)\n)\n";
    let conditional = "G(\n(e): Embedding(10, 50)\n(0): Linear(9, 784)\n)\n";
    let no_noise = "G(\n(e): Embedding(9, 9)\n(0): Linear(9, 784)\n)\nD(\n(e): Embedding(9, 9)\n\
                    (0): Linear(793, 1)\n)\n";
    for (text, words) in [
        ("", &["gan.txt", "0 networks", "print(discriminator)"][..]),
        (discriminator, &["1 network"]),
        ("G(\n(0): Linear(9, 784)", &["line 1: G( is not closed"]),
        ("G(\n(0): Block(\n3, 4\n)\n)\n", &["line 3: \"3, 4\" is not a module"]),
        (
            "G(\n(0): ParametrizedLinear(\nin_features=9\n)\n)\n",
            &["line 2", "parametrization", "spectral_norm = true"],
        ),
        (
            "G(\n(m): Sequential(\n(0): Upsample(scale_factor=2.0)\n)\n)\n",
            &["line 3", "m.0", "unknown layer Upsample"],
        ),
        (
            "G(\n(0): Linear(9, 8)\n(1): Linear(9, 784)\n)\n",
            &["line 3", "1: Linear(9, 784)", "follows 8 features"],
        ),
        ("G(\n(0): Linear(9, 785)\n)\n", &["785 features, which is no square image"]),
        ("G(\n(0): Tanh()\n)\n", &["G has no Linear or convolution"]),
        (conditional, &["line 2", "Embedding(10, 10)"]),
        ("G(\n(e): Embedding(2, 2)\n(f): Embedding(2, 2)\n)\n", &["line 3", "second embedding"]),
        ("G(\n(e): Embedding(9, 9)\n(0): Linear(99, 784)\n)\n", &["generator's has 9", "0: none"]),
        (no_noise, &["9 inputs", "none for noise"]),
        (
            "G(\n(0): Linear(9, 100)\n)\n",
            &["line 5", "0: Linear(784, 1)", "not accept the input, 100 features"],
        ),
    ] {
        let second = if text.contains("D(\n") || text.is_empty() { "" } else { discriminator };
        scratch.put("gan.txt", format!("{text}{second}"));
        scratch.run("presets --from gan.txt").fails(1, words);
    }
    scratch.run("presets --from none.txt").fails(1, &["cannot read", "none.txt"]);
    scratch.run("presets cgan --from gan.txt").fails(2, &["cannot be used with"]);
}
