//! One forward and one backward pass for two losses.
//!
//! The discriminator's update is about real images and fakes, the generator's about the same fakes. If
//! the discriminator's weights do not change in between, a pass through both batches serves both
//! updates. Dropout masks of the two updates differ, and so do the outputs for the fakes, from the first
//! stage with dropout on: from there on, the fakes are a third batch. In the backward pass they always
//! are, since the losses differ.

use std::cmp::Ordering;
use std::ops::Range;

use super::activations::{Activations, Batches};
use super::backward_rows::BackwardRows;
use super::matrix::Matrix;
use super::network::Network;
use super::params::Flat;
use super::passes::{Mode, ParameterGradients, PassInput, StageInput};
use super::spec::NetworkSpec;
use crate::device::{Device, In, Out};

/// Batches of the gradients: those of the first loss, and the second one once more for the other loss.
pub const MERGED_BATCHES: usize = 3;

impl NetworkSpec {
    /// The first stage with dropout; behind all stages if there is none.
    pub fn first_dropout(&self) -> usize {
        let stages = self.stages();
        stages.iter().position(|stage| stage.dropout().is_some()).unwrap_or(stages.len())
    }

    /// The batches of a stage's output in a merged pass.
    pub fn merged_batches(&self, stage: usize) -> usize {
        if stage < self.first_dropout() { MERGED_BATCHES - 1 } else { MERGED_BATCHES }
    }

    /// Batches of the output of a merged pass.
    pub fn merged_outputs(&self) -> usize {
        self.merged_batches(self.stages().len().saturating_sub(1))
    }
}

/// The batches that a stage computes together: at the fork, the second one is the input twice.
fn parts(stage: usize, fork: usize) -> impl Iterator<Item = Range<usize>> {
    let parts = match stage.cmp(&fork) {
        Ordering::Less => [0..2, 2..2],
        Ordering::Equal => [0..2, 2..3],
        Ordering::Greater => [0..3, 3..3],
    };
    parts.into_iter().filter(|part| !part.is_empty())
}

impl<'a, D: Device> StageInput<'a, '_, D> {
    /// The input and the dropout mask of a part of a stage; the third batch alone is computed from the
    /// second one.
    fn merged(
        &self,
        spec: &NetworkSpec,
        stage: usize,
        batches: &Batches,
    ) -> (In<'a, D>, Option<In<'a, D>>) {
        let (rows, forks) = (batches.rows, batches.which == (2..3));
        let x = self.x(if forks { rows..2 * rows } else { batches.range() });
        let (forks, first) = (forks && stage == 0, self.embedded.is_none());
        let x =
            if forks && first { D::split(x, rows * spec.input().shape.elements()).1 } else { x };
        (x, self.mask(spec, stage, batches.range()))
    }
}

impl<D: Device> Network<D> {
    /// A forward pass through two batches of `rows` rows, and, from the first stage with dropout on, the
    /// second one once more, with further masks. Writes two batches of y without dropout, else three.
    #[inline(never)]
    pub fn forward_merged(
        &mut self,
        device: &D,
        activations: &mut Activations<D>,
        input: &PassInput<'_, D>,
        y: &mut Matrix<D>,
        rows: usize,
    ) {
        let fork = self.spec.first_dropout();
        self.embed(device, activations, input, &Batches { rows, which: 0..2 });
        let Activations { input: embedded, outputs, moments, workspace, .. } = activations;
        for (stage, moments) in moments.iter_mut().enumerate() {
            let (before, now) = outputs.split_at_mut(stage);
            let before = StageInput { embedded, input, outputs: before };
            for which in parts(stage, fork) {
                let batches = Batches { rows, which };
                let from = before.merged(&self.spec, stage, &batches);
                let y = now.first_mut().unwrap_or(&mut *y).rows_mut(batches.range());
                let saved = (&mut *moments, &mut *workspace);
                self.forward_stage(stage, device, saved, y, from, &batches, Mode::Training);
            }
        }
    }

    /// The backward pass for both losses, after [`Network::forward_merged`]: the gradients of the
    /// parameters from the first loss, on both batches, and of the second batch of x from the other one.
    /// On entry [`Activations::output_gradient`] holds those of the output, for three batches.
    #[allow(clippy::too_many_arguments)]
    #[inline(never)]
    pub fn backward_merged(
        &self,
        device: &D,
        activations: &mut Activations<D>,
        input: &PassInput<'_, D>,
        y: In<'_, D>,
        rows: usize,
        gradients: &mut Flat<D>,
        dx: Out<'_, D>,
    ) {
        let batches = Batches { rows, which: 0..MERGED_BATCHES };
        let rows = BackwardRows::merged(&batches, self.spec.first_dropout());
        let gradients = ParameterGradients::Overwrite(gradients);
        self.backward_rows(device, activations, input, y, &rows, gradients, Some(dx));
    }
}
