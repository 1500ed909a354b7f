//! A run that stops and goes on leaves what one leaves that never stopped.

use gan_cuda::gan::preset::presets;
use gan_cuda::train::records::read_records;

use super::*;

/// In batches of 16: three iterations an epoch, two where a short batch is dropped.
const IMAGES: usize = 40;

/// The log names the epochs that a run will have, which depends on where it was told to stop.
fn without_total_epochs(files: &mut BTreeMap<String, Vec<u8>>) {
    let log = String::from_utf8(files.remove("log.txt").unwrap()).unwrap();
    let line = |line: &str| {
        let (epoch, rest) = line.split_once('/').unwrap();
        format!("{epoch}{}\n", &rest[rest.find(']').unwrap()..])
    };
    files.insert("log.txt".to_owned(), log.lines().map(line).collect::<String>().into_bytes());
}

/// Presets differ in what must be restored: `mlp-dropout` and `cgan` have dropout, `cgan` labels,
/// `mlp-rgb` fresh fakes, the last three BatchNorm.
#[test]
fn resumed_run_equals_uninterrupted_run() {
    for preset in presets() {
        // Inside an epoch (for both lengths of epochs), and at the end of one.
        for stop in [5, 6] {
            let whole = config(preset, 2 * stop, stop);
            let data = digits(IMAGES, whole.gan.image);
            let runs = tempfile::tempdir().unwrap();
            let mut want = left_by(&train(&whole, &data, runs.path()));

            let half = Config { iterations: Some(stop), ..whole.clone() };
            let run = train(&half, &data, runs.path());
            // As many threads as the machine gives: that may change, too.
            let goes_on = Config { threads: 2, ..whole.clone() };
            let mut trainer = resume(&goes_on, &data, &run, stop.into());
            assert_eq!(trainer.gan().completed(), stop);
            trainer.train(Verbosity::Quiet).unwrap();

            let mut got = left_by(&run);
            without_total_epochs(&mut want);
            without_total_epochs(&mut got);
            assert_same(&got, &want, &format!("{}, stopped at {stop}", preset.name));
            assert_eq!(Config::read(&run.config()).unwrap(), goes_on);
        }
    }
}

#[test]
fn run_that_stops_often_equals_uninterrupted_run() {
    let whole = config(preset("cgan"), 8, 1);
    let data = digits(IMAGES, whole.gan.image);
    let runs = tempfile::tempdir().unwrap();
    let want = left_by(&train(&whole, &data, runs.path()));

    let run = train(&Config { iterations: Some(1), ..whole.clone() }, &data, runs.path());
    for stop in 1..8 {
        let config = Config { iterations: Some(stop + 1), ..whole.clone() };
        resume(&config, &data, &run, stop.into()).train(Verbosity::Quiet).unwrap();
    }
    let (mut got, mut want) = (left_by(&run), want);
    without_total_epochs(&mut want);
    without_total_epochs(&mut got);
    assert_same(&got, &want, "stopped seven times");
}

#[test]
fn resuming_from_an_older_checkpoint_cuts_what_came_later_and_does_it_again() {
    let config = config(preset("mlp-dropout"), 9, 2);
    let data = digits(IMAGES, config.gan.image);
    let runs = tempfile::tempdir().unwrap();
    let run = train(&config, &data, runs.path());
    let want = left_by(&run);
    assert_eq!(run.checkpoints().unwrap(), [2, 4, 6, 8, 9]);
    // What a run that goes on must write again.
    for iteration in [6, 8, 9] {
        fs::write(run.sample(iteration), "another path's").unwrap();
    }
    fs::write(run.loss_plot(), "another path's").unwrap();

    let mut trainer = resume(&config, &data, &run, 4);
    let iterations: Vec<_> =
        read_records(&run.stats()).unwrap().iter().map(|record| record.iteration).collect();
    assert_eq!(iterations, [1, 2, 3, 4]);
    assert_eq!(fs::read_to_string(run.log()).unwrap().lines().count(), 4);
    assert_eq!(run.checkpoints().unwrap(), [2, 4]);

    trainer.train(Verbosity::Quiet).unwrap();
    assert_same(&left_by(&run), &want, "from iteration 4");
}

#[test]
fn resuming_a_finished_run_changes_nothing() {
    let config = config(preset("mlp"), 4, 3);
    let data = digits(IMAGES, config.gan.image);
    let runs = tempfile::tempdir().unwrap();
    let run = train(&config, &data, runs.path());
    let want = left_by(&run);
    resume(&config, &data, &run, 4).train(Verbosity::Quiet).unwrap();
    assert_same(&left_by(&run), &want, "finished run");
}

#[test]
fn seconds_of_training_go_on_counting() {
    let config = config(preset("mlp"), 6, 3);
    let data = digits(IMAGES, config.gan.image);
    let runs = tempfile::tempdir().unwrap();
    let run = train(&config, &data, runs.path());
    resume(&config, &data, &run, 3).train(Verbosity::Quiet).unwrap();
    let records = read_records(&run.stats()).unwrap();
    assert!(records.is_sorted_by(|a, b| a.seconds < b.seconds), "{records:?}");
    assert!(records.iter().all(|record| record.images_per_second > 0.0), "{records:?}");
}
