//! The beginning of a run, and of going on with one.

use std::path::Path;
use std::time::Instant;

use tracing::info;

use super::Trainer;
use super::fixed_samples::FixedSamples;
use crate::data::Dataset;
use crate::device::Device;
use crate::formats::events::{self, EventFile};
use crate::formats::files::write_atomic;
use crate::gan::dataset::{DeviceDataset, Schedule};
use crate::gan::plan::Plan;
use crate::gan::{Gan, Model};
use crate::picture::image_stats;
use crate::run::checkpoint::Checkpoint;
use crate::run::config::Config;
use crate::run::dir::RunDir;
use crate::run::initial_weights;
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
        initial_weights::initialize(&mut gan, &config)?;
        Self::in_new_folder(config, gan, images, data, 0.0, (runs_dir, name))
    }

    /// Begins a run in a new folder from a checkpoint of another one, which may have learnt from
    /// other images and at other rates, but must have the same networks. Weights, Adam's moments and
    /// steps, the count of iterations and the clock go on; where in which epoch the next iteration
    /// lies follows from that count and from how these images are cut into batches.
    ///
    /// # Errors
    /// As [`Trainer::begin`]; [`Error::NothingLeft`]; when the checkpoint is of other networks.
    pub fn branch(
        config: Config,
        device: D,
        data: &Dataset,
        checkpoint: &Checkpoint,
        place: (&Path, &str),
    ) -> Result<Self> {
        let (mut gan, images) = build(&config, device, data)?;
        let progress = restore_to_branch(&mut gan, checkpoint, &config, images.schedule())?;
        Self::in_new_folder(config, gan, images, data, progress.seconds, place)
    }

    fn in_new_folder(
        config: Config,
        gan: Gan<D>,
        images: DeviceDataset<D>,
        data: &Dataset,
        seconds: f64,
        (runs_dir, name): (&Path, &str),
    ) -> Result<Self> {
        // Last, so that a run that cannot be leaves no folder behind.
        let run = RunDir::create(runs_dir, name)?;
        let begun = Self::begin_in(run.clone(), config, gan, images, data, seconds);
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
        seconds: f64,
    ) -> Result<Self> {
        let lock = run.lock()?;
        write_atomic(&run.config(), config.to_text()?.as_bytes())?;
        let journal = Journal::create(&run)?;
        let (parts, begun) = ((run, lock, journal), (seconds, data.checksum()));
        let mut trainer = Self::assemble(config, gan, images, parts, data, begun)?;
        trainer.begin_events()?;
        trainer.write_reals(data)?;
        if trainer.gan.completed() > 0 {
            // What it began from may be deleted.
            trainer.write_checkpoint()?;
        }
        Ok(trainer)
    }

    /// Goes on with a run, locked and [clean](RunDir::clean), from a checkpoint of it. What it wrote
    /// after that is removed when all else is sure, unless there is nothing to do.
    ///
    /// # Errors
    /// As [`Trainer::begin`], and when the checkpoint is of another set-up or of other images.
    pub fn resume(
        config: Config,
        device: D,
        data: &Dataset,
        (run, lock): (RunDir, RunLock),
        checkpoint: &Checkpoint,
    ) -> Result<Self> {
        let (mut gan, images) = build(&config, device, data)?;
        let progress = restore(&mut gan, checkpoint, &config, data)?;
        let Progress { iteration, lengths, .. } = progress;
        let (journal, lost) = Journal::open(&run, lengths, iteration)?;
        info!(run = %run.path().display(), iteration, ?lengths, "going on");
        let parts = (run, lock, journal);
        let begun = (progress.seconds, progress.data);
        let mut trainer = Self::assemble(config, gan, images, parts, data, begun)?;
        if iteration < trainer.total() {
            trainer.remarks = lost;
            trainer.forget_after(iteration)?;
            trainer.begin_events()?;
        }
        Ok(trainer)
    }

    /// Removes what the run has of later iterations.
    fn forget_after(&mut self, iteration: u32) -> Result<()> {
        write_atomic(&self.run.config(), self.config.to_text()?.as_bytes())?;
        self.run.discard_after(iteration.into())?;
        self.journal.truncate()?;
        Ok(events::truncate(self.run.path(), iteration)?)
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
        let completed = gan.completed();
        Ok(Self {
            health: Health::new(config.gan.loss, config.gan.d_loss_scale, completed, reals),
            fixed,
            config,
            gan,
            images,
            run,
            _lock: lock,
            journal,
            events: None,
            evaluator: None,
            data: checksum,
            data_stats: image_stats::of_data(data),
            remarks: Vec::new(),
            without_pictures: false,
            clock: (seconds, Instant::now()),
            begun: completed,
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
    expect_same_training(checkpoint, config)?;
    let progress = snapshot::restore(gan, checkpoint, config)?;
    expect_same_images(checkpoint, data)?;
    Ok(progress)
}

/// Puts a checkpoint into networks that may learn otherwise from there, on images that are cut into
/// batches by `schedule`.
///
/// # Errors
/// As [`snapshot::restore`]; [`Error::NothingLeft`].
pub fn restore_to_branch<D: Device>(
    gan: &mut Gan<D>,
    checkpoint: &Checkpoint,
    config: &Config,
    schedule: Schedule,
) -> Result<Progress> {
    let progress = snapshot::restore(gan, checkpoint, config)?;
    let (done, total) = (progress.iteration, config.total(schedule));
    match done < total {
        true => Ok(progress),
        false => Err(Error::NothingLeft { done, total }),
    }
}

/// Makes sure that a configuration trains as that of a checkpoint did; needs no images.
///
/// # Errors
/// [`Error::ConfigChanged`].
pub fn expect_same_training(checkpoint: &Checkpoint, config: &Config) -> Result<()> {
    match config.training_difference(&snapshot::config(checkpoint)?)? {
        Some(key) => Err(Error::ConfigChanged { key }),
        None => Ok(()),
    }
}

/// Makes sure that images are those of a checkpoint.
///
/// # Errors
/// [`Error::DataChanged`].
pub fn expect_same_images(checkpoint: &Checkpoint, data: &Dataset) -> Result<()> {
    match snapshot::data_checksum(checkpoint)? == data.checksum() {
        true => Ok(()),
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
