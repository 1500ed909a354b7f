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
use super::plan::Stage;
use super::spec::NetworkSpec;
use super::stage::PlacedStage;
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
    fn merged_batches(&self, stage: usize) -> usize {
        if stage < self.first_dropout() { MERGED_BATCHES - 1 } else { MERGED_BATCHES }
    }

    /// The batches that a stage multiplies by its weights in a merged pass: at the fork, a Linear layer
    /// multiplies only those of its input.
    pub fn multiplied_batches(&self, stage: usize) -> usize {
        let forks = stage == self.first_dropout();
        let once = forks && matches!(self.stages()[stage], Stage::Linear(_));
        if once { MERGED_BATCHES - 1 } else { self.merged_batches(stage) }
    }

    /// Batches of the output of a merged pass.
    pub fn merged_outputs(&self) -> usize {
        self.merged_batches(self.stages().len().saturating_sub(1))
    }
}

/// The batches that a stage computes with one operation, and whether the last one is computed from the
/// input of the second one. At the fork this is so, if they can be computed `together`.
fn parts(stage_to_fork: Ordering, together: bool) -> impl Iterator<Item = (Range<usize>, bool)> {
    let parts = match (stage_to_fork, together) {
        (Ordering::Less, _) => [(0..2, false), (2..2, false)],
        (Ordering::Equal, true) => [(0..3, true), (3..3, false)],
        (Ordering::Equal, false) => [(0..2, false), (2..3, false)],
        (Ordering::Greater, _) => [(0..3, false), (3..3, false)],
    };
    parts.into_iter().filter(|(part, _)| !part.is_empty())
}

impl<'a, D: Device> StageInput<'a, '_, D> {
    /// The input and the dropout mask of a part of a stage; the third batch alone is computed from the
    /// second one.
    fn merged(
        &self,
        spec: &NetworkSpec,
        stage: usize,
        batches: &Batches,
        again: bool,
    ) -> (In<'a, D>, Option<In<'a, D>>) {
        let (rows, forks) = (batches.rows, batches.which == (2..3));
        let x = match (forks, again) {
            (true, _) => self.x(rows..2 * rows),
            (false, true) => self.x(0..2 * rows),
            (false, false) => self.x(batches.range()),
        };
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
        self.embed(device, activations, input, &Batches { rows, which: 0..2, across: None });
        let Activations { input: embedded, outputs, moments, workspace, .. } = activations;
        for (stage, moments) in moments.iter_mut().enumerate() {
            let (before, now) = outputs.split_at_mut(stage);
            let before = StageInput { embedded, input, outputs: before };
            let together = matches!(self.stages[stage], PlacedStage::Linear(_));
            for (which, again) in parts(stage.cmp(&fork), together) {
                let batches = Batches { rows, which, across: None };
                let from = before.merged(&self.spec, stage, &batches, again);
                let again = if again { rows } else { 0 };
                if let (Some([linear, output]), Some(hidden)) =
                    (self.pair_at_end(stage), now.first_mut())
                {
                    let (all, weights) = (batches.all_rows(), self.weights());
                    let (o, hidden) =
                        (y.rows_mut(batches.range()), hidden.rows_mut(batches.range()));
                    return linear.forward_to(output, o, device, weights, hidden, from, all, again);
                }
                let y = now.first_mut().unwrap_or(&mut *y).rows_mut(batches.range());
                let saved = (&mut *moments, &mut *workspace);
                self.forward_stage(stage, device, saved, y, from, &batches, Mode::Training, again);
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
        let batches = Batches { rows, which: 0..MERGED_BATCHES, across: None };
        let rows = BackwardRows::merged(&batches, self.spec.first_dropout());
        let gradients = ParameterGradients::Overwrite(gradients);
        self.backward_rows(device, activations, input, y, &rows, gradients, Some(dx));
    }
}
