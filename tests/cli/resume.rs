//! `gan-cuda train --resume`.

use std::fs;

use super::scratch::{RUN as FIRST, SECOND, Scratch, has};

const FLAGS: &str = "--iterations 4 --checkpoint-interval 1 --keep 9";

/// A folder with a finished run of four iterations and a checkpoint after each.
fn one_run() -> Scratch {
    Scratch::with_run(FLAGS)
}

/// A folder with two such runs.
fn two_runs() -> Scratch {
    let scratch = one_run();
    scratch.train(FLAGS).succeeds();
    scratch
}

#[test]
fn without_a_path_the_newest_run_is_resumed() {
    let scratch = two_runs();
    let before = scratch.files(FIRST);
    let words = [&*format!("{SECOND}, from iteration 4"), "done: 6 iterations"];
    scratch.run("train --resume --iterations 6").prints(&words);
    assert_eq!(scratch.files(FIRST), before);
    assert_eq!(scratch.checkpoints(SECOND).last().unwrap(), "checkpoint-000006");
    assert_eq!(fs::read_dir(scratch.path("runs")).unwrap().count(), 2);
}

#[test]
fn run_folder_or_checkpoint_can_be_resumed() {
    let scratch = two_runs();
    let before = scratch.files(SECOND);
    for (path, end, start) in [(FIRST, 5, 4), (&format!("{FIRST}/checkpoint-000002 --force"), 3, 2)]
    {
        scratch
            .run(&format!("train --iterations {end} --resume {path}"))
            .prints(&[&format!("{FIRST}, from iteration {start}")]);
    }
    let kept = [1, 2, 3].map(|iteration| format!("checkpoint-{iteration:06}"));
    assert_eq!(scratch.checkpoints(FIRST), kept);
    assert_eq!(scratch.files(SECOND), before);
}

#[test]
fn finished_run_has_nothing_to_do_and_stays_unchanged() {
    let scratch = one_run();
    let before = scratch.files("runs");
    let words = ["nothing to do", "4 iterations", "--epochs", "--iterations"];
    scratch.run("train --resume").prints(&words);
    assert!(scratch.files("runs") == before, "the run folder was touched");
}

/// Flags that change the training, with values that differ from those of [`one_run`].
const FIXED: &str = "--preset mlp, --seed 1, --skip-bad-images, --image-size 14, --channels 3, --batch-size 8, --lr 0.5, --b1 0.6, --b2 0.9, \
    --latent-dim 9, --latent uniform, --g-hidden 12, --d-hidden 12,13, --loss bce, \
    --d-loss-scale 1, --order d-first, --fakes fresh, --leaky-slope 0.1, --dropout 0.1, \
    --bn-eps 0.1, --bn-momentum 0.2, --lr-g 0.1, --lr-d 0.1, --lr-decay linear, \
    --real-label 0.9, --n-critic 2, --r1 1, --r2 1, --gp 10, --penalty-interval 2, --ema 0.9, \
    --spectral-norm, --augment flip, --pack 2, --init normal:0.02, --d-final-relu, --local-batch-norm, --name other, \
    --config runs, --seeds 0-1, --sweep lr=0.1, --init-generator x, --init-discriminator x";

/// Flags that may change on resume.
const FREE: &str = "--data-dir digits, --dataset mnist, --epochs 2, --iterations 5, --sample-interval 2, --log-interval 2, \
    --checkpoint-interval 3, --keep 2, --evaluate-interval 2, --keep-best kid --evaluate-interval 2, --threads 2, --device cpu, --precision f32, --gemm cublas, --no-graph, \
    --conv direct, --tensorboard, --no-tensorboard, --runs-dir runs, --quiet, --verbose, --dry-run, \
    --force, --rank 0 --world-size 1, --world-size 1 --rank 0, --local-rank 0 --rank 0 --world-size 1, \
    --master-addr localhost --rank 0 --world-size 1, --master-port 1 --rank 0 --world-size 1, \
    --join-timeout 9, --branch --iterations 9";

fn name(flag: &str) -> &str {
    flag.split(' ').next().unwrap()
}

#[test]
fn flags_that_would_change_the_training_are_refused_by_name() {
    let scratch = one_run();
    let before = scratch.files("runs");
    for flag in FIXED.split(", ") {
        scratch.run(&format!("train --resume {FIRST} {flag}")).fails(2, &[name(flag)]);
    }
    assert!(scratch.files("runs") == before, "the run folder was touched");
}

#[test]
fn all_other_flags_are_accepted_on_resume() {
    let scratch = one_run();
    for flag in FREE.split(", ") {
        scratch.run(&format!("train --resume {FIRST} {flag}")).succeeds();
    }
    let known: Vec<_> = FIXED.split(", ").chain(FREE.split(", ")).map(name).collect();
    for flag in scratch.flags("train") {
        let known = flag == "--resume" || known.contains(&flag.as_str());
        assert!(known, "may {flag} change when a run goes on?");
    }
}

#[test]
fn conv_is_kept_until_a_resume_changes_it() {
    let scratch = Scratch::with_run("--iterations 2 --device cpu --conv winograd");
    let words = ["CPU, 1 thread, Winograd convolutions"];
    scratch.run("train --resume --iterations 4").prints(&words);
    assert_eq!(scratch.config(FIRST)["conv"].as_str(), Some("winograd"));
    scratch.run("train --resume --iterations 6 --conv direct").succeeds();
    assert!(scratch.config(FIRST).get("conv").is_none());
}

#[test]
fn the_same_command_with_resume_is_accepted() {
    let scratch = Scratch::with_run("--iterations 4 --d-final-relu");
    let same = "--iterations 6 --preset cgan --dataset mnist --seed 0 --lr 0.0002 --dropout 0.4 \
                --d-final-relu";
    scratch.train(&format!("{same} --resume")).succeeds();
    assert_eq!(scratch.checkpoints(FIRST).last().unwrap(), "checkpoint-000006");
}

#[test]
fn length_and_output_flags_may_change_on_resume() {
    let scratch = one_run();
    let flags = "--epochs 3 --sample-interval 2 --log-interval 2 --checkpoint-interval 3 --keep 2 \
                 --threads 2 --device cpu";
    scratch.run(&format!("train --resume {flags}")).succeeds();
    assert_eq!(scratch.logged(FIRST), [4, 6, 8, 9]);
    assert_eq!(scratch.checkpoints(FIRST), ["checkpoint-000006", "checkpoint-000009"]);
    assert!(scratch.path(FIRST).join("samples/000006.png").is_file());
    assert_eq!(scratch.config(FIRST)["keep"].as_integer(), Some(2));
}

#[test]
fn resume_needs_the_same_images() {
    let scratch = one_run();
    let before = scratch.files("runs");
    let mut bytes = fs::read(scratch.images()).unwrap();
    bytes[1000] ^= 1;
    fs::write(scratch.images(), bytes).unwrap();
    scratch.run("train --resume --iterations 6").fails(1, &["digits", "not those"]);
    fs::remove_dir_all(scratch.path("digits")).unwrap();
    scratch.run("train --resume --iterations 6").fails(1, &["digits"]);
    assert!(scratch.files("runs") == before, "the run folder was touched");
}

#[test]
fn moved_images_are_given_by_flags_and_remembered() {
    let scratch = one_run();
    fs::create_dir_all(scratch.path("new/MNIST")).unwrap();
    fs::rename(scratch.path("digits"), scratch.path("new/MNIST/raw")).unwrap();
    scratch.run("train --resume --iterations 6").fails(1, &["digits", "--data-dir"]);
    scratch.run("train --resume --iterations 6 --data-dir new").prints(&["done: 6 iterations"]);
    let path = fs::canonicalize(scratch.path("new/MNIST/raw")).unwrap();
    assert_eq!(scratch.config(FIRST)["data_dir"].as_str(), path.to_str());
    scratch.run("train --resume --iterations 8").prints(&["done: 8 iterations"]);
}

#[test]
fn resume_from_an_older_checkpoint_needs_force_and_lists_what_it_removes() {
    let scratch = one_run();
    let before = scratch.files("runs");
    let resume = format!("train --resume {FIRST}/checkpoint-000002 --iterations 5");
    let goes = ["checkpoint-000003, checkpoint-000004, 1 sample grid", "log.txt"];
    for more in ["", "--dry-run"] {
        let answer = scratch.run(&format!("{resume} {more}"));
        answer.fails(2, &[&goes[..], &["--resume", "--force", "--branch"]].concat());
    }
    // Other errors are found before anything is removed.
    fs::rename(scratch.path("digits"), scratch.path("away")).unwrap();
    scratch.run(&format!("{resume} --force")).fails(1, &["digits"]);
    fs::rename(scratch.path("away"), scratch.path("digits")).unwrap();
    scratch.run(&format!("{resume} --force --device cuda")).fails(1, &["cuda:0"]);
    scratch.run(&format!("{resume} --force --dry-run")).prints(&goes);
    assert!(scratch.files("runs") == before, "the run folder was touched");
    scratch.run(&format!("{resume} --force")).prints(&[&goes[..], &["removed"]].concat());
    assert_eq!(scratch.checkpoints(FIRST).last().unwrap(), "checkpoint-000005");
    scratch.train("--force").fails(2, &["--resume"]);
}

#[test]
fn resume_works_with_missing_or_truncated_logs() {
    type Spoil = fn(&Scratch, &str);
    let spoils: [(Spoil, &str); 3] = [
        (|scratch, file| fs::remove_file(scratch.path(file)).unwrap(), "is missing"),
        (|scratch, file| scratch.put(file, ""), "was truncated or replaced"),
        (
            |scratch, file| scratch.put(file, &scratch.bytes(file)[..70]),
            "was truncated or replaced",
        ),
    ];
    for (spoil, how) in spoils {
        let scratch = Scratch::with_run("--iterations 4 --log-interval 1");
        let [log, stats] = ["log.txt", "stats.jsonl"].map(|file| format!("{FIRST}/{file}"));
        spoil(&scratch, &log);
        spoil(&scratch, &stats);
        let warned = scratch.run("train --resume --iterations 6 -v").warns();
        has(&warned, &[&log, &stats, how, "after iteration 4", "it starts again"]);
        assert_eq!(warned.lines().count(), 2, "{warned}");
        assert_eq!(scratch.logged(FIRST), [5, 6]);
        has(&scratch.text(&log), &["warning: ", "[Epoch 2/2] [Batch 3/3]"]);
        assert!(scratch.path(&format!("{FIRST}/loss.png")).is_file());
        scratch.run("runs").prints(&["6/6"]);
        scratch.run("replay").succeeds();
        assert_eq!(scratch.run("train --resume --iterations 7").warns(), "");
    }
}

#[test]
fn iterations_flag_replaces_the_epochs_of_the_preset() {
    let scratch = Scratch::with_digits();
    // The preset's 99 epochs of two batches each would end sooner.
    let flags = "--preset mlp-batchnorm --name long --iterations 199";
    scratch.train(flags).prints(&["done: 199 iterations"]);
    assert!(scratch.config("runs/00000-long").get("epochs").is_none());
    scratch.run("runs").prints(&["finished     199/199"]);
    for (flags, done) in [
        ("--iterations 201", 201),
        ("--epochs 102", 204),
        ("--epochs 103 --iterations 205", 205),
        ("--epochs 103 --iterations 900", 206),
    ] {
        let words = format!("done: {done} iterations");
        scratch.run(&format!("train --resume {flags}")).prints(&[&words]);
    }
}

#[test]
fn older_checkpoint_with_nothing_to_do_leaves_the_newer_ones() {
    let scratch = one_run();
    let before = scratch.files("runs");
    let resume = format!("train --resume {FIRST}/checkpoint-000002 --force --iterations");
    scratch.run(&format!("{resume} 2")).prints(&["nothing to do"]);
    assert!(scratch.files("runs") == before, "the run folder was touched");
    scratch.run(&format!("{resume} 3")).succeeds();
    assert_eq!(scratch.checkpoints(FIRST).last().unwrap(), "checkpoint-000003");
}

#[test]
fn broken_or_edited_config_is_refused_with_its_key() {
    let scratch = one_run();
    let config = format!("{FIRST}/config.toml");
    let text = scratch.text(&config);
    let another = "config.toml has another";
    for (from, to, words) in [
        ("seed = 0", "seed = ", ["config.toml", "line 10"]),
        ("seed = 0", "sead = 0", ["config.toml", "line 10"]),
        ("cgan", "dcgan", [another, "preset"]),
        ("lr = 0.0002", "lr = 0.5", [another, "gan.lr"]),
        ("seed = 0", "seed = 7", [another, "seed"]),
        ("loss = \"mse\"", "loss = \"bce-logits\"", [another, "gan.loss"]),
    ] {
        assert!(text.contains(from), "{text}");
        scratch.put(&config, text.replace(from, to));
        for more in ["", "--dry-run"] {
            let answer = scratch.run(&format!("train --resume --iterations 6 {more}"));
            assert_eq!(answer.out, "");
            answer.fails(1, &words);
        }
    }
    scratch.put(&config, text.replace("keep = 9", "keep = 8"));
    scratch.run("train --resume --iterations 6").succeeds();
}
