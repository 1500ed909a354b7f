//! Fully connected layers on CUDA: matrix multiplication by cuBLAS, or for few rows by our kernels; bias,
//! dropout mask and activation by our kernels.

use std::ops::Range;

use super::Cuda;
use super::gemm::Operand;
use super::launch::{MAX_BLOCKS, parts};
use super::memory::{View, ViewMut};
use crate::device::codes::activation;
use crate::device::ops::{
    Activation, Fused, Linear, LinearShape, SingleOutput, SingleOutputGradients, contract,
};

impl Linear for Cuda {
    fn linear_forward(
        &self,
        mut y: ViewMut<'_, f32>,
        x: View<'_, f32>,
        w: View<'_, f32>,
        b: Option<View<'_, f32>>,
        mask: Option<View<'_, f32>>,
        shape: LinearShape,
        activation: Activation,
        again: usize,
    ) {
        let LinearShape { rows, inputs, outputs } = shape;
        contract::linear_forward(&y, &x, &w, b.as_ref(), mask.as_ref(), shape, again);
        if outputs == 1 && again == 0 {
            let (kind, slope) = activation.code();
            let (launch, kernels) = (self.blocks(rows.clamp(1, MAX_BLOCKS)), &self.gpu.kernels);
            return kernels
                .single_output_forward(launch, y, x, w, b, mask, rows, inputs, kind, slope);
        }
        if self.fuses_gemm(rows) {
            return self.gemm_forward(y, x, w, b, mask, shape, activation, again);
        }
        self.linear_products(y.reborrow(), x, w, shape, again);
        self.bias_activation_forward(y, b, mask, (rows, outputs), activation, again);
    }

    fn linear_forward_to_single_output(
        &self,
        mut y: ViewMut<'_, f32>,
        output: SingleOutput<'_, '_, Self>,
        x: View<'_, f32>,
        w: View<'_, f32>,
        b: Option<View<'_, f32>>,
        mask: Option<View<'_, f32>>,
        shape: LinearShape,
        activation: Activation,
        again: usize,
    ) {
        let LinearShape { rows, outputs, .. } = shape;
        contract::linear_forward(&y, &x, &w, b.as_ref(), mask.as_ref(), shape, again);
        if self.fuses_gemm(rows) {
            self.gemm_forward(y.reborrow(), x, w, b, mask, shape, activation, again);
            let (shape, alone) =
                (LinearShape { rows, inputs: outputs, outputs: 1 }, Activation::Identity);
            let SingleOutput { o, w, b } = output;
            return self.linear_forward(o, y.read(), w, Some(b), None, shape, alone, 0);
        }
        self.linear_products(y.reborrow(), x, w, shape, again);
        let (kind, slope) = activation.code();
        self.gpu.kernels.bias_activation_single_output(
            self.blocks((rows - again).clamp(1, MAX_BLOCKS)),
            y,
            output.o,
            b,
            mask,
            output.w,
            output.b,
            rows,
            outputs,
            again,
            kind,
            slope,
        );
    }

    fn linear_backward_weight(
        &self,
        dw: ViewMut<'_, f32>,
        dz: View<'_, f32>,
        x: View<'_, f32>,
        shape: LinearShape,
        accumulate: bool,
    ) {
        let LinearShape { rows, inputs, outputs } = shape;
        contract::linear_backward_weight(&dw, &dz, &x, shape);
        let (dzt, x) = (Operand::transposed(dz, outputs), Operand::new(x, inputs));
        self.multiply(self.fork(), dw, dzt, x, (outputs, inputs, rows), accumulate);
    }

    fn linear_backward_input(
        &self,
        dx: ViewMut<'_, f32>,
        dz: View<'_, f32>,
        w: View<'_, f32>,
        shape: LinearShape,
        columns: Range<usize>,
    ) {
        let LinearShape { rows, inputs, outputs } = shape;
        contract::linear_backward_input(&dx, &dz, &w, shape, &columns);
        if self.fuses_gemm(rows) {
            return self.gemm_columns(dx, dz, w, shape, columns);
        }
        let (dz, w) = (Operand::new(dz, outputs), Operand::new(w.from(columns.start), inputs));
        self.multiply(&self.blas, dx, dz, w, (rows, columns.len(), outputs), false);
    }

    fn activation_forward(
        &self,
        y: ViewMut<'_, f32>,
        x: View<'_, f32>,
        mask: Option<View<'_, f32>>,
        shape: LinearShape,
        activation: Activation,
    ) {
        let LinearShape { rows, outputs, .. } = shape;
        let (kind, slope) = activation.code();
        let launch = self.elements(rows * outputs);
        self.gpu.kernels.activation_forward(launch, y, x, mask, rows, outputs, kind, slope);
    }

    fn bias_activation_backward(
        &self,
        dz: ViewMut<'_, f32>,
        db: Option<ViewMut<'_, f32>>,
        y: View<'_, f32>,
        mask: Option<View<'_, f32>>,
        weights: Option<View<'_, f32>>,
        shape: LinearShape,
        activation: Activation,
        again: usize,
        accumulate: bool,
    ) {
        let LinearShape { rows, outputs, .. } = shape;
        let (summed, saved) = (rows - again, contract::saved_rows(&y, rows, outputs, again));
        let samples = contract::row_weights(weights.as_ref(), rows);
        if db.is_none() && mask.is_none() && activation == Activation::Identity {
            contract::bias_activation_backward(
                &dz,
                db.as_ref(),
                &y,
                mask.as_ref(),
                weights.as_ref(),
                rows,
                saved,
                outputs,
                samples,
            );
            return;
        }
        let (kind, slope) = activation.code();
        let (parts, kernels) = (parts(rows, outputs), &self.gpu.kernels);
        let launch = self.column_parts(outputs, parts, 1);
        let add = accumulate.into();
        match db {
            Some(db) if parts > 1 => {
                let mut sums = self.sums.borrow_mut();
                let mut sums = sums.view_mut(0..parts * outputs);
                kernels.bias_activation_backward_parts(
                    launch,
                    dz,
                    sums.reborrow(),
                    y,
                    mask,
                    weights,
                    rows,
                    saved,
                    summed,
                    outputs,
                    samples,
                    parts,
                    kind,
                    slope,
                );
                let launch = self.elements(outputs);
                kernels.column_totals(launch, db, sums.read(), parts, outputs, add);
            }
            db => kernels.bias_activation_backward(
                launch, dz, db, y, mask, weights, rows, saved, summed, outputs, samples, kind,
                slope, add,
            ),
        }
    }

    fn single_output_backward(
        &self,
        dx: ViewMut<'_, f32>,
        gradients: Option<SingleOutputGradients<'_, Self>>,
        dz: View<'_, f32>,
        w: View<'_, f32>,
        x: View<'_, f32>,
        mask: Option<View<'_, f32>>,
        shape: LinearShape,
        activation: Activation,
        again: usize,
        accumulate: bool,
    ) {
        let LinearShape { rows, inputs, .. } = shape;
        let saved = contract::saved_rows(&x, rows, inputs, again);
        let (dbx, dw, db) = match gradients {
            Some(SingleOutputGradients { dbx, dw, db }) => (dbx, Some(dw), Some(db)),
            None => (None, None, None),
        };
        let (kind, slope) = activation.code();
        self.gpu.kernels.single_output_backward(
            self.columns(inputs),
            dx,
            dbx,
            dw,
            db,
            dz,
            w,
            x,
            mask,
            rows,
            saved,
            rows - again,
            inputs,
            kind,
            slope,
            accumulate.into(),
        );
    }
}

impl Cuda {
    /// x·Wᵀ, to the rows of y for which x has rows.
    fn linear_products(
        &self,
        y: ViewMut<'_, f32>,
        x: View<'_, f32>,
        w: View<'_, f32>,
        shape: LinearShape,
        again: usize,
    ) {
        let LinearShape { rows, inputs, outputs } = shape;
        let (a, wt) = (Operand::new(x, inputs), Operand::transposed(w, inputs));
        let (products, _) = y.split((rows - again) * outputs);
        self.multiply(&self.blas, products, a, wt, (rows - again, outputs, inputs), false);
    }

    /// The epilogue of a matrix multiplication: y ← activation(mask ⊙ (y + b)). The last `again` rows are
    /// computed from the rows before them.
    pub(super) fn bias_activation_forward(
        &self,
        y: ViewMut<'_, f32>,
        b: Option<View<'_, f32>>,
        mask: Option<View<'_, f32>>,
        (rows, outputs): (usize, usize),
        activation: Activation,
        again: usize,
    ) {
        if b.is_none() && mask.is_none() && activation == Activation::Identity && again == 0 {
            return;
        }
        let (kind, slope) = activation.code();
        let launch = self.elements((rows - again) * outputs);
        self.gpu
            .kernels
            .bias_activation_forward(launch, y, b, mask, rows, outputs, again, kind, slope);
    }
}

impl Activation {
    /// The kernels' code of an activation, and its slope.
    pub(super) fn code(self) -> (u32, f32) {
        match self {
            Activation::Identity => (activation::IDENTITY, 0.0),
            Activation::Relu => (activation::RELU, 0.0),
            Activation::LeakyRelu { slope } => (activation::LEAKY_RELU, slope as f32),
            Activation::Tanh => (activation::TANH, 0.0),
            Activation::Sigmoid => (activation::SIGMOID, 0.0),
        }
    }
}
