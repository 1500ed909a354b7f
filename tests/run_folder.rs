//! Run folders: numbered, resumed, incomplete after a kill, damaged.

#[allow(dead_code)] // more of it is used by other tests
#[path = "common/tensors.rs"]
mod tensors;

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use gan_cuda::file_error::FileError;
use gan_cuda::formats::stats::{ImageStats, LossEntry, SampleEntry, Stats, read_stats};
use gan_cuda::formats::tensor_file::TensorWriter;
use gan_cuda::gan::preset::find;
use gan_cuda::run::checkpoint::{Checkpoint, CheckpointProblem, CheckpointWriter};
use gan_cuda::run::config::Config;
use gan_cuda::run::dir::RunDir;
use gan_cuda::run::journal::{Journal, JournalLengths};
use gan_cuda::run::overview::{State, overviews};
use gan_cuda::run::set::RunSet;
use gan_cuda::run::{self, Error};
use tempfile::TempDir;

/// A folder with one run that has a configuration.
fn one_run() -> (TempDir, RunDir) {
    let runs = tempfile::tempdir().unwrap();
    let run = RunDir::create(runs.path(), "cgan-mnist").unwrap();
    fs::write(run.config(), "preset = \"cgan\"\n").unwrap();
    (runs, run)
}

fn checkpoint(seed: u32) -> CheckpointWriter<'static> {
    let mut generator = TensorWriter::new();
    generator.push("0.weight", &[2, 3], [Ok(weights(seed).to_vec())]);
    generator.push("1.num_batches_tracked", &[], [Ok(vec![-7_i64])]);
    let mut discriminator = TensorWriter::new();
    discriminator.push("0.bias", &[2], [Ok(vec![0.1_f64, f64::INFINITY])]);
    let mut state = TensorWriter::new();
    state.push("adam.t", &[1], [Ok(vec![u64::from(seed)])]);
    state.push("order", &[0], [Ok(Vec::<u32>::new())]);
    state.push("labels", &[3], [Ok(vec![1_u32]), Ok(vec![2, u32::MAX])]);
    JournalLengths { log: 12, stats: 34 }.store(&mut state);
    CheckpointWriter { generator, average: None, discriminator, state }
}

fn weights(seed: u32) -> [f32; 6] {
    [seed as f32, -0.0, 1e-40, f32::NAN, 5.0, 6.0]
}

/// A copy of a loaded checkpoint.
fn copy(checkpoint: &Checkpoint) -> CheckpointWriter<'_> {
    let Checkpoint { generator, discriminator, state, .. } = checkpoint;
    let [generator, discriminator, state] = [generator, discriminator, state].map(tensors::copy);
    CheckpointWriter { generator, average: None, discriminator, state }
}

fn entry(iteration: u64) -> LossEntry {
    let (d_loss, g_loss, d_real, d_fake) = (0.693, f32::NAN, 0.5, 0.25);
    let (images_per_second, seconds) = (8000.0, 1.5);
    let penalty = None;
    LossEntry {
        iteration,
        epoch: 1,
        d_loss,
        g_loss,
        penalty,
        d_real,
        d_fake,
        images_per_second,
        seconds,
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_owned()
}

#[test]
fn run_number_is_one_more_than_the_highest() {
    let runs = tempfile::tempdir().unwrap();
    for other in ["00007-old", "3-short", "notes", "00009", "000012-wide"] {
        fs::create_dir(runs.path().join(other)).unwrap();
    }
    fs::write(runs.path().join("00042-file"), "").unwrap();
    let run = RunDir::create(runs.path(), "cgan-mnist").unwrap();
    assert_eq!(file_name(run.path()), "00008-cgan-mnist");
    assert_eq!(file_name(RunDir::create(runs.path(), "b").unwrap().path()), "00009-b");
}

#[test]
fn concurrently_created_runs_get_different_numbers() {
    let runs = tempfile::tempdir().unwrap();
    let names = ["same", "same", "same", "same", "a", "b", "c", "d"];
    let numbers: BTreeSet<String> = thread::scope(|scope| {
        let make = |name| RunDir::create(runs.path(), name).unwrap();
        let threads = names.map(|name| scope.spawn(move || make(name)));
        let number = |run: RunDir| file_name(run.path())[..5].to_owned();
        threads.into_iter().map(|thread| number(thread.join().unwrap())).collect()
    });
    assert_eq!(numbers.len(), 8, "{numbers:?}");
}

#[test]
fn invalid_names_are_refused() {
    let runs = tempfile::tempdir().unwrap();
    for name in ["", ".", "..", "a/b", "a\\b", "a\nb", "nul\0"] {
        let error = RunDir::create(runs.path(), name).unwrap_err();
        assert!(matches!(error, Error::InvalidName { .. }), "{name:?}: {error}");
    }
    assert_eq!(fs::read_dir(runs.path()).unwrap().count(), 0);
}

#[test]
fn opening_finds_the_run_and_the_checkpoint() {
    let (runs, run) = one_run();
    let saved = checkpoint(1).save(&run, 938).unwrap();
    assert_eq!(file_name(&saved), "checkpoint-000938");
    assert_eq!(RunDir::open(run.path()).unwrap(), (run.clone(), None));
    assert_eq!(RunDir::open(&saved).unwrap(), (run.clone(), Some(938)));
    assert_eq!(RunDir::open(&saved.join("")).unwrap(), (run.clone(), Some(938)));
    assert_eq!(RunDir::newest(runs.path()).unwrap(), run);
    // A run whose process was killed before it started.
    RunDir::create(runs.path(), "stillborn").unwrap();
    assert_eq!(RunDir::newest(runs.path()).unwrap(), run);
}

#[test]
fn opening_says_what_is_missing() {
    let (runs, run) = one_run();
    let empty = tempfile::tempdir().unwrap();
    let message = |path: PathBuf| RunDir::open(&path).unwrap_err().to_string();
    assert!(message(runs.path().join("00099-x")).starts_with("no such run or checkpoint"));
    assert!(message(runs.path().to_owned()).contains("has no config.toml"));
    assert!(message(run.config()).contains("is a file"));
    for folder in [empty.path().to_owned(), empty.path().join("nowhere")] {
        assert!(matches!(RunDir::newest(&folder), Err(Error::NoRuns { .. })));
    }
    assert!(matches!(run.newest_checkpoint(), Err(Error::NoCheckpoint { .. })));
}

#[test]
fn checkpoints_are_listed_pruned_and_discarded() {
    let (_runs, run) = one_run();
    for iteration in [2_000_000, 938, 1876, 5] {
        checkpoint(1).save(&run, iteration).unwrap();
    }
    fs::create_dir(run.path().join("checkpoint-009999.tmp")).unwrap();
    fs::create_dir(run.path().join("checkpoint-7")).unwrap();
    assert_eq!(run.checkpoints().unwrap(), [5, 938, 1876, 2_000_000]);
    run.prune(2, Some(938)).unwrap();
    assert_eq!(run.checkpoints().unwrap(), [938, 1876, 2_000_000], "the best stays");
    run.prune(3, Some(5)).unwrap();
    assert_eq!(run.checkpoints().unwrap(), [938, 1876, 2_000_000]);
    run.discard_after(938).unwrap();
    assert_eq!(run.newest_checkpoint().unwrap(), 938);
    run.prune(9, None).unwrap();
    assert_eq!(run.checkpoints().unwrap(), [938]);
}

#[test]
fn cleaning_removes_incomplete_files_and_restores_replaced_checkpoints() {
    let (_runs, run) = one_run();
    let saved = checkpoint(1).save(&run, 5).unwrap();
    fs::create_dir(run.path().join("checkpoint-000005.tmp")).unwrap();
    fs::write(run.samples().join(".000400.png.77.tmp"), "half").unwrap();
    fs::rename(&saved, run.path().join("checkpoint-000005.old.tmp")).unwrap();
    assert!(run.checkpoints().unwrap().is_empty());
    run.clean().unwrap();
    assert_eq!(run.checkpoints().unwrap(), [5]);
    Checkpoint::load(&saved).unwrap();
    assert_eq!(fs::read_dir(run.samples()).unwrap().count(), 0);
    let names = fs::read_dir(run.path()).unwrap().map(|entry| file_name(&entry.unwrap().path()));
    assert_eq!(names.filter(|name| name.ends_with(".tmp")).count(), 0);
}

#[test]
fn resumed_journal_equals_uninterrupted_journal() {
    let (_runs, run) = one_run();
    let mut journal = Journal::create(&run).unwrap();
    journal.append_log("[Epoch 1/2] [Batch 1/2] ünïcode").unwrap();
    journal.append_stats(&entry(1)).unwrap();
    let lengths = journal.sync().unwrap();
    journal.append_log("lost").unwrap();
    journal.append_stats(&entry(2)).unwrap();
    let whole = [run.log(), run.stats()].map(|path| fs::read(path).unwrap());
    drop(journal);
    fs::write(run.stats(), [&whole[1][..], b"{\"iterat"].concat()).unwrap();
    let (mut journal, lost) = Journal::open(&run, lengths, 1).unwrap();
    assert!(lost.is_empty(), "{lost:?}");
    journal.truncate().unwrap();
    journal.append_log("lost").unwrap();
    journal.append_stats(&entry(2)).unwrap();
    assert_eq!([run.log(), run.stats()].map(|path| fs::read(path).unwrap()), whole);
    assert_eq!(journal.sync().unwrap().log, whole[0].len() as u64);
}

#[test]
fn journal_emptied_during_a_run_continues_without_a_hole() {
    let (_runs, run) = one_run();
    let mut journal = Journal::create(&run).unwrap();
    journal.append_log("one").unwrap();
    fs::write(run.log(), "").unwrap();
    journal.append_log("two").unwrap();
    assert_eq!(fs::read_to_string(run.log()).unwrap(), "two\n");
}

#[test]
fn changed_journal_keeps_earlier_iterations_and_warns() {
    let (_runs, run) = one_run();
    let line = |batch: u32| format!("[Epoch 2/9] [Batch {batch}/3] [D loss: 0.1] …");
    let stats = |iteration: u64| serde_json::to_string(&entry(iteration)).unwrap() + "\n";
    let lengths = JournalLengths { log: 1000, stats: 1000 };
    // Three batches per epoch: iterations 4 to 6.
    let log = [1, 2, 3].map(|batch| line(batch) + "\n").concat();
    let four = format!("{}\n", line(1));
    for (log, stats, want) in [
        (Some(log.as_str()), Some([4, 5].map(stats).concat()), [four.as_str(), &stats(4)]),
        (Some(&format!("{log}{}", "x".repeat(2000))), Some(stats(5)), [&four, ""]),
        (Some(&four[..four.len() - 1]), None, ["", ""]),
        (None, Some(String::new()), ["", ""]),
    ] {
        for (path, text) in [(run.log(), log.map(str::to_owned)), (run.stats(), stats)] {
            let _ = fs::remove_file(&path);
            text.iter().for_each(|text| fs::write(&path, text).unwrap());
        }
        let gone = [run.log(), run.stats()].map(|path| !path.exists());
        let (mut journal, lost) = Journal::open(&run, lengths, 4).unwrap();
        for (gone, words) in gone.into_iter().zip(&lost) {
            let how = if gone { "is missing" } else { "was truncated or replaced" };
            assert!(words.contains(how), "{words}");
        }
        assert_eq!(lost.len(), 2, "{lost:?}");
        journal.truncate().unwrap();
        assert_eq!([run.log(), run.stats()].map(|path| fs::read_to_string(path).unwrap()), want);
    }
    assert!(Journal::create(&run).is_err(), "an old log was overwritten");
}

#[test]
fn entries_are_read_back_without_an_incomplete_last_line() {
    let (_runs, run) = one_run();
    assert_eq!(read_stats(&run.stats()).unwrap(), Stats::default());
    let mut journal = Journal::create(&run).unwrap();
    (1..=3).for_each(|iteration| journal.append_stats(&entry(iteration)).unwrap());
    let text = fs::read_to_string(run.stats()).unwrap();
    assert!(text.starts_with(r#"{"iteration":1,"epoch":1,"d_loss":0.693,"g_loss":null,"#));
    for half in [1, 20] {
        fs::write(run.stats(), &text[..text.len() - half]).unwrap();
        let stats = read_stats(&run.stats()).unwrap().losses;
        assert_eq!(stats.len(), 2);
        assert!(stats[1].iteration == 2 && stats[1].g_loss.is_nan());
    }
    // The older names of the losses.
    fs::write(run.stats(), text.replace("d_loss", "loss_d").replace("g_loss", "loss_g")).unwrap();
    assert_eq!(read_stats(&run.stats()).unwrap().losses[2].d_loss, entry(3).d_loss);
    fs::write(run.stats(), format!("{text}nonsense\n")).unwrap();
    let error = read_stats(&run.stats()).unwrap_err();
    assert!(error.to_string().starts_with("line 4 of "), "{error}");
}

#[test]
fn entries_of_samples_are_mixed_with_entries_of_losses() {
    let (_runs, run) = one_run();
    let mut journal = Journal::create(&run).unwrap();
    let grey = ImageStats { mean_abs: 0.5, std: 0.25, extreme: 0.125, saturation: None };
    let samples = ImageStats { std: f32::NAN, saturation: Some(0.75), ..grey };
    journal.append_stats(&SampleEntry { iteration: 0, samples, data: grey }).unwrap();
    journal.append_stats(&entry(1)).unwrap();
    journal.append_stats(&SampleEntry { iteration: 1, samples: grey, data: grey }).unwrap();
    let text = fs::read_to_string(run.stats()).unwrap();
    let first = r#"{"iteration":0,"samples":{"mean_abs":0.5,"std":null,"extreme":0.125,"saturation":0.75},"data":{"mean_abs":0.5,"std":0.25,"extreme":0.125}}"#;
    assert_eq!(text.lines().next(), Some(first));
    let stats = read_stats(&run.stats()).unwrap();
    assert_eq!((stats.losses.len(), stats.images.len()), (1, 2));
    assert!(stats.images[0].samples.std.is_nan());
    assert_eq!(stats.images[1].samples, grey);
}

#[test]
fn checkpoint_round_trips_bitwise() {
    let (_runs, run) = one_run();
    let path = checkpoint(3).save(&run, 938).unwrap();
    let loaded = Checkpoint::load(&path).unwrap();
    let read = loaded.generator.get::<f32>("0.weight", &[2, 3]).unwrap();
    assert!(read.into_iter().map(f32::to_bits).eq(weights(3).map(f32::to_bits)));
    assert_eq!(loaded.state.get::<u32>("labels", &[3]).unwrap(), [1, 2, u32::MAX]);
    assert_eq!(loaded.state.metadata_value("format_version").unwrap(), "3");
    let lengths = JournalLengths::load(&loaded.state).unwrap();
    assert_eq!(lengths, JournalLengths { log: 12, stats: 34 });
    let again = copy(&loaded).save(&run, 939).unwrap();
    for file in ["generator.safetensors", "discriminator.safetensors", "state.safetensors"] {
        assert_eq!(fs::read(path.join(file)).unwrap(), fs::read(again.join(file)).unwrap());
    }
}

#[test]
fn saving_twice_replaces_the_checkpoint() {
    let (_runs, run) = one_run();
    checkpoint(1).save(&run, 938).unwrap();
    let path = checkpoint(2).save(&run, 938).unwrap();
    let loaded = Checkpoint::load(&path).unwrap();
    assert_eq!(loaded.state.get::<u64>("adam.t", &[1]).unwrap(), [2]);
    assert_eq!(run.checkpoints().unwrap(), [938]);
}

#[test]
fn failed_checkpoint_leaves_the_old_one_and_nothing_else() {
    let (_runs, run) = one_run();
    let path = checkpoint(1).save(&run, 938).unwrap();
    let before = names(&run);
    type File =
        for<'a> fn(&'a mut CheckpointWriter<'static>) -> &'a mut TensorWriter<'static, Error>;
    let files: [File; 3] = [|c| &mut c.generator, |c| &mut c.discriminator, |c| &mut c.state];
    for file in files {
        let mut new = checkpoint(2);
        let failure =
            FileError::at("copy", Path::new("a tensor"))(std::io::ErrorKind::Other.into()).into();
        file(&mut new).push("z", &[2], [Ok(vec![1.0_f32]), Err(failure)]);
        let error = new.save(&run, 938).unwrap_err().to_string();
        assert_eq!(error, "cannot copy a tensor");
        assert_eq!(names(&run), before);
        let kept = Checkpoint::load(&path).unwrap();
        assert_eq!(kept.state.get::<u64>("adam.t", &[1]).unwrap(), [1]);
    }
}

fn names(run: &RunDir) -> BTreeSet<String> {
    fs::read_dir(run.path()).unwrap().map(|entry| file_name(&entry.unwrap().path())).collect()
}

#[test]
fn any_damaged_byte_is_detected() {
    let (_runs, run) = one_run();
    checkpoint(1).save(&run, 5).unwrap();
    let path = checkpoint(2).save(&run, 6).unwrap();
    for file in ["generator.safetensors", "discriminator.safetensors", "state.safetensors"] {
        let whole = fs::read(path.join(file)).unwrap();
        for at in 0..whole.len() {
            for flip in [0x01, 0x20, 0xff] {
                let mut damaged = whole.clone();
                damaged[at] ^= flip;
                fs::write(path.join(file), damaged).unwrap();
                let error =
                    Checkpoint::load(&path).expect_err("damage was not detected").to_string();
                assert!(error.contains(file) && error.contains("checkpoint-000005"), "{error}");
            }
        }
        fs::write(path.join(file), &whole[..whole.len() - 1]).unwrap();
        Checkpoint::load(&path).expect_err("truncation was not detected");
        fs::remove_file(path.join(file)).unwrap();
        let error = Checkpoint::load(&path).unwrap_err().to_string();
        assert!(error.contains("is missing"), "{error}");
        fs::write(path.join(file), whole).unwrap();
    }
    Checkpoint::load(&path).unwrap();
}

#[test]
fn network_of_another_checkpoint_is_an_error() {
    let (_runs, run) = one_run();
    let [first, second] = [1, 2].map(|seed| checkpoint(seed).save(&run, seed.into()).unwrap());
    let file = "generator.safetensors";
    fs::copy(first.join(file), second.join(file)).unwrap();
    assert!(matches!(
        Checkpoint::load(&second),
        Err(Error::Checkpoint(CheckpointProblem::Damaged { .. }))
    ));
}

/// A set of two runs of `cgan`.
fn two_runs(runs: &Path) -> run::Result<RunSet> {
    let config = Config::of_preset(find("cgan").unwrap()).unwrap();
    let values = |lr: &str, seed: &str| vec![lr.to_owned(), seed.to_owned()];
    let members = [(values("1e-4", "0"), config.clone()), (values("1e-4", "a/b"), config)];
    RunSet::create(runs, "set", vec!["lr".to_owned(), "seed".to_owned()], &members)
}

#[test]
fn set_of_runs_is_found_again_without_deleted_ones() {
    let runs = tempfile::tempdir().unwrap();
    RunDir::create(runs.path(), "first").unwrap();
    let set = two_runs(runs.path()).unwrap();
    assert_eq!(set.path(), runs.path().join("00001-set"));
    assert_eq!(RunSet::open(set.path()).unwrap(), set);
    let labels: Vec<_> = set.members().iter().map(|member| set.label(member)).collect();
    assert_eq!(labels, ["lr=1e-4,seed=0", "lr=1e-4,seed=a/b"]);
    assert_eq!(set.setting(&set.members()[0]), "lr=1e-4");
    let last = set.path().join("00001-lr=1e-4,seed=a-b");
    assert_eq!(RunDir::newest(runs.path()).unwrap().path(), last);
    assert_eq!(RunDir::newest_or_set(runs.path()).unwrap().path(), set.path());
    assert!(matches!(RunDir::open(set.path()), Err(Error::NotARun { .. })));
    let states: Vec<_> = overviews(set.path()).unwrap().iter().map(|run| run.state).collect();
    assert_eq!(states, [State::Waiting; 2]);
    let lock = set.lock().unwrap();
    assert!(matches!(set.lock(), Err(Error::Locked { .. })));
    drop(lock);
    fs::remove_dir_all(last).unwrap();
    assert_eq!(RunSet::open(set.path()).unwrap().members(), &set.members()[..1]);
    fs::write(set.path().join("set.toml"), "keys = 1").unwrap();
    assert!(matches!(RunSet::open(set.path()), Err(Error::SetFile { .. })));
}

#[test]
#[cfg(unix)]
fn set_that_cannot_be_created_leaves_nothing() {
    let runs = tempfile::tempdir().unwrap();
    let config = Config::of_preset(find("cgan").unwrap()).unwrap();
    let not_text: &OsStr = std::os::unix::ffi::OsStrExt::from_bytes(b"\xff");
    let broken = Config { data_dir: Some(PathBuf::from(not_text)), ..config.clone() };
    let members = [(vec!["0".to_owned()], config), (vec!["1".to_owned()], broken)];
    let created = RunSet::create(runs.path(), "set", vec!["seed".to_owned()], &members);
    assert!(matches!(created, Err(Error::ConfigText { .. })), "{created:?}");
    assert_eq!(fs::read_dir(runs.path()).unwrap().count(), 0);
}
