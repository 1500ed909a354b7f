//! `gan-cuda train`, and the files that it writes.

use super::scratch::{RUN, Scratch, has, progress};

/// The files of a run with these checkpoints and samples.
fn promised(checkpoints: &[u32], samples: &[u32]) -> Vec<String> {
    let fixed = [".lock", "config.toml", "log.txt", "loss.png", "reals.png", "stats.jsonl"];
    let mut names: Vec<_> = fixed.map(str::to_owned).into();
    for iteration in checkpoints {
        for file in ["discriminator", "generator", "state"] {
            names.push(format!("checkpoint-{iteration:06}/{file}.safetensors"));
        }
    }
    names.extend(samples.iter().map(|iteration| format!("samples/{iteration:06}.png")));
    names.sort();
    names
}

#[test]
fn train_without_any_data_leaves_a_run_folder() {
    let scratch = Scratch::new();
    let out = scratch.run("train --iterations 20 --g-hidden 32,32 --d-hidden 32,32").succeeds();
    has(&out, &["preset cgan", "seed 0", "device    CPU", "data      mnist: ", "batch size 64"]);
    has(&out, &["generator ", "discriminator ", "20 iterations", RUN, "done: 20 iterations"]);
    has(
        &out,
        &["10,000 images of 28×28 grey", "embedded", "60,000", "--data-dir", "157 per epoch"],
    );
    assert_eq!(scratch.names(RUN), promised(&[20], &[0, 20]));
    for (name, bytes) in scratch.files(RUN) {
        assert!(!name.ends_with(".png") || bytes.starts_with(b"\x89PNG\r\n\x1a\n"), "{name}");
    }
    assert_eq!(scratch.logged(RUN), [20]);
}

#[test]
fn next_run_gets_the_next_number_and_overwrites_nothing() {
    let scratch = Scratch::with_run("--iterations 2");
    let before = scratch.files("runs");
    scratch.train("--iterations 2").prints(&["runs/00001-cgan-mnist"]);
    scratch.train("--iterations 2 --preset mlp --name my-try").succeeds();
    let after = scratch.files("runs");
    assert!(after.contains_key("00002-my-try/checkpoint-000002/generator.safetensors"));
    assert_eq!(after.len(), 3 * before.len());
    assert!(before.iter().all(|(name, bytes)| after[name] == *bytes));
    scratch.train("--iterations 1 --runs-dir other/place").succeeds();
    assert!(scratch.path("other/place/00000-cgan-mnist/config.toml").is_file());
}

#[test]
fn progress_lines_and_log_have_the_documented_format() {
    let scratch = Scratch::with_digits();
    let out = scratch.train("--epochs 2 --log-interval 1").succeeds();
    let positions: Vec<_> = out.lines().filter_map(progress).collect();
    // The first line at once, then at most one per second, and the last.
    assert_eq!(positions.first(), Some(&[1, 2, 1, 3]), "{out}");
    assert_eq!(positions.last(), Some(&[2, 2, 3, 3]), "{out}");
    assert_eq!(out.lines().filter(|line| line.starts_with('[')).count(), positions.len(), "{out}");
    let log = scratch.text(&format!("{RUN}/log.txt"));
    let positions: Vec<_> = log.lines().map(|line| progress(line).unwrap()).collect();
    assert_eq!(positions, [1, 2].map(|epoch| [1, 2, 3].map(|b| [epoch, 2, b, 3])).concat());
}

#[test]
fn quiet_prints_nothing_and_verbose_names_every_file() {
    let scratch = Scratch::with_digits();
    assert_eq!(scratch.train("--iterations 4 -q").succeeds(), "");
    assert_eq!(scratch.train("--iterations 6 --resume --quiet").succeeds(), "");
    scratch.train("--iterations 2 -v").prints(&["000000.png", "000002.png", "checkpoint-000002"]);
    scratch.train("-q -v").fails(2, &["--quiet", "--verbose"]);
}

#[test]
fn intervals_decide_what_is_written_when() {
    let scratch = Scratch::with_digits();
    let rows = [
        ("", &[8][..], &[0, 8][..], &[8][..]),
        ("--sample-interval 3 --log-interval 4", &[8], &[0, 3, 6, 8], &[4, 8]),
        ("--sample-interval epoch --log-interval 3", &[8], &[0, 3, 6, 8], &[3, 6, 8]),
        ("--checkpoint-interval 5", &[5, 8], &[0, 8], &[8]),
        ("--checkpoint-interval epoch --keep 9", &[3, 6, 8], &[0, 8], &[8]),
        ("--checkpoint-interval 1", &[6, 7, 8], &[0, 8], &[8]),
        ("--checkpoint-interval 2 --keep 1", &[8], &[0, 8], &[8]),
    ];
    for (number, (flags, checkpoints, samples, logged)) in rows.into_iter().enumerate() {
        scratch.train(&format!("--iterations 8 {flags}")).succeeds();
        let run = format!("runs/{number:05}-cgan-mnist");
        assert_eq!(scratch.names(&run), promised(checkpoints, samples), "{flags}");
        assert_eq!(scratch.logged(&run), logged, "{flags}");
    }
}
