//! Running each operation: generates its inputs, calls it, reads all outputs.

use std::ops::Range;

use super::bench::{Bench, Guarded, GuardedFloats, Output};
use super::cases::Epilogue;
use gan_cuda::device::Device;
use gan_cuda::device::ops::{
    Activation, Adam, Affine, AffineGradients, Average, BatchNormShape, BatchShape,
    ConvolutionShape, Criterion, Draw, DrawKind, EmbeddingShape, Latent, LinearShape, LossShape,
    LrDecay, RING_COLUMNS, RING_ROWS, SingleOutput, SingleOutputGradients, SoftmaxShape, Targets,
};
use gan_cuda::rng::Stream;

const STREAM: Stream = Stream { seed: 0x0123_4567_89AB_CDEF, site: 3 };

/// How an operation's parameter gradients are computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gradient {
    /// Not at all.
    None,
    Overwritten,
    Accumulated,
}

impl Gradient {
    pub const ALL: [Gradient; 3] = [Gradient::None, Gradient::Overwritten, Gradient::Accumulated];
}

impl<D: Device> Bench<'_, D> {
    fn mask_where(&mut self, masked: bool, len: usize) -> Option<GuardedFloats<D>> {
        masked.then(|| self.mask(len))
    }

    pub fn linear_forward(
        mut self,
        shape: LinearShape,
        activation: Activation,
        (masked, bias): (bool, bool),
        again: usize,
    ) -> Vec<Output> {
        let LinearShape { rows, inputs, outputs } = shape;
        let x = self.input(-1.0, 1.0, (rows - again) * inputs);
        let w = self.input(-1.0, 1.0, outputs * inputs);
        let b = bias.then(|| self.input(-1.0, 1.0, outputs));
        let mask = self.mask_where(masked, rows * outputs);
        let mut y = self.output(rows * outputs);
        let [b, mask] = [&b, &mask].map(|of| of.as_ref().map(Guarded::view));
        let (device, x, w) = (self.device, x.view(), w.view());
        device.linear_forward(y.view_mut(), x, w, b, mask, shape, activation, again);
        vec![self.sums("y", inputs, &y)]
    }

    pub fn linear_forward_to_single_output(
        mut self,
        shape: LinearShape,
        activation: Activation,
        (masked, bias): (bool, bool),
        again: usize,
    ) -> Vec<Output> {
        let LinearShape { rows, inputs, outputs } = shape;
        let x = self.input(-1.0, 1.0, (rows - again) * inputs);
        let w = self.input(-1.0, 1.0, outputs * inputs);
        let b = bias.then(|| self.input(-1.0, 1.0, outputs));
        let mask = self.mask_where(masked, rows * outputs);
        // As small as the sums are long, so that a sum of them is no less accurate than they are.
        let limit = 1.0 / outputs as f32;
        let (w_behind, b_behind) = (self.input(-limit, limit, outputs), self.input(-1.0, 1.0, 1));
        let (mut y, mut o) = (self.output(rows * outputs), self.output(rows));
        let [b, mask] = [&b, &mask].map(|of| of.as_ref().map(Guarded::view));
        let (device, x, w) = (self.device, x.view(), w.view());
        let output = SingleOutput { o: o.view_mut(), w: w_behind.view(), b: b_behind.view() };
        let y_view = y.view_mut();
        device.linear_forward_to_single_output(
            y_view, output, x, w, b, mask, shape, activation, again,
        );
        vec![self.sums("y", inputs, &y), self.sums("o", inputs + outputs, &o)]
    }

    pub fn linear_backward_weight(mut self, shape: LinearShape, accumulate: bool) -> Vec<Output> {
        let LinearShape { rows, inputs, outputs } = shape;
        let dz = self.input(-1.0, 1.0, rows * outputs);
        let x = self.input(-1.0, 1.0, rows * inputs);
        let mut dw = self.gradient(accumulate, outputs * inputs);
        self.device.linear_backward_weight(dw.view_mut(), dz.view(), x.view(), shape, accumulate);
        vec![self.sums("dw", rows + usize::from(accumulate), &dw)]
    }

    pub fn linear_backward_input(
        mut self,
        shape: LinearShape,
        columns: Range<usize>,
    ) -> Vec<Output> {
        let LinearShape { rows, inputs, outputs } = shape;
        let dz = self.input(-1.0, 1.0, rows * outputs);
        let w = self.input(-1.0, 1.0, outputs * inputs);
        let mut dx = self.output(rows * columns.len());
        self.device.linear_backward_input(dx.view_mut(), dz.view(), w.view(), shape, columns);
        vec![self.sums("dx", outputs, &dx)]
    }

    pub fn single_output_backward(
        mut self,
        shape: LinearShape,
        activation: Activation,
        masked: bool,
        (gradient, bias): (Gradient, bool),
        (again, saved): (usize, bool),
    ) -> Vec<Output> {
        let LinearShape { rows, inputs, .. } = shape;
        let saved = if saved { rows } else { rows - again };
        let dz = self.input(-1.0, 1.0, rows);
        let w = self.input(-1.0, 1.0, inputs);
        let x = self.input(-1.0, 1.0, saved * inputs);
        let mask = self.mask_where(masked, saved * inputs);
        let accumulate = gradient == Gradient::Accumulated;
        let lengths = [inputs, 1, inputs];
        let mut gradients =
            (gradient != Gradient::None).then(|| lengths.map(|len| self.gradient(accumulate, len)));
        let mut dx = self.output(rows * inputs);
        self.device.single_output_backward(
            dx.view_mut(),
            gradients.as_mut().map(|[dw, db, dbx]| SingleOutputGradients {
                dbx: bias.then(|| dbx.view_mut()),
                dw: dw.view_mut(),
                db: db.view_mut(),
            }),
            dz.view(),
            w.view(),
            x.view(),
            mask.as_ref().map(Guarded::view),
            shape,
            activation,
            again,
            accumulate,
        );
        let mut outputs = vec![self.read("dx", &dx)];
        if let Some([dw, db, dbx]) = &gradients {
            let summands = rows + usize::from(accumulate);
            outputs.extend([self.sums("dw", summands, dw), self.sums("db", summands, db)]);
            outputs.extend(bias.then(|| self.sums("dbx", summands, dbx)));
        }
        outputs
    }

    pub fn convolution_forward(
        mut self,
        shape: ConvolutionShape,
        channels: Range<usize>,
        epilogue: Epilogue,
    ) -> Vec<Output> {
        let x = self.input(-1.0, 1.0, shape.x_len());
        let w = self.input(-1.0, 1.0, shape.w_len());
        let b = epilogue.bias.then(|| self.input(-1.0, 1.0, channels.len()));
        let len = shape.positions() * channels.len();
        let mask = self.mask_where(epilogue.masked, len);
        let (mut y, mut workspace) = (self.output(len), self.output(D::workspace(shape)));
        let [b, mask] = [&b, &mask].map(|of| of.as_ref().map(Guarded::view));
        self.device.convolution_forward(
            y.view_mut(),
            workspace.view_mut(),
            x.view(),
            w.view(),
            b,
            mask,
            shape,
            channels,
            epilogue.activation,
        );
        vec![self.sums("y", shape.window_len(), &y)]
    }

    pub fn convolution_transpose(
        mut self,
        shape: ConvolutionShape,
        channels: Range<usize>,
        epilogue: Epilogue,
    ) -> Vec<Output> {
        let y = self.input(-1.0, 1.0, shape.y_len());
        let w = self.input(-1.0, 1.0, shape.w_len());
        let b = epilogue.bias.then(|| self.input(-1.0, 1.0, channels.len()));
        let len = ConvolutionShape { inputs: channels.len(), ..shape }.x_len();
        let mask = self.mask_where(epilogue.masked, len);
        let (mut x, mut workspace) = (self.output(len), self.output(D::workspace(shape)));
        let [b, mask] = [&b, &mask].map(|of| of.as_ref().map(Guarded::view));
        self.device.convolution_transpose(
            x.view_mut(),
            workspace.view_mut(),
            y.view(),
            w.view(),
            b,
            mask,
            shape,
            channels,
            epilogue.activation,
        );
        vec![self.sums("x", shape.kernel.pow(2) * shape.outputs, &x)]
    }

    pub fn convolution_backward_weight(
        mut self,
        shape: ConvolutionShape,
        accumulate: bool,
    ) -> Vec<Output> {
        let dy = self.input(-1.0, 1.0, shape.y_len());
        let x = self.input(-1.0, 1.0, shape.x_len());
        let mut dw = self.gradient(accumulate, shape.w_len());
        let mut workspace = self.output(D::workspace(shape));
        let (dw_view, workspace) = (dw.view_mut(), workspace.view_mut());
        let device = self.device;
        device.convolution_backward_weight(
            dw_view,
            workspace,
            dy.view(),
            x.view(),
            shape,
            accumulate,
        );
        vec![self.sums("dw", shape.positions() + usize::from(accumulate), &dw)]
    }

    pub fn image_transpose(mut self, rows: usize, extents: [usize; 2]) -> Vec<Output> {
        let len = rows * extents[0] * extents[1];
        let (x, mut y) = (self.input(-1.0, 1.0, len), self.output(len));
        self.device.image_transpose(y.view_mut(), x.view(), rows, extents);
        vec![self.read("y", &y)]
    }

    pub fn activation_forward(
        mut self,
        shape: LinearShape,
        activation: Activation,
        masked: bool,
    ) -> Vec<Output> {
        let numbers = shape.rows * shape.outputs;
        let x = self.input(-3.0, 3.0, numbers);
        let mask = self.mask_where(masked, numbers);
        let mut y = self.output(numbers);
        let mask = mask.as_ref().map(Guarded::view);
        self.device.activation_forward(y.view_mut(), x.view(), mask, shape, activation);
        vec![self.read("y", &y)]
    }

    pub fn bias_activation_backward(
        mut self,
        shape: LinearShape,
        activation: Activation,
        masked: bool,
        gradient: Gradient,
        (samples, (again, saved)): (Option<usize>, (usize, bool)),
    ) -> Vec<Output> {
        let LinearShape { rows, outputs, .. } = shape;
        let mut dz = self.input(-1.0, 1.0, rows * outputs);
        let saved = if saved { rows } else { rows - again };
        let y = self.input(-1.0, 1.0, saved * outputs);
        let mask = self.mask_where(masked, saved * outputs);
        let weights = samples.map(|samples| self.input(-1.0, 1.0, samples));
        let accumulate = gradient == Gradient::Accumulated;
        let mut db = (gradient != Gradient::None).then(|| self.gradient(accumulate, outputs));
        self.device.bias_activation_backward(
            dz.view_mut(),
            db.as_mut().map(Guarded::view_mut),
            y.view(),
            mask.as_ref().map(Guarded::view),
            weights.as_ref().map(Guarded::view),
            shape,
            activation,
            again,
            accumulate,
        );
        let mut outputs = vec![self.read("dz", &dz)];
        outputs.extend(db.map(|db| self.sums("db", rows + usize::from(accumulate), &db)));
        outputs
    }

    pub fn batch_norm_forward(
        mut self,
        shape: BatchNormShape,
        activation: Activation,
        bias: bool,
    ) -> Vec<Output> {
        let BatchNormShape { batches, rows, columns, .. } = shape;
        let x = self.input(-1.0, 3.0, batches * rows * columns);
        let b = bias.then(|| self.input(-1.0, 1.0, columns));
        let gamma = self.input(0.5, 1.5, columns);
        let beta = self.input(-0.5, 0.5, columns);
        let mut running_mean = self.input(-1.0, 1.0, columns);
        let mut running_var = self.input(0.5, 1.5, columns);
        let mut y = self.output(batches * rows * columns);
        let (mut mean, mut inv_std) =
            (self.output(batches * columns), self.output(batches * columns));
        self.device.batch_norm_forward(
            y.view_mut(),
            mean.view_mut(),
            inv_std.view_mut(),
            running_mean.view_mut(),
            running_var.view_mut(),
            x.view(),
            b.as_ref().map(Guarded::view),
            Affine { gamma: gamma.view(), beta: beta.view() },
            shape,
            activation,
        );
        vec![
            self.sums("y", rows, &y),
            self.sums("mean", rows, &mean),
            self.sums("inv_std", rows, &inv_std),
            self.sums("running_mean", rows, &running_mean),
            self.sums("running_var", rows, &running_var),
        ]
    }

    pub fn batch_norm_evaluate(
        mut self,
        shape: BatchNormShape,
        activation: Activation,
        bias: bool,
    ) -> Vec<Output> {
        let BatchNormShape { rows, columns, .. } = shape;
        let x = self.input(-1.0, 3.0, rows * columns);
        let b = bias.then(|| self.input(-1.0, 1.0, columns));
        let running_mean = self.input(-1.0, 1.0, columns);
        let running_var = self.input(0.5, 1.5, columns);
        let gamma = self.input(0.5, 1.5, columns);
        let beta = self.input(-0.5, 0.5, columns);
        let mut y = self.output(rows * columns);
        self.device.batch_norm_evaluate(
            y.view_mut(),
            x.view(),
            b.as_ref().map(Guarded::view),
            running_mean.view(),
            running_var.view(),
            Affine { gamma: gamma.view(), beta: beta.view() },
            shape,
            activation,
        );
        vec![self.read("y", &y)]
    }

    pub fn batch_norm_backward(
        mut self,
        shape: BatchNormShape,
        activation: Activation,
        gradient: Gradient,
    ) -> Vec<Output> {
        let BatchNormShape { batches, rows, columns, .. } = shape;
        let mut dx = self.input(-1.0, 1.0, batches * rows * columns);
        let y = self.input(-1.0, 1.0, batches * rows * columns);
        let x = self.input(-1.0, 3.0, batches * rows * columns);
        // Not the statistics of this x, but the same inputs on every device.
        let mean = self.input(0.5, 1.5, batches * columns);
        let inv_std = self.input(0.5, 1.5, batches * columns);
        let gamma = self.input(0.5, 1.5, columns);
        let accumulate = gradient == Gradient::Accumulated;
        let mut gradients = (gradient != Gradient::None)
            .then(|| [(); 2].map(|()| self.gradient(accumulate, columns)));
        self.device.batch_norm_backward(
            dx.view_mut(),
            gradients.as_mut().map(|[dgamma, dbeta]| AffineGradients {
                dgamma: dgamma.view_mut(),
                dbeta: dbeta.view_mut(),
            }),
            y.view(),
            x.view(),
            mean.view(),
            inv_std.view(),
            gamma.view(),
            shape,
            activation,
            accumulate,
        );
        let mut outputs = vec![self.sums("dx", rows, &dx)];
        if let Some([dgamma, dbeta]) = &gradients {
            let summands = batches * rows + usize::from(accumulate);
            outputs.push(self.sums("dgamma", summands, dgamma));
            outputs.push(self.sums("dbeta", summands, dbeta));
        }
        outputs
    }

    pub fn embedding_concat(mut self, shape: &EmbeddingShape) -> Vec<Output> {
        let x = self.input(-1.0, 1.0, shape.rows * shape.pixels * shape.inputs);
        let table = self.input(-1.0, 1.0, shape.classes * shape.width);
        let labels = self.below(shape.classes, shape.rows);
        let mut y = self.output(shape.rows * shape.pixels * shape.stride);
        self.device.embedding_concat(y.view_mut(), x.view(), table.view(), labels.view(), shape);
        vec![self.read("y", &y)]
    }

    pub fn embedding_backward(mut self, shape: &EmbeddingShape, accumulate: bool) -> Vec<Output> {
        let dy = self.input(-1.0, 1.0, shape.rows * shape.pixels * shape.width);
        let labels = self.below(shape.classes, shape.rows);
        let mut dtable = self.gradient(accumulate, shape.classes * shape.width);
        let device = self.device;
        device.embedding_backward(dtable.view_mut(), dy.view(), labels.view(), shape, accumulate);
        let summands = shape.rows * shape.pixels + usize::from(accumulate);
        vec![self.sums("dtable", summands, &dtable)]
    }

    pub fn embedding_backward_linear(
        mut self,
        shape: &EmbeddingShape,
        outputs: usize,
        accumulate: bool,
    ) -> Vec<Output> {
        let dz = self.input(-1.0, 1.0, shape.rows * outputs);
        let w = self.input(-1.0, 1.0, outputs * shape.stride);
        let labels = self.below(shape.classes, shape.rows);
        let mut dtable = self.gradient(accumulate, shape.classes * shape.width);
        let (device, out, labels) = (self.device, dtable.view_mut(), labels.view());
        let (dz, w) = (dz.view(), w.view());
        device.embedding_backward_linear(out, dz, w, labels, shape, outputs, accumulate);
        let summands = shape.rows * outputs + usize::from(accumulate);
        vec![self.sums("dtable", summands, &dtable)]
    }

    pub fn loss_forward_backward(
        mut self,
        shape: LossShape,
        step: u32,
        both: Option<usize>,
    ) -> Vec<Output> {
        let len = both.unwrap_or(shape.parts()) * shape.rows;
        let second = LossShape { targets: Targets::FakeAsReal, scale: 1.0, ..shape };
        let (second, parts) = (both.map(|_| second), both.map_or(shape.parts(), |_| 3));
        let x = match shape.criterion {
            Criterion::SaturatingCrossEntropy => self.saturating(len),
            _ => self.input(-5.0, 5.0, len),
        };
        let step = self.ints(&[step]);
        let mut dx = self.output(parts * shape.rows);
        let mut ring = self.zeros(RING_ROWS * RING_COLUMNS);
        let (ring_view, step) = (ring.view_mut(), step.view());
        let device = self.device;
        device.loss_forward_backward(dx.view_mut(), ring_view, x.view(), step, shape, second);
        vec![self.read("dx", &dx), self.sums("ring", shape.rows, &ring)]
    }

    pub fn softmax_cross_entropy_forward_backward(
        mut self,
        shape: SoftmaxShape,
        reach: f32,
    ) -> Vec<Output> {
        let SoftmaxShape { rows, classes } = shape;
        let x = self.input(-reach, reach, rows * classes);
        let labels = self.below(classes, rows);
        let (mut dx, mut losses) = (self.output(rows * classes), self.output(rows));
        self.device.softmax_cross_entropy_forward_backward(
            dx.view_mut(),
            losses.view_mut(),
            x.view(),
            labels.view(),
            shape,
        );
        let mut dx = self.read("dx", &dx);
        // Each row's own gradient: its share in the mean is as small as rows are many.
        dx.values.iter_mut().for_each(|dx| *dx *= rows as f64);
        vec![dx, self.sums("losses", classes, &losses)]
    }

    pub fn ring_carry(mut self, step: u32) -> Vec<Output> {
        let step = self.ints(&[step]);
        let mut ring = self.input(-1.0, 1.0, RING_ROWS * RING_COLUMNS);
        self.device.ring_carry(ring.view_mut(), step.view());
        vec![self.read("ring", &ring)]
    }

    pub fn adam_update(
        mut self,
        len: usize,
        step: u32,
        b1: f64,
        (decay, done, rate): (LrDecay, f64, f64),
    ) -> Vec<Output> {
        let adam = Adam { decay, done, rate, ..Adam::constant(2e-4, [b1, 0.999], 1e-8) };
        let mut p = self.input(-1.0, 1.0, len);
        let mut m = self.input(-1.0, 1.0, len);
        let mut v = self.input(0.0, 1.0, len);
        let g = self.input(-1.0, 1.0, len);
        // Beside other operations or not, results are the same.
        let beside = step % 2 == 1;
        let mut iteration = b1.gt(&0.5).then(|| self.ints(&[step]));
        let mut step = self.ints(&[step, 0]);
        let device = self.device;
        let [pv, mv, vv] = [&mut p, &mut m, &mut v].map(Guarded::view_mut);
        let counter = iteration.as_mut().map(Guarded::view_mut);
        device.adam_update(pv, mv, vv, step.view_mut(), counter, g.view(), adam, beside);
        let mut outputs = vec![
            self.read("p", &p),
            self.read("m", &m),
            self.read("v", &v),
            self.read_ints("step", &step),
        ];
        outputs.extend(iteration.map(|iteration| self.read_ints("iteration", &iteration)));
        outputs
    }

    pub fn average_update(mut self, len: usize, step: u32, constants: Average) -> Vec<Output> {
        let (mut average, p) = (self.input(-1.0, 1.0, len), self.input(-1.0, 1.0, len));
        let step = self.ints(&[step]);
        self.device.average_update(average.view_mut(), p.view(), step.view(), constants);
        vec![self.read("average", &average)]
    }

    pub fn noise_sample(self, len: usize, parts: usize, step: u32, latent: Latent) -> Vec<Output> {
        let (step, mut z) = (self.ints(&[step]), self.output(parts * len));
        self.device.noise_sample(z.view_mut(), step.view(), STREAM, latent, parts);
        vec![self.read("z", &z)]
    }

    pub fn masks_sample(self, rows: usize, columns: &[usize], step: u32, p: f64) -> Vec<Output> {
        let sites = STREAM.site..;
        let table: Vec<u32> =
            sites.zip(columns).flat_map(|(site, &columns)| [site, columns as u32]).collect();
        let (step, table) = (self.ints(&[step]), self.ints(&table));
        let mut masks = self.output(rows * columns.iter().sum::<usize>());
        self.device.masks_sample(masks.view_mut(), table.view(), step.view(), STREAM.seed, rows, p);
        vec![self.read("masks", &masks)]
    }

    /// Draws of every kind: noise, unit numbers and masks one after the other, then labels.
    pub fn batch_prepare(
        mut self,
        shape: BatchShape,
        step: u32,
        latent: Latent,
        pack: usize,
    ) -> Vec<Output> {
        // Images in the data set, and their order in the epoch.
        let count = shape.batch_size * shape.iterations_per_epoch;
        let order = self.ints(&STREAM.permutation(count, 0));
        let (images, labels) = (self.bytes(count * shape.pixels), self.below(10, count));
        let draws = draws(shape.rows, latent, pack);
        let words: Vec<u32> = draws.iter().flat_map(Draw::words).collect();
        let is_label =
            |draw: &&Draw| matches!(draw.kind, DrawKind::Classes(_) | DrawKind::ImageLabels);
        let elements = |draw: &Draw| draw.columns * (shape.rows / draw.pack);
        let integers = draws.iter().filter(is_label).map(elements).sum();
        let all: usize = draws.iter().map(elements).sum();
        let (step, draws) = (self.ints(&[step]), self.ints(&words));
        let mut x = self.output(shape.rows * shape.pixels);
        let (mut floats, mut integers) = (self.output(all - integers), self.int_output(integers));
        self.device.batch_prepare(
            x.view_mut(),
            floats.view_mut(),
            integers.view_mut(),
            images.view(),
            labels.view(),
            order.view(),
            draws.view(),
            step.view(),
            shape,
            STREAM.seed,
        );
        let integers = self.read_ints("integers", &integers);
        vec![self.read("x", &x), self.read("floats", &floats), integers]
    }
}

/// Lengths with every remainder modulo four.
fn draws(rows: usize, latent: Latent, pack: usize) -> Vec<Draw> {
    let noise = DrawKind::Noise(latent);
    let mut draws = Vec::new();
    let (mut floats, mut integers) = (0, 0);
    for (site, (kind, columns, batches, pack)) in (STREAM.site..).zip([
        (noise, 5, 1, 1),
        (DrawKind::Unit, 4, 4, pack),
        (DrawKind::Mask(0.4), 7, 1, pack),
        (DrawKind::ImageLabels, 1, 1, 1),
        (DrawKind::Mask(0.25), 6, 2, pack),
        (DrawKind::Classes(10), 1, 1, 1),
        (DrawKind::ImageLabels, 1, 1, 1),
        (noise, 6, 1, 1),
    ]) {
        let of = match kind {
            DrawKind::Classes(_) | DrawKind::ImageLabels => &mut integers,
            _ => &mut floats,
        };
        draws.push(Draw { kind, site, start: *of, before: 0, columns, batches, pack });
        *of += columns * (rows / pack);
    }
    // Elements of the draws before it in its group count for each row.
    let last = draws.len() - 1;
    let start = draws[last].start - 3 * rows;
    draws[last] = Draw { start, before: 3, ..draws[last] };
    draws
}
