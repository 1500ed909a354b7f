//! Exported PyTorch modules as text; `tests/pytorch` runs them.

use super::{CHECKPOINT, trained};
use crate::python::python;
use crate::scratch::{Scratch, assert_snapshot, has};

/// Exports the newest run's networks; the script without the version and this machine's paths.
fn exported(scratch: &Scratch) -> String {
    scratch.run("export --pytorch gan.py -q").succeeds();
    let folder = scratch.path("").canonicalize().unwrap();
    let script = scratch.text("gan.py").replace(folder.to_str().unwrap(), "/folder");
    script.replace(env!("CARGO_PKG_VERSION"), "VERSION")
}

#[test]
fn script_defines_the_networks_with_the_keys_of_the_checkpoint() {
    let script = exported(&trained("--g-hidden 12,10,11,13 --d-hidden 9,8,9"));
    assert_snapshot("export-pytorch", &script);
}

#[test]
fn script_is_python_for_every_kind_of_network() {
    let scratch = Scratch::with_digits();
    let names = ["mlp", "dcgan", "cdcgan", "odd"];
    for name in names {
        if name == "odd" {
            // A Sequential without a name, names within names, and one that is no identifier.
            let layers = scratch.run("presets mlp --toml").succeeds();
            let layers = layers.replacen("key_prefix = \"\"", "key_prefix = \"a.b-c.\"", 1);
            assert!(layers.contains("a.b-c."), "{layers}");
            scratch.put("odd.toml", layers);
        }
        let config = if name == "odd" { "--config odd.toml" } else { &format!("--preset {name}") };
        let length = "--data-dir digits --iterations 1 --batch-size 4 --threads 2 -q";
        scratch.run(&format!("train {config} --runs-dir {name} {length}")).succeeds();
        scratch.run(&format!("export --runs-dir {name} --pytorch {name}.py -q")).succeeds();
    }
    let paths = names.map(|name| scratch.path(&format!("{name}.py")));
    let compile = "import ast, sys\nfor path in sys.argv[1:]: ast.parse(open(path).read(), path)";
    python(&["ast"], compile, paths);
    has(
        &scratch.text("odd.py"),
        &["self.a = nn.Module()", "self.a.add_module(\"b-c\", nn.Sequential("],
    );
    let words =
        ["expand(-1, -1, 28, 28)", "torch.cat((images, label), 1)", "x.view(-1, 128, 7, 7)"];
    has(&scratch.text("cdcgan.py"), &words);
    has(&scratch.text("mlp.py"), &["2**23 - 1", "images.flatten(1)"]);
}

#[test]
fn weights_of_another_file_are_those_that_the_script_loads() {
    let scratch = trained("");
    let weights = format!("{CHECKPOINT}/generator.safetensors");
    std::fs::copy(scratch.path(&weights), scratch.path("other.safetensors")).unwrap();
    let script = {
        scratch.run("export --generator other.safetensors --pytorch gan.py -q").succeeds();
        scratch.text("gan.py")
    };
    has(&script, &["/other.safetensors\"\n", "/discriminator.safetensors\"\n"]);
}

#[test]
fn names_that_pytorch_does_not_allow_are_refused() {
    let scratch = Scratch::with_digits();
    let text = scratch.run("presets cgan --toml").succeeds();
    scratch.put("mine.toml", text.replacen("\"model.\"", "\"model..\"", 1));
    let length = "--data-dir digits --iterations 1 --batch-size 8 --threads 1 -q";
    scratch.run(&format!("train --config mine.toml {length}")).succeeds();
    let words = ["\"model.\" cannot be the name of a PyTorch module", "key_prefix"];
    scratch.run("export --pytorch gan.py").fails(1, &words);
    assert!(!scratch.path("gan.py").exists());
}
