//! Trains small presets and compares their run folders.

#[path = "sizes.rs"]
pub mod sizes;
#[allow(dead_code)] // other tests need more of it
#[path = "tensors.rs"]
pub mod tensors;

use std::collections::BTreeMap;
use std::fs;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::LazyLock;
use std::sync::atomic::AtomicBool;

use gan_cuda::data::{Dataset, DatasetKind, ImageShape, SearchPaths, Source};
use gan_cuda::device::ops::{Augmentation, Augmentations, LrDecay};
use gan_cuda::device::{Device, DeviceChoice};
use gan_cuda::eval::Evaluator;
use gan_cuda::formats::events::event_files;
use gan_cuda::formats::events::message::What;
use gan_cuda::formats::events::record::events;
use gan_cuda::gan::interval::Interval;
use gan_cuda::gan::preset::Preset;
use gan_cuda::gan::rewrite::Rewrite;
use gan_cuda::gan::settings::{Fakes, Loss, Settings};
use gan_cuda::run::checkpoint::Checkpoint;
use gan_cuda::run::config::Config;
use gan_cuda::run::dir::RunDir;
use gan_cuda::train::trainer::{Trainer, TrainingImages};
use tempfile::TempDir;

/// The first `count` embedded digits, converted to the shape `image`.
pub fn digits(count: usize, image: ImageShape) -> Dataset {
    static ALL: LazyLock<Dataset> =
        LazyLock::new(|| DatasetKind::Mnist.load(&SearchPaths::default()).unwrap());
    let Dataset { name, images, labels, classes, class_names, shape, origin, warnings } = &*ALL;
    let data = Dataset {
        name: name.clone(),
        images: images[..count * shape.pixels()].into(),
        labels: labels[..count].into(),
        classes: *classes,
        class_names: class_names.clone(),
        shape: *shape,
        origin: origin.clone(),
        warnings: warnings.clone(),
    };
    data.with_shape(image.height, image.channels).unwrap()
}

/// The stop flag of runs that are never stopped.
pub static NEVER: AtomicBool = AtomicBool::new(false);

/// The settings of a preset with sizes small enough for tests.
pub fn small(preset: &Preset) -> Settings {
    let rewrite =
        Rewrite { latent_dim: Some(10), ..sizes::two_layers(preset, 12, [24, 33], [32, 17]) };
    Settings { batch_size: 16, ..preset.rewritten(&rewrite).unwrap() }
}

/// Settings with fewer channels, if they are a convolutional preset's, where each is computed for every
/// pixel. Rounding errors grow faster in such networks: these are for comparisons of bits.
pub fn narrow(preset: &Preset, mut settings: Settings) -> Settings {
    if sizes::is_convolutional(preset) {
        let (g_hidden, d_hidden) = (Some(vec![12, 9]), Some(vec![16, 7]));
        let rewrite = Rewrite { g_hidden, d_hidden, ..Rewrite::default() };
        rewrite.apply(&preset.name, &mut settings).unwrap();
    }
    settings
}

/// Those of [`small`] with everything that can be combined with a preset without BatchNorm in its
/// discriminator.
pub fn with_everything(preset: &Preset) -> Settings {
    let mut settings = small(preset);
    settings.set_loss(Loss::Relativistic);
    (settings.r1, settings.r2, settings.gp) = (0.5, 0.3, 1.0);
    (settings.penalty_interval, settings.n_critic) = (2, 3);
    (settings.ema, settings.ema_warmup) = (Some(0.9), 2);
    (settings.lr_d, settings.lr_decay) = (Some(3e-4), LrDecay::Cosine);
    settings.fakes = Fakes::Fresh;
    settings.spectral_norm = true;
    settings.augment = Augmentations::from_iter([Augmentation::Translate, Augmentation::Colour]);
    if settings.classes.is_none() {
        let rewrite = Rewrite { pack: Some(2), ..Rewrite::default() };
        rewrite.apply(&preset.name, &mut settings).unwrap();
    }
    settings
}

/// The configuration of a small preset that writes all outputs at every `interval`.
pub fn config(preset: &Preset, iterations: u32, interval: u32) -> Config {
    let every = Interval::Iterations(NonZeroU32::new(interval).unwrap());
    Config {
        dataset: Some(Source::Named(DatasetKind::Mnist)),
        seed: 7,
        epochs: Some(1000),
        iterations: Some(iterations),
        sample_interval: every,
        log_interval: 1,
        checkpoint_interval: Some(every),
        keep: 100,
        device: DeviceChoice::Cpu,
        threads: 1,
        gan: narrow(preset, small(preset)),
        ..Config::of_preset(preset).unwrap()
    }
}

/// Starts a run on a device and trains it to its end.
pub fn train_on<D: Device>(device: D, config: &Config, data: &Dataset, runs: &Path) -> RunDir {
    let evaluator = evaluator(&device, config, data);
    let mut trainer =
        Trainer::begin(config.clone(), device, TrainingImages::of(data), runs, "test").unwrap();
    evaluator.into_iter().for_each(|evaluator| trainer.evaluate_with(evaluator));
    trainer.train(&mut (), &NEVER).unwrap();
    trainer.run().clone()
}

/// The same with the first `images` digits, in a new temporary folder.
pub fn trained<D: Device>(device: D, config: &Config, images: usize) -> (TempDir, Dataset, RunDir) {
    let runs = tempfile::tempdir().unwrap();
    let data = digits(images, config.gan.image);
    let run = train_on(device, config, &data, runs.path());
    (runs, data, run)
}

/// Resumes a run from its checkpoint of an iteration.
pub fn resume_on<D: Device>(
    device: D,
    config: &Config,
    data: &Dataset,
    run: &RunDir,
    iteration: u64,
) -> Trainer<D> {
    let locked = (run.clone(), run.lock().unwrap());
    let checkpoint = Checkpoint::load(&run.checkpoint(iteration)).unwrap();
    let evaluator = evaluator(&device, config, data);
    let mut trainer =
        Trainer::resume(config.clone(), device, TrainingImages::of(data), locked, &checkpoint)
            .unwrap();
    evaluator.into_iter().for_each(|evaluator| trainer.evaluate_with(evaluator));
    trainer
}

fn evaluator<D: Device>(device: &D, config: &Config, data: &Dataset) -> Option<Evaluator<D>> {
    let evaluator = || Evaluator::new(device, config, data, &mut |_, _| ()).unwrap();
    config.evaluate_interval.map(|_| evaluator())
}

/// All files of a run except its configuration, without timings.
pub fn left_by(run: &RunDir) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::from([("events".to_owned(), timeless_events(run).into_bytes())]);
    for folder in [run.path().to_owned(), run.samples()] {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(run.path()).unwrap().to_str().unwrap().to_owned();
            match name.as_str() {
                "config.toml" | ".lock" | "samples" => {}
                _ if name.starts_with("events.") => {}
                "stats.jsonl" => drop(files.insert(name, timeless_stats(&path).into_bytes())),
                _ if path.is_dir() => add_checkpoint(&mut files, &name, &path),
                _ => drop(files.insert(name, fs::read(&path).unwrap())),
            }
        }
    }
    files
}

fn timeless_stats(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let timeless = |line: &str| {
        let mut entry: serde_json::Value = serde_json::from_str(line).unwrap();
        for key in ["seconds", "images_per_second"] {
            entry.as_object_mut().unwrap().remove(key);
        }
        entry.to_string() + "\n"
    };
    text.lines().map(timeless).collect()
}

/// The values of all event files of a run.
fn timeless_events(run: &RunDir) -> String {
    let files = event_files(run.path()).unwrap();
    let all = files.iter().flat_map(|path| {
        let bytes = fs::read(path).unwrap();
        let whole = events(&bytes).map(|(end, _)| end).last();
        assert_eq!(whole, Some(bytes.len()), "checksums are right to the last byte");
        events(&bytes).map(|(_, event)| event).collect::<Vec<_>>()
    });
    let values = all.filter_map(|event| match event.what {
        Some(What::Summary(summary)) => Some((event.step, summary.value)),
        _ => None,
    });
    let values = values.flat_map(|(step, values)| values.into_iter().map(move |v| (step, v)));
    let timeless = values.filter(|(_, v)| v.tag != "config" && v.tag != "images_per_second");
    timeless.map(|(step, value)| format!("{step}: {value:?}\n")).collect()
}

fn add_checkpoint(files: &mut BTreeMap<String, Vec<u8>>, name: &str, path: &Path) {
    let checkpoint = Checkpoint::load(path).unwrap();
    let Checkpoint { generator, average, discriminator, state } = &checkpoint;
    let [generator, discriminator, mut state] =
        [generator, discriminator, state].map(tensors::copy);
    // The lengths of the journal depend on the number of digits of the seconds.
    for key in ["seconds", "stats_bytes", "config", "crc32_state"] {
        state.metadata.remove(key).unwrap();
    }
    let average = average.as_ref().map(|average| ("generator_ema", tensors::copy(average)));
    let others = [("generator", generator), ("discriminator", discriminator), ("state", state)];
    for (file, writer) in others.into_iter().chain(average) {
        files.insert(format!("{name}/{file}"), tensors::bytes(writer));
    }
}

/// Fails with the names of the files that differ.
#[track_caller]
pub fn assert_same(got: &BTreeMap<String, Vec<u8>>, want: &BTreeMap<String, Vec<u8>>, what: &str) {
    let names: Vec<_> = [got, want].map(|files| files.keys().collect::<Vec<_>>()).into();
    assert_eq!(names[0], names[1], "{what}: different files");
    let differ: Vec<_> = got.keys().filter(|&name| got[name] != want[name]).collect();
    assert!(differ.is_empty(), "{what}: different bytes in {differ:?}");
}

/// Removes the total number of epochs from the log, which depends on the number of iterations.
pub fn without_total_epochs(files: &mut BTreeMap<String, Vec<u8>>) {
    let log = String::from_utf8(files.remove("log.txt").unwrap()).unwrap();
    let line = |line: &str| {
        let Some((epoch, rest)) = line.split_once('/') else { return format!("{line}\n") };
        format!("{epoch}{}\n", &rest[rest.find(']').unwrap()..])
    };
    files.insert("log.txt".to_owned(), log.lines().map(line).collect::<String>().into_bytes());
}
