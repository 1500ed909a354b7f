//! How each operation is run: draws its inputs, calls it, reads all that it wrote.

use std::ops::Range;

use super::bench::{Bench, Guarded, Output, Reals};
use gan_cuda::device::Device;
use gan_cuda::device::ops::{
    Activation, Adam, Affine, AffineGradients, BatchNormShape, BatchShape, EmbeddingShape, Latent,
    LinearShape, LossShape, RING_COLUMNS, RING_ROWS,
};
use gan_cuda::rng::Stream;

const STREAM: Stream = Stream { seed: 0x0123_4567_89AB_CDEF, site: 3 };

/// What becomes of the gradients of an operation's parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gradient {
    /// None is asked for.
    None,
    Overwritten,
    Accumulated,
}

impl Gradient {
    pub const ALL: [Gradient; 3] = [Gradient::None, Gradient::Overwritten, Gradient::Accumulated];
}

fn mask<D: Device>(bench: &mut Bench<'_, D>, masked: bool, len: usize) -> Option<Reals<D>> {
    masked.then(|| bench.mask(len))
}

pub fn linear_forward<D: Device>(
    mut bench: Bench<'_, D>,
    shape: LinearShape,
    activation: Activation,
    masked: bool,
    bias: bool,
) -> Vec<Output> {
    let LinearShape { rows, inputs, outputs } = shape;
    let x = bench.input(-1.0, 1.0, rows * inputs);
    let w = bench.input(-1.0, 1.0, outputs * inputs);
    let b = bias.then(|| bench.input(-1.0, 1.0, outputs));
    let mask = mask(&mut bench, masked, rows * outputs);
    let mut y = bench.output(rows * outputs);
    let [b, mask] = [&b, &mask].map(|of| of.as_ref().map(Guarded::view));
    bench.device.linear_forward(y.view_mut(), x.view(), w.view(), b, mask, shape, activation);
    vec![bench.sums("y", inputs, &y)]
}

pub fn linear_backward_weight<D: Device>(
    mut bench: Bench<'_, D>,
    shape: LinearShape,
    accumulate: bool,
) -> Vec<Output> {
    let LinearShape { rows, inputs, outputs } = shape;
    let dz = bench.input(-1.0, 1.0, rows * outputs);
    let x = bench.input(-1.0, 1.0, rows * inputs);
    let mut dw = bench.gradient(accumulate, outputs * inputs);
    bench.device.linear_backward_weight(dw.view_mut(), dz.view(), x.view(), shape, accumulate);
    vec![bench.sums("dw", rows + usize::from(accumulate), &dw)]
}

pub fn linear_backward_input<D: Device>(
    mut bench: Bench<'_, D>,
    shape: LinearShape,
    columns: Range<usize>,
) -> Vec<Output> {
    let LinearShape { rows, inputs, outputs } = shape;
    let dz = bench.input(-1.0, 1.0, rows * outputs);
    let w = bench.input(-1.0, 1.0, outputs * inputs);
    let mut dx = bench.output(rows * columns.len());
    bench.device.linear_backward_input(dx.view_mut(), dz.view(), w.view(), shape, columns);
    vec![bench.sums("dx", outputs, &dx)]
}

pub fn activation_forward<D: Device>(
    mut bench: Bench<'_, D>,
    shape: LinearShape,
    activation: Activation,
    masked: bool,
) -> Vec<Output> {
    let numbers = shape.rows * shape.outputs;
    let x = bench.input(-3.0, 3.0, numbers);
    let mask = mask(&mut bench, masked, numbers);
    let mut y = bench.output(numbers);
    let mask = mask.as_ref().map(Guarded::view);
    bench.device.activation_forward(y.view_mut(), x.view(), mask, shape, activation);
    vec![bench.read("y", &y)]
}

pub fn bias_activation_backward<D: Device>(
    mut bench: Bench<'_, D>,
    shape: LinearShape,
    activation: Activation,
    masked: bool,
    gradient: Gradient,
) -> Vec<Output> {
    let LinearShape { rows, outputs, .. } = shape;
    let mut dz = bench.input(-1.0, 1.0, rows * outputs);
    let y = bench.input(-1.0, 1.0, rows * outputs);
    let mask = mask(&mut bench, masked, rows * outputs);
    let accumulate = gradient == Gradient::Accumulated;
    let mut db = (gradient != Gradient::None).then(|| bench.gradient(accumulate, outputs));
    bench.device.bias_activation_backward(
        dz.view_mut(),
        db.as_mut().map(Guarded::view_mut),
        y.view(),
        mask.as_ref().map(Guarded::view),
        shape,
        activation,
        accumulate,
    );
    let mut outputs = vec![bench.read("dz", &dz)];
    outputs.extend(db.map(|db| bench.sums("db", rows + usize::from(accumulate), &db)));
    outputs
}

pub fn batch_norm_forward<D: Device>(
    mut bench: Bench<'_, D>,
    shape: BatchNormShape,
    activation: Activation,
    bias: bool,
) -> Vec<Output> {
    let BatchNormShape { rows, columns, .. } = shape;
    let x = bench.input(-1.0, 3.0, rows * columns);
    let b = bias.then(|| bench.input(-1.0, 1.0, columns));
    let gamma = bench.input(0.5, 1.5, columns);
    let beta = bench.input(-0.5, 0.5, columns);
    let mut running_mean = bench.input(-1.0, 1.0, columns);
    let mut running_var = bench.input(0.5, 1.5, columns);
    let mut y = bench.output(rows * columns);
    let (mut mean, mut inv_std) = (bench.output(columns), bench.output(columns));
    bench.device.batch_norm_forward(
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
        bench.sums("y", rows, &y),
        bench.sums("mean", rows, &mean),
        bench.sums("inv_std", rows, &inv_std),
        bench.sums("running_mean", rows, &running_mean),
        bench.sums("running_var", rows, &running_var),
    ]
}

pub fn batch_norm_evaluate<D: Device>(
    mut bench: Bench<'_, D>,
    shape: BatchNormShape,
    activation: Activation,
    bias: bool,
) -> Vec<Output> {
    let BatchNormShape { rows, columns, .. } = shape;
    let x = bench.input(-1.0, 3.0, rows * columns);
    let b = bias.then(|| bench.input(-1.0, 1.0, columns));
    let running_mean = bench.input(-1.0, 1.0, columns);
    let running_var = bench.input(0.5, 1.5, columns);
    let gamma = bench.input(0.5, 1.5, columns);
    let beta = bench.input(-0.5, 0.5, columns);
    let mut y = bench.output(rows * columns);
    bench.device.batch_norm_evaluate(
        y.view_mut(),
        x.view(),
        b.as_ref().map(Guarded::view),
        running_mean.view(),
        running_var.view(),
        Affine { gamma: gamma.view(), beta: beta.view() },
        shape,
        activation,
    );
    vec![bench.read("y", &y)]
}

pub fn batch_norm_backward<D: Device>(
    mut bench: Bench<'_, D>,
    shape: BatchNormShape,
    activation: Activation,
    gradient: Gradient,
) -> Vec<Output> {
    let BatchNormShape { rows, columns, .. } = shape;
    let mut dx = bench.input(-1.0, 1.0, rows * columns);
    let y = bench.input(-1.0, 1.0, rows * columns);
    let x = bench.input(-1.0, 3.0, rows * columns);
    // Not the statistics of this x: inputs are the same on every device, whatever they are.
    let mean = bench.input(0.5, 1.5, columns);
    let inv_std = bench.input(0.5, 1.5, columns);
    let gamma = bench.input(0.5, 1.5, columns);
    let accumulate = gradient == Gradient::Accumulated;
    let mut gradients =
        (gradient != Gradient::None).then(|| [(); 2].map(|()| bench.gradient(accumulate, columns)));
    bench.device.batch_norm_backward(
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
    let mut outputs = vec![bench.sums("dx", rows, &dx)];
    if let Some([dgamma, dbeta]) = &gradients {
        let summands = rows + usize::from(accumulate);
        outputs.push(bench.sums("dgamma", summands, dgamma));
        outputs.push(bench.sums("dbeta", summands, dbeta));
    }
    outputs
}

pub fn embedding_concat<D: Device>(mut bench: Bench<'_, D>, shape: &EmbeddingShape) -> Vec<Output> {
    let x = bench.input(-1.0, 1.0, shape.rows * shape.inputs);
    let table = bench.input(-1.0, 1.0, shape.classes * shape.width);
    let labels = bench.below(shape.classes, shape.rows);
    let mut y = bench.output(shape.rows * shape.stride);
    bench.device.embedding_concat(y.view_mut(), x.view(), table.view(), labels.view(), shape);
    vec![bench.read("y", &y)]
}

pub fn embedding_backward<D: Device>(
    mut bench: Bench<'_, D>,
    shape: &EmbeddingShape,
    accumulate: bool,
) -> Vec<Output> {
    let dy = bench.input(-1.0, 1.0, shape.rows * shape.width);
    let labels = bench.below(shape.classes, shape.rows);
    let mut dtable = bench.gradient(accumulate, shape.classes * shape.width);
    let device = bench.device;
    device.embedding_backward(dtable.view_mut(), dy.view(), labels.view(), shape, accumulate);
    vec![bench.sums("dtable", shape.rows + usize::from(accumulate), &dtable)]
}

pub fn loss_forward_backward<D: Device>(
    mut bench: Bench<'_, D>,
    shape: LossShape,
    step: u32,
) -> Vec<Output> {
    let len = shape.judged.parts() * shape.rows;
    let x = bench.input(-5.0, 5.0, len);
    let step = bench.ints(&[step]);
    let (mut dx, mut ring) = (bench.output(len), bench.zeros(RING_ROWS * RING_COLUMNS));
    let device = bench.device;
    device.loss_forward_backward(dx.view_mut(), ring.view_mut(), x.view(), step.view(), shape);
    vec![bench.read("dx", &dx), bench.sums("ring", shape.rows, &ring)]
}

pub fn adam_update<D: Device>(
    mut bench: Bench<'_, D>,
    len: usize,
    step: u32,
    b1: f64,
) -> Vec<Output> {
    let adam = Adam { lr: 2e-4, b1, b2: 0.999, eps: 1e-8 };
    let mut p = bench.input(-1.0, 1.0, len);
    let mut m = bench.input(-1.0, 1.0, len);
    let mut v = bench.input(0.0, 1.0, len);
    let g = bench.input(-1.0, 1.0, len);
    let mut step = bench.ints(&[step, 0]);
    let device = bench.device;
    let [pv, mv, vv] = [&mut p, &mut m, &mut v].map(Guarded::view_mut);
    device.adam_update(pv, mv, vv, step.view_mut(), g.view(), adam);
    vec![
        bench.read("p", &p),
        bench.read("m", &m),
        bench.read("v", &v),
        bench.read_ints("step", &step),
    ]
}

pub fn step_advance<D: Device>(bench: Bench<'_, D>, step: u32) -> Vec<Output> {
    let mut step = bench.ints(&[step]);
    bench.device.step_advance(step.view_mut());
    vec![bench.read_ints("step", &step)]
}

pub fn noise_draw<D: Device>(
    bench: Bench<'_, D>,
    len: usize,
    parts: usize,
    step: u32,
    latent: Latent,
) -> Vec<Output> {
    let (step, mut z) = (bench.ints(&[step]), bench.output(parts * len));
    bench.device.noise_draw(z.view_mut(), step.view(), STREAM, latent, parts);
    vec![bench.read("z", &z)]
}

pub fn labels_draw<D: Device>(
    bench: Bench<'_, D>,
    len: usize,
    parts: usize,
    step: u32,
    classes: usize,
) -> Vec<Output> {
    let (step, mut labels) = (bench.ints(&[step]), bench.int_output(parts * len));
    bench.device.labels_draw(labels.view_mut(), step.view(), STREAM, classes, parts);
    vec![bench.read_ints("labels", &labels)]
}

pub fn masks_draw<D: Device>(
    bench: Bench<'_, D>,
    rows: usize,
    columns: &[usize],
    step: u32,
    p: f64,
) -> Vec<Output> {
    let sites = STREAM.site..;
    let table: Vec<u32> =
        sites.zip(columns).flat_map(|(site, &columns)| [site, columns as u32]).collect();
    let (step, table) = (bench.ints(&[step]), bench.ints(&table));
    let mut masks = bench.output(rows * columns.iter().sum::<usize>());
    bench.device.masks_draw(masks.view_mut(), table.view(), step.view(), STREAM.seed, rows, p);
    vec![bench.read("masks", &masks)]
}

/// Images in the data set, and their order in the epoch.
fn order<D: Device>(bench: &Bench<'_, D>, shape: BatchShape) -> (usize, Guarded<D, u32>) {
    let images = shape.batch_size * shape.iterations_per_epoch;
    (images, bench.ints(&STREAM.permutation(images, 0)))
}

pub fn batch_gather<D: Device>(
    mut bench: Bench<'_, D>,
    shape: BatchShape,
    step: u32,
    labelled: bool,
) -> Vec<Output> {
    let (count, order) = order(&bench, shape);
    let images = bench.bytes(count * shape.pixels);
    let (step, mut x) = (bench.ints(&[step]), bench.output(shape.rows * shape.pixels));
    let all = bench.below(10, count);
    let mut to = labelled.then(|| bench.int_output(shape.rows));
    let labels = to.as_mut().map(|to| (to.view_mut(), all.view()));
    let device = bench.device;
    device.batch_gather(x.view_mut(), labels, images.view(), order.view(), step.view(), shape);
    let mut outputs = vec![bench.read("x", &x)];
    outputs.extend(to.map(|to| bench.read_ints("labels", &to)));
    outputs
}
