//! Replaces the inputs of an iteration, for tests: by those of a golden run, or other ones.

use super::BatchInputs;
use crate::device::{Device, Result};
use crate::gan::iteration::Pass;
use crate::gan::role::Role;

impl<D: Device> BatchInputs<D> {
    /// Replaces the real images' labels (none without classes).
    ///
    /// # Errors
    /// When the device fails.
    pub fn write_real_labels(&mut self, device: &D, labels: &[u32]) -> Result<()> {
        let rows = labels.len();
        let blocks = [0].into_iter().chain(self.blocks.real_again());
        blocks.filter(|_| rows > 0).try_for_each(|block| {
            let range = block * rows..(block + 1) * rows;
            device.upload(D::view_mut(&mut self.labels, range), labels)
        })
    }

    /// Replaces the weights of real images in the points between them and fakes.
    ///
    /// # Errors
    /// When the device fails.
    pub fn write_alpha(&mut self, device: &D, alpha: &[D::Real]) -> Result<()> {
        self.write(device, self.regions.alpha, alpha)
    }

    /// Replaces the random numbers of all augmentations, for batches of `rows`.
    ///
    /// # Errors
    /// When the device fails.
    pub fn write_draws(&mut self, device: &D, draws: &[D::Real]) -> Result<()> {
        self.write(device, self.regions.augmentation, draws)
    }

    /// Replaces the noise of an update.
    ///
    /// # Errors
    /// When the device fails.
    pub fn write_noise(&mut self, device: &D, update: Role, noise: &[D::Real]) -> Result<()> {
        let range = self.noise_range(update, noise.len() / self.latent_dim);
        self.write(device, range.start, noise)
    }

    /// Replaces the labels of an update's fakes (none without classes), for batches of `rows`.
    ///
    /// # Errors
    /// When the device fails.
    pub fn write_fake_labels(
        &mut self,
        device: &D,
        update: Role,
        labels: &[u32],
        rows: usize,
    ) -> Result<()> {
        let first = if self.conditional { self.label_range(update, rows).start } else { 0 };
        device.upload(D::view_mut(&mut self.labels, first..first + labels.len()), labels)
    }

    /// The passes that have dropout masks.
    pub fn dropping_passes(&self) -> Vec<Pass> {
        let mut passes: Vec<Pass> = self.plan.iter().map(|mask| mask.pass).collect();
        passes.dedup();
        passes
    }

    /// Replaces rows of the `dropout`th mask of a pass, from `first_row` on, for batches of `rows`.
    /// Rows are counted over all batches of the pass.
    ///
    /// # Errors
    /// When the device fails.
    pub fn write_mask(
        &mut self,
        device: &D,
        pass: Pass,
        dropout: usize,
        first_row: usize,
        values: &[D::Real],
        rows: usize,
    ) -> Result<()> {
        let first_of_pass = self.plan.iter().take_while(|mask| mask.pass != pass).count();
        let index = first_of_pass + dropout;
        let before = self.first_of_mask(index, rows * self.plan[index].pack);
        let first = before + first_row * (self.plan[index].columns() / pass.batches);
        self.write(device, first, values)
    }

    fn write(&mut self, device: &D, first: usize, values: &[D::Real]) -> Result<()> {
        device.upload(D::view_mut(&mut self.floats, first..first + values.len()), values)
    }
}
