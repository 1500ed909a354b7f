//! Running products with what follows them.

use gan_cuda::device::Device;
use gan_cuda::device::ops::{Activation, Affine, AffineGradients, BatchNormShape, LinearShape};

use super::bench::{Bench, Guarded, Output};
use super::run::Gradient;

impl<D: Device> Bench<'_, D> {
    pub fn linear_batch_norm_forward(
        mut self,
        inputs: usize,
        shape: BatchNormShape,
        activation: Activation,
        bias: bool,
    ) -> Vec<Output> {
        let BatchNormShape { rows, columns, .. } = shape;
        let input = self.input(-1.0, 1.0, rows * inputs);
        // The product's variance is about that of a number in the input, however many are summed.
        let limit = (3.0 / inputs as f32).sqrt();
        let w = self.input(-limit, limit, columns * inputs);
        let b = bias.then(|| self.input(-1.0, 1.0, columns));
        let (gamma, beta) = (self.input(0.5, 1.5, columns), self.input(-0.5, 0.5, columns));
        let mut running_mean = self.input(-1.0, 1.0, columns);
        let mut running_var = self.input(0.5, 1.5, columns);
        let (mut x, mut y) = (self.output(rows * columns), self.output(rows * columns));
        let (mut mean, mut inv_std) = (self.output(columns), self.output(columns));
        self.device.linear_batch_norm_forward(
            y.view_mut(),
            mean.view_mut(),
            inv_std.view_mut(),
            running_mean.view_mut(),
            running_var.view_mut(),
            x.view_mut(),
            input.view(),
            w.view(),
            b.as_ref().map(Guarded::view),
            Affine { gamma: gamma.view(), beta: beta.view() },
            inputs,
            shape,
            activation,
        );
        vec![
            self.sums("x", inputs, &x),
            self.sums("y", inputs, &y),
            self.sums("mean", rows, &mean),
            self.sums("inv_std", rows, &inv_std),
            self.sums("running_mean", rows, &running_mean),
            self.sums("running_var", rows, &running_var),
        ]
    }

    pub fn linear_batch_norm_backward(
        mut self,
        outputs: usize,
        shape: BatchNormShape,
        activation: Activation,
        gradient: Gradient,
    ) -> Vec<Output> {
        let BatchNormShape { rows, columns, .. } = shape;
        let dz = self.input(-1.0, 1.0, rows * outputs);
        // Gradients of about the size of dz.
        let limit = (3.0 / outputs as f32).sqrt();
        let w = self.input(-limit, limit, outputs * columns);
        let y = self.input(-1.0, 1.0, rows * columns);
        let x = self.input(-1.0, 3.0, rows * columns);
        let [mean, inv_std, gamma] = [(); 3].map(|()| self.input(0.5, 1.5, columns));
        let accumulate = gradient == Gradient::Accumulated;
        let mut gradients = (gradient != Gradient::None)
            .then(|| [(); 2].map(|()| self.gradient(accumulate, columns)));
        let mut dx = self.output(rows * columns);
        self.device.linear_batch_norm_backward(
            dx.view_mut(),
            gradients.as_mut().map(|[dgamma, dbeta]| AffineGradients {
                dgamma: dgamma.view_mut(),
                dbeta: dbeta.view_mut(),
            }),
            dz.view(),
            w.view(),
            y.view(),
            x.view(),
            mean.view(),
            inv_std.view(),
            gamma.view(),
            outputs,
            shape,
            activation,
            accumulate,
        );
        let mut read = vec![self.sums("dx", outputs, &dx)];
        if let Some([dgamma, dbeta]) = &gradients {
            let summands = rows + usize::from(accumulate);
            read.extend([
                self.sums("dgamma", summands, dgamma),
                self.sums("dbeta", summands, dbeta),
            ]);
        }
        read
    }

    pub fn linear_activation_backward(
        mut self,
        shape: LinearShape,
        activation: Activation,
        masked: bool,
        gradient: Gradient,
        (again, saved): (usize, bool),
    ) -> Vec<Output> {
        let LinearShape { rows, inputs, outputs } = shape;
        let saved = if saved { rows } else { rows - again };
        let dz = self.input(-1.0, 1.0, rows * outputs);
        let limit = (3.0 / outputs as f32).sqrt();
        let w = self.input(-limit, limit, outputs * inputs);
        let x = self.input(-1.0, 1.0, saved * inputs);
        let mask = masked.then(|| self.mask(saved * inputs));
        let accumulate = gradient == Gradient::Accumulated;
        let mut dbx = (gradient != Gradient::None).then(|| self.gradient(accumulate, inputs));
        let mut dx = self.output(rows * inputs);
        self.device.linear_activation_backward(
            dx.view_mut(),
            dbx.as_mut().map(Guarded::view_mut),
            dz.view(),
            w.view(),
            x.view(),
            mask.as_ref().map(Guarded::view),
            shape,
            activation,
            again,
            accumulate,
        );
        let mut read = vec![self.sums("dx", outputs, &dx)];
        let summands = rows + usize::from(accumulate);
        read.extend(dbx.map(|dbx| self.sums("dbx", summands, &dbx)));
        read
    }
}
