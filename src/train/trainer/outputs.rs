//! The files that a run writes during training: log, sample grids, checkpoints, the loss plot.

use std::path::{Path, PathBuf};
use std::time::Instant;

use super::Trainer;
use crate::data::Dataset;
use crate::device::{Device, Real};
use crate::file_error::FileError;
use crate::formats::events::EventFile;
use crate::formats::events::message::Histogram;
use crate::formats::files::write_atomic;
use crate::formats::stats::{ImageStats, LossEntry, SampleEntry};
use crate::gan::dataset::Progress;
use crate::gan::{Metrics, Role};
use crate::picture::grid::Picture;
use crate::picture::image_stats;
use crate::run::journal::loss_line;
use crate::run::snapshot;
use crate::text::with_causes;
use crate::train::observer::Observer;
use crate::train::{Error, Result};
#[cfg(feature = "plot")]
use crate::{formats::stats::read_stats, picture::plot};

impl<D: Device> Trainer<D> {
    pub(super) fn log(
        &mut self,
        observer: &mut dyn Observer,
        progress: Progress,
        metrics: &Metrics,
    ) -> Result<()> {
        let (seconds, here) = (self.seconds(), self.clock.1.elapsed().as_secs_f64());
        let iteration = progress.iteration.0;
        let images = self.images_until(iteration) - self.images_until(self.first_iteration);
        let entry = LossEntry {
            iteration: u64::from(iteration),
            epoch: u64::from(progress.epoch.0),
            d_loss: metrics.d_loss as f32,
            g_loss: metrics.g_loss as f32,
            penalty: self.config.gan.is_penalized().then_some(metrics.penalty as f32),
            d_real: metrics.d_real as f32,
            d_fake: metrics.d_fake as f32,
            images_per_second: (images as f64 / here.max(1e-9)) as f32,
            seconds,
        };
        self.journal.append_log(&loss_line(progress, metrics))?;
        self.journal.append_stats(&entry)?;
        self.event(|events| events.scalars(iteration, losses(&entry)));
        observer.logged(progress, &entry);
        Ok(())
    }

    /// The number of real images in the first `done` iterations.
    fn images_until(&self, done: u32) -> u64 {
        let (schedule, done) = (self.images.schedule(), done as usize);
        let (epochs, rest) = (done / schedule.iterations(), done % schedule.iterations());
        let whole = schedule.images.min(schedule.iterations() * schedule.batch_size);
        (epochs * whole + rest * schedule.batch_size) as u64
    }

    /// Writes a sample grid.
    pub(super) fn sample(&mut self, observer: &mut dyn Observer) -> Result<()> {
        let images = self.gan.sample(&self.fixed.noise, &self.fixed.labels)?;
        let images: Vec<f32> = images.into_iter().map(|x| x.to_f64() as f32).collect();
        let iteration = self.gan.completed();
        let path = self.run.sample(u64::from(iteration));
        match self.write_grid(&path, "samples", &images) {
            Ok(()) => observer.wrote(&path),
            Err(error) => self.warn_of_picture(&error),
        }
        self.log_image_stats(&images)?;
        let spread = self.fixed.spread(&images, &self.config.gan);
        if let Some(warning) = self.health.check_samples(iteration, spread) {
            self.warn(observer, iteration, &warning)?;
        }
        Ok(())
    }

    /// Logs contrast and colour statistics of samples, with those of the data set.
    fn log_image_stats(&mut self, images: &[f32]) -> Result<()> {
        let iteration = self.gan.completed();
        let (samples, data) = (image_stats::of(images, self.gan.settings().image), self.data_stats);
        self.journal.append_stats(&SampleEntry {
            iteration: u64::from(iteration),
            samples,
            data,
        })?;
        let tagged = |stats: ImageStats, of: &'static str| {
            let tag = move |(name, number)| (format!("{name}/{of}"), number);
            stats.named().map(tag).collect::<Vec<_>>()
        };
        let numbers = [tagged(samples, "samples"), tagged(data, "data")].concat();
        self.event(|events| events.scalars(iteration, numbers));
        Ok(())
    }

    /// Writes a grid of images to a file and to TensorBoard's event file.
    fn write_grid(&mut self, path: &Path, tag: &str, images: &[f32]) -> Result<()> {
        let picture = Picture::of(images, self.gan.settings().image, self.fixed.columns);
        let png = picture.png(path)?;
        write_atomic(path, &png)?;
        let (iteration, channels) = (self.gan.completed(), self.gan.settings().image.channels);
        self.event(|events| events.image(iteration, tag, png, picture.size(), channels));
        Ok(())
    }

    /// Writes to TensorBoard's event file. If that fails, the run continues without it.
    pub(super) fn event(&mut self, write: impl FnOnce(&mut EventFile) -> Result<(), FileError>) {
        let Some(events) = &mut self.events else { return };
        if let Err(error) = write(events) {
            // The file may end in an incomplete record, after which nothing can be read.
            self.events = None;
            let error = with_causes(&error);
            self.pending_warnings.push(format!("{error}; TensorBoard's event file is disabled"));
        }
    }

    /// Warns of the first picture that cannot be written; the run continues.
    fn warn_of_picture(&mut self, error: &Error) {
        if !self.picture_failed {
            self.picture_failed = true;
            let warning = format!("{}; the run continues without it", with_causes(error));
            self.pending_warnings.push(warning);
        }
    }

    /// Writes a checkpoint and updates the loss plot.
    pub(super) fn save(&mut self, observer: &mut dyn Observer) -> Result<()> {
        self.log_weights()?;
        self.event(|events| events.sync());
        let path = self.write_checkpoint()?;
        self.run.prune(self.config.keep, self.best_to_keep()?)?;
        #[cfg(feature = "plot")]
        if let Err(error) = self.plot_losses() {
            self.warn_of_picture(&error);
        }
        self.saved = Instant::now();
        observer.wrote(&path);
        Ok(())
    }

    pub(super) fn write_checkpoint(&mut self) -> Result<PathBuf> {
        let lengths = self.journal.sync()?;
        let (iteration, seconds) = (self.gan.completed(), self.seconds());
        let data = self.data_checksum;
        let progress = snapshot::Progress { iteration, seconds, lengths, data };
        // After an error between meetings these may be of an earlier iteration.
        let metrics = match &self.leader {
            None => self.gan.save_metrics(iteration)?,
            Some(leader) => *leader.newest(),
        };
        let checkpoint = snapshot::checkpoint_writer(&self.gan, &self.config, progress, &metrics)?;
        Ok(checkpoint.save(&self.run, u64::from(iteration))?)
    }

    /// Writes histograms of all weights and gradients to TensorBoard's event file.
    fn log_weights(&mut self) -> Result<()> {
        if self.events.is_none() {
            return Ok(());
        }
        let (gan, iteration, mut histograms) = (&self.gan, self.gan.completed(), Vec::new());
        for role in Role::BOTH {
            let (name, trained) = (role.name(), gan.trained_network(role));
            let params = trained.network.params();
            for param in params.list() {
                let weights = histogram(&params.read(gan.device(), param)?);
                histograms.push((format!("{name}/{}", param.name), weights));
                // Others are of an earlier iteration, and unknown after a resume.
                if gan.has_updated(role) {
                    let gradients = histogram(&trained.gradients.read(gan.device(), param)?);
                    histograms.push((format!("{name}_gradient/{}", param.name), gradients));
                }
            }
        }
        let mut histograms = histograms.into_iter();
        self.event(|events| {
            histograms.try_for_each(|(tag, numbers)| events.histogram(iteration, &tag, numbers))
        });
        Ok(())
    }

    #[cfg(feature = "plot")]
    fn plot_losses(&self) -> Result<()> {
        let stats = read_stats(&self.run.stats())?;
        let title = format!("{} on {}", self.config.preset, self.config.dataset()?.name());
        Ok(plot::write_loss_plot(&self.run.loss_plot(), &stats, &title)?)
    }

    /// Writes a grid of real images, arranged like the sample grids.
    pub(super) fn write_real_images(&mut self, data: &Dataset) -> Result<()> {
        let images = self.fixed.matching_real_images(data, &self.config.gan);
        self.write_grid(&self.run.real_images(), "reals", &images)
    }
}

/// The values of a log entry with their tags.
fn losses(entry: &LossEntry) -> impl Iterator<Item = (&'static str, f32)> + use<> {
    let penalty = entry.penalty.map(|penalty| ("penalty", penalty));
    let others = [
        ("d_loss", entry.d_loss),
        ("g_loss", entry.g_loss),
        ("d_real", entry.d_real),
        ("d_fake", entry.d_fake),
        ("images_per_second", entry.images_per_second),
    ];
    others.into_iter().chain(penalty)
}

fn histogram<T: Real>(values: &[T]) -> Histogram {
    Histogram::of(values.iter().map(|x| x.to_f64()))
}
