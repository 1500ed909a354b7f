//! How far training has come: iterations, optimizer steps, batches.

use super::Gan;
use super::iteration::{Parts, batches_per_iteration};
use super::role::Role;
use crate::device::{Device, Result};
use crate::nn::Network;

impl<D: Device> Gan<D> {
    /// Completed iterations.
    pub fn completed(&self) -> u32 {
        self.completed
    }

    /// Whether the last iteration has updated a network.
    pub fn has_updated(&self, role: Role) -> bool {
        let last = self.completed.saturating_sub(1);
        role == Role::Discriminator || Parts::after(last, self.settings()).generator
    }

    /// Sets the number of completed iterations, which determines the random numbers and the
    /// position in the order of images.
    ///
    /// # Errors
    /// When the device fails.
    #[inline(never)]
    pub fn set_completed(&mut self, iterations: u32) -> Result<()> {
        self.completed = iterations;
        self.before = (0, [0; 2]);
        self.device.upload(D::view_mut(&mut self.step, 0..1), &[iterations])
    }

    /// Lets the learning rates of both networks fall with the iterations, although their optimizers
    /// may have made fewer or more steps than these settings would have by now.
    ///
    /// # Errors
    /// When the device fails.
    pub fn align_decay(&mut self) -> Result<()> {
        for role in Role::BOTH {
            let per_step = self.settings().iterations_per_step(role);
            let due = i64::from(self.completed.div_ceil(per_step));
            let made = i64::from(self.trained_network(role).adam.steps(&self.device)?);
            self.first_iterations[role as usize] = i64::from(per_step) * (due - made);
        }
        self.graphs.clear();
        Ok(())
    }

    /// Gives rank 0's networks, moving average and optimizers to all ranks, of which each one calls this
    /// with the number of iterations that rank 0 has completed.
    ///
    /// # Errors
    /// When the device, or another rank, fails.
    #[inline(never)]
    pub fn share_state(&mut self, completed: u32) -> Result<()> {
        let takes = self.device.ranks().rank > 0;
        if takes {
            self.set_completed(completed)?;
        }
        let Self { device, generator, discriminator, average, .. } = self;
        for trained in [generator, discriminator] {
            share(device, &mut trained.network, takes);
            trained.adam.broadcast(device);
        }
        if let Some(average) = average {
            share(device, average, takes);
        }
        if takes {
            self.align_decay()?;
        }
        self.device.barrier()
    }

    /// How many batches a network has processed in training mode: BatchNorm's
    /// `num_batches_tracked`.
    pub fn batches_tracked(&self, role: Role) -> u64 {
        let (iterations, [generator, discriminator]) = self.before;
        let before = match role {
            Role::Generator => generator,
            Role::Discriminator => discriminator,
        };
        let period: Vec<Parts> = Parts::of_period(self.settings()).collect();
        // How many of the first `completed` iterations are the one at `index` of their period.
        let occurrences = |index: usize, completed: u32| {
            (completed as usize + period.len() - 1 - index) / period.len()
        };
        let batches = |(index, parts): (usize, &Parts)| {
            let done = occurrences(index, self.completed) - occurrences(index, iterations);
            (done * batches_per_iteration(&self.steps[parts], role)) as u64
        };
        before + period.iter().enumerate().map(batches).sum::<u64>()
    }

    /// Sets how many batches generator and discriminator have processed so far, possibly with other
    /// steps (an earlier configuration of the run).
    pub fn set_batches_tracked(&mut self, batches: [u64; 2]) {
        self.before = (self.completed, batches);
    }
}

/// Gives rank 0's weights to all ranks.
fn share<D: Device>(device: &D, network: &mut Network<D>, takes: bool) {
    network.params_mut().broadcast(device);
    network.statistics_mut().broadcast(device);
    if takes {
        network.normalize(device, false);
    }
}
