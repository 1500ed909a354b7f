//! `graph`: DOT and SVG of presets, runs and checkpoints.

use std::fs;

use gan_cuda::gan::preset::presets;

use super::scratch::{RUN, Scratch};

fn written(scratch: &Scratch, arguments: &str, file: &str) -> String {
    let output = scratch.run(&format!("graph {arguments} --out {file}")).succeeds();
    assert_eq!(output, format!("wrote {file}\n"));
    scratch.text(file)
}

#[test]
fn dot_is_printed_or_written_and_svg_is_written() {
    let scratch = Scratch::new();
    let printed = scratch.run("graph").succeeds();
    assert!(printed.starts_with("digraph gan {") && printed.ends_with("}\n"), "{printed}");
    assert_eq!(scratch.run("graph cgan").succeeds(), printed);
    assert_eq!(written(&scratch, "cgan", "a.dot"), printed);
    assert!(written(&scratch, "cgan", "a.SVG").starts_with("<svg "));
    for preset in presets() {
        scratch.run(&format!("graph {}", preset.name)).prints(&[&preset.name]);
    }
    assert_eq!(scratch.names("."), ["a.SVG", "a.dot"]);
}

#[test]
fn diagram_in_the_documentation_is_up_to_date() {
    let drawn = written(&Scratch::new(), "cgan", "cgan.svg");
    let kept = fs::read_to_string("docs/cgan.svg").unwrap();
    assert!(drawn == kept, "`gan-cuda graph cgan --out docs/cgan.svg` makes it anew");
}

#[test]
fn size_flags_change_the_diagram() {
    let scratch = Scratch::new();
    let flags = "--g-hidden 7,9 --d-hidden 11 --batch-size 3 --latent-dim 5";
    let words = ["Linear(5, 7)", "Linear(7, 9)", "Linear(784, 11)", "(3, 784)", "(6, 784)"];
    scratch.run(&format!("graph mlp {flags}")).prints(&words);
}

#[test]
fn runs_and_checkpoints_are_drawn_with_their_own_values() {
    let scratch = Scratch::with_run("--iterations 2 --dropout 0 --lr 0.0123");
    let words = ["lr 0.0123", "Linear(12, 12)", "Dropout(0)", "for both updates"];
    let run = scratch.run(&format!("graph {RUN}")).prints(&words);
    let checkpoint = format!("{RUN}/checkpoint-000002");
    assert_eq!(scratch.run(&format!("graph {checkpoint}")).succeeds(), run);
    fs::rename(scratch.path(&checkpoint), scratch.path("alone")).unwrap();
    assert_eq!(scratch.run("graph alone").succeeds(), run);
    // A run without a checkpoint yet.
    assert_eq!(scratch.run(&format!("graph {RUN}")).succeeds(), run);
    // A preset's name takes precedence over a folder.
    fs::rename(scratch.path("alone"), scratch.path("cgan")).unwrap();
    assert!(scratch.run("graph cgan").succeeds().contains("Dropout(0.4)"));
    assert_eq!(scratch.run("graph ./cgan").succeeds(), run);
}
