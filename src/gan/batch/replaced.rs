//! Replaces the inputs of an iteration, for tests: by those of a golden run, or other ones.

use super::BatchInputs;
use super::masks::elements;
use crate::device::ops::AUGMENT_DRAWS;
use crate::device::{Device, Result};
use crate::gan::iteration::Pass;
use crate::gan::role::Role;

impl<D: Device> BatchInputs<D> {
    /// Replaces the real images' labels (none without classes).
    ///
    /// # Errors
    /// When the device fails.
    pub fn write_real_labels(&mut self, device: &D, labels: &[u32]) -> Result<()> {
        device.upload(D::view_mut(&mut self.labels, 0..labels.len()), labels)?;
        if !labels.is_empty() {
            self.repeat_real_labels(device, labels.len());
        }
        Ok(())
    }

    /// Replaces the weights of real images in the points between them and fakes.
    ///
    /// # Errors
    /// When the device fails.
    pub fn write_alpha(&mut self, device: &D, alpha: &[D::Real]) -> Result<()> {
        device.upload(D::view_mut(&mut self.alpha, 0..alpha.len()), alpha)
    }

    /// Replaces the random numbers of all augmentations, for batches of `rows`.
    ///
    /// # Errors
    /// When the device fails.
    pub fn write_draws(&mut self, device: &D, draws: &[D::Real]) -> Result<()> {
        device.upload(self.draws.rows_mut(0..draws.len() / AUGMENT_DRAWS), draws)
    }

    /// Replaces the noise of an update.
    ///
    /// # Errors
    /// When the device fails.
    pub fn write_noise(&mut self, device: &D, update: Role, noise: &[D::Real]) -> Result<()> {
        let rows = noise.len() / self.noise.columns();
        let range = self.noise_rows(update, rows);
        device.upload(self.noise.rows_mut(range), noise)
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
        let before = elements(&self.plan[..index], rows * self.plan[index].pack);
        let first = before + first_row * (self.plan[index].columns() / pass.batches);
        device.upload(D::view_mut(&mut self.masks, first..first + values.len()), values)
    }
}
