//! Runs whose generator is scored from time to time.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use gan_cuda::eval;
use gan_cuda::eval::trend::Evaluate;
use gan_cuda::formats::stats::{Measure, ScoreEntry, Scores, read_scores, read_stats};
use gan_cuda::gan::Gan;
use gan_cuda::gan::interval::Interval;
use gan_cuda::text::with_causes;

use super::*;

/// In batches of 16: three iterations an epoch.
const IMAGES: usize = 40;

/// A run that is scored every `interval` iterations, and writes all else it can at every one.
fn scored(iterations: u32, interval: u32) -> Config {
    let evaluate_interval = Some(Interval::Iterations(interval.try_into().unwrap()));
    Config { evaluate_interval, ..config(preset("cgan"), iterations, 1) }
}

fn with_fcd(fcd: f64) -> Scores {
    Scores { class_fidelity: None, fcd: Some(fcd), kid: -fcd, kid_error: 0.5 }
}

/// Gives the scores of a list, each at its iteration, and notes at which it was asked.
struct Scripted {
    fcd: &'static [f64],
    asked: Rc<RefCell<Vec<u32>>>,
}

impl Evaluate<Cpu<f32>> for Scripted {
    fn evaluate(&mut self, gan: &mut Gan<Cpu<f32>>) -> eval::Result<Scores> {
        self.asked.borrow_mut().push(gan.completed());
        Ok(with_fcd(self.fcd[gan.completed() as usize - 1]))
    }
}

/// Trains to the end, or for one iteration, with scripted scores; answers at which iterations they
/// were asked for.
fn train_scripted(
    trainer: &mut Trainer<Cpu<f32>>,
    fcd: &'static [f64],
    stop: &AtomicBool,
) -> Vec<u32> {
    let asked = Rc::default();
    trainer.evaluate_with(Scripted { fcd, asked: Rc::clone(&asked) });
    trainer.train(&mut (), stop).unwrap();
    asked.take()
}

fn begin(config: &Config, runs: &Path) -> Trainer<Cpu<f32>> {
    let data = digits(IMAGES, config.gan.image);
    Trainer::begin(config.clone(), Cpu::new(1), &data, runs, "test").unwrap()
}

fn iterations(scores: &[ScoreEntry]) -> Vec<u64> {
    scores.iter().map(|record| record.iteration).collect()
}

#[test]
fn scores_leave_every_bit_of_the_training_as_it_is() {
    for name in ["cgan", "mlp-dropout", "dcgan"] {
        let without = config(preset(name), 7, 3);
        let with = Config { evaluate_interval: Some(without.sample_interval), ..without.clone() };
        let (_without, _, without) = trained(&without, IMAGES);
        let (_with, _, with) = trained(&with, IMAGES);
        assert!(read_scores(&without.stats()).unwrap().is_empty());
        let scores = read_scores(&with.stats()).unwrap();
        assert_eq!(iterations(&scores), [3, 6, 7], "and once more at the end");
        let [with, without] = [with, without].map(|run| learnt(left_by(&run)));
        assert_eq!(weights(&with).len(), 6);
        assert_same(&with, &without, name);
    }
}

/// Networks and grids, which say nothing of scores.
fn learnt(mut files: BTreeMap<String, Vec<u8>>) -> BTreeMap<String, Vec<u8>> {
    files.retain(|name, _| {
        name.contains("/generator") || name.contains("/discriminator") || name.contains("samples")
    });
    files
}

/// Also where it is asked to stop at an iteration at which scores are due: it stops at once, and
/// they are made when it goes on.
#[test]
fn scored_run_that_stops_often_equals_uninterrupted_run() {
    let config = Config { keep_best: Some(Measure::Fcd), ..scored(8, 2) };
    let (runs, data, whole) = trained(&config, IMAGES);
    let stop = AtomicBool::new(true);
    let mut trainer = begin(&config, runs.path());
    assert!(train_scripted(&mut trainer, &[], &stop).is_empty());
    let run = trainer.run().clone();
    drop(trainer);
    for done in 1..8 {
        let config = Config { threads: 1 + done as usize % 3, ..config.clone() };
        resume(&config, &data, &run, done).train(&mut (), &stop).unwrap();
        let scores = read_scores(&run.stats()).unwrap();
        let due = if done < 7 { done / 2 } else { 4 };
        assert_eq!(scores.len() as u64, due, "after {} iterations", done + 1);
    }
    let [got, want] = [run, whole].map(|run| {
        let mut files = left_by(&run);
        // A checkpoint of a run that stops ends before scores that are due, and TensorBoard has them
        // behind what stands in it.
        let events = String::from_utf8(files.remove("events").unwrap()).unwrap();
        let mut events: Vec<_> = events.lines().collect();
        events.sort_unstable();
        files.insert("events".to_owned(), events.concat().into_bytes());
        [2, 4, 6].iter().for_each(|due| drop(files.remove(&format!("checkpoint-{due:06}/state"))));
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
    assert_eq!(train_scripted(&mut trainer, &[1.0; 9], &NEVER), [2, 4, 5]);
    let run = trainer.run().clone();
    drop(trainer);
    // The end of what went before is scored already, though it would be due.
    let longer = Config { iterations: Some(7), ..scored(7, 5) };
    let mut trainer = resume(&longer, &data, &run, 5);
    assert_eq!(train_scripted(&mut trainer, &[1.0; 9], &NEVER), [7]);
    drop(trainer);
    // From an older checkpoint, scores of the discarded branch are made again.
    let mut trainer = resume(&longer, &data, &run, 4);
    assert_eq!(train_scripted(&mut trainer, &[1.0; 9], &NEVER), [5, 7]);
    let records = read_stats(&run.stats()).unwrap();
    assert_eq!(iterations(&records.scores), [2, 4, 5, 7]);
    assert_eq!(records.scores, read_scores(&run.stats()).unwrap());
}

#[test]
fn best_checkpoint_stays_beside_the_newest_until_a_better_comes() {
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
    train_scripted(&mut trainer, FCD, &NEVER);
    let run = trainer.run().clone();
    // One as good as the best so far is not better; the last is written in any case.
    assert_eq!(run.checkpoints().unwrap(), [1, 4]);
    assert_eq!(trainer.best().unwrap(), Some((Measure::Fcd, record(1, with_fcd(5.0)))));
    drop(trainer);
    // Scores of the process before count; the older best makes room as any older checkpoint.
    for (from, to, kept) in [(4, 5, &[1, 4, 5][..]), (5, 8, &[6, 8]), (8, 9, &[6, 8, 9])] {
        let config = Config { iterations: Some(to), ..config.clone() };
        let mut trainer = resume(&config, &data, &run, from);
        train_scripted(&mut trainer, FCD, &NEVER);
        assert_eq!(run.checkpoints().unwrap(), kept, "from {from} to {to}");
    }
    // The best is an older checkpoint as any other: what came later goes, its scores too.
    let config = Config { iterations: Some(9), ..config };
    let mut trainer = resume(&config, &data, &run, 6);
    assert_eq!(iterations(&read_scores(&run.stats()).unwrap()), [1, 2, 3, 4, 5, 6]);
    train_scripted(&mut trainer, &[1.0; 9], &NEVER);
    assert_eq!(run.checkpoints().unwrap(), [7, 9], "none is better than the first of equals");
}

#[test]
fn best_of_those_that_are_there_is_kept_where_none_was_before() {
    let never = Interval::Iterations(100.try_into().unwrap());
    let config = Config { checkpoint_interval: Some(never), keep: 1, ..scored(3, 1) };
    const FCD: &[f64] = &[1.0, 8.0, 9.0, 6.0, 7.0];
    let runs = tempfile::tempdir().unwrap();
    let data = digits(IMAGES, config.gan.image);
    let mut trainer = begin(&config, runs.path());
    train_scripted(&mut trainer, FCD, &NEVER);
    let run = trainer.run().clone();
    assert_eq!(run.checkpoints().unwrap(), [3]);
    assert_eq!(trainer.best().unwrap(), Some((Measure::Fcd, record(1, with_fcd(1.0)))));
    drop(trainer);
    let config = Config { keep_best: Some(Measure::Fcd), iterations: Some(5), ..config };
    let mut trainer = resume(&config, &data, &run, 3);
    train_scripted(&mut trainer, FCD, &NEVER);
    assert_eq!(run.checkpoints().unwrap(), [4, 5]);
    assert_eq!(trainer.best().unwrap(), Some((Measure::Fcd, record(4, with_fcd(6.0)))));
}

#[test]
fn run_that_nothing_scores_is_refused_before_its_first_iteration() {
    let runs = tempfile::tempdir().unwrap();
    let mut trainer = begin(&scored(3, 2), runs.path());
    let error = trainer.train(&mut (), &NEVER).unwrap_err();
    assert!(with_causes(&error).contains("no evaluator"), "{error:?}");
    assert_eq!(trainer.gan().completed(), 0);
}

#[test]
fn branch_has_scores_of_its_own() {
    let config = Config { keep_best: Some(Measure::Kid), ..scored(4, 2) };
    let runs = tempfile::tempdir().unwrap();
    let data = digits(IMAGES, config.gan.image);
    let mut trainer = begin(&config, runs.path());
    train_scripted(&mut trainer, &[9.0; 4], &NEVER);
    let checkpoint = Checkpoint::load(&trainer.run().checkpoint(2)).unwrap();
    let config = Config { iterations: Some(5), ..config };
    let place = (runs.path(), "branch");
    let mut branch = Trainer::branch(config, Cpu::new(1), &data, &checkpoint, place).unwrap();
    assert_eq!(branch.best().unwrap(), None);
    assert_eq!(train_scripted(&mut branch, &[1.0, 2.0, 3.0, 4.0, 5.0], &NEVER), [2, 4, 5]);
    // The script's KID is the lower, the higher its FCD.
    assert_eq!(branch.best().unwrap(), Some((Measure::Kid, record(5, with_fcd(5.0)))));
}

fn record(iteration: u64, scores: Scores) -> ScoreEntry {
    ScoreEntry { iteration, scores }
}

/// Takes its time.
struct Slow;

const PAUSE: Duration = Duration::from_millis(200);

impl Evaluate<Cpu<f32>> for Slow {
    fn evaluate(&mut self, _: &mut Gan<Cpu<f32>>) -> eval::Result<Scores> {
        std::thread::sleep(PAUSE);
        Ok(with_fcd(1.0))
    }
}

#[test]
fn time_that_scores_take_is_no_time_of_training() {
    let runs = tempfile::tempdir().unwrap();
    let mut trainer = begin(&scored(5, 1), runs.path());
    trainer.evaluate_with(Slow);
    let begun = Instant::now();
    trainer.train(&mut (), &NEVER).unwrap();
    let all = begun.elapsed();
    let losses = read_stats(&trainer.run().stats()).unwrap().losses;
    let training = losses.last().unwrap().seconds;
    assert!(all.as_secs_f64() - training >= 5.0 * PAUSE.as_secs_f64(), "{training} of {all:?}");
    assert!(losses.is_sorted_by(|a, b| a.seconds < b.seconds), "{losses:?}");
    let images = losses.last().unwrap().images_per_second;
    assert!(f64::from(images) * training > 60.0, "{images} a second");
}
