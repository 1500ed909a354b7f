//! `train --evaluate-interval` and `--keep-best`, and the scores in `runs`.

use gan_cuda::formats::stats::{Measure, ScoreEntry, best, read_scores, read_stats};
use gan_cuda::text::significant;
use serde_json::Value;

use super::folder::flat_scene;
use super::png;
use super::scratch::{RUN, SECOND, Scratch, has};

fn scores(scratch: &Scratch, run: &str) -> Vec<ScoreEntry> {
    read_scores(&scratch.path(run).join("stats.jsonl")).unwrap()
}

fn iterations(scratch: &Scratch, run: &str) -> Vec<u64> {
    scores(scratch, run).iter().map(|record| record.iteration).collect()
}

fn fcd(record: &ScoreEntry) -> String {
    significant(record.scores.by(Measure::Fcd).unwrap())
}

#[test]
fn scores_are_printed_and_logged_at_each_interval() {
    let scratch = Scratch::with_digits();
    let out = scratch.train("--iterations 7 --evaluate-interval epoch").succeeds();
    // An epoch has three iterations; the last iteration is always scored.
    assert_eq!(iterations(&scratch, RUN), [3, 6, 7]);
    let log = scratch.text(&format!("{RUN}/log.txt"));
    for record in scores(&scratch, RUN) {
        let line =
            format!("scores after iteration {}: FCD {}, KID ", record.iteration, fcd(&record));
        has(&out, &[&line]);
        has(&log, &[&line, " ± ", ", class fidelity "]);
    }
    let stats = scratch.text(&format!("{RUN}/stats.jsonl"));
    let lines = stats.lines().filter(|line| line.contains("\"scores\""));
    let first: Value = serde_json::from_str(lines.clone().next().unwrap()).unwrap();
    assert_eq!(first["iteration"], 3);
    let keys: Vec<_> = first["scores"].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["class_fidelity", "fcd", "kid", "kid_error"]);
    assert!(scratch.train("--iterations 2 --evaluate-interval 2 -q").succeeds().is_empty());
    assert_eq!(iterations(&scratch, SECOND), [2]);
}

#[test]
fn nothing_is_scored_by_default() {
    let scratch = Scratch::with_run("--iterations 3");
    assert!(scores(&scratch, RUN).is_empty());
    let log = scratch.text(&format!("{RUN}/log.txt"));
    assert!(
        !log.contains("scores") && !scratch.text(&format!("{RUN}/config.toml")).contains("eval")
    );
    let height = |run: &str| png::read(&scratch.path(run).join("loss.png")).size.1;
    assert_eq!(height(RUN), 800);
    scratch.train("--iterations 3 --evaluate-interval 3").succeeds();
    assert_eq!(height(SECOND), 1080, "with a panel of scores");
}

#[test]
fn resume_may_change_the_evaluate_interval() {
    let scratch = Scratch::with_run("--iterations 4");
    scratch.run("train --resume --iterations 8 --evaluate-interval 3").succeeds();
    assert_eq!(iterations(&scratch, RUN), [6, 8]);
    scratch.run("train --resume --iterations 10 --evaluate-interval 2 --keep-best kid").succeeds();
    assert_eq!(iterations(&scratch, RUN), [6, 8, 10], "8 has its scores");
    // The interval is stored; resuming from an older checkpoint scores again.
    let resume = format!("train --resume {RUN}/checkpoint-000004 --force --iterations 6");
    scratch.run(&resume).succeeds();
    assert_eq!(iterations(&scratch, RUN), [4, 6]);
    let branch = format!("train --resume {RUN}/checkpoint-000004 --branch --iterations 5");
    scratch.run(&branch).succeeds();
    assert_eq!(iterations(&scratch, SECOND), [4, 5]);
}

#[test]
fn best_checkpoint_is_kept_and_named_at_the_end() {
    let scratch = Scratch::with_digits();
    let flags = "--iterations 4 --lr 0.01 --checkpoint-interval 1 --keep 1 --evaluate-interval 1";
    let out = scratch.train(&format!("{flags} --keep-best fcd")).succeeds();
    let records = scores(&scratch, RUN);
    let best = best(&records, Measure::Fcd).unwrap();
    let folder = format!("checkpoint-{:06}", best.iteration);
    let mut kept = vec![folder.clone(), "checkpoint-000004".to_owned()];
    kept.dedup();
    assert_eq!(scratch.checkpoints(RUN), kept);
    let line =
        format!("best      FCD {}, after iteration {}: {RUN}/{folder}", fcd(best), best.iteration);
    let last: Vec<_> = out.lines().rev().take(2).collect();
    assert!(last[1] == line && last[0].starts_with("done: 4 iterations"), "{out}");
    scratch.run(&format!("sample {RUN}/{folder}")).succeeds();
    // Without --keep-best only its iteration is printed.
    let out = scratch.train("--iterations 1 --keep 1 --evaluate-interval 1").succeeds();
    let records = scores(&scratch, SECOND);
    assert_eq!(records.len(), 1);
    has(&out, &["\nbest      FCD "]);
    assert_eq!(scratch.checkpoints(SECOND), ["checkpoint-000001"]);
}

#[test]
fn keep_best_needs_scores() {
    let scratch = Scratch::with_digits();
    scratch.train("--keep-best fcd").fails(2, &["--keep-best", "scores", "--evaluate-interval"]);
    scratch.train("--keep-best is").fails(2, &["--keep-best", "fcd", "kid"]);
    scratch.train("--evaluate-interval 0").fails(2, &["--evaluate-interval", "epoch"]);
    let config = scratch.train("--iterations 2 --dry-run --evaluate-interval 2 --keep-best fcd");
    let config = config.succeeds();
    scratch.put("mine.toml", config.replace("evaluate_interval = 2\n", ""));
    scratch
        .run("train --config mine.toml")
        .fails(1, &["mine.toml", "keep_best is fcd", "evaluate_interval"]);
    scratch.put("mine.toml", &config);
    scratch.run("train --config mine.toml").succeeds();
    assert_eq!(iterations(&scratch, RUN), [2]);
}

#[test]
fn resume_may_turn_scores_off() {
    let scratch = Scratch::with_run("--iterations 2 --evaluate-interval 2 --keep-best fcd");
    let config = || scratch.text(&format!("{RUN}/config.toml"));
    has(&config(), &["evaluate_interval = 2", "keep_best = \"fcd\""]);
    scratch.run("train --resume --iterations 4 --keep-best none").succeeds();
    assert!(!config().contains("keep_best"));
    assert_eq!(iterations(&scratch, RUN), [2, 4]);
    scratch.run("train --resume --iterations 5 --keep-best kid").succeeds();
    scratch.run("train --resume --iterations 6 --evaluate-interval never").succeeds();
    assert!(!config().contains("evaluate_interval") && !config().contains("keep_best"));
    assert_eq!(iterations(&scratch, RUN), [2, 4, 5]);
    scratch
        .run("train --resume --iterations 7 --keep-best kid")
        .fails(2, &["--keep-best", "--evaluate-interval"]);
}

#[test]
fn keep_best_fcd_is_refused_without_classes() {
    let scratch = flat_scene();
    let flags = "--image-size 8 --g-hidden 8 --d-hidden 8 --batch-size 4 --threads 1 --iterations 3 \
                 --evaluate-interval 3 --dataset photos";
    let rgb = format!("train --preset mlp-rgb {flags}");
    scratch
        .run(&format!("{rgb} --keep-best fcd"))
        .fails(2, &["--keep-best", "FCD needs a classifier", "kid"]);
    assert!(!scratch.path("runs").exists());
    let out = scratch.run(&format!("{rgb} --keep-best kid")).succeeds();
    has(&out, &["scores after iteration 3: KID ", "best      KID "]);
    let run = "runs/00000-mlp-rgb-photos";
    let records = read_stats(&scratch.path(run).join("stats.jsonl")).unwrap().scores;
    assert!(records[0].scores.fcd.is_none() && records[0].scores.class_fidelity.is_none());
    let runs = scratch.run("runs").succeeds();
    assert!(!runs.contains("FCD"), "{runs}");
}

#[test]
fn runs_shows_the_newest_and_the_best_fcd() {
    let scratch = Scratch::with_run("--iterations 3");
    let titles = |out: &str| out.lines().next().unwrap().split_whitespace().count();
    assert_eq!(titles(&scratch.run("runs").succeeds()), 10, "two of them are losses");
    let flags = "--iterations 2 --lr 0.01 --evaluate-interval 1 --name scored";
    scratch.train(flags).succeeds();
    let out = scratch.run("runs").succeeds();
    let lines: Vec<_> = out.lines().collect();
    has(lines[0], &["G loss", "FCD", "best  saved"]);
    let run = "runs/00001-scored";
    let records = scores(&scratch, run);
    let (newest, best) = (records.last().unwrap(), best(&records, Measure::Fcd).unwrap());
    let cells: Vec<_> = lines[2].split_whitespace().collect();
    assert_eq!(cells[5..7], [fcd(newest), fcd(best)], "{out}");
    let without: Vec<_> = lines[1].split_whitespace().collect();
    assert_eq!(without[5..7], ["-", "-"], "{out}");
    let json: Value = serde_json::from_str(&scratch.run("runs --json").succeeds()).unwrap();
    assert_eq!(json[1]["scores"], serde_json::to_value(newest).unwrap());
    assert_eq!(json[1]["best_scores"], serde_json::to_value(best).unwrap());
    assert!(json[0]["scores"].is_null() && json[0]["best_scores"].is_null(), "{json}");
}

#[test]
#[cfg(target_os = "linux")]
fn progress_bar_shows_the_newest_fcd() {
    let scratch = Scratch::with_digits();
    let flags = "--iterations 3 --evaluate-interval 2 --checkpoint-interval 3";
    let train = format!("train {} {flags}", super::scratch::TINY);
    let Some(screen) = scratch.screen(&train, &[]) else { return };
    let records = scores(&scratch, RUN);
    let bar = screen.iter().find(|line| line.contains("D(G(z)) ")).unwrap();
    assert!(bar.trim_end().ends_with(&format!("  FCD {}", fcd(&records[1]))), "{screen:#?}");
    assert!(!screen.iter().any(|line| line.contains("scores after")), "{screen:#?}");
}
