//! `train --seeds`, `--sweep`, and `--resume` of a set of runs.

use std::collections::BTreeMap;
use std::fs;

use gan_cuda::formats::stats::{read_scores, read_stats};
use gan_cuda::run::dir::RunDir;
use gan_cuda::text::significant;
use serde_json::Value;

use super::cuda::emulated;
use super::png;
use super::scratch::{Answer, RUN, Scratch, TINY, has};
#[cfg(unix)]
use super::stop::{ENDLESS, send, wait_for};

/// A set has the name that a run would have.
const SET: &str = RUN;

/// The folders of a set's runs, without their numbers.
fn names(scratch: &Scratch) -> Vec<String> {
    let entries = fs::read_dir(scratch.path(SET)).unwrap().map(|entry| entry.unwrap());
    let folders = entries.filter(|entry| entry.path().is_dir());
    let mut names: Vec<_> = folders.map(|entry| entry.file_name().into_string().unwrap()).collect();
    names.sort();
    for (number, name) in names.iter().enumerate() {
        assert!(name.starts_with(&format!("{number:05}-")), "{name}");
    }
    names.into_iter().map(|name| name[6..].to_owned()).collect()
}

/// The networks, pictures and log of a run, which contain no times.
fn timeless(scratch: &Scratch, run: &str) -> BTreeMap<String, Vec<u8>> {
    let mut files = scratch.files(run);
    files.retain(|name, _| {
        name.contains("rator.safe") || name.ends_with(".png") || name == "log.txt"
    });
    assert!(files.len() > 4, "{:?}", files.keys());
    files
}

/// The cells of the rows of `summary.md` that begin with a name.
fn row(scratch: &Scratch, name: &str) -> Vec<String> {
    let text = scratch.text(&format!("{SET}/summary.md"));
    let rows = text.lines().filter(|line| line.starts_with(&format!("| {name} |")));
    let [row] = rows.collect::<Vec<_>>().try_into().unwrap_or_else(|_| panic!("{name}: {text}"));
    row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()
}

fn states(scratch: &Scratch) -> Vec<String> {
    let listed: Vec<Value> = serde_json::from_str(&scratch.run("runs --json").succeeds()).unwrap();
    assert!(listed.iter().all(|run| run["set"] == "00000-cgan-mnist"), "{listed:?}");
    listed.iter().map(|run| run["state"].as_str().unwrap().to_owned()).collect()
}

/// Of eight runs of which three train at the same time, the fourth.
#[track_caller]
fn run_of_a_set_equals_the_run_alone(train: impl Fn(&Scratch, &str) -> Option<Answer>) {
    let scratch = Scratch::with_digits();
    let flags = "--iterations 7 --sample-interval 2 --log-interval 1 --threads 3";
    let Some(answer) = train(&scratch, &format!("{flags} --seeds 0-7")) else { return };
    let out = answer.succeeds();
    has(&out, &["8 runs by seed", " at a time, ", "done: 8 runs", SET]);
    assert_eq!(names(&scratch), (0..8).map(|seed| format!("seed={seed}")).collect::<Vec<_>>());
    train(&scratch, &format!("{flags} --seed 3 --runs-dir alone")).unwrap().succeeds();
    let alone = timeless(&scratch, "alone/00000-cgan-mnist");
    assert!(timeless(&scratch, &format!("{SET}/00003-seed=3")) == alone);
    assert!(timeless(&scratch, &format!("{SET}/00004-seed=4")) != alone);
}

#[test]
fn run_of_a_set_equals_the_run_alone_on_the_cpu() {
    run_of_a_set_equals_the_run_alone(|scratch, flags| Some(scratch.train(flags)));
}

#[test]
fn run_of_a_set_equals_the_run_alone_on_emulated_cuda() {
    run_of_a_set_equals_the_run_alone(|scratch, flags| {
        emulated(scratch, &format!("train {TINY} --device cuda {flags}"), &[])
    });
}

#[test]
fn sweep_trains_each_combination_with_each_seed() {
    let scratch = Scratch::with_digits();
    let sweep = "--sweep lr=1e-3,2e-3 --sweep batch-size=8,10 --seeds 5,7-8";
    scratch.train(&format!("{sweep} --iterations 2")).prints(&["12 runs by lr, batch_size, seed"]);
    let names = names(&scratch);
    assert_eq!(names.len(), 12);
    assert_eq!(names[0], "lr=1e-3,batch_size=8,seed=5");
    assert_eq!(names[10], "lr=2e-3,batch_size=10,seed=7");
    let config = scratch.config(&format!("{SET}/00010-{}", names[10]));
    assert_eq!(config["seed"].as_integer(), Some(7));
    assert_eq!(config["gan"]["lr"].as_float(), Some(2e-3));
    assert_eq!(config["gan"]["batch_size"].as_integer(), Some(10));
    // Below the runs, each setting has the mean over its seeds.
    let losses: Vec<f64> = (6..9)
        .map(|run| {
            let stats = format!("{SET}/{run:05}-{}/stats.jsonl", names[run]);
            read_stats(&scratch.path(&stats)).unwrap().losses.last().unwrap().d_loss.into()
        })
        .collect();
    let mean = losses.iter().sum::<f64>() / 3.0;
    let squares: f64 = losses.iter().map(|loss| (loss - mean).powi(2)).sum();
    let want = format!("{} ± {}", significant(mean), significant((squares / 2.0).sqrt()));
    assert_eq!(row(&scratch, "lr=2e-3,batch_size=8")[1..3], ["3".to_owned(), want]);
    let plot = png::read(&scratch.path(&format!("{SET}/summary.png")));
    assert_eq!(plot.size, (900, 30 + 60 + 560), "two rows of the legend");
}

#[test]
fn settings_are_flags_and_values_of_config_toml() {
    let scratch = Scratch::with_digits();
    let sweep = "--sweep spectral_norm=false,true --sweep adam_eps=1e-8,1e-6 --sweep latent-dim=5";
    scratch.train(&format!("{sweep} --iterations 1")).succeeds();
    let of = |run: &str| scratch.config(&format!("{SET}/{run},latent_dim=5"))["gan"].clone();
    let last = of("00003-spectral_norm=true,adam_eps=1e-6");
    assert_eq!(last["adam_eps"].as_float(), Some(1e-6));
    assert_eq!(last["spectral_norm"].as_bool(), Some(true));
    assert_eq!(last["latent_dim"].as_integer(), Some(5));
    assert!(of("00000-spectral_norm=false,adam_eps=1e-8").get("spectral_norm").is_none());
    // Images that differ between the runs are loaded for each.
    let sizes =
        "--sweep image_size=8,12 --sweep preset=mlp,mlp-dropout --iterations 1 --name sizes";
    let out = scratch.train(sizes).succeeds();
    assert_eq!(out.matches("data      mnist").count(), 2, "{out}");
    has(&out, &["networks  differ between runs", "length    1 iterations"]);
    let config = scratch.config("runs/00001-sizes/00003-image_size=12,preset=mlp-dropout");
    assert_eq!(config["gan"]["image"]["width"].as_integer(), Some(12));
}

#[test]
fn invalid_sets_are_refused_and_leave_nothing() {
    let scratch = Scratch::with_digits();
    for (flags, words) in [
        ("--seeds 3-1", &["--seeds", "'3-1'", "0-7 or 1,5,8-9"][..]),
        ("--seeds 0-1000", &["1001 runs", "from 1 to 1,000"]),
        ("--seeds 1,1", &["--seeds", "twice"]),
        ("--seeds 0-1 --seed 3", &["--seed ", "omit one"]),
        ("--seeds 0-1 --resume", &["--seeds", "--resume"]),
        ("--sweep lr", &["--sweep", "'lr'", "lr=1e-4,2e-4"]),
        ("--sweep lr=1,1", &["--sweep", "twice"]),
        ("--sweep lr=1 --sweep lr=2", &["--sweep", "twice"]),
        ("--sweep seed=1,2 --seeds 3", &["--sweep", "twice"]),
        ("--seeds 0-499 --sweep lr=1,2,3", &["1500 runs"]),
        ("--sweep lr=1e-3,much", &["much", "--lr"]),
        ("--sweep learning=1", &["learning=1", "neither a flag", "config.toml"]),
        ("--sweep adam_eps=1,x", &["adam_eps=x", "x", "f64"]),
        ("--sweep adam_eps=1e9", &["gan.adam_eps", "1000000000"]),
        ("--sweep device=cpu,cuda", &["device", "same for all"]),
        ("--sweep threads=1,2", &["threads", "same for all"]),
        ("--sweep spectral_norm=1,2", &["--spectral-norm", "true or false"]),
        ("--sweep spectral_norm=false,true --spectral-norm", &["--spectral-norm", "omit it"]),
        ("--sweep batch_size=8,41 --preset dcgan --threads 0", &["--threads"]),
        ("--sweep latent_dim=5,6 --config none.toml", &["latent_dim=5", "edit the file"]),
        ("--sweep preset=cgan,none", &["none", "--preset"]),
        ("--sweep dataset=mnist,missing", &["--dataset", "'missing'"]),
    ] {
        let answer = scratch.train(flags);
        answer.fails(2, words);
        assert!(!scratch.path("runs").exists(), "{flags}");
    }
}

#[test]
fn dry_run_lists_the_runs_and_writes_nothing() {
    let scratch = Scratch::with_digits();
    let out = scratch.train("--seeds 0-2 --iterations 3 --threads 2 --dry-run").succeeds();
    has(&out, &["# gan-cuda", "2 runs at a time, 1 thread each", "# seed=2", "preset = \"cgan\""]);
    assert!(!scratch.path("runs").exists());
}

#[test]
fn summary_has_mean_deviation_and_the_best_by_fcd() {
    let scratch = Scratch::with_digits();
    let flags = "--seeds 0-2 --iterations 4 --evaluate-interval 2 --threads 2";
    let out = scratch.train(flags).succeeds();
    let path = |seed: usize| scratch.path(&format!("{SET}/{seed:05}-seed={seed}"));
    let fcds: Vec<Vec<f64>> = (0..3)
        .map(|seed| {
            let scores = read_scores(&path(seed).join("stats.jsonl")).unwrap();
            scores.iter().map(|entry| entry.scores.fcd.unwrap()).collect()
        })
        .collect();
    let last: Vec<f64> = fcds.iter().map(|fcds| fcds[1]).collect();
    let mean = last.iter().sum::<f64>() / 3.0;
    let squares: f64 = last.iter().map(|fcd| (fcd - mean).powi(2)).sum();
    let titles = row(&scratch, "run");
    let column = titles.iter().position(|title| title == "FCD").unwrap();
    assert_eq!(row(&scratch, "mean")[column], significant(mean));
    assert_eq!(row(&scratch, "standard deviation")[column], significant((squares / 2.0).sqrt()));
    let best = fcds.iter().flatten().copied().reduce(f64::min).unwrap();
    let seed = fcds.iter().position(|fcds| fcds.contains(&best)).unwrap();
    let text = scratch.text(&format!("{SET}/summary.md"));
    has(&text, &["3 of 3 runs have finished", &format!("The best by FCD is seed={seed}, with ")]);
    has(&out, &[&format!("best      FCD {}, seed={seed} after", significant(best))]);
    let plot = png::read(&scratch.path(&format!("{SET}/summary.png")));
    assert_eq!(plot.size, (900, 30 + 3 * 280));
}

#[test]
fn failing_run_does_not_end_the_others() {
    let scratch = Scratch::with_digits();
    let flags =
        "--sweep init=default,normal:1e6,normal:0.02 --preset mlp --loss mse --iterations 20";
    let error = scratch.train(&format!("{flags} --name cgan-mnist"));
    has(&error.out, &["done: 2 runs, and 1 failed (init=normal:1e6)"]);
    error.fails(1, &["error: init=normal:1e6: training ended after iteration", "inf"]);
    assert_eq!(states(&scratch), ["finished", "failed", "finished"]);
    assert_eq!(row(&scratch, "init=normal:1e6")[1], "failed");
    let of = |name| row(&scratch, name)[3].parse::<f64>().unwrap();
    let [mean, first, last] = ["mean", "init=default", "init=normal:0.02"].map(of);
    assert!((mean - (first + last) / 2.0).abs() < 1e-3, "without the failed one");
}

#[test]
fn run_that_cannot_be_resumed_does_not_keep_the_others_from_it() {
    let scratch = Scratch::with_digits();
    scratch.run(&format!("train {TINY} --seeds 0-3 --iterations 4")).succeeds();
    let seed = |seed: usize| format!("{SET}/{seed:05}-seed={seed}");
    let checkpoint = |seed: &str| RunDir::open(&scratch.path(seed)).unwrap().0.checkpoint(4);
    // Finished, without checkpoints: complete, unless it is to be trained longer.
    fs::remove_dir_all(checkpoint(&seed(1))).unwrap();
    let before = scratch.files(&seed(1));
    let answer = scratch.run(&format!("train --resume {SET}"));
    answer.prints(&["nothing to do: 4 runs"]);
    assert!(scratch.files(&seed(1)) == before);

    fs::write(checkpoint(&seed(2)).join("generator.safetensors"), "no weights").unwrap();
    let answer = scratch.run(&format!("train --resume {SET} --iterations 6"));
    answer.fails(1, &["seed=1: no complete checkpoint", "seed=2", "generator.safetensors"]);
    let done: Vec<_> =
        (0..4).map(|number| row(&scratch, &format!("seed={number}"))[2].clone()).collect();
    assert_eq!(done, ["6", "4", "4", "6"]);
    let log = |files: &BTreeMap<String, Vec<u8>>| files["log.txt"].clone();
    assert!(log(&scratch.files(&seed(1))) == log(&before), "what it wrote is gone");
}

#[test]
fn resumed_set_trains_on_one_device() {
    let scratch = Scratch::with_digits();
    scratch.run(&format!("train {TINY} --seeds 0-1 --iterations 2")).succeeds();
    let alone = format!("train --resume {SET}/00001-seed=1 --iterations 4 --conv winograd");
    scratch.run(&alone).succeeds();
    let resume = format!("train --resume {SET} --iterations 6");
    let words = ["--conv is direct in seed=0 but winograd in seed=1", "give it for all runs"];
    scratch.run(&resume).fails(2, &words);
    scratch.run(&format!("{resume} --conv direct")).succeeds();
}

#[test]
fn commands_without_a_run_take_the_newest_of_the_set() {
    let scratch = Scratch::with_digits();
    scratch.train("--iterations 1").succeeds();
    scratch.train("--iterations 1 --seeds 0-1 --name both").succeeds();
    scratch.run("sample --count 4 --out a.png").prints(&["runs/00001-both/00001-seed=1/"]);
    scratch.run("sample runs/00001-both").fails(1, &["is a set of runs", "folders in it"]);
    let out = scratch.run("runs").succeeds();
    has(&out, &["00001-both: 2 runs, 2 finished", "\n  00001-seed=1  "]);
    scratch
        .run("train --resume")
        .prints(&["nothing to do: 2 runs of runs/00001-both are complete"]);
    for flag in ["--name again", "--branch"] {
        scratch
            .run(&format!("train --resume runs/00001-both {flag}"))
            .fails(2, &["name one of them"]);
    }
    scratch.put("runs/00001-both/set.toml", "keys = 1");
    scratch.run("train --resume").fails(1, &["set.toml is not a valid list of runs"]);
}

/// All runs of a set have these networks after some iterations.
#[cfg(unix)]
#[track_caller]
fn expect_uninterrupted(scratch: &Scratch, seeds: usize, end: u64) {
    for seed in 0..seeds {
        let alone =
            Scratch::with_run(&format!("--epochs 1000000 --iterations {end} --seed {seed}"));
        for network in ["generator", "discriminator"] {
            let file = format!("checkpoint-{end:06}/{network}.safetensors");
            let got = scratch.bytes(&format!("{SET}/{seed:05}-seed={seed}/{file}"));
            assert!(got == alone.bytes(&format!("{RUN}/{file}")), "{network}, seed {seed}");
        }
    }
}

/// The newest checkpoints of a set's runs.
#[cfg(unix)]
fn newest(scratch: &Scratch, seeds: usize) -> u64 {
    let newest = |seed| {
        let run = RunDir::open(&scratch.path(&format!("{SET}/{seed:05}-seed={seed}")));
        run.and_then(|(run, _)| run.newest_checkpoint()).unwrap_or(0)
    };
    (0..seeds).map(newest).max().unwrap()
}

#[test]
#[cfg(unix)]
fn one_ctrl_c_saves_all_runs_and_the_set_resumes() {
    let scratch = Scratch::with_digits();
    let train = format!("train {TINY} --threads 2 --seeds 0-2 {ENDLESS}");
    let child = scratch.command(&train).stdout(std::process::Stdio::piped()).spawn().unwrap();
    let begun = |seed| scratch.path(&format!("{SET}/{seed:05}-seed={seed}/samples/000000.png"));
    wait_for("two runs to begin", || begun(0).exists() && begun(1).exists());
    assert_eq!(states(&scratch), ["running", "running", "waiting"]);
    let busy = scratch.run(&format!("train --resume {SET}"));
    busy.fails(1, &["is training in", "runs/00000-cgan-mnist"]);
    send(&child, "-INT");
    let output = child.wait_with_output().unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(130), "{out}");
    let last = out.lines().last().unwrap();
    assert_eq!(last, format!("Ctrl-C: 2 runs stopped; to resume: gan-cuda train --resume {SET}"));
    assert_eq!(states(&scratch), ["stopped", "stopped", "waiting"]);
    let end = newest(&scratch, 2) + 3;
    let out = scratch.run(&format!("train --resume --iterations {end} --threads 2")).succeeds();
    has(&out, &["3 runs", "done: 3 runs"]);
    assert_eq!(states(&scratch), ["finished"; 3]);
    expect_uninterrupted(&scratch, 3, end);
}

#[test]
#[cfg(unix)]
fn killed_set_resumes_with_runs_that_had_no_checkpoint() {
    let scratch = Scratch::with_digits();
    let train = format!("train {TINY} --threads 3 --seeds 0-2 {ENDLESS} --checkpoint-interval 5");
    let mut child = scratch.command(&train).stdout(std::process::Stdio::null()).spawn().unwrap();
    wait_for("checkpoints", || (0..3).all(|_| newest(&scratch, 3) > 0));
    send(&child, "-KILL");
    child.wait().unwrap();
    // One of them had not come to its first checkpoint.
    let third = scratch.path(&format!("{SET}/00002-seed=2"));
    for entry in fs::read_dir(&third).unwrap().map(|entry| entry.unwrap()) {
        if entry.file_name().to_str().unwrap().starts_with("checkpoint") {
            fs::remove_dir_all(entry.path()).unwrap();
        }
    }
    let end = newest(&scratch, 2) + 2;
    scratch.run(&format!("train --resume {SET} --iterations {end}")).succeeds();
    assert_eq!(states(&scratch), ["finished"; 3]);
    expect_uninterrupted(&scratch, 3, end);
    assert_eq!(scratch.logged(&format!("{SET}/00002-seed=2")).last(), Some(&end));
}

#[test]
#[cfg(target_os = "linux")]
fn terminal_shows_each_run_and_the_totals() {
    let scratch = Scratch::with_digits();
    let flags = "--seeds 0-3 --iterations 40 --threads 2";
    let Some(screen) = scratch.screen(&format!("train {TINY} {flags}"), &[]) else { return };
    let at = |part: &str| screen.iter().position(|line| line.contains(part));
    for seed in 0..4 {
        assert!(at(&format!("seed={seed}  done: 40 iterations")).is_some(), "{screen:#?}");
    }
    let totals = screen.iter().filter(|line| line.starts_with("all ")).collect::<Vec<_>>();
    assert_eq!(totals.len(), 1, "{screen:#?}");
    has(totals[0], &["4 of 4 runs ended", "images/s"]);
    assert!(screen.iter().all(|line| !line.contains("D loss")), "finished lines go: {screen:#?}");
}
