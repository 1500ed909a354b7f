//! Losses and mean discriminator outputs of iterations, read from the ring buffer in device memory.

use std::ops::{Range, RangeInclusive};

use super::Gan;
use crate::device::ops::{Penalty, RING_COLUMNS, RING_ROWS, Targets};
use crate::device::{Device, Real, Result};

/// An iteration's losses and mean outputs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Metrics {
    /// The discriminator's loss, multiplied by `d_loss_scale`.
    pub d_loss: f64,
    /// The generator's loss in its last update.
    pub g_loss: f64,
    /// The sum of the discriminator's gradient penalties when they were last computed, without the
    /// factor of their interval.
    pub penalty: f64,
    /// D(x): the mean output for real images in the discriminator's update, as a probability for
    /// the cross-entropy losses, and as it is for all others.
    pub d_real: f64,
    /// D(G(z)): the same for fakes.
    pub d_fake: f64,
}

/// A loss or a weight is NaN or infinite.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("the {what} is {value} at iteration {iteration}")]
pub struct NotFinite {
    /// The name of the number.
    pub what: String,
    /// Its value.
    pub value: f64,
    /// The iteration, from 1.
    pub iteration: u32,
}

/// Checks that a number is finite.
///
/// # Errors
/// [`NotFinite`].
pub fn check_finite(what: &str, value: f64, iteration: u32) -> Result<(), NotFinite> {
    match value.is_finite() {
        true => Ok(()),
        false => Err(NotFinite { what: what.to_owned(), value, iteration }),
    }
}

/// The range of an iteration (counted from 1) in the ring buffer.
fn ring_row(iteration: u32) -> Range<usize> {
    let first = (iteration.wrapping_sub(1)) as usize % RING_ROWS * RING_COLUMNS;
    first..first + RING_COLUMNS
}

impl Metrics {
    /// The metrics in a row of the ring buffer.
    pub fn of_row<T: Real>(row: &[T]) -> Self {
        let [real, fake] = [0, 2].map(|part| Targets::RealThenFake.column() + part);
        let at = |column: usize| row[column].to_f64();
        Self {
            d_loss: at(real) + at(fake),
            g_loss: at(Targets::FakeAsReal.column()),
            penalty: Penalty::ALL.iter().map(|penalty| at(penalty.column())).sum(),
            d_real: at(real + 1),
            d_fake: at(fake + 1),
        }
    }
}

impl<D: Device> Gan<D> {
    /// Metrics of a completed iteration (counted from 1), which must be among the last
    /// [`RING_ROWS`] − 1: the row after the newest may hold values for the next iteration.
    ///
    /// # Errors
    /// When the device fails.
    #[inline(never)]
    pub fn metrics(&self, iteration: u32) -> Result<Metrics> {
        let numbers = self.device.download(D::view(&self.ring, ring_row(iteration)))?;
        Ok(Metrics::of_row(&numbers))
    }

    /// The metrics of a completed iteration as numbers, to be restored by [`Gan::restore_metrics`].
    ///
    /// # Errors
    /// When the device fails.
    pub fn save_metrics(&self, iteration: u32) -> Result<[f64; RING_COLUMNS]> {
        let row = self.device.download(D::view(&self.ring, ring_row(iteration)))?;
        let mut numbers = [0.0; RING_COLUMNS];
        numbers.iter_mut().zip(row).for_each(|(number, value)| *number = value.to_f64());
        Ok(numbers)
    }

    /// Restores the metrics of the last completed iteration: the next one may not compute all of them.
    /// Penalties that these settings do not have are left out.
    ///
    /// # Errors
    /// When the device fails.
    pub fn restore_metrics(&mut self, numbers: &[f64; RING_COLUMNS]) -> Result<()> {
        let mut numbers = numbers.map(D::Real::from_f64);
        for penalty in Penalty::ALL {
            if self.settings().penalty_factor(penalty) == 0.0 {
                numbers[penalty.column()] = D::Real::ZERO;
            }
        }
        // The row of the iteration that comes next.
        let row = ring_row(self.completed.wrapping_add(1));
        self.device.upload(D::view_mut(&mut self.ring, row), &numbers)
    }

    /// The metrics of several iterations as numbers, with a single download. With several ranks, those of
    /// the whole batch are the sums of each rank's.
    ///
    /// # Errors
    /// When the device fails.
    pub fn rows_of(&self, iterations: RangeInclusive<u32>) -> Result<Vec<[f64; RING_COLUMNS]>> {
        let ring = self.device.download(D::view(&self.ring, 0..RING_ROWS * RING_COLUMNS))?;
        let row = |iteration| {
            let from = ring_row(iteration).start;
            std::array::from_fn(|column| ring[from + column].to_f64())
        };
        Ok(iterations.map(row).collect())
    }

    /// Metrics of several iterations, with a single download.
    ///
    /// # Errors
    /// When the device fails.
    pub fn metrics_of(&self, iterations: RangeInclusive<u32>) -> Result<Vec<Metrics>> {
        Ok(self.rows_of(iterations)?.iter().map(|row| Metrics::of_row(row)).collect())
    }
}
