//! Starts, resumes and branches runs.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use tracing::info;

use super::Trainer;
use super::fixed_samples::FixedSamples;
use crate::data::Dataset;
use crate::device::{Device, Ranks};
use crate::formats::events::{self, EventFile};
use crate::formats::files::write_atomic;
use crate::gan::dataset::{DeviceDataset, DeviceImages, Schedule};
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

/// The images that a run is trained on.
pub struct TrainingImages<'a, D: Device> {
    data: &'a Dataset,
    resident: Option<Arc<DeviceImages<D>>>,
}

impl<'a, D: Device> TrainingImages<'a, D> {
    /// A data set, which is copied to the device for this run.
    pub fn of(data: &'a Dataset) -> Self {
        Self { data, resident: None }
    }

    /// A data set that is in device memory already, which several runs share.
    pub fn resident(data: &'a Dataset, resident: Arc<DeviceImages<D>>) -> Self {
        Self { data, resident: Some(resident) }
    }
}

impl<D: Device> Trainer<D> {
    /// Starts a run in a new folder in `runs_dir`.
    ///
    /// # Errors
    /// When the device does not have enough memory, the data set does not fit the model, or the
    /// folder cannot be written.
    #[inline(never)]
    pub fn begin(
        config: Config,
        device: D,
        images: TrainingImages<'_, D>,
        runs_dir: &Path,
        name: &str,
    ) -> Result<Self> {
        let data = images.data;
        let (mut gan, images) = build(&config, device, images)?;
        initial_weights::initialize(&mut gan, &config)?;
        Self::in_new_folder(config, gan, images, data, 0.0, (runs_dir, name))
    }

    /// Starts a run in a folder that exists already and has nothing but a `config.toml`, which is
    /// overwritten.
    ///
    /// # Errors
    /// As [`Trainer::begin`].
    #[inline(never)]
    pub fn begin_in(
        run: RunDir,
        config: Config,
        device: D,
        images: TrainingImages<'_, D>,
    ) -> Result<Self> {
        let data = images.data;
        let (mut gan, images) = build(&config, device, images)?;
        initial_weights::initialize(&mut gan, &config)?;
        Self::in_folder(run, config, gan, images, data, 0.0)
    }

    /// Starts a run in a new folder from a checkpoint of another run, which may have been trained
    /// on other images and with other learning rates, but must have the same networks. Weights,
    /// Adam's moments and step counts, the iteration and the training time continue. The epoch and
    /// the position in it follow from the iteration and the division of these images into batches.
    /// `folder` is the folder of runs and the name of the new run.
    ///
    /// # Errors
    /// As [`Trainer::begin`]; [`Error::NothingLeft`]; when the checkpoint has other networks.
    #[inline(never)]
    pub fn branch(
        config: Config,
        device: D,
        images: TrainingImages<'_, D>,
        checkpoint: &Checkpoint,
        folder: (&Path, &str),
    ) -> Result<Self> {
        let data = images.data;
        let (mut gan, images) = build(&config, device, images)?;
        let progress = restore_to_branch(&mut gan, checkpoint, &config, images.schedule())?;
        Self::in_new_folder(config, gan, images, data, progress.seconds, folder)
    }

    fn in_new_folder(
        config: Config,
        gan: Gan<D>,
        images: DeviceDataset<D>,
        data: &Dataset,
        seconds: f64,
        (runs_dir, name): (&Path, &str),
    ) -> Result<Self> {
        // After all checks, so that a run that cannot start leaves no folder behind.
        let run = RunDir::create(runs_dir, name)?;
        let trainer = Self::in_folder(run.clone(), config, gan, images, data, seconds);
        if trainer.is_err() {
            // It contains no checkpoint yet.
            let _ = std::fs::remove_dir_all(run.path());
        }
        info!(run = %run.path().display(), begun = trainer.is_ok(), "a new run");
        trainer
    }

    fn in_folder(
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
        let (files, state) = ((run, lock, journal), (seconds, data.checksum()));
        let mut trainer = Self::assemble(config, gan, images, files, data, state)?;
        trainer.create_event_file()?;
        trainer.write_real_images(data)?;
        if trainer.gan.completed() > 0 {
            // A branch must not depend on the checkpoint that it started from.
            trainer.write_checkpoint()?;
        }
        Ok(trainer)
    }

    /// Resumes a run, locked and [clean](RunDir::clean), from one of its checkpoints. Removes what
    /// the run wrote after that checkpoint, once all checks have passed, unless there is nothing
    /// left to train.
    ///
    /// # Errors
    /// As [`Trainer::begin`], and when the checkpoint has another configuration or other images.
    #[inline(never)]
    pub fn resume(
        config: Config,
        device: D,
        images: TrainingImages<'_, D>,
        (run, lock): (RunDir, RunLock),
        checkpoint: &Checkpoint,
    ) -> Result<Self> {
        let data = images.data;
        let (mut gan, images) = build(&config, device, images)?;
        let progress = restore(&mut gan, checkpoint, &config, data)?;
        let Progress { iteration, lengths, .. } = progress;
        let (journal, lost) = Journal::open(&run, lengths, iteration)?;
        info!(run = %run.path().display(), iteration, ?lengths, "resuming");
        let files = (run, lock, journal);
        let state = (progress.seconds, progress.data);
        let mut trainer = Self::assemble(config, gan, images, files, data, state)?;
        if iteration < trainer.total() {
            trainer.pending_warnings = lost;
            trainer.discard_after(iteration)?;
            trainer.create_event_file()?;
        }
        Ok(trainer)
    }

    /// Removes the run's files and log entries of later iterations.
    fn discard_after(&mut self, iteration: u32) -> Result<()> {
        write_atomic(&self.run.config(), self.config.to_text()?.as_bytes())?;
        self.run.discard_after(iteration.into())?;
        self.journal.truncate()?;
        Ok(events::truncate(self.run.path(), iteration)?)
    }

    /// Creates TensorBoard's event file, if the configuration asks for it.
    fn create_event_file(&mut self) -> Result<()> {
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
        let real_images = fixed.matching_real_images(data, &config.gan);
        let spread = fixed.spread(&real_images, &config.gan);
        let completed = gan.completed();
        Ok(Self {
            health: Health::new(config.gan.loss, config.gan.d_loss_scale, completed, spread),
            fixed,
            config,
            gan,
            images,
            run,
            _lock: lock,
            journal,
            events: None,
            leader: None,
            evaluator: None,
            data_checksum: checksum,
            data_stats: image_stats::of_data(data),
            pending_warnings: Vec::new(),
            picture_failed: false,
            clock: (seconds, Instant::now()),
            first_iteration: completed,
            saved: Instant::now(),
        })
    }
}

/// Restores networks built for a run's configuration from a checkpoint, to resume the run.
///
/// # Errors
/// As [`snapshot::restore`]; [`Error::ConfigChanged`] and [`Error::DataChanged`] when configuration
/// or images differ from the checkpoint's.
#[inline(never)]
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

/// Restores networks from a checkpoint to branch a run, which may be trained differently from
/// there, on images divided into batches by `schedule`.
///
/// # Errors
/// As [`snapshot::restore`]; [`Error::NothingLeft`].
#[inline(never)]
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

/// Checks that a configuration trains in the same way as a checkpoint's; needs no images.
///
/// # Errors
/// [`Error::ConfigChanged`].
pub fn expect_same_training(checkpoint: &Checkpoint, config: &Config) -> Result<()> {
    match config.training_difference(&snapshot::config(checkpoint)?)? {
        Some(key) => Err(Error::ConfigChanged { key }),
        None => Ok(()),
    }
}

/// Checks that images are those of a checkpoint.
///
/// # Errors
/// [`Error::DataChanged`].
pub fn expect_same_images(checkpoint: &Checkpoint, data: &Dataset) -> Result<()> {
    match snapshot::data_checksum(checkpoint)? == data.checksum() {
        true => Ok(()),
        false => Err(Error::DataChanged { origin: data.origin.to_string() }),
    }
}

/// Creates the networks for a configuration, and copies the data set to the device unless it is there
/// already.
///
/// # Errors
/// When the device does not have enough memory, or the data set does not fit the model.
#[inline(never)]
pub fn build<D: Device>(
    config: &Config,
    device: D,
    images: TrainingImages<'_, D>,
) -> Result<(Gan<D>, DeviceDataset<D>)> {
    let TrainingImages { data, resident } = images;
    let model = config.model()?;
    let schedule = schedule_of_ranks(&model, data, device.ranks())?;
    Plan::fitting(&device, &model, if resident.is_some() { 0 } else { data.len() })?;
    let mut gan = Gan::new(device, model, config.seed)?;
    gan.set_total(config.total(schedule));
    let resident = match resident {
        Some(resident) => resident,
        None => Arc::new(DeviceImages::new(gan.device(), &data.images, &data.labels)?),
    };
    let images = DeviceDataset::of(gan.device(), resident, schedule)?;
    Ok((gan, images))
}

/// How a data set is divided into batches for a model.
///
/// # Errors
/// [`Error::TooFewImages`] when an epoch would have no iterations.
pub fn schedule(model: &Model, data: &Dataset) -> Result<Schedule> {
    schedule_of_ranks(model, data, Ranks::ALONE)
}

fn schedule_of_ranks(model: &Model, data: &Dataset, ranks: Ranks) -> Result<Schedule> {
    let batch_size = model.settings().batch_size;
    let least = if model.settings().drop_last { batch_size } else { model.least_batch_of(ranks) };
    let schedule = Schedule { images: data.len(), batch_size, least };
    match schedule.iterations() {
        0 => {
            let (images, normalizes) = (data.len(), model.normalizes());
            Err(Error::TooFewImages { images, batch_size, normalizes })
        }
        _ => Ok(schedule),
    }
}
