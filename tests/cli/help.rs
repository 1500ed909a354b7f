//! What the commands say about themselves, as recorded in `snapshots/`.

use std::path::Path;

use super::scratch::Scratch;

/// What a command prints in a terminal of 80 columns.
fn printed(arguments: &str) -> String {
    let scratch = Scratch::new();
    let libraries = scratch.path("no-libraries");
    let variables = [("COLUMNS", Path::new("80")), ("GAN_CUDA_LIB_DIR", &libraries)];
    scratch.run_with(arguments, &variables).succeeds()
}

#[test]
fn commands_say_what_is_recorded() {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let _bound = settings.bind_to_scope();
    for (name, arguments) in [
        ("help", "--help"),
        ("train-help", "train --help"),
        ("sample-help", "sample --help"),
        ("presets-help", "presets --help"),
        ("graph-help", "graph --help"),
        ("bench-help", "bench --help"),
        ("doctor-help", "doctor --help"),
        ("runs-help", "runs --help"),
        ("completions-help", "completions --help"),
        ("man-help", "man --help"),
        ("presets", "presets"),
        ("presets-cgan", "presets cgan"),
        ("presets-mlp-rgb", "presets mlp-rgb"),
    ] {
        insta::assert_snapshot!(name, printed(arguments));
    }
}

#[test]
fn help_fits_into_80_columns() {
    for command in
        ["", "train", "sample", "presets", "graph", "bench", "doctor", "runs", "completions", "man"]
    {
        for line in printed(&format!("{command} --help")).lines() {
            assert!(line.chars().count() <= 80, "{command}: {line}");
        }
    }
}
