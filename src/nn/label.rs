//! The label's embedding in passes through a network.

use std::ops::Range;

use super::activations::{Activations, Batches, Parts};
use super::network::Network;
use super::passes::PassInput;
use super::stage::{PlacedStage, Target};
use crate::device::ops::EmbeddingShape;
use crate::device::{Device, In, InInts};

impl<D: Device> Network<D> {
    /// Concatenates x and the labels' embedding, if there is one.
    pub(super) fn embed(
        &self,
        device: &D,
        activations: &mut Activations<D>,
        input: &PassInput<'_, D>,
        batches: &Batches,
    ) {
        assert_eq!(input.labels.is_some(), self.table.is_some(), "labels for an embedding");
        let shape = self.embedding_shape(batches.all_rows());
        if let (Some(slot), Some(labels), Some(both)) =
            (self.table, input.labels, &mut activations.input)
        {
            let (x, table) = (D::reborrow(&input.x), self.weights().view(slot));
            device.embedding_concat(both.rows_mut(batches.range()), x, table, labels, &shape);
        }
    }

    /// The gradient of the label embedding's table, from that of the first stage's output.
    pub(super) fn backward_label(
        &self,
        device: &D,
        activations: &mut Activations<D>,
        target: Target<'_, D>,
        labels: &InInts<'_, D>,
        range: Range<usize>,
    ) {
        let (PlacedStage::Linear(linear), Some(table)) = (&self.stages[0], self.table) else {
            let rows = range.len();
            let dlabel = self.backward_to_label(device, activations, range);
            return self.backward_table(device, target, dlabel, labels, rows);
        };
        let (dtable, shape) = (target.gradients.view_mut(table), self.embedding_shape(range.len()));
        let (dz, labels) = (activations.parts().gradients[0].rows(range), D::reborrow(labels));
        let add = target.accumulate;
        linear.backward_embedding(device, self.weights(), dtable, dz, labels, &shape, add);
    }

    /// The gradient of the label's embedding, from that of the first stage's output.
    ///
    /// # Panics
    /// When the network has none.
    pub(super) fn backward_to_label<'a>(
        &self,
        device: &D,
        activations: &'a mut Activations<D>,
        range: Range<usize>,
    ) -> In<'a, D> {
        let (Parts { workspace, gradients, label, .. }, rows) = (activations.parts(), range.len());
        let Some(dlabel) = label else { panic!("the network has no embedding") };
        let dz = gradients[0].rows(range.clone());
        let columns = Some(self.embedding_shape(rows).label_columns());
        self.backward_input(
            device,
            0,
            workspace,
            dlabel.rows_mut(range.clone()),
            dz,
            rows,
            columns,
        );
        dlabel.rows(range)
    }

    /// The gradient of the label embedding's table.
    pub(super) fn backward_table(
        &self,
        device: &D,
        target: Target<'_, D>,
        dlabel: In<'_, D>,
        labels: &InInts<'_, D>,
        rows: usize,
    ) {
        let Some(table) = self.table else { return };
        let (dtable, shape) = (target.gradients.view_mut(table), self.embedding_shape(rows));
        let labels = D::reborrow(labels);
        device.embedding_backward(dtable, dlabel, labels, &shape, target.accumulate);
    }

    pub(super) fn embedding_shape(&self, rows: usize) -> EmbeddingShape {
        let input = self.spec.input();
        let classes = self.spec.classes();
        let pixels = self.spec.input_pixels();
        EmbeddingShape {
            rows,
            pixels,
            classes,
            width: classes,
            inputs: input.shape.elements() / pixels,
            label_first: input.label.as_ref().is_some_and(|label| label.first),
            stride: self.spec.input_stride::<D>(),
        }
    }
}
