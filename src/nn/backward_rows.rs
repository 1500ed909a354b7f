//! The rows of a backward pass, some of which may be there twice.

use std::ops::Range;

use super::activations::Batches;

/// The rows of a backward pass.
///
/// Rows at the end may be the last rows of the forward pass once more, with the gradient of another
/// loss. The gradients of parameters do not include them. The forward pass has no rows of their own for
/// them before the stage at which they differ, by their dropout masks.
pub(super) struct BackwardRows<'a> {
    /// The batches of the gradients.
    pub batches: &'a Batches,
    /// How many rows are there once more.
    pub again: usize,
    /// The first stage whose output has rows of its own for them.
    fork: usize,
}

impl<'a> BackwardRows<'a> {
    /// Those of the forward pass.
    pub fn of(batches: &'a Batches) -> Self {
        Self { batches, again: 0, fork: 0 }
    }

    /// The last of these batches is the one before it once more, from the stage `fork` on.
    pub fn merged(batches: &'a Batches, fork: usize) -> Self {
        Self { batches, again: batches.rows, fork }
    }

    /// The rows of the gradients.
    pub fn all(&self) -> Range<usize> {
        self.batches.range()
    }

    /// The rows that the gradients of parameters are sums over.
    pub fn parameters(&self) -> Range<usize> {
        let Range { start, end } = self.all();
        start..end - self.again
    }

    /// The rows of a stage's output.
    pub fn outputs(&self, stage: usize) -> Range<usize> {
        if stage < self.fork { self.parameters() } else { self.all() }
    }

    /// The rows whose gradients with respect to the network's input are asked for.
    pub fn images(&self) -> Range<usize> {
        let end = self.all().end;
        if self.again > 0 { end - self.again..end } else { self.all() }
    }
}
