//! The optimizer: Adam's moments and its step count.

use super::params::{Flat, Params};
use crate::device::{Device, InInts, OutInts, Result, ops};

/// Words of the step count in device memory: the length that `adam_update` requires.
pub const STEP_WORDS: usize = 2;

/// [Adam](https://arxiv.org/abs/1412.6980) for one network's parameters.
pub struct Adam<D: Device> {
    moments: [Flat<D>; 2],
    /// The number of completed steps, which `adam_update` increments.
    step: D::Buffer<u32>,
}

impl<D: Device> Adam<D> {
    /// Moments of zero, no completed steps.
    ///
    /// # Errors
    /// When the device has not enough memory.
    pub fn new(device: &D, params: &Params<D>) -> Result<Self> {
        Ok(Self {
            moments: [Flat::like(device, params)?, Flat::like(device, params)?],
            step: device.allocate(STEP_WORDS)?,
        })
    }

    /// One optimizer step on all parameters, which may run `beside` the operations queued next, and may
    /// increment the counter of completed iterations.
    pub fn step(
        &mut self,
        device: &D,
        params: &mut Params<D>,
        gradients: &Flat<D>,
        constants: ops::Adam,
        iteration: Option<OutInts<'_, D>>,
        beside: bool,
    ) {
        let [first, second] = &mut self.moments;
        device.adam_update(
            params.values_mut().all_mut(),
            first.all_mut(),
            second.all_mut(),
            D::view_mut(&mut self.step, 0..STEP_WORDS),
            iteration,
            gradients.all(),
            constants,
            beside,
        );
    }

    /// Copies rank 0's moments and its number of completed steps to all ranks.
    pub fn broadcast(&mut self, device: &D) {
        self.moments.iter_mut().for_each(|moment| moment.broadcast(device));
        device.broadcast(D::view_mut(&mut self.step, 0..STEP_WORDS));
    }

    /// The first and the second moment.
    pub fn moments(&self) -> &[Flat<D>; 2] {
        &self.moments
    }

    /// The same, writable.
    pub fn moments_mut(&mut self) -> &mut [Flat<D>; 2] {
        &mut self.moments
    }

    /// The number of completed steps, in device memory.
    pub(super) fn step_count(&self) -> InInts<'_, D> {
        D::view(&self.step, 0..1)
    }

    /// The number of completed steps.
    ///
    /// # Errors
    /// When the device fails.
    pub fn steps(&self, device: &D) -> Result<u32> {
        Ok(device.download(D::view(&self.step, 0..1))?[0])
    }

    /// Sets the number of completed steps.
    ///
    /// # Errors
    /// When the device fails.
    pub fn set_steps(&mut self, device: &D, steps: u32) -> Result<()> {
        device.upload(D::view_mut(&mut self.step, 0..1), &[steps])
    }
}
