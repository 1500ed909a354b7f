//! Runs with scores during training.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use gan_cuda::eval;
use gan_cuda::eval::evaluate::Evaluate;
use gan_cuda::formats::stats::{Measure, ScoreEntry, Scores, read_scores, read_stats};
use gan_cuda::gan::Gan;
use gan_cuda::gan::interval::Interval;
use gan_cuda::text::with_causes;
use gan_cuda::train::trainer::TrainingImages;

use super::*;

/// With batches of 16, an epoch has three iterations.
const IMAGES: usize = 40;

/// A run with scores every `interval` iterations, and all other outputs at every iteration.
fn scored(iterations: u32, interval: u32) -> Config {
    let evaluate_interval = Some(Interval::Iterations(interval.try_into().unwrap()));
    Config { evaluate_interval, ..config(preset("cgan"), iterations, 1) }
}

fn with_fcd(fcd: f64) -> Scores {
    Scores { fcd: Some(fcd), kid: -fcd, kid_error: 0.5, ..Scores::default() }
}

/// Returns prepared scores by iteration, and records the iterations of its calls.
struct FakeEvaluator {
    fcd: &'static [f64],
    calls: Rc<RefCell<Vec<u32>>>,
}

impl Evaluate<Cpu<f32>> for FakeEvaluator {
    fn evaluate(&mut self, gan: &mut Gan<Cpu<f32>>) -> eval::Result<Scores> {
        self.calls.borrow_mut().push(gan.completed());
        Ok(with_fcd(self.fcd[gan.completed() as usize - 1]))
    }
}

/// Trains to the end, or for one iteration if `stop` is set, with prepared scores. Returns the
/// iterations that were scored.
fn train_with_scores(
    trainer: &mut Trainer<Cpu<f32>>,
    fcd: &'static [f64],
    stop: &AtomicBool,
) -> Vec<u32> {
    let calls = Rc::default();
    trainer.evaluate_with(FakeEvaluator { fcd, calls: Rc::clone(&calls) });
    trainer.train(&mut (), stop).unwrap();
    calls.take()
}

fn begin(config: &Config, runs: &Path) -> Trainer<Cpu<f32>> {
    let data = digits(IMAGES, config.gan.image);
    Trainer::begin(config.clone(), Cpu::new(1), TrainingImages::of(&data), runs, "test").unwrap()
}

fn iterations(scores: &[ScoreEntry]) -> Vec<u64> {
    scores.iter().map(|record| record.iteration).collect()
}

#[test]
fn scores_do_not_affect_training() {
    for name in ["cgan", "mlp-dropout", "dcgan"] {
        let without = config(preset(name), 4, 3);
        let with = Config { evaluate_interval: Some(without.sample_interval), ..without.clone() };
        let (_without, _, without) = trained(&without, IMAGES);
        let (_with, _, with) = trained(&with, IMAGES);
        assert!(read_scores(&without.stats()).unwrap().is_empty());
        let scores = read_scores(&with.stats()).unwrap();
        assert_eq!(iterations(&scores), [3, 4], "the last is at the end");
        let [with, without] = [with, without].map(|run| networks_and_grids(left_by(&run)));
        assert_eq!(weights(&with).len(), 4);
        assert_same(&with, &without, name);
    }
}

/// The networks and sample grids of a run, which do not contain scores.
fn networks_and_grids(mut files: BTreeMap<String, Vec<u8>>) -> BTreeMap<String, Vec<u8>> {
    files.retain(|name, _| {
        name.contains("/generator") || name.contains("/discriminator") || name.contains("samples")
    });
    files
}

/// A run that is asked to stop at an iteration with scores stops at once, and computes the scores
/// when it is resumed.
#[test]
fn scored_run_resumed_often_equals_uninterrupted_run() {
    let config = Config { keep_best: Some(Measure::Fcd), ..scored(6, 2) };
    let (runs, data, whole) = trained(&config, IMAGES);
    let stop = AtomicBool::new(true);
    let mut trainer = begin(&config, runs.path());
    assert!(train_with_scores(&mut trainer, &[], &stop).is_empty());
    let run = trainer.run().clone();
    drop(trainer);
    for done in 1..6 {
        let config = Config { threads: 1 + done as usize % 3, ..config.clone() };
        resume(&config, &data, &run, done).train(&mut (), &stop).unwrap();
        let scores = read_scores(&run.stats()).unwrap();
        let due = if done < 5 { done / 2 } else { 3 };
        assert_eq!(scores.len() as u64, due, "after {} iterations", done + 1);
    }
    let [got, want] = [run, whole].map(|run| {
        let mut files = left_by(&run);
        // A run that stops writes its checkpoint before the scores of the iteration, so the state
        // of the checkpoint and the order of TensorBoard's events differ.
        let events = String::from_utf8(files.remove("events").unwrap()).unwrap();
        let mut events: Vec<_> = events.lines().collect();
        events.sort_unstable();
        files.insert("events".to_owned(), events.concat().into_bytes());
        [2, 4].iter().for_each(|due| drop(files.remove(&format!("checkpoint-{due:06}/state"))));
        files
    });
    assert_same(&got, &want, "stopped after each iteration");
}

#[test]
fn no_iteration_is_scored_twice() {
    let config = scored(5, 2);
    let runs = tempfile::tempdir().unwrap();
    let data = digits(IMAGES, config.gan.image);
    let mut trainer = begin(&config, runs.path());
    assert_eq!(train_with_scores(&mut trainer, &[1.0; 9], &NEVER), [2, 4, 5]);
    let run = trainer.run().clone();
    drop(trainer);
    // The resumed iteration is due again, but has scores already.
    let longer = Config { iterations: Some(7), ..scored(7, 5) };
    let mut trainer = resume(&longer, &data, &run, 5);
    assert_eq!(train_with_scores(&mut trainer, &[1.0; 9], &NEVER), [7]);
    drop(trainer);
    // From an older checkpoint, scores of the discarded branch are computed again.
    let mut trainer = resume(&longer, &data, &run, 4);
    assert_eq!(train_with_scores(&mut trainer, &[1.0; 9], &NEVER), [5, 7]);
    let records = read_stats(&run.stats()).unwrap();
    assert_eq!(iterations(&records.scores), [2, 4, 5, 7]);
    assert_eq!(records.scores, read_scores(&run.stats()).unwrap());
}

#[test]
fn best_checkpoint_is_kept_until_there_is_a_better_one() {
    let never = Interval::Iterations(100.try_into().unwrap());
    let config = Config {
        keep_best: Some(Measure::Fcd),
        checkpoint_interval: Some(never),
        keep: 2,
        ..scored(4, 1)
    };
    const FCD: &[f64] = &[5.0, 7.0, f64::NAN, 5.0, 6.0, 4.0, 9.0, 8.0, 7.0, 3.0];
    let runs = tempfile::tempdir().unwrap();
    let data = digits(IMAGES, config.gan.image);
    let mut trainer = begin(&config, runs.path());
    train_with_scores(&mut trainer, FCD, &NEVER);
    let run = trainer.run().clone();
    // An equal score is not better; the last checkpoint is always written.
    assert_eq!(run.checkpoints().unwrap(), [1, 4]);
    assert_eq!(trainer.best().unwrap(), Some((Measure::Fcd, record(1, with_fcd(5.0)))));
    drop(trainer);
    // Scores of earlier processes count; a former best is pruned like any older checkpoint.
    for (from, to, kept) in [(4, 5, &[1, 4, 5][..]), (5, 8, &[6, 8]), (8, 9, &[6, 8, 9])] {
        let config = Config { iterations: Some(to), ..config.clone() };
        let mut trainer = resume(&config, &data, &run, from);
        train_with_scores(&mut trainer, FCD, &NEVER);
        assert_eq!(run.checkpoints().unwrap(), kept, "from {from} to {to}");
    }
    // Resuming from the best checkpoint discards later checkpoints and scores.
    let config = Config { iterations: Some(9), ..config };
    let mut trainer = resume(&config, &data, &run, 6);
    assert_eq!(iterations(&read_scores(&run.stats()).unwrap()), [1, 2, 3, 4, 5, 6]);
    train_with_scores(&mut trainer, &[1.0; 9], &NEVER);
    assert_eq!(run.checkpoints().unwrap(), [7, 9], "of equal scores the first is the best");
}

#[test]
fn best_existing_checkpoint_is_kept_if_keep_best_is_set_later() {
    let never = Interval::Iterations(100.try_into().unwrap());
    let config = Config { checkpoint_interval: Some(never), keep: 1, ..scored(3, 1) };
    const FCD: &[f64] = &[1.0, 8.0, 9.0, 6.0, 7.0];
    let runs = tempfile::tempdir().unwrap();
    let data = digits(IMAGES, config.gan.image);
    let mut trainer = begin(&config, runs.path());
    train_with_scores(&mut trainer, FCD, &NEVER);
    let run = trainer.run().clone();
    assert_eq!(run.checkpoints().unwrap(), [3]);
    assert_eq!(trainer.best().unwrap(), Some((Measure::Fcd, record(1, with_fcd(1.0)))));
    drop(trainer);
    let config = Config { keep_best: Some(Measure::Fcd), iterations: Some(5), ..config };
    let mut trainer = resume(&config, &data, &run, 3);
    train_with_scores(&mut trainer, FCD, &NEVER);
    assert_eq!(run.checkpoints().unwrap(), [4, 5]);
    assert_eq!(trainer.best().unwrap(), Some((Measure::Fcd, record(4, with_fcd(6.0)))));
}

#[test]
fn run_without_evaluator_is_refused_before_its_first_iteration() {
    let runs = tempfile::tempdir().unwrap();
    let mut trainer = begin(&scored(3, 2), runs.path());
    let error = trainer.train(&mut (), &NEVER).unwrap_err();
    assert!(with_causes(&error).contains("no evaluator"), "{error:?}");
    assert_eq!(trainer.gan().completed(), 0);
}

#[test]
fn branch_does_not_inherit_scores() {
    let config = Config { keep_best: Some(Measure::Kid), ..scored(4, 2) };
    let runs = tempfile::tempdir().unwrap();
    let data = digits(IMAGES, config.gan.image);
    let mut trainer = begin(&config, runs.path());
    train_with_scores(&mut trainer, &[9.0; 4], &NEVER);
    let checkpoint = Checkpoint::load(&trainer.run().checkpoint(2)).unwrap();
    let config = Config { iterations: Some(5), ..config };
    let folder = (runs.path(), "branch");
    let mut branch =
        Trainer::branch(config, Cpu::new(1), TrainingImages::of(&data), &checkpoint, folder)
            .unwrap();
    assert_eq!(branch.best().unwrap(), None);
    assert_eq!(train_with_scores(&mut branch, &[1.0, 2.0, 3.0, 4.0, 5.0], &NEVER), [2, 4, 5]);
    // The prepared KID is the negative FCD.
    assert_eq!(branch.best().unwrap(), Some((Measure::Kid, record(5, with_fcd(5.0)))));
}

fn record(iteration: u64, scores: Scores) -> ScoreEntry {
    ScoreEntry { iteration, scores }
}

/// Pauses before returning scores.
struct Slow;

const PAUSE: Duration = Duration::from_millis(200);

impl Evaluate<Cpu<f32>> for Slow {
    fn evaluate(&mut self, _: &mut Gan<Cpu<f32>>) -> eval::Result<Scores> {
        std::thread::sleep(PAUSE);
        Ok(with_fcd(1.0))
    }
}

#[test]
fn scoring_does_not_count_as_training_time() {
    let runs = tempfile::tempdir().unwrap();
    let mut trainer = begin(&scored(5, 1), runs.path());
    trainer.evaluate_with(Slow);
    let start = Instant::now();
    trainer.train(&mut (), &NEVER).unwrap();
    let all = start.elapsed();
    let losses = read_stats(&trainer.run().stats()).unwrap().losses;
    let training = losses.last().unwrap().seconds;
    assert!(all.as_secs_f64() - training >= 5.0 * PAUSE.as_secs_f64(), "{training} of {all:?}");
    assert!(losses.is_sorted_by(|a, b| a.seconds < b.seconds), "{losses:?}");
    let images = losses.last().unwrap().images_per_second;
    assert!(f64::from(images) * training > 60.0, "{images} a second");
}
