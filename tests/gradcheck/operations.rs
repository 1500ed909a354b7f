//! Every operation's gradients: the scalar is a random weighted sum of the outputs.

use std::array::from_fn;

use super::check::{Case, Point};
use super::random::Numbers;
use gan_cuda::choice::Choice;
use gan_cuda::device::cpu::Cpu;
use gan_cuda::device::ops::{
    AUGMENT_DRAWS, Activation, Affine, AffineGradients, Augment, AugmentShape, Augmentation,
    BatchNorm, BatchNormShape, Convolution, Criterion, Embedding, EmbeddingShape, Linear,
    LinearShape, Loss, LossShape, Penalties, Penalty, PenaltyShape, RING_COLUMNS, RING_ROWS,
    SoftmaxShape, SpectralNorm, SpectralNormShape, Targets,
};

pub const ACTIVATIONS: [Activation; 5] = [
    Activation::Identity,
    Activation::Relu,
    Activation::LeakyRelu { slope: 0.2 },
    Activation::Tanh,
    Activation::Sigmoid,
];

/// Rows, inputs, outputs. In the last shape x has more elements than are checked.
const LINEAR: [(usize, usize, usize); 5] =
    [(1, 1, 1), (2, 3, 1), (7, 5, 4), (31, 33, 5), (33, 129, 2)];
/// Rows, columns, eps; in training mode a batch has two rows at least.
const BATCH_NORM: [(usize, usize, f64); 6] =
    [(2, 1, 0.8), (2, 1, 1e-5), (7, 5, 0.8), (7, 5, 1e-5), (31, 33, 1e-5), (33, 129, 0.8)];

pub fn cases() -> Vec<Case> {
    let device = &Cpu::<f64>::new(1);
    let linears = ACTIVATIONS
        .into_iter()
        .flat_map(|activation| [false, true].map(|masked| linear(device, activation, masked)));
    let norms = ACTIVATIONS.into_iter().map(|activation| batch_norm(device, activation));
    let embeddings = [true, false].map(|label_first| embedding(device, label_first));
    let targets = [Targets::RealThenFake, Targets::FakeAsReal];
    let losses =
        Criterion::ALL.iter().flat_map(|&s| targets.map(|targets| loss(device, s, targets)));
    linears
        .chain(norms)
        .chain(embeddings)
        .chain(losses)
        .chain(Penalty::ALL.map(|of| penalty(device, of)))
        .chain([softmax_cross_entropy(device), weighted_bias(device)])
        .chain([false, true].map(|transposed| spectral_norm(device, transposed)))
        .chain(
            Augmentation::ALL.chunks(1).chain([Augmentation::ALL]).map(|all| augment(device, all)),
        )
        .collect()
}

fn linear(device: &Cpu<f64>, activation: Activation, masked: bool) -> Case {
    let words = if masked { "masked" } else { "no mask" };
    let mut case = Case::new(format!("linear, {}, {words}", name(activation)));
    for (seed, (rows, inputs, outputs)) in (10..).zip(LINEAR) {
        let shape = LinearShape { rows, inputs, outputs };
        let mut numbers = Numbers::new(seed);
        let x = numbers.normal(rows * inputs);
        let w = numbers.around(0.0, 1.0 / (inputs as f64).sqrt(), outputs * inputs);
        let b = numbers.around(0.0, 0.5, outputs);
        let weights = numbers.normal(rows * outputs);
        let mask = match (masked, rows * outputs) {
            (false, _) => None,
            // A single output must not be dropped.
            (true, 1) => Some(vec![1.5]),
            (true, len) => Some(numbers.mask(0.3, len)),
        };
        let mask = mask.as_deref();
        let forward = |x: &[f64], w: &[f64], b: &[f64]| {
            let mut y = vec![f64::NAN; rows * outputs];
            device.linear_forward(&mut y, x, w, Some(b), mask, shape, activation, 0);
            Point::new(y, activation)
        };
        let y = forward(&x, &w, &b).outputs;
        let [dx, dw, db] = linear_backward(device, &weights, &x, &w, &y, mask, shape, activation);
        let at = format!("{rows}×{inputs} to {outputs}");
        case.check(&format!("{at}: x"), &dx, &x, &weights, |x| forward(x, &w, &b));
        case.check(&format!("{at}: w"), &dw, &w, &weights, |w| forward(&x, w, &b));
        case.check(&format!("{at}: b"), &db, &b, &weights, |b| forward(&x, &w, b));
    }
    case
}

/// Gradients of input, weight and bias; the input's in two column ranges.
#[allow(clippy::too_many_arguments)]
fn linear_backward(
    device: &Cpu<f64>,
    dy: &[f64],
    x: &[f64],
    w: &[f64],
    y: &[f64],
    mask: Option<&[f64]>,
    shape: LinearShape,
    activation: Activation,
) -> [Vec<f64>; 3] {
    let LinearShape { rows, inputs, outputs } = shape;
    let mut dz = dy.to_vec();
    device.bias_activation_backward(&mut dz, None, y, mask, None, shape, activation, 0, false);
    let db = accumulated(outputs, |db, add| {
        let mut with_bias = dy.to_vec();
        let db = Some(db);
        let both = &mut with_bias;
        device.bias_activation_backward(both, db, y, mask, None, shape, activation, 0, add);
        assert_eq!(dz, with_bias, "dz depends on what becomes of db");
    });
    let dw = accumulated(outputs * inputs, |dw, add| {
        device.linear_backward_weight(dw, &dz, x, shape, add);
    });
    let mut dx = vec![f64::NAN; rows * inputs];
    let cut = inputs.div_ceil(3);
    for columns in [0..cut, cut..inputs].into_iter().filter(|columns| !columns.is_empty()) {
        let mut part = vec![f64::NAN; rows * columns.len()];
        device.linear_backward_input(&mut part, &dz, w, shape, columns.clone());
        for (row, part) in dx.chunks_mut(inputs).zip(part.chunks(columns.len())) {
            row[columns.clone()].copy_from_slice(part);
        }
    }
    [dx, dw, db]
}

/// The gradient that `backward` writes; accumulating it once more must double it.
fn accumulated(len: usize, mut backward: impl FnMut(&mut [f64], bool)) -> Vec<f64> {
    let mut gradient = vec![f64::NAN; len];
    backward(&mut gradient, false);
    let once = gradient.clone();
    backward(&mut gradient, true);
    for (i, (&twice, &once)) in gradient.iter().zip(&once).enumerate() {
        // Not `> …`: NaN must fail.
        let doubled = (twice - 2.0 * once).abs() <= 1e-12 * (1.0 + once.abs());
        assert!(doubled, "element {i} is {once}, and added to itself {twice}");
    }
    once
}

fn batch_norm(device: &Cpu<f64>, activation: Activation) -> Case {
    let mut case = Case::new(format!("batch_norm, {}", name(activation)));
    for (seed, (rows, columns, eps)) in (20..).zip(BATCH_NORM) {
        let (across, momentum) = (None, 0.1);
        let shape = BatchNormShape { batches: 1, rows, across, columns, eps, momentum };
        let mut numbers = Numbers::new(seed);
        let x = numbers.normal(rows * columns);
        let gamma = numbers.around(1.0, 0.5, columns);
        let beta = numbers.around(0.0, 0.5, columns);
        let weights = numbers.normal(rows * columns);
        // Its value does not affect the outputs.
        let b = vec![1.0; columns];
        let forward = |x: &[f64], gamma: &[f64], beta: &[f64]| {
            let [mut y, mut mean, mut inv_std] =
                [rows * columns, columns, columns].map(|len| vec![f64::NAN; len]);
            let [mut running_mean, mut running_var]: [Vec<f64>; 2] =
                from_fn(|_| vec![0.0; columns]);
            device.batch_norm_forward(
                &mut y,
                &mut mean,
                &mut inv_std,
                &mut running_mean,
                &mut running_var,
                x,
                Some(&b),
                Affine { gamma, beta },
                shape,
                activation,
            );
            (y, mean, inv_std)
        };
        let point = |(y, _, _): (Vec<f64>, _, _)| Point::new(y, activation);
        let (y, mean, inv_std) = forward(&x, &gamma, &beta);
        let backward = |gradients: Option<AffineGradients<'_, Cpu<f64>>>, accumulate| {
            let mut dx = weights.clone();
            device.batch_norm_backward(
                &mut dx, gradients, &y, &x, &mean, &inv_std, &gamma, shape, activation, accumulate,
            );
            dx
        };
        let dx = backward(None, false);
        let both = accumulated(2 * columns, |both, add| {
            let (dgamma, dbeta) = both.split_at_mut(columns);
            let with_gradients = backward(Some(AffineGradients { dgamma, dbeta }), add);
            assert_eq!(dx, with_gradients, "dx depends on what becomes of the gradients");
        });
        let (dgamma, dbeta) = both.split_at(columns);
        let at = format!("{rows}×{columns}, eps {eps}");
        case.check(&format!("{at}: x"), &dx, &x, &weights, |x| point(forward(x, &gamma, &beta)));
        case.check(&format!("{at}: gamma"), dgamma, &gamma, &weights, |gamma| {
            point(forward(&x, gamma, &beta))
        });
        case.check(&format!("{at}: beta"), dbeta, &beta, &weights, |beta| {
            point(forward(&x, &gamma, beta))
        });
    }
    case
}

fn embedding(device: &Cpu<f64>, label_first: bool) -> Case {
    let place = if label_first { "before" } else { "behind" };
    let mut case = Case::new(format!("embedding, {place} the batch"));
    for (seed, (rows, pixels, classes, width, inputs)) in (30..).zip([
        (1, 1, 1, 1, 1),
        (2, 1, 3, 3, 2),
        (7, 1, 3, 2, 5),
        (31, 1, 10, 10, 33),
        (7, 6, 3, 3, 2),
    ]) {
        let stride = inputs + width;
        let shape = EmbeddingShape { rows, pixels, classes, width, inputs, label_first, stride };
        let mut numbers = Numbers::new(seed);
        let (x, table) = (numbers.normal(rows * pixels * inputs), numbers.normal(classes * width));
        let labels = numbers.labels(classes, rows);
        let weights = numbers.normal(rows * pixels * shape.columns());
        let forward = |x: &[f64], table: &[f64]| {
            let mut y = vec![f64::NAN; rows * pixels * shape.columns()];
            device.embedding_concat(&mut y, x, table, &labels, &shape);
            Point { outputs: y, sides: Vec::new() }
        };
        let dy = |columns: std::ops::Range<usize>| -> Vec<f64> {
            let rows = weights.chunks(shape.columns());
            rows.flat_map(|row| row[columns.clone()].to_vec()).collect()
        };
        let dtable = accumulated(classes * width, |dtable, add| {
            device.embedding_backward(dtable, &dy(shape.label_columns()), &labels, &shape, add);
        });
        let at = format!("{rows}×{pixels}×{inputs}, {classes}×{width}");
        case.check(&format!("{at}: table"), &dtable, &table, &weights, |t| forward(&x, t));
        // x is channels first.
        let mut dx = vec![f64::NAN; x.len()];
        device.image_transpose(&mut dx, &dy(shape.input_columns()), rows, [pixels, inputs]);
        case.check(&format!("{at}: x"), &dx, &x, &weights, |x| forward(x, &table));
    }
    case
}

fn loss(device: &Cpu<f64>, criterion: Criterion, targets: Targets) -> Case {
    let mut case = Case::new(format!("loss, {criterion:?}, {targets:?}"));
    let mut numbers = Numbers::new(40);
    let parts =
        LossShape { rows: 1, whole: 1, criterion, scale: 1.0, targets, real_label: 1.0 }.parts();
    let mut check = |x: &[f64], scale: f64| {
        let rows = x.len() / parts;
        // Not 1 where the loss has a target.
        let shape = LossShape { rows, whole: rows, criterion, scale, targets, real_label: 0.9 };
        let (mut dx, mut ring) = (vec![f64::NAN; x.len()], vec![0.0; RING_ROWS * RING_COLUMNS]);
        device.loss_forward_backward(&mut dx, &mut ring, x, &[3], shape, None);
        let mut scratch = vec![0.0; x.len()];
        case.check(&format!("{rows}: x"), &dx, x, &vec![1.0; parts], |x| {
            device.loss_forward_backward(&mut scratch, &mut ring, x, &[3], shape, None);
            let noted = &ring[3 * RING_COLUMNS + targets.column()..][..2 * parts];
            let losses = noted.iter().step_by(2).copied();
            Point { outputs: losses.collect(), sides: margins(criterion, x, rows) }
        });
    };
    for (rows, scale) in [(1, 1.0), (2, 0.5), (7, 1.0), (257, 0.5)] {
        check(&numbers.around(0.0, 4.0, parts * rows), scale);
    }
    // Where a naive formula overflows or cancels, but not where a derivative is meant to vanish, or a
    // probability has few digits left; alone, since they would drown others in a sum.
    let far: &[f64] = match criterion {
        Criterion::SaturatingCrossEntropy => &[-25.0, 0.0, 10.0],
        // The derivative of pairs of equal outputs is the same everywhere.
        Criterion::Relativistic => &[0.0],
        _ => &[-700.0, -40.0, 0.0, 40.0, 700.0],
    };
    for &x in far {
        check(&vec![x; parts], 1.0);
    }
    case
}

/// The side of the hinge loss's kink for each output.
fn margins(criterion: Criterion, x: &[f64], rows: usize) -> Vec<bool> {
    let is_inside = |(i, &x): (usize, &f64)| if i < rows { x < 1.0 } else { x > -1.0 };
    match criterion {
        Criterion::Hinge => x.iter().enumerate().map(is_inside).collect(),
        _ => Vec::new(),
    }
}

/// The gradient of a penalty with respect to the gradients that it penalizes.
fn penalty(device: &Cpu<f64>, penalty: Penalty) -> Case {
    let mut case = Case::new(format!("penalty, {penalty:?}"));
    for (seed, (rows, pixels)) in (45..).zip([(1, 1), (2, 3), (7, 9), (31, 3)]) {
        let g = Numbers::new(seed).normal(rows * pixels);
        let whole = rows;
        let shape = PenaltyShape { rows, whole, pixels, penalty, factor: 0.7, scale: 1.0 };
        let mut ring = vec![0.0; RING_ROWS * RING_COLUMNS];
        let mut evaluate = |g: &[f64]| {
            let mut v = g.to_vec();
            device.penalty_forward_backward(&mut v, &mut ring, &[3], shape);
            (v, ring[3 * RING_COLUMNS + penalty.column()])
        };
        let v = evaluate(&g).0;
        case.check(&format!("{rows}×{pixels}: g"), &v, &g, &[1.0], |g| {
            // The norm of a single number has a kink at 0.
            let sides = if pixels == 1 { vec![g[0] > 0.0] } else { Vec::new() };
            Point { outputs: vec![evaluate(g).1], sides }
        });
    }
    case
}

/// The weighted gradient of a bias: of the weighted sum of all rows.
fn weighted_bias(device: &Cpu<f64>) -> Case {
    let mut case = Case::new("bias, weighted rows");
    for (seed, (rows, columns, samples)) in (50..).zip([(2, 3, 2), (12, 5, 4), (4200, 2, 7)]) {
        let mut numbers = Numbers::new(seed);
        let (z, dy) = (numbers.normal(rows * columns), numbers.normal(rows * columns));
        let (weights, b) = (numbers.normal(samples), numbers.normal(columns));
        let shape = LinearShape { rows, inputs: columns, outputs: columns };
        let forward = |b: &[f64]| -> Vec<f64> {
            let with_bias = z.chunks(columns).flat_map(|z| z.iter().zip(b).map(|(z, b)| z + b));
            with_bias.map(f64::tanh).collect()
        };
        let (mut dz, mut db) = (dy.clone(), vec![f64::NAN; columns]);
        let (y, activation) = (forward(&b), Activation::Tanh);
        device.bias_activation_backward(
            &mut dz,
            Some(&mut db),
            &y,
            None,
            Some(&weights),
            shape,
            activation,
            0,
            false,
        );
        let weight = |i: usize| dy[i] * weights[i / columns / (rows / samples)];
        let scalar: Vec<f64> = (0..rows * columns).map(weight).collect();
        case.check(&format!("{rows}×{columns}: b"), &db, &b, &scalar, |b| Point {
            outputs: forward(b),
            sides: Vec::new(),
        });
    }
    case
}

/// The gradient of the mean loss.
fn softmax_cross_entropy(device: &Cpu<f64>) -> Case {
    let mut case = Case::new("softmax cross-entropy");
    let mut numbers = Numbers::new(41);
    let mut check = |x: &[f64], labels: &[u32]| {
        let (rows, classes) = (labels.len(), x.len() / labels.len());
        let shape = SoftmaxShape { rows, classes };
        let evaluate = |x: &[f64]| {
            let [mut dx, mut losses] = [x.len(), rows].map(|len| vec![f64::NAN; len]);
            device.softmax_cross_entropy_forward_backward(&mut dx, &mut losses, x, labels, shape);
            (dx, losses)
        };
        let (dx, weights) = (evaluate(x).0, vec![1.0 / rows as f64; rows]);
        case.check(&format!("{rows}×{classes}: x"), &dx, x, &weights, |x| Point {
            outputs: evaluate(x).1,
            sides: Vec::new(),
        });
    };
    for (rows, classes) in [(1, 1), (1, 2), (2, 10), (7, 31), (31, 3), (5, 257)] {
        let (x, labels) = (numbers.around(0.0, 4.0, rows * classes), numbers.labels(classes, rows));
        check(&x, &labels);
    }
    // Where a naive formula overflows or cancels; alone, since they would drown others in a sum.
    for x in [[700.0, -700.0], [-700.0, 700.0], [1e4, 1e4], [-1e4, -1e4], [1e4, -1e4]] {
        check(&x, &[0]);
    }
    case
}

fn augment(device: &Cpu<f64>, all: &[Augmentation]) -> Case {
    let names: Vec<_> = all.iter().map(Augmentation::to_string).collect();
    let mut case = Case::new(format!("augment, {}", names.join(", ")));
    for (seed, [rows, channels, height, width]) in
        (50..).zip([[1, 1, 1, 1], [2, 3, 5, 4], [7, 1, 8, 5], [3, 6, 3, 12]])
    {
        let augmentations = all.iter().copied().collect();
        let shape = AugmentShape { rows, channels, height, width, augmentations };
        let (len, mut numbers) = (rows * shape.image_len(), Numbers::new(seed));
        let (x, weights) = (numbers.normal(len), numbers.normal(len));
        let draws = numbers.around(0.5, 0.5, rows * AUGMENT_DRAWS);
        let mut dx = vec![f64::NAN; len];
        device.augment_backward(&mut dx, &weights, &draws, shape);
        let at = format!("{rows}×{channels}×{height}×{width}: x");
        case.check(&at, &dx, &x, &weights, |x| {
            let mut y = vec![f64::NAN; len];
            device.augment_forward(&mut y, x, &draws, shape);
            Point { outputs: y, sides: Vec::new() }
        });
    }
    case
}

/// For constant u and v.
fn spectral_norm(device: &Cpu<f64>, transposed: bool) -> Case {
    let what = if transposed { "of a convolution" } else { "of a linear layer" };
    let mut case = Case::new(format!("spectral_norm {what}"));
    for (seed, (rows, columns, stride)) in
        (60..).zip([(1, 1, 1), (2, 3, 3), (7, 5, 8), (31, 33, 40), (40, 3, 3)])
    {
        let shape = SpectralNormShape { rows, columns, stride, transposed };
        let mut numbers = Numbers::new(seed);
        let mut padded = |centre, reach| {
            let mut matrix = numbers.around(centre, reach, shape.w_len());
            matrix.chunks_mut(stride).for_each(|row| row[columns..].fill(0.0));
            matrix
        };
        // More positive weights than negative ones: σ is far from 0.
        let (w, weights) = (padded(0.5, 1.0), padded(0.0, 1.0));
        let mut u = numbers.around(0.5, 0.5, shape.u_len());
        let mut v = numbers.around(0.5, 0.5, shape.v_len());
        let mut forward = |w: &[f64], iterate| {
            let (mut w_bar, mut sigma) = (vec![f64::NAN; w.len()], [f64::NAN]);
            device.spectral_norm_forward(&mut w_bar, &mut u, &mut v, &mut sigma, w, shape, iterate);
            (w_bar, sigma, u.clone(), v.clone())
        };
        let (w_bar, sigma, u, v) = forward(&w, true);
        let mut dw = weights.clone();
        device.spectral_norm_backward(&mut dw, &w_bar, &u, &v, &sigma, shape);
        // Padding does not count.
        let at = format!("{rows}×{columns} of {stride}: w");
        case.check(&at, &dw, &w, &weights, |w| {
            let mut w_bar = forward(w, false).0;
            w_bar.chunks_mut(stride).for_each(|row| row[columns..].fill(0.0));
            Point { outputs: w_bar, sides: Vec::new() }
        });
    }
    case
}

fn name(activation: Activation) -> String {
    let text = format!("{activation:?}");
    text.split(' ').next().unwrap_or(&text).to_owned()
}
