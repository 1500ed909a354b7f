//! Resuming runs.

use gan_cuda::formats::stats::read_stats;

use super::*;

/// With batches of 16, an epoch has three iterations, or two if the incomplete batch is dropped.
const IMAGES: usize = 40;

/// It has another number of threads each time.
#[test]
fn run_resumed_often_equals_uninterrupted_run() {
    let whole = config(preset("cgan"), 8, 1);
    let (runs, data, run) = trained(&whole, IMAGES);
    let want = left_by(&run);

    let run = train(&Config { iterations: Some(1), ..whole.clone() }, &data, runs.path());
    for stop in 1..8 {
        let threads = 1 + stop as usize % 3;
        let config = Config { iterations: Some(stop + 1), threads, ..whole.clone() };
        let mut trainer = resume(&config, &data, &run, stop.into());
        assert_eq!(trainer.gan().completed(), stop);
        trainer.train(&mut (), &NEVER).unwrap();
        assert_eq!(Config::read(&run.config()).unwrap(), config);
    }
    let (mut got, mut want) = (left_by(&run), want);
    without_total_epochs(&mut want);
    without_total_epochs(&mut got);
    assert_same(&got, &want, "stopped seven times");
}

#[test]
fn resuming_from_an_older_checkpoint_discards_and_repeats_later_iterations() {
    let config = config(preset("mlp-dropout"), 9, 2);
    let (_runs, data, run) = trained(&config, IMAGES);
    let want = left_by(&run);
    assert_eq!(run.checkpoints().unwrap(), [2, 4, 6, 8, 9]);
    // Files that the resumed run must write again.
    for iteration in [6, 8, 9] {
        fs::write(run.sample(iteration), "from the discarded branch").unwrap();
    }
    fs::write(run.loss_plot(), "from the discarded branch").unwrap();

    let mut trainer = resume(&config, &data, &run, 4);
    let iterations: Vec<_> =
        read_stats(&run.stats()).unwrap().losses.iter().map(|record| record.iteration).collect();
    assert_eq!(iterations, [1, 2, 3, 4]);
    assert_eq!(fs::read_to_string(run.log()).unwrap().lines().count(), 4);
    assert_eq!(run.checkpoints().unwrap(), [2, 4]);

    trainer.train(&mut (), &NEVER).unwrap();
    assert_same(&left_by(&run), &want, "from iteration 4");
}

#[test]
fn sample_grids_of_the_discarded_branch_are_removed() {
    let whole = config(preset("mlp"), 9, 2);
    let (_runs, data, run) = trained(&whole, IMAGES);
    assert_eq!(run.sample_iterations().unwrap(), [0, 2, 4, 6, 8, 9]);
    let shorter = Config { iterations: Some(7), ..config(preset("mlp"), 7, 3) };
    resume(&shorter, &data, &run, 4).train(&mut (), &NEVER).unwrap();
    assert_eq!(run.sample_iterations().unwrap(), [0, 2, 4, 6, 7]);
}

#[test]
fn resuming_a_finished_run_changes_nothing() {
    let config = config(preset("mlp"), 4, 3);
    let (_runs, data, run) = trained(&config, IMAGES);
    let want = left_by(&run);
    resume(&config, &data, &run, 4).train(&mut (), &NEVER).unwrap();
    assert_same(&left_by(&run), &want, "finished run");
}

#[test]
fn training_time_continues_when_resumed() {
    let config = config(preset("mlp"), 6, 3);
    let (_runs, data, run) = trained(&config, IMAGES);
    resume(&config, &data, &run, 3).train(&mut (), &NEVER).unwrap();
    let records = read_stats(&run.stats()).unwrap().losses;
    assert!(records.is_sorted_by(|a, b| a.seconds < b.seconds), "{records:?}");
    assert!(records.iter().all(|record| record.images_per_second > 0.0), "{records:?}");
}
