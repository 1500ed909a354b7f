//! What a run writes while it goes on: records, sample grids, checkpoints, the plot of its losses.

use std::time::Instant;

use super::Trainer;
use crate::Result;
use crate::data::Dataset;
use crate::device::{Device, Real};
use crate::gan::Metrics;
use crate::train::display::{Display, Place, line};
use crate::train::grid::write_grid;
use crate::train::plot::write_loss_plot;
use crate::train::records::{Record, read_records};
use crate::train::snapshot::{self, Progress};

impl<D: Device> Trainer<D> {
    pub(super) fn log(&mut self, place: Place, metrics: &Metrics) -> Result<()> {
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
    pub(super) fn sample(&mut self, display: &Display) -> Result<()> {
        let images = self.gan.sample(&self.fixed.noise, &self.fixed.labels)?;
        let images: Vec<f32> = images.into_iter().map(|x| x.to_f64() as f32).collect();
        let iteration = self.gan.completed();
        let path = self.run.sample(u64::from(iteration));
        write_grid(&path, &images, self.gan.image(), self.fixed.columns)?;
        display.whisper(&format!("wrote {}", path.display()));
        let spread = self.fixed.spread(&images, &self.config.gan);
        if let Some(words) = self.health.look_at_samples(iteration, spread) {
            self.warn(display, iteration, &words)?;
        }
        Ok(())
    }

    /// Writes a checkpoint and redraws the plot of the losses.
    pub(super) fn save(&mut self, display: &Display) -> Result<()> {
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
        let title = format!("{} on {}", self.config.preset, self.config.dataset.name());
        write_loss_plot(&self.run.loss_plot(), &points, &title)
    }

    /// A grid of real images, arranged like the grids of samples.
    pub(super) fn write_reals(&self, data: &Dataset) -> Result<()> {
        let images = self.fixed.alike_of(data, &self.config.gan);
        write_grid(&self.run.reals(), &images, data.shape, self.fixed.columns)
    }
}
