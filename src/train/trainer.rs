//! The training loop: next batch, iteration, log, sample, save.

use std::path::Path;
use std::time::{Duration, Instant};

use super::checkpoint::Checkpoint;
use super::config::Config;
use super::display::{Display, Place, Verbosity, line};
use super::files::write_whole;
use super::grid::write_grid;
use super::journal::Journal;
use super::plot::write_loss_plot;
use super::records::{Record, read_records};
use super::run_dir::RunDir;
use super::run_lock::RunLock;
use super::snapshot::{self, Progress};
use crate::data::Dataset;
use crate::device::{Device, Real};
use crate::gan::arrangement::Arrangement;
use crate::gan::draws::{Resident, Schedule};
use crate::gan::plan::Plan;
use crate::gan::preset::{Interval, Preset};
use crate::gan::settings::Settings;
use crate::gan::{Gan, Metrics};
use crate::{Error, Result};

/// The shortest time between two checkpoints where no interval was asked for.
const CHECKPOINT_PACE: Duration = Duration::from_secs(60);

/// A run: networks, data and a folder.
pub struct Trainer<D: Device> {
    config: Config,
    gan: Gan<D>,
    images: Resident<D>,
    run: RunDir,
    _lock: RunLock,
    journal: Journal,
    fixed: FixedSamples<D>,
    /// Checksum of the data set.
    data: u32,
    /// Training time before this process, and when this one began.
    clock: (f64, Instant),
    saved: Instant,
}

/// The noise and labels that every sample grid of a run is made from.
struct FixedSamples<D: Device> {
    noise: Vec<D::Real>,
    labels: Vec<u32>,
    columns: usize,
}

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
        let text = config.to_text()?;
        // Last, so that a run that cannot be leaves no folder behind.
        let run = RunDir::create(runs_dir, name)?;
        let lock = run.lock()?;
        write_whole(&run.config(), text.as_bytes())?;
        let journal = Journal::create(&run)?;
        let trainer =
            Self::assemble(config, gan, images, run, lock, journal, (0.0, data.checksum()))?;
        trainer.write_reals(data)?;
        Ok(trainer)
    }

    /// Goes on with a run from its checkpoint of some iteration.
    ///
    /// # Errors
    /// As [`Trainer::begin`], and when the checkpoint is damaged or of another set-up.
    pub fn resume(
        config: Config,
        device: D,
        data: &Dataset,
        run: RunDir,
        iteration: u64,
    ) -> Result<Self> {
        let (mut gan, images) = build(&config, device, data)?;
        let lock = run.lock()?;
        run.clean()?;
        let checkpoint = Checkpoint::load(&run.checkpoint(iteration))?;
        let progress = snapshot::restore(&mut gan, &checkpoint)?;
        let checksum = data.checksum();
        if progress.data != checksum {
            return Err(Error::DataChanged { origin: data.origin.to_string() });
        }
        run.discard_after(iteration)?;
        let journal = Journal::resume(&run, progress.positions)?;
        write_whole(&run.config(), config.to_text()?.as_bytes())?;
        Self::assemble(config, gan, images, run, lock, journal, (progress.seconds, checksum))
    }

    fn assemble(
        config: Config,
        gan: Gan<D>,
        images: Resident<D>,
        run: RunDir,
        lock: RunLock,
        journal: Journal,
        (seconds, data): (f64, u32),
    ) -> Result<Self> {
        Ok(Self {
            fixed: FixedSamples::new(&gan, config.seed)?,
            config,
            gan,
            images,
            run,
            _lock: lock,
            journal,
            data,
            clock: (seconds, Instant::now()),
            saved: Instant::now(),
        })
    }

    /// Trains to the end of the run.
    ///
    /// # Errors
    /// When the device fails or the run folder cannot be written; what was saved stays.
    pub fn train(&mut self, verbosity: Verbosity) -> Result<()> {
        let schedule = self.images.schedule();
        let (start, total) = (self.gan.completed(), self.total());
        let mut display = Display::new(verbosity, start, total);
        self.clock.1 = Instant::now();
        if start == 0 {
            self.sample(&display)?;
        }
        while self.gan.completed() < total {
            let done = self.gan.completed();
            if done == start || (done as usize).is_multiple_of(schedule.iterations()) {
                let epoch = schedule.epoch(done);
                self.images.shuffle(self.gan.device(), self.config.seed, epoch)?;
            }
            let rows = schedule.rows(done);
            self.gan.iterate(&self.images, rows);
            let place = self.place();
            let show = display.advance(place, rows);
            let last = place.iteration.0 == total;
            let log = last || place.iteration.0.is_multiple_of(self.config.log_interval);
            if show || log {
                let metrics = self.gan.metrics(place.iteration.0)?;
                if show || last {
                    display.show(place, &metrics);
                }
                if log {
                    self.log(place, &metrics)?;
                }
            }
            if last || self.is_due(self.config.sample_interval) {
                self.sample(&display)?;
            }
            if last || self.checkpoint_is_due() {
                self.save(&display)?;
            }
        }
        display.finish();
        Ok(())
    }

    /// Iterations after which the run ends.
    pub fn total(&self) -> u32 {
        self.config.total(self.schedule())
    }

    /// The networks.
    pub fn gan(&self) -> &Gan<D> {
        &self.gan
    }

    /// The run's folder.
    pub fn run(&self) -> &RunDir {
        &self.run
    }

    /// The memory that the run takes on its device.
    pub fn plan(&self) -> Plan {
        Plan::new::<D>(self.gan.preset(), self.gan.settings(), self.schedule().images)
    }

    /// How the data set is cut into batches.
    pub fn schedule(&self) -> Schedule {
        self.images.schedule()
    }

    fn place(&self) -> Place {
        let per_epoch = self.images.schedule().iterations() as u32;
        let (done, total) = (self.gan.completed(), self.total());
        let before = done.saturating_sub(1);
        Place {
            iteration: (done, total),
            epoch: (before / per_epoch + 1, total.div_ceil(per_epoch)),
            batch: (before % per_epoch + 1, per_epoch),
        }
    }

    fn is_due(&self, interval: Interval) -> bool {
        let every = match interval {
            Interval::Iterations(every) => every.get(),
            Interval::Epoch => self.images.schedule().iterations() as u32,
        };
        self.gan.completed().is_multiple_of(every)
    }

    fn checkpoint_is_due(&self) -> bool {
        match self.config.checkpoint_interval {
            Some(interval) => self.is_due(interval),
            None => self.is_due(Interval::Epoch) && self.saved.elapsed() >= CHECKPOINT_PACE,
        }
    }

    fn seconds(&self) -> f64 {
        self.clock.0 + self.clock.1.elapsed().as_secs_f64()
    }

    fn log(&mut self, place: Place, metrics: &Metrics) -> Result<()> {
        let seconds = self.seconds();
        let iteration = u64::from(place.iteration.0);
        self.journal.line(&line(place, metrics))?;
        self.journal.record(Record {
            iteration,
            epoch: u64::from(place.epoch.0),
            loss_d: metrics.loss_d as f32,
            loss_g: metrics.loss_g as f32,
            d_real: metrics.d_real as f32,
            d_fake: metrics.d_fake as f32,
            images_per_second: (self.images_seen() as f64 / seconds.max(1e-9)) as f32,
            seconds,
        })
    }

    /// Real images learnt from since the run's beginning.
    fn images_seen(&self) -> u64 {
        let schedule = self.images.schedule();
        let done = self.gan.completed() as usize;
        let (epochs, rest) = (done / schedule.iterations(), done % schedule.iterations());
        let whole = schedule.images.min(schedule.iterations() * schedule.batch_size);
        (epochs * whole + rest * schedule.batch_size) as u64
    }

    /// Makes a sample grid.
    fn sample(&mut self, display: &Display) -> Result<()> {
        let images = self.gan.sample(&self.fixed.noise, &self.fixed.labels)?;
        let images: Vec<f32> = images.into_iter().map(|x| x.to_f64() as f32).collect();
        let path = self.run.sample(u64::from(self.gan.completed()));
        write_grid(&path, &images, self.gan.image(), self.fixed.columns)?;
        display.whisper(&format!("wrote {}", path.display()));
        Ok(())
    }

    /// Writes a checkpoint and redraws the plot of the losses.
    fn save(&mut self, display: &Display) -> Result<()> {
        let positions = self.journal.sync()?;
        let iteration = self.gan.completed();
        let seconds = self.seconds();
        let progress = Progress { iteration, seconds, positions, data: self.data };
        let checkpoint = snapshot::take(&self.gan, &self.config, progress)?;
        let path = checkpoint.save(&self.run, u64::from(iteration))?;
        self.run.prune(self.config.keep)?;
        self.plot_losses()?;
        self.saved = Instant::now();
        display.whisper(&format!("wrote {}", path.display()));
        Ok(())
    }

    fn plot_losses(&self) -> Result<()> {
        let records = read_records(&self.run.stats())?;
        let points: Vec<_> = records.iter().map(|r| (r.iteration, r.loss_d, r.loss_g)).collect();
        let title = format!("{} on {}", self.config.preset, self.config.dataset);
        write_loss_plot(&self.run.loss_plot(), &points, &title)
    }

    /// A grid of real images, arranged like the grids of samples.
    fn write_reals(&self, data: &Dataset) -> Result<()> {
        let of_class = |class: u32| {
            let labels = data.labels.iter().enumerate();
            labels.filter(move |&(_, &l)| l == class).map(|(i, _)| i).take(self.fixed.columns)
        };
        let chosen: Vec<usize> = match self.config.gan.classes {
            Some(classes) => (0..classes as u32).flat_map(of_class).collect(),
            None => (0..data.len().min(self.fixed.len(&self.config.gan))).collect(),
        };
        let bytes = chosen.iter().flat_map(|&i| data.image(i));
        let images: Vec<f32> = bytes.map(|&u| f32::from(u) / 127.5 - 1.0).collect();
        write_grid(&self.run.reals(), &images, data.shape, self.fixed.columns)
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
) -> Result<(Gan<D>, Resident<D>)> {
    let preset = config.preset()?;
    let schedule = schedule(preset, &config.gan, data)?;
    Plan::fitting(&device, preset, &config.gan, data.len())?;
    let gan = Gan::new(device, preset, config.gan.clone(), config.seed)?;
    let images = Resident::new(gan.device(), &data.images, &data.labels, schedule)?;
    Ok((gan, images))
}

/// How a set-up cuts a data set into batches.
///
/// # Errors
/// [`Error::TooFewImages`] when an epoch would have no iteration.
pub fn schedule(preset: &Preset, settings: &Settings, data: &Dataset) -> Result<Schedule> {
    // A batch of one cannot pass a BatchNorm in training mode: it has no variance.
    let least = match (preset.drop_last, settings.bn_eps) {
        (true, _) => settings.batch_size,
        (false, Some(_)) => 2,
        (false, None) => 1,
    };
    let schedule = Schedule { images: data.len(), batch_size: settings.batch_size, least };
    match schedule.iterations() {
        0 => Err(Error::TooFewImages { images: data.len(), batch_size: settings.batch_size }),
        _ => Ok(schedule),
    }
}

impl<D: Device> FixedSamples<D> {
    fn new(gan: &Gan<D>, seed: u64) -> Result<Self> {
        let Arrangement { grid, count, labels } =
            Arrangement::standard(gan.preset(), gan.settings().classes);
        Ok(Self { noise: gan.sample_noise(count, seed)?, labels, columns: grid.columns })
    }

    fn len(&self, settings: &Settings) -> usize {
        self.noise.len() / settings.latent_dim
    }
}
