//! The main job: `gan-cuda train`, and what it leaves.

use gan_cuda::data::{self, Dataset, DatasetKind, Origin, Places};

use super::scratch::{Scratch, progress};

const RUN: &str = "runs/00000-cgan-mnist";

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
    let mut words = vec![
        "preset cgan",
        "seed 0",
        "device    CPU",
        "data      mnist: ",
        "generator ",
        "discriminator ",
        "20 iterations",
        "batches of 64",
        RUN,
        "done: 20 iterations",
    ];
    let embedded = stored(DatasetKind::Mnist).unwrap().origin == Origin::Embedded;
    if embedded {
        words.extend(["10,000 images of 28×28 grey", "embedded", "60,000", "--data-dir"]);
        words.push("157 an epoch");
    }
    for word in words {
        assert!(out.contains(word), "no {word:?} in:\n{out}");
    }
    assert_eq!(scratch.names(RUN), promised(&[20], &[0, 20]));
    for (name, bytes) in scratch.files(RUN) {
        assert!(!name.ends_with(".png") || bytes.starts_with(b"\x89PNG\r\n\x1a\n"), "{name}");
    }
    assert_eq!(scratch.logged(RUN), [20]);
}

#[test]
fn next_run_gets_the_next_number_and_overwrites_nothing() {
    let scratch = Scratch::with_digits();
    scratch.train("--iterations 2").succeeds();
    let before = scratch.files("runs");
    let out = scratch.train("--iterations 2").succeeds();
    assert!(out.contains("runs/00001-cgan-mnist"), "{out}");
    scratch.train("--iterations 2 --preset mlp --name my-try").succeeds();
    let after = scratch.files("runs");
    assert!(after.contains_key("00002-my-try/checkpoint-000002/generator.safetensors"));
    assert_eq!(after.len(), 3 * before.len());
    assert!(before.iter().all(|(name, bytes)| after[name] == *bytes));
    scratch.train("--iterations 1 --runs-dir other/place").succeeds();
    assert!(scratch.path("other/place/00000-cgan-mnist/config.toml").is_file());
}

#[test]
fn progress_lines_are_as_promised_and_the_log_has_the_same() {
    let scratch = Scratch::with_digits();
    let out = scratch.train("--epochs 2 --log-interval 1").succeeds();
    let places: Vec<_> = out.lines().filter_map(progress).collect();
    // The first at once, then at most one a second, and the last.
    assert_eq!(places.first(), Some(&[1, 2, 1, 3]), "{out}");
    assert_eq!(places.last(), Some(&[2, 2, 3, 3]), "{out}");
    assert_eq!(out.lines().filter(|line| line.starts_with('[')).count(), places.len(), "{out}");
    let log = std::fs::read_to_string(scratch.path(RUN).join("log.txt")).unwrap();
    let places: Vec<_> = log.lines().map(|line| progress(line).unwrap()).collect();
    assert_eq!(places, [1, 2].map(|epoch| [1, 2, 3].map(|b| [epoch, 2, b, 3])).concat());
}

#[test]
fn quiet_says_nothing_and_verbose_names_every_file() {
    let scratch = Scratch::with_digits();
    assert_eq!(scratch.train("--iterations 4 -q").succeeds(), "");
    assert_eq!(scratch.train("--iterations 6 --resume --quiet").succeeds(), "");
    let out = scratch.train("--iterations 2 -v").succeeds();
    for word in ["000000.png", "000002.png", "checkpoint-000002"] {
        assert!(out.contains(word), "no {word:?} in:\n{out}");
    }
    scratch.train("-q -v").fails(2, &["--quiet", "--verbose"]);
}

#[test]
fn first_of_epochs_and_iterations_ends_the_run() {
    let scratch = Scratch::with_digits();
    for (run, (flags, end)) in
        [("--epochs 2", 6), ("--epochs 2 --iterations 4", 4), ("--epochs 1 --iterations 4", 3)]
            .into_iter()
            .enumerate()
    {
        scratch.train(flags).succeeds();
        let run = format!("runs/{run:05}-cgan-mnist");
        assert_eq!(scratch.checkpoints(&run), [format!("checkpoint-{end:06}")], "{flags}");
    }
}

#[test]
fn intervals_decide_what_is_written_when() {
    let scratch = Scratch::with_digits();
    for (run, (flags, checkpoints, samples, logged)) in [
        ("", &[8][..], &[0, 8][..], &[8][..]),
        ("--sample-interval 3 --log-interval 4", &[8], &[0, 3, 6, 8], &[4, 8]),
        ("--sample-interval epoch --log-interval 3", &[8], &[0, 3, 6, 8], &[3, 6, 8]),
        ("--checkpoint-interval 5", &[5, 8], &[0, 8], &[8]),
        ("--checkpoint-interval epoch --keep 9", &[3, 6, 8], &[0, 8], &[8]),
        ("--checkpoint-interval 1", &[6, 7, 8], &[0, 8], &[8]),
        ("--checkpoint-interval 2 --keep 1", &[8], &[0, 8], &[8]),
    ]
    .into_iter()
    .enumerate()
    {
        scratch.train(&format!("--iterations 8 {flags}")).succeeds();
        let run = format!("runs/{run:05}-cgan-mnist");
        assert_eq!(scratch.names(&run), promised(checkpoints, samples), "{flags}");
        assert_eq!(scratch.logged(&run), logged, "{flags}");
    }
}

/// One row per class where there are classes, the preset's own grid elsewhere.
#[test]
fn every_preset_trains_and_its_grids_have_the_promised_shape() {
    let scratch = Scratch::with_digits();
    for (preset, flags, columns, rows) in [
        ("mlp", "", 8, 8),
        ("mlp-dropout", "", 8, 8),
        ("cgan", "", 10, 10),
        ("mlp-rgb", "--dataset mnist --image-size 28", 5, 5),
        ("mlp-batchnorm", "", 5, 5),
    ] {
        let flags = format!("--preset {preset} {flags} --iterations 2 --name {preset}");
        scratch.train(&flags).succeeds();
        let files = scratch.files("runs");
        let (_, png) = files
            .iter()
            .find(|(name, _)| name.ends_with(&format!("{preset}/samples/000002.png")))
            .unwrap();
        let side = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().unwrap());
        // 28 pixels an image and some between them.
        assert_eq!((side(16) / 28, side(20) / 28), (columns, rows), "{preset}");
    }
}

#[test]
fn fashion_mnist_trains_where_it_is_installed() {
    match stored(DatasetKind::FashionMnist) {
        Err(error) => eprintln!("skipped: no Fashion-MNIST: {error}"),
        Ok(data) => {
            let scratch = Scratch::new();
            let folder = format!("{}", data.origin);
            let flags = "--iterations 3 --g-hidden 16 --d-hidden 16";
            let out = scratch.run(&format!("train --dataset fashion-mnist {flags}")).succeeds();
            assert!(out.contains("60,000 images") && out.contains(&folder), "{out}");
            assert!(scratch.path("runs/00000-cgan-fashion-mnist/samples/000003.png").is_file());
        }
    }
}

/// A data set as this machine has it.
fn stored(kind: DatasetKind) -> data::Result<Dataset> {
    kind.load(&Places::of_machine(kind, None))
}
