//! The beginning of a run, and of going on with one.

use std::path::Path;
use std::time::Instant;

use tracing::info;

use super::Trainer;
use super::fixed_samples::FixedSamples;
use crate::data::Dataset;
use crate::device::Device;
use crate::formats::events::{self, EventFile};
use crate::formats::files::write_whole;
use crate::gan::dataset::{DeviceDataset, Schedule};
use crate::gan::plan::Plan;
use crate::gan::{Gan, Model};
use crate::picture::image_stats;
use crate::run::checkpoint::Checkpoint;
use crate::run::config::Config;
use crate::run::dir::RunDir;
use crate::run::journal::Journal;
use crate::run::lock::RunLock;
use crate::run::snapshot::{self, Progress};
use crate::train::health::Health;
use crate::train::{Error, Result};

impl<D: Device> Trainer<D> {
    /// Begins a run in a new folder below `runs_dir`.
    ///
    /// # Errors
    /// When the device has not enough memory, the data set does not fit the set-up, or the
    /// folder cannot be written.
    pub fn begin(
        config: Config,
        device: D,
        data: &Dataset,
        runs_dir: &Path,
        name: &str,
    ) -> Result<Self> {
        let (mut gan, images) = build(&config, device, data)?;
        snapshot::initialize(&mut gan, &config)?;
        // Last, so that a run that cannot be leaves no folder behind.
        let run = RunDir::create(runs_dir, name)?;
        let begun = Self::begin_in(run.clone(), config, gan, images, data);
        if begun.is_err() {
            // Nothing of a run is in it yet.
            let _ = std::fs::remove_dir_all(run.path());
        }
        info!(run = %run.path().display(), begun = begun.is_ok(), "a new run");
        begun
    }

    fn begin_in(
        run: RunDir,
        config: Config,
        gan: Gan<D>,
        images: DeviceDataset<D>,
        data: &Dataset,
    ) -> Result<Self> {
        let lock = run.lock()?;
        write_whole(&run.config(), config.to_text()?.as_bytes())?;
        let journal = Journal::create(&run)?;
        let (parts, begun) = ((run, lock, journal), (0.0, data.checksum()));
        let mut trainer = Self::assemble(config, gan, images, parts, data, begun)?;
        trainer.begin_events()?;
        trainer.write_reals(data)?;
        Ok(trainer)
    }

    /// Goes on with a run, locked and [clean](RunDir::clean), from its checkpoint of an iteration.
    /// What it wrote after that is removed, unless there is nothing to do.
    ///
    /// # Errors
    /// As [`Trainer::begin`], and when the checkpoint is damaged or of another set-up.
    pub fn resume(
        config: Config,
        device: D,
        data: &Dataset,
        (run, lock): (RunDir, RunLock),
        iteration: u64,
    ) -> Result<Self> {
        let (mut gan, images) = build(&config, device, data)?;
        let checkpoint = Checkpoint::load(&run.checkpoint(iteration))?;
        let progress = restore(&mut gan, &checkpoint, &config, data)?;
        let journal = Journal::open(&run, progress.positions)?;
        info!(run = %run.path().display(), iteration, positions = ?progress.positions, "going on");
        let parts = (run, lock, journal);
        let begun = (progress.seconds, progress.data);
        let mut trainer = Self::assemble(config, gan, images, parts, data, begun)?;
        if trainer.gan.completed() < trainer.total() {
            trainer.forget_after(iteration)?;
            trainer.begin_events()?;
        }
        Ok(trainer)
    }

    /// Removes what the run has of later iterations.
    fn forget_after(&mut self, iteration: u64) -> Result<()> {
        write_whole(&self.run.config(), self.config.to_text()?.as_bytes())?;
        self.run.discard_after(iteration)?;
        self.journal.cut()?;
        Ok(events::cut(self.run.path(), self.gan.completed())?)
    }

    /// Begins an event file, if one is wanted.
    fn begin_events(&mut self) -> Result<()> {
        if self.config.tensorboard {
            let completed = self.gan.completed();
            let mut events = EventFile::create(self.run.path(), completed)?;
            events.text(completed, "config", format!("```toml\n{}```", self.config.to_text()?))?;
            self.events = Some(events);
        }
        Ok(())
    }

    fn assemble(
        config: Config,
        gan: Gan<D>,
        images: DeviceDataset<D>,
        (run, lock, journal): (RunDir, RunLock, Journal),
        data: &Dataset,
        (seconds, checksum): (f64, u32),
    ) -> Result<Self> {
        let fixed = FixedSamples::new(&gan, config.sample_grid, config.seed)?;
        let reals = fixed.spread(&fixed.alike_of(data, &config.gan), &config.gan);
        Ok(Self {
            health: Health::new(config.gan.loss, gan.completed(), reals),
            fixed,
            config,
            gan,
            images,
            run,
            _lock: lock,
            journal,
            events: None,
            data: checksum,
            data_stats: image_stats::of_data(data),
            clock: (seconds, Instant::now()),
            saved: Instant::now(),
        })
    }
}

/// Puts a run's checkpoint into networks made for its configuration, to go on with its data.
///
/// # Errors
/// As [`snapshot::restore`]; [`Error::ConfigChanged`] and [`Error::DataChanged`] when the run would
/// go on otherwise than it began.
pub fn restore<D: Device>(
    gan: &mut Gan<D>,
    checkpoint: &Checkpoint,
    config: &Config,
    data: &Dataset,
) -> Result<Progress> {
    // Where the images lie may change; that they are the same is seen by their checksum.
    let (dataset, data_dir) = (config.dataset.clone(), config.data_dir.clone());
    let begun = Config { dataset, data_dir, ..snapshot::config(checkpoint)? };
    if let Some(key) = config.other_training(&begun)? {
        return Err(Error::ConfigChanged { key });
    }
    let progress = snapshot::restore(gan, checkpoint, config)?;
    match progress.data == data.checksum() {
        true => Ok(progress),
        false => Err(Error::DataChanged { origin: data.origin.to_string() }),
    }
}

/// Networks and resident data for a configuration.
///
/// # Errors
/// When the device has not enough memory, or the data set does not fit the set-up.
pub fn build<D: Device>(
    config: &Config,
    device: D,
    data: &Dataset,
) -> Result<(Gan<D>, DeviceDataset<D>)> {
    let model = config.model()?;
    let schedule = schedule(&model, data)?;
    Plan::fitting(&device, &model, data.len())?;
    let gan = Gan::new(device, model, config.seed)?;
    let images = DeviceDataset::new(gan.device(), &data.images, &data.labels, schedule)?;
    Ok((gan, images))
}

/// How a data set is cut into batches for a model.
///
/// # Errors
/// [`Error::TooFewImages`] when an epoch would have no iteration.
pub fn schedule(model: &Model, data: &Dataset) -> Result<Schedule> {
    let batch_size = model.settings().batch_size;
    // A batch of one cannot pass a BatchNorm in training mode: it has no variance.
    let least = match (model.settings().drop_last, model.normalizes()) {
        (true, _) => batch_size,
        (false, true) => 2,
        (false, false) => 1,
    };
    let schedule = Schedule { images: data.len(), batch_size, least };
    match schedule.iterations() {
        0 => {
            let (images, normalizes) = (data.len(), model.normalizes());
            Err(Error::TooFewImages { images, batch_size, normalizes })
        }
        _ => Ok(schedule),
    }
}
