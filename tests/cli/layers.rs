//! Custom GANs: the TOML file of a preset, edited and trained.

use super::scratch::{RUN, Scratch};

const LENGTH: &str = "--data-dir digits --iterations 3 --batch-size 8 --threads 1";
/// Writes `mine.toml` with some parts of the text replaced.
fn edit(scratch: &Scratch, text: &str, edits: &[(&str, &str)]) {
    let mut text = text.to_owned();
    for (from, to) in edits {
        assert!(text.contains(from), "no {from} in:\n{text}");
        text = text.replace(from, to);
    }
    scratch.put("mine.toml", text);
}

/// The TOML file of `cgan` with narrow layers, which train fast.
fn narrow(scratch: &Scratch) -> String {
    let widths = "--g-hidden 12,10,11,13 --d-hidden 9,8,9 --sample-interval 2";
    let run = scratch.run(&format!("train --data-dir digits {widths} --dry-run")).succeeds();
    scratch.put("mine.toml", run);
    let text = scratch.run("presets mine.toml --toml").succeeds();
    scratch.put("mine.toml", &text);
    text
}

#[test]
fn toml_file_of_each_preset_gives_the_same_run() {
    let scratch = Scratch::with_digits();
    for name in ["mlp", "mlp-dropout", "cgan", "mlp-batchnorm", "dcgan", "cdcgan"] {
        let text = scratch.run(&format!("presets {name} --toml")).succeeds();
        scratch.put("mine.toml", text);
        let run = |what: &str| scratch.run(&format!("train {what} {LENGTH} --dry-run")).succeeds();
        assert_eq!(run("--config mine.toml"), run(&format!("--preset {name}")), "{name}");
    }
    scratch.put("mine.toml", scratch.run("presets mlp-rgb --toml").succeeds());
    let words = ["--dataset", "mlp-rgb has no default data set"];
    scratch.run("train --config mine.toml --dry-run").fails(2, &words);
    let [mine, published] =
        ["mine.toml", "mlp-rgb"].map(|name| scratch.run(&format!("presets {name}")).succeeds());
    assert_eq!(mine, published);
}

#[test]
fn edited_layers_are_trained_and_used_by_all_commands() {
    let scratch = Scratch::with_digits();
    let text = narrow(&scratch);
    // Another width, another activation, an additional layer, PyTorch's long form, no dropout.
    let edits = [
        (
            "    \"Linear(12, 10)\"",
            "    \"Linear(12, 7)\",\n    \"ReLU()\",\n    \"Linear(7, 10)\"",
        ),
        (
            "Linear(110, 12)\",\n    \"LeakyReLU(0.2)",
            "Linear(in_features=110, out_features=12, bias=True)\",\n    \"Tanh()",
        ),
        ("    \"Dropout(0.4)\",\n", ""),
    ];
    edit(&scratch, &text, &edits);
    scratch.run(&format!("train --config mine.toml {LENGTH}")).succeeds();
    let run = RUN;
    let layers = scratch.config(run)["gan"]["generator"]["sequences"][0]["layers"].to_string();
    let want = "[\"Linear(110, 12)\", \"Tanh()\", \"Linear(12, 7)\", \"ReLU()\", \"Linear(7, 10)\"";
    assert!(layers.starts_with(want), "{layers}");
    scratch.run(&format!("train --resume {run} --iterations 5")).succeeds();
    scratch.run(&format!("sample {run} --out mine.png")).succeeds();
    scratch.run(&format!("export {run} --onnx g.onnx --safetensors g.safetensors")).succeeds();
    for what in ["mine.toml", run, &format!("{run}/checkpoint-000005")] {
        let dot = scratch.run(&format!("graph {what}")).succeeds();
        assert!(dot.contains("2: Linear(12, 7)"), "{what}: {dot}");
    }
    for what in ["mine.toml", run] {
        let shown = scratch.run(&format!("presets {what}")).succeeds();
        assert!(shown.contains("   3  ReLU()") && !shown.contains("Dropout"), "{shown}");
    }
    let again = scratch.run("presets mine.toml --toml").succeeds();
    scratch.put("again.toml", again);
    let dry =
        |file: &str| scratch.run(&format!("train --config {file} {LENGTH} --dry-run")).succeeds();
    assert_eq!(dry("again.toml"), dry("mine.toml"));
}

/// `narrow` with the generator's last two layers in a second sequence.
fn in_two_sequences(scratch: &Scratch, key_prefix: &str) {
    let break_off = format!(
        "    \"LeakyReLU(0.2)\",\n]\n\n[[gan.generator.sequences]]\nkey_prefix = \"{key_prefix}\"\n\
         layers = [\n    \"Linear(13, 784)\""
    );
    let text = narrow(scratch);
    let edits = [("    \"LeakyReLU(0.2)\",\n    \"Linear(13, 784)\"", &break_off[..])];
    edit(scratch, &text, &edits);
}

#[test]
fn sequences_are_distinguished_by_their_key_prefix() {
    let scratch = Scratch::with_digits();
    in_two_sequences(&scratch, "out.");
    scratch.run(&format!("train --config mine.toml {LENGTH}")).succeeds();
    scratch.run(&format!("train --resume {RUN} --iterations 5")).succeeds();
    let longer = LENGTH.replace("--iterations 3", "--iterations 5");
    scratch.run(&format!("train --config mine.toml {longer}")).succeeds();
    let weights =
        |run: &str| scratch.bytes(&format!("{run}/checkpoint-000005/generator.safetensors"));
    let straight = weights("runs/00001-cgan-mnist");
    assert!(weights(RUN) == straight, "resumed is not uninterrupted");
    let keys = String::from_utf8_lossy(&straight).into_owned();
    assert!(keys.contains("\"model.0.weight\"") && keys.contains("\"out.0.weight\""));
    scratch.run(&format!("export {RUN} --onnx g.onnx")).succeeds();
    scratch
        .run("presets mine.toml")
        .prints(&["  model.9  BatchNorm1d", "  out.0  Linear(13, 784)"]);
    scratch.run("graph mine.toml").prints(&["out.1: Tanh()"]);
    let text = scratch.text("mine.toml");
    edit(&scratch, &text, &[("Linear(13, 784)", "Linear(14, 784)")]);
    scratch
        .run("presets mine.toml")
        .fails(1, &["generator layer out.0: Linear(14, 784) follows 13"]);
    for (key_prefix, words) in [
        ("model.", ["layer \"model.0\" is used twice", "key_prefix"]),
        // "model." with index 1, and a layer with this name.
        ("model.1", ["layer \"model.1\" is used twice", "key_prefix"]),
        ("\\u0000", ["layer \"\\0\" has a control character", "key_prefix"]),
    ] {
        in_two_sequences(&scratch, key_prefix);
        let words = [&["mine.toml", "generator"], &words[..]].concat();
        scratch.run(&format!("train --config mine.toml {LENGTH}")).fails(1, &words);
    }
}

/// Kernel sizes, strides and paddings that no preset has, with and without bias, and a Flatten that
/// is followed by an Unflatten.
#[test]
fn custom_convolutions_are_trained_and_used_by_all_commands() {
    let scratch = Scratch::with_digits();
    let text = scratch.run("presets dcgan --toml").succeeds();
    let edits = [
        ("\"Linear(100, 6272)\"", "\"Linear(100, 98)\""),
        ("BatchNorm1d(6272)", "BatchNorm1d(98)"),
        ("view = [128, 7, 7]", "view = [2, 7, 7]"),
        (
            "\"ConvTranspose2d(128, 64, kernel_size=4, stride=2, padding=1)\"",
            "\"ConvTranspose2d(2, 3, kernel_size=3, stride=2, padding=1, output_padding=1)\"",
        ),
        ("\"BatchNorm2d(64)\",", "\"BatchNorm2d(3)\",\n    \"Dropout(0.1)\","),
        (
            "\"ConvTranspose2d(64, 1, kernel_size=4, stride=2, padding=1)\"",
            "\"ConvTranspose2d(3, 1, kernel_size=4, stride=2, padding=1, bias=False)\"",
        ),
        ("\"Conv2d(1, 64, kernel_size=4, stride=2, padding=1)\"", "\"Conv2d(1, 4, 5, 3)\""),
        (
            "\"Conv2d(64, 128, kernel_size=4, stride=2, padding=1)\"",
            "\"Flatten()\",\n    \"Unflatten(4, 8, 8)\",\n    \"Conv2d(4, 3, 3)\",\n    \"BatchNorm2d(3)\"",
        ),
        ("\"Linear(6272, 1)\"", "\"Linear(108, 1)\""),
    ];
    edit(&scratch, &text, &edits);
    scratch
        .run("presets mine.toml")
        .prints(&["view as 2×7×7", "Conv2d(4, 3, kernel_size=3) → 3×6×6"]);
    scratch.run(&format!("train --config mine.toml {LENGTH}")).succeeds();
    let run = "runs/00000-dcgan-mnist";
    scratch.run(&format!("train --resume {run} --iterations 5")).succeeds();
    let longer = LENGTH.replace("--iterations 3", "--iterations 5");
    scratch.run(&format!("train --config mine.toml {longer}")).succeeds();
    for network in ["generator", "discriminator"] {
        let [resumed, straight] = [run, "runs/00001-dcgan-mnist"]
            .map(|run| scratch.bytes(&format!("{run}/checkpoint-000005/{network}.safetensors")));
        assert!(resumed == straight, "{network}: resumed is not uninterrupted");
    }
    scratch.run(&format!("sample {run} --out mine.png")).succeeds();
    scratch.run(&format!("export {run} --onnx g.onnx --safetensors g.safetensors")).succeeds();
    scratch
        .run(&format!("graph {run}"))
        .prints(&["conv_blocks.0: ConvTranspose2d(2, 3", "(8, 2, 7, 7)"]);
    for (from, to, words) in [
        (
            "view = [2, 7, 7]",
            "view = [3, 7, 7]",
            "\"conv_blocks.\": a view as 3×7×7 follows 98 features",
        ),
        (
            "Conv2d(1, 4, 5, 3)",
            "Conv2d(1, 4, 50)",
            "layer 0: Conv2d(1, 4, kernel_size=50) follows 1×28×28",
        ),
        ("BatchNorm2d(3)\",\n    \"Dropout", "BatchNorm1d(3)\",\n    \"Dropout", "follows 3×14×14"),
        ("    \"Flatten()\",\n    \"Linear", "    \"Linear", "Linear(108, 1) follows 3×6×6"),
    ] {
        let text = scratch.text("mine.toml");
        edit(&scratch, &text, &[(from, to)]);
        scratch.run("presets mine.toml").fails(1, &[words]);
        scratch.put("mine.toml", text);
    }
}

#[test]
fn resume_keeps_the_layers_of_the_run() {
    let scratch = Scratch::with_digits();
    let text = narrow(&scratch);
    // Squared error of a probability, which no preset has.
    edit(
        &scratch,
        &text,
        &[("    \"Linear(9, 1)\",\n", "    \"Linear(9, 1)\",\n    \"Sigmoid()\",\n")],
    );
    scratch.run(&format!("train --config mine.toml {LENGTH} --loss mse")).succeeds();
    assert!(scratch.text(&format!("{RUN}/config.toml")).contains("Sigmoid()"));
    scratch.run(&format!("train --resume {RUN} --loss mse --d-hidden 9,8,9")).succeeds();
    scratch.run(&format!("train --resume {RUN} --loss bce")).fails(2, &["--loss would change"]);
    let config = scratch.text(&format!("{RUN}/config.toml"));
    scratch.put(&format!("{RUN}/config.toml"), config.replacen("LeakyReLU(0.2)", "ReLU()", 1));
    let words = ["has another gan.generator", "restore the previous value"];
    scratch.run(&format!("train --resume {RUN}")).fails(1, &words);

    // Without hidden layers there is no width to change.
    let mut layers = text.lines().filter(|line| line.starts_with("    \"Linear(")).map(str::trim);
    let [first, last] = [layers.next().unwrap(), layers.nth(3).unwrap()];
    let start = text.find(first).unwrap();
    let end = text.find(last).unwrap() + last.len();
    scratch.put("mine.toml", [&text[..start], "\"Linear(110, 784)\",", &text[end..]].concat());
    scratch.run(&format!("train --config mine.toml {LENGTH}")).succeeds();
    let resume = "train --resume runs/00001-cgan-mnist";
    scratch.run(&format!("{resume} --g-hidden 5")).fails(2, &["--g-hidden would change"]);
}

#[test]
fn layer_flags_are_refused_with_a_config_file() {
    let scratch = Scratch::with_digits();
    narrow(&scratch);
    let flags = "--g-hidden 8, --d-hidden 8, --latent-dim 8, --image-size 14, --channels 3, \
                 --leaky-slope 0.1, --dropout 0.1, --bn-eps 0.1, --bn-momentum 0.2, --d-final-relu";
    for flag in flags.split(", ") {
        let name = flag.split(' ').next().unwrap();
        let words = [name, "mine.toml", "edit the file"];
        scratch.run(&format!("train --config mine.toml {LENGTH} {flag}")).fails(2, &words);
    }
    assert!(!scratch.path("runs").exists());
    let others = "--lr 0.01 --loss bce --order d-first --seed 4 --dry-run";
    let lines = ["lr = 0.01", "loss = \"bce\"", "\"Sigmoid()\"", "order = \"d-first\"", "seed = 4"];
    scratch.run(&format!("train --config mine.toml {LENGTH} {others}")).prints(&lines);
}

#[test]
fn layers_that_do_not_fit_are_named() {
    let scratch = Scratch::with_digits();
    let text = narrow(&scratch);
    for (from, to, words) in [
        ("Linear(9, 1)", "Linear(8, 1)", &["discriminator layer 8: Linear(8, 1) follows 9"][..]),
        ("Norm1d(10, eps=0.8)", "Norm1d(11)", &["generator layer 3: BatchNorm1d(11) follows 10"]),
        ("Linear(110, 12)", "Linear(9, 12)", &["generator layer 0: Linear(9, 12) follows 110"]),
        ("Linear(13, 784)", "Linear(13, 785)", &["generator ends with 785 features", "784"]),
        ("Linear(9, 1)", "Linear(9, 2)", &["discriminator ends with 2 features"]),
        ("Linear(9, 1)", "Linaer(9, 1)", &["unknown layer Linaer", "Linear, Conv2d", "line"]),
        (
            "Linear(794, 9)",
            "Conv2d(1, 4, 3)",
            &["discriminator layer 0: Conv2d(1, 4, kernel_size=3)"],
        ),
        ("Linear(110, 12)", "ReLU()", &["generator layer 0: ReLU() cannot come first"]),
        (
            "    \"label\",\n    \"noise\"",
            "    \"noise\"",
            &["generator's input is [\"noise\"]", "[\"label\", "],
        ),
        ("loss = \"mse\"", "loss = \"bce\"", &["Sigmoid()", "bce-logits"]),
        ("classes = 10\n", "", &["generator's", "no classes"]),
        ("classes = 10", "classes = 7", &["follows 107 features"]),
    ] {
        edit(&scratch, &text, &[(from, to)]);
        let error = scratch.run(&format!("train --config mine.toml {LENGTH}"));
        error.fails(1, &[&["mine.toml"], words].concat());
    }
    assert!(!scratch.path("runs").exists());
}
