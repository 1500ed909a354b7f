//! The list of cases.
//!
//! Extents include 1×1, 31×33, 64×784 and 257×1000: a single element, extents that no vector length
//! divides, a real batch, and more than a block of threads along both axes. Very tall and very wide
//! matrices test sums over rows. A rank may have no rows at all.

use std::ops::Range;

use super::bench::{Bench, Output, Placement};
use super::run::Gradient;
use gan_cuda::choice::Choice;
use gan_cuda::device::Device;
use gan_cuda::device::ops::{
    Activation, AugmentShape, Augmentation, Average, BatchNormShape, BatchShape, ConvolutionShape,
    Criterion, EmbeddingShape, Latent, LinearShape, LossShape, LrDecay, Penalty, PenaltyShape,
    SoftmaxShape, SpectralNormShape, Targets,
};

const SHAPES: [(usize, usize); 6] =
    [(1, 1), (31, 33), (64, 784), (257, 1000), (1000, 3), (20, 2100)];
/// Elements for which not every activation is tried, as each computes them alike.
const MANY: usize = 10_000;
/// Columns of matrices without rows.
const ROWLESS: usize = 35;
/// Rows and columns for which sums over rows are computed in parts, like an image's channels.
const TALL: [(usize, usize); 2] = [(2050, 3), (4099, 40)];
/// Further lengths of flat buffers: every remainder modulo four.
const LENGTHS: [usize; 3] = [2, 3, 6];
/// Rows and columns of a matrix with more elements than a launch has threads, 2²⁰: some threads process
/// a second element.
const LONG: (usize, usize) = (1050, 1001);
/// Rows, inputs, outputs. Each pair of extents is large once; the third stays small, since the
/// reference is slow.
const PRODUCTS: [(usize, usize, usize); 13] = [
    (1, 1, 1),
    (130, 70, 20),
    (31, 33, 17),
    (64, 784, 64),
    (64, 100, 784),
    (257, 1000, 9),
    (257, 17, 1000),
    (1, 100, 33),
    (1000, 3, 2),
    (257, 1000, 1),
    (31, 33, 1),
    (5000, 3, 1),
    (0, 33, 17),
];
/// Rows; height and width of x; channels of x and y; kernel, stride, padding.
type Extents = (usize, [usize; 2], [usize; 2], [usize; 3]);

/// Those of `dcgan` and `dcgan-rgb` with few images, then edge cases: odd extents, windows that contain
/// only padding, a stride larger than the kernel, pixels outside all windows.
const CONVOLUTIONS: [Extents; 13] = [
    (3, [28, 28], [1, 64], [4, 2, 1]),
    (2, [14, 14], [64, 128], [4, 2, 1]),
    (2, [28, 28], [11, 64], [4, 2, 1]),
    (2, [64, 64], [3, 8], [4, 2, 1]),
    (2, [16, 16], [16, 33], [4, 2, 1]),
    (3, [4, 4], [100, 64], [4, 1, 0]),
    (2, [4, 4], [64, 1], [4, 1, 0]),
    (1, [1, 1], [1, 1], [1, 1, 0]),
    (7, [5, 9], [5, 7], [3, 1, 2]),
    (2, [9, 6], [17, 3], [5, 3, 2]),
    (2, [11, 7], [2, 20], [2, 3, 1]),
    (50, [13, 15], [6, 10], [3, 2, 0]),
    (0, [28, 28], [3, 8], [4, 2, 1]),
];
/// Rows, channels, height and width of augmented images: one pixel, odd extents, more pixels than a
/// block has threads, many images.
const IMAGES: [[usize; 4]; 8] = [
    [1, 1, 1, 1],
    [3, 1, 31, 33],
    [2, 3, 28, 28],
    [3, 6, 9, 8],
    [257, 3, 4, 5],
    [4, 2, 1, 64],
    [4, 2, 64, 2],
    [0, 3, 28, 28],
];
/// Further numbers of classes, and rows for them.
const CLASSES: [usize; 6] = [1, 2, 10, 31, 257, 1000];
const LABELLED: [usize; 3] = [1, 7, 1000];
const BOTH: [bool; 2] = [false, true];
const ACTIVATIONS: [Activation; 5] = [
    Activation::Identity,
    Activation::Relu,
    Activation::LeakyRelu { slope: 0.2 },
    Activation::Tanh,
    Activation::Sigmoid,
];

/// An operation and its extents and scalars.
#[derive(Clone, Debug)]
pub enum Case {
    LinearForward {
        shape: LinearShape,
        activation: Activation,
        masked: bool,
        bias: bool,
        /// How many rows are there once more.
        again: usize,
    },
    LinearForwardToSingleOutput {
        shape: LinearShape,
        activation: Activation,
        masked: bool,
        bias: bool,
        again: usize,
    },
    LinearBackwardWeight {
        shape: LinearShape,
        accumulate: bool,
    },
    LinearBackwardInput {
        shape: LinearShape,
        columns: Range<usize>,
    },
    SingleOutputBackward {
        shape: LinearShape,
        activation: Activation,
        mask: bool,
        gradient: Gradient,
        /// Whether the layer before has a bias.
        bias: bool,
        again: (usize, bool),
    },
    ConvolutionForward {
        shape: ConvolutionShape,
        channels: Range<usize>,
        epilogue: Epilogue,
    },
    ConvolutionTranspose {
        shape: ConvolutionShape,
        channels: Range<usize>,
        epilogue: Epilogue,
    },
    ConvolutionBackwardWeight {
        shape: ConvolutionShape,
        accumulate: bool,
    },
    ImageTranspose {
        rows: usize,
        extents: [usize; 2],
    },
    ActivationForward {
        shape: LinearShape,
        activation: Activation,
        masked: bool,
    },
    BiasActivationBackward {
        shape: LinearShape,
        activation: Activation,
        mask: bool,
        db: Gradient,
        /// The number of weights of the rows, if there are any.
        samples: Option<usize>,
        /// How many rows are there once more, and whether y and mask have them too.
        again: (usize, bool),
    },
    BatchNormForward {
        shape: BatchNormShape,
        activation: Activation,
        bias: bool,
    },
    BatchNormEvaluate {
        shape: BatchNormShape,
        activation: Activation,
        bias: bool,
    },
    BatchNormBackward {
        shape: BatchNormShape,
        activation: Activation,
        gradient: Gradient,
    },
    LinearBatchNormForward {
        inputs: usize,
        shape: BatchNormShape,
        activation: Activation,
        bias: bool,
    },
    LinearBatchNormBackward {
        outputs: usize,
        shape: BatchNormShape,
        activation: Activation,
        gradient: Gradient,
    },
    LinearActivationBackward {
        shape: LinearShape,
        activation: Activation,
        mask: bool,
        gradient: Gradient,
        /// How many rows are there once more, and whether x and mask have them too.
        again: (usize, bool),
    },
    EmbeddingConcat {
        shape: EmbeddingShape,
    },
    EmbeddingBackward {
        shape: EmbeddingShape,
        accumulate: bool,
    },
    EmbeddingBackwardLinear {
        shape: EmbeddingShape,
        outputs: usize,
        accumulate: bool,
    },
    LossForwardBackward {
        shape: LossShape,
        step: u32,
        /// The parts of x for both losses, if there are two.
        both: Option<usize>,
    },
    SoftmaxCrossEntropyForwardBackward {
        shape: SoftmaxShape,
        reach: f32,
    },
    RingCarry {
        step: u32,
    },
    AdamUpdate {
        len: usize,
        step: u32,
        b1: f64,
        decay: LrDecay,
    },
    AverageUpdate {
        len: usize,
        step: u32,
        constants: Average,
    },
    NoiseSample {
        len: usize,
        parts: usize,
        step: u32,
        latent: Latent,
    },
    MasksSample {
        rows: usize,
        columns: Vec<usize>,
        step: u32,
        p: f64,
    },
    BatchPrepare {
        shape: BatchShape,
        step: u32,
        latent: Latent,
        /// Images in a row of the masks.
        pack: usize,
    },
    ImagesInterpolate {
        rows: usize,
        pixels: usize,
    },
    PenaltyForwardBackward {
        shape: PenaltyShape,
        step: u32,
        zero: bool,
    },
    RowsScale {
        rows: usize,
        columns: usize,
        accumulate: bool,
    },
    ConstantFill {
        len: usize,
        value: f64,
    },
    AugmentForward {
        shape: AugmentShape,
    },
    AugmentBackward {
        shape: AugmentShape,
    },
    SpectralNormForward {
        shape: SpectralNormShape,
        iterate: bool,
    },
    SpectralNormBackward {
        shape: SpectralNormShape,
    },
}

/// The epilogue of a convolution.
#[derive(Clone, Copy, Debug)]
pub struct Epilogue {
    pub bias: bool,
    pub masked: bool,
    pub activation: Activation,
}

/// All cases.
pub fn all() -> Vec<Case> {
    let mut all = Vec::new();
    PRODUCTS.iter().for_each(|&(rows, inputs, outputs)| {
        products(&mut all, LinearShape { rows, inputs, outputs });
    });
    CONVOLUTIONS.iter().for_each(|&extents| convolutions(&mut all, convolution(extents)));
    for (rows, columns) in TALL {
        elementwise(&mut all, rows, columns, Activation::LeakyRelu { slope: 0.2 });
        let shape = SpectralNormShape { rows, columns, stride: columns, transposed: true };
        all.push(Case::SpectralNormForward { shape, iterate: true });
    }
    for (rows, columns) in SHAPES {
        all.push(Case::ImageTranspose { rows: 3, extents: [rows, columns] });
        // Of many elements, one with a kink and a smooth one.
        let tried = |activation: &Activation| {
            rows * columns < MANY
                || matches!(activation, Activation::LeakyRelu { .. } | Activation::Tanh)
        };
        for activation in ACTIVATIONS.into_iter().filter(tried) {
            elementwise(&mut all, rows, columns, activation);
        }
        embeddings(&mut all, rows, columns);
        losses(&mut all, rows);
        softmax(&mut all, rows, columns);
        flat(&mut all, rows * columns);
        spectral_norms(&mut all, rows, columns);
        batches(&mut all, rows, columns);
        penalties(&mut all, rows, columns);
    }
    elementwise(&mut all, 0, ROWLESS, Activation::LeakyRelu { slope: 0.2 });
    embeddings(&mut all, 0, ROWLESS);
    losses(&mut all, 0);
    batches(&mut all, 0, ROWLESS);
    penalties(&mut all, 0, ROWLESS);
    LENGTHS.iter().for_each(|&len| flat(&mut all, len));
    IMAGES.iter().for_each(|&extents| augmentations(&mut all, extents));
    for rows in LABELLED {
        CLASSES.iter().for_each(|&classes| softmax(&mut all, rows, classes));
    }
    // More rows than a block has threads.
    losses(&mut all, 5000);
    long(&mut all);
    all.extend([0, 1022, 1023, 5000].map(|step| Case::RingCarry { step }));
    all
}

fn products(all: &mut Vec<Case>, shape: LinearShape) {
    // The function is the same for all rows: of many, which are slow, there are two, or one where there is
    // a block for each row.
    let tried = |activation: &Activation| match activation {
        Activation::LeakyRelu { .. } => true,
        Activation::Identity => shape.rows < 2000,
        _ => shape.rows < 200,
    };
    for activation in ACTIVATIONS.into_iter().filter(tried) {
        let masked = matches!(activation, Activation::Relu | Activation::LeakyRelu { .. });
        let twice = matches!(activation, Activation::LeakyRelu { .. } | Activation::Identity);
        let again = [0, shape.rows / 3].into_iter().take(if twice { 2 } else { 1 });
        for again in again {
            all.push(Case::LinearForward { shape, activation, masked, bias: true, again });
            let (masked, bias) = (!masked, again == 0);
            // The multiplication is that of `linear_forward`.
            if shape.inputs <= 100 {
                all.push(Case::LinearForwardToSingleOutput {
                    shape,
                    activation,
                    masked,
                    bias,
                    again,
                });
            }
        }
    }
    // A matrix multiplication alone, and with mask or activation but without a bias.
    for (activation, masked) in
        [(Activation::Identity, false), (Activation::Identity, true), (Activation::Relu, false)]
    {
        let again = if masked { shape.rows / 2 } else { 0 };
        all.push(Case::LinearForward { shape, activation, masked, bias: false, again });
    }
    all.extend(BOTH.map(|accumulate| Case::LinearBackwardWeight { shape, accumulate }));
    let inputs = shape.inputs;
    for columns in [0..inputs, inputs / 3..inputs, inputs / 3..inputs / 2 + 1] {
        all.push(Case::LinearBackwardInput { shape, columns });
    }
    if shape.rows < 300 {
        fused(all, shape);
    }
}

/// Products with what follows them.
fn fused(all: &mut Vec<Case>, linear: LinearShape) {
    let LinearShape { rows, inputs, outputs } = linear;
    // In training mode one row has no variance.
    let norm = |columns| BatchNormShape {
        batches: 1,
        rows: rows.max(2),
        across: None,
        columns,
        eps: 1e-5,
        momentum: 0.1,
    };
    // What follows is computed as after cuBLAS's products, whose cases have all activations.
    let (leaky, tanh) = (Activation::LeakyRelu { slope: 0.2 }, Activation::Tanh);
    for (activation, bias) in [(leaky, true), (tanh, false)] {
        let shape = norm(outputs);
        all.push(Case::LinearBatchNormForward { inputs, shape, activation, bias });
        for gradient in gradients(activation) {
            let shape = norm(inputs);
            all.push(Case::LinearBatchNormBackward { outputs, shape, activation, gradient });
            let third = gradient == Gradient::Overwritten;
            let agains = [((0, true), bias), ((rows / 3, bias), !bias)];
            for (again, mask) in agains.into_iter().take(1 + usize::from(third)) {
                let shape = linear;
                all.push(Case::LinearActivationBackward {
                    shape,
                    activation,
                    mask,
                    gradient,
                    again,
                });
            }
        }
    }
}

fn convolution(extents: Extents) -> ConvolutionShape {
    let (rows, x_pixels, [inputs, outputs], [kernel, stride, padding]) = extents;
    let y_pixels = x_pixels.map(|side| (side + 2 * padding - kernel) / stride + 1);
    ConvolutionShape { rows, x_pixels, y_pixels, inputs, outputs, kernel, stride, padding }
}

fn convolutions(all: &mut Vec<Case>, shape: ConvolutionShape) {
    let (some, leaky) = (|channels: usize| channels / 3..channels, 0.2);
    let epilogues = [
        (false, false, Activation::Identity),
        (true, false, Activation::LeakyRelu { slope: leaky }),
        (true, true, Activation::Tanh),
    ];
    for (bias, masked, activation) in epilogues {
        let epilogue = Epilogue { bias, masked, activation };
        for channels in [0..shape.outputs, some(shape.outputs)] {
            all.push(Case::ConvolutionForward { shape, channels, epilogue });
        }
        for channels in [0..shape.inputs, some(shape.inputs)] {
            all.push(Case::ConvolutionTranspose { shape, channels, epilogue });
        }
    }
    all.extend(BOTH.map(|accumulate| Case::ConvolutionBackwardWeight { shape, accumulate }));
}

fn elementwise(all: &mut Vec<Case>, rows: usize, columns: usize, activation: Activation) {
    let shape = LinearShape { rows, inputs: 1, outputs: columns };
    for mask in BOTH {
        all.push(Case::ActivationForward { shape, activation, masked: mask });
        all.extend(Gradient::ALL.map(|db| Case::BiasActivationBackward {
            shape,
            activation,
            mask,
            db,
            samples: None,
            again: (0, true),
        }));
    }
    // A third of the rows, and half of them.
    for (divisor, saved) in [(3, true), (3, false), (2, false)] {
        all.extend(gradients(activation).map(|db| Case::BiasActivationBackward {
            shape,
            activation,
            mask: saved || divisor == 2,
            db,
            samples: None,
            again: (rows / divisor, saved),
        }));
    }
    // A weight for each row; for each pair of rows; for all.
    let divisors =
        [rows, rows / 2, 1].into_iter().filter(|&n| rows.is_multiple_of(n) && (n > 0 || rows == 0));
    all.extend(divisors.map(|samples| Case::BiasActivationBackward {
        shape,
        activation,
        mask: samples == rows,
        db: if samples == 1 { Gradient::Accumulated } else { Gradient::Overwritten },
        samples: Some(samples),
        again: (0, true),
    }));
    single_outputs(all, LinearShape { rows, inputs: columns, outputs: 1 }, activation);
    let (eps, momentum) = (1e-5, 0.1);
    let shape = BatchNormShape { batches: 1, rows, across: None, columns, eps, momentum };
    all.extend(BOTH.map(|bias| Case::BatchNormEvaluate { shape, activation, bias }));
    // In training mode one row has no variance.
    let shape = BatchNormShape { rows: rows.max(2), ..shape };
    all.extend(BOTH.map(|bias| Case::BatchNormForward { shape, activation, bias }));
    all.extend(Gradient::ALL.map(|gradient| Case::BatchNormBackward {
        shape,
        activation,
        gradient,
    }));
    // Two batches, and with one activation three.
    let batches = if matches!(activation, Activation::Tanh) { 3 } else { 2 };
    let shape = BatchNormShape { batches, ..shape };
    all.push(Case::BatchNormForward { shape, activation, bias: true });
    all.extend(gradients(activation).map(|gradient| Case::BatchNormBackward {
        shape,
        activation,
        gradient,
    }));
}

fn single_outputs(all: &mut Vec<Case>, shape: LinearShape, activation: Activation) {
    let third = shape.rows / 3;
    for (again, mask) in [((0, true), false), ((third, true), true), ((third, false), false)] {
        for gradient in gradients(activation) {
            let bias = !matches!(gradient, Gradient::None);
            all.push(Case::SingleOutputBackward { shape, activation, mask, gradient, bias, again });
        }
        let (gradient, bias) = (Gradient::Overwritten, false);
        all.push(Case::SingleOutputBackward { shape, activation, mask, gradient, bias, again });
    }
}

/// What happens to the gradients of parameters, which does not depend on the activation.
fn gradients(activation: Activation) -> impl Iterator<Item = Gradient> {
    let all = matches!(activation, Activation::LeakyRelu { .. });
    Gradient::ALL.into_iter().filter(move |gradient| all || *gradient == Gradient::Overwritten)
}

fn embeddings(all: &mut Vec<Case>, rows: usize, inputs: usize) {
    for (label_first, classes) in [(false, 10), (true, 10), (false, 1), (true, 300)] {
        let (width, pixels) = (classes.min(33), 1);
        let columns = inputs + width;
        let stride = columns;
        let shape = EmbeddingShape { rows, pixels, classes, width, inputs, label_first, stride };
        all.push(Case::EmbeddingConcat { shape: shape.clone() });
        if rows * columns < 2000 {
            // At each pixel of an image.
            let shape = EmbeddingShape { pixels: 35, ..shape.clone() };
            all.push(Case::EmbeddingConcat { shape: shape.clone() });
            all.push(Case::EmbeddingBackward { shape, accumulate: label_first });
        }
        for (outputs, accumulate) in [(1, false), (33, true), (300, false), (600, true)] {
            let (stride, shape) = (columns.next_multiple_of(8), shape.clone());
            let shape = EmbeddingShape { stride, ..shape };
            if stride * outputs < 100_000 {
                all.push(Case::EmbeddingBackwardLinear { shape, outputs, accumulate });
            }
        }
        let stride = columns.next_multiple_of(8);
        all.push(Case::EmbeddingConcat { shape: EmbeddingShape { stride, ..shape.clone() } });
        all.extend(
            BOTH.map(|accumulate| Case::EmbeddingBackward { shape: shape.clone(), accumulate }),
        );
    }
}

fn losses(all: &mut Vec<Case>, rows: usize) {
    for &criterion in Criterion::ALL {
        for (targets, scale) in [(Targets::RealThenFake, 0.5), (Targets::FakeAsReal, 1.0)] {
            let whole = rows.max(1);
            let shape = LossShape { rows, whole, criterion, scale, targets, real_label: 1.0 };
            all.push(Case::LossForwardBackward {
                // A rank that has a third of the batch.
                shape: LossShape { whole: 3 * whole, real_label: 0.9, ..shape },
                step: 3,
                both: None,
            });
            // The ring buffer wraps around after 1,024 iterations.
            let steps = [0, 1023, 5000];
            all.extend(steps.map(|step| Case::LossForwardBackward { shape, step, both: None }));
        }
        let (targets, scale, real_label) = (Targets::RealThenFake, 0.5, 0.9);
        let whole = rows + 1;
        let shape = LossShape { rows, whole, criterion, scale, targets, real_label };
        let parts = [Some(2), Some(3)];
        all.extend(parts.map(|both| Case::LossForwardBackward { shape, step: 1023, both }));
    }
}

fn softmax(all: &mut Vec<Case>, rows: usize, classes: usize) {
    let shape = SoftmaxShape { rows, classes };
    // Typical logits of a classifier, and logits that overflow unless the maximum is subtracted.
    let reaches = [5.0, 1e4];
    all.extend(reaches.map(|reach| Case::SoftmaxCrossEntropyForwardBackward { shape, reach }));
}

fn flat(all: &mut Vec<Case>, len: usize) {
    for step in [0, 7, 100_000] {
        let decay = LrDecay::None;
        all.extend([0.5, 0.9].map(|b1| Case::AdamUpdate { len, step, b1, decay }));
        for parts in [1, 2] {
            all.extend([Latent::Normal, Latent::Uniform].map(|latent| Case::NoiseSample {
                len,
                parts,
                step,
                latent,
            }));
        }
        all.push(Case::MasksSample { rows: 1, columns: vec![len], step, p: 0.4 });
        all.push(Case::MasksSample { rows: 3, columns: vec![len, 1, 2 * len], step, p: 0.4 });
    }
    for decay in [LrDecay::Linear, LrDecay::Cosine] {
        // At the start, after part of the steps, and after all.
        all.extend([0, 700, 1000].map(|step| Case::AdamUpdate { len, step, b1: 0.5, decay }));
    }
    for (step, warmup) in [(1, 0), (1, 10), (3000, 10), (20, 30)] {
        let constants = Average { decay: 0.99, warmup };
        all.push(Case::AverageUpdate { len, step, constants });
    }
    all.push(Case::ConstantFill { len, value: 0.1 });
}

fn penalties(all: &mut Vec<Case>, rows: usize, pixels: usize) {
    all.push(Case::ImagesInterpolate { rows, pixels });
    all.extend(BOTH.map(|accumulate| Case::RowsScale { rows, columns: pixels, accumulate }));
    for (penalty, scale) in Penalty::ALL.into_iter().zip([1.0, 4.0, 1.0]) {
        let whole = rows.max(1);
        let shape = PenaltyShape { rows, whole, pixels, penalty, factor: 0.7, scale };
        let of_third = PenaltyShape { whole: 3 * whole, ..shape };
        all.push(Case::PenaltyForwardBackward { shape: of_third, step: 3, zero: false });
        let steps = [(0, false), (1023, false), (5000, false), (7, true)];
        all.extend(steps.map(|(step, zero)| Case::PenaltyForwardBackward { shape, step, zero }));
    }
}

fn batches(all: &mut Vec<Case>, rows: usize, pixels: usize) {
    // Three batches per epoch: a full one, and the short last one of the second epoch.
    let latents = [Latent::Normal, Latent::Uniform];
    for (part, step, [one, two]) in
        [(rows, 1, latents), (rows.div_ceil(2), 5, [latents[1], latents[0]])]
    {
        let packs = [(1, one), (2, two)].into_iter().filter(|(pack, _)| part.is_multiple_of(*pack));
        for (pack, latent) in packs {
            // The whole batch, and the share of the second of three ranks.
            let units = part / pack;
            for share in [0..units, units / 3..2 * units / 3] {
                let (first, rows_of_rank) = (share.start * pack, share.len() * pack);
                let shape = BatchShape {
                    rows: rows_of_rank,
                    first,
                    whole: part,
                    batch_size: rows,
                    iterations_per_epoch: 3,
                    pixels,
                };
                all.push(Case::BatchPrepare { shape, step, latent, pack });
            }
        }
    }
}

/// No augmentation, each one alone, those that move pixels, and all.
fn augmentations(all: &mut Vec<Case>, [rows, channels, height, width]: [usize; 4]) {
    let (every, moving) = (Augmentation::ALL, Augmentation::ALL.split_last().unwrap().1);
    for some in every.chunks(1).chain([&[], moving, every]) {
        let augmentations = some.iter().copied().collect();
        let shape = AugmentShape { rows, channels, height, width, augmentations };
        all.push(Case::AugmentForward { shape });
        all.push(Case::AugmentBackward { shape });
    }
}

/// Matrices of linear layers, with and without padding, and of convolutions.
fn spectral_norms(all: &mut Vec<Case>, rows: usize, columns: usize) {
    let padded = columns.next_multiple_of(8);
    for (stride, transposed) in [(columns, false), (padded, false), (columns, true)] {
        let shape = SpectralNormShape { rows, columns, stride, transposed };
        all.extend(BOTH.map(|iterate| Case::SpectralNormForward { shape, iterate }));
        all.push(Case::SpectralNormBackward { shape });
    }
}

fn long(all: &mut Vec<Case>) {
    let ((rows, columns), activation) = (LONG, Activation::LeakyRelu { slope: 0.2 });
    let shape = LinearShape { rows, inputs: 1, outputs: columns };
    all.push(Case::LinearForward { shape, activation, masked: true, bias: true, again: 25 });
    all.push(Case::ActivationForward { shape, activation, masked: true });
    let (eps, momentum) = (1e-5, 0.1);
    let shape = BatchNormShape { batches: 1, rows, across: None, columns, eps, momentum };
    all.push(Case::BatchNormEvaluate { shape, activation, bias: true });
    let (pixels, classes, width, inputs, stride) = (1, 10, 10, columns - 10, columns);
    let label_first = false;
    let shape = EmbeddingShape { rows, pixels, classes, width, inputs, label_first, stride };
    all.push(Case::EmbeddingConcat { shape });
    all.push(Case::ImageTranspose { rows: 1, extents: [rows, columns] });
    let shape = convolution((64, [65, 65], [4, 4], [2, 1, 0]));
    let epilogue = Epilogue { bias: true, masked: false, activation };
    all.push(Case::ConvolutionForward { shape, channels: 0..4, epilogue });
    all.push(Case::ConvolutionTranspose { shape, channels: 0..4, epilogue });
    let of_batch = |rows, pixels| BatchShape {
        rows,
        first: 0,
        whole: rows,
        batch_size: rows,
        iterations_per_epoch: 1,
        pixels,
    };
    let shape = of_batch(rows, columns);
    let (step, latent, pack) = (3, Latent::Uniform, 2);
    all.push(Case::BatchPrepare { shape, step, latent, pack });
    let shape = SpectralNormShape { rows, columns, stride: columns, transposed: false };
    all.push(Case::SpectralNormForward { shape, iterate: false });
    all.push(Case::SpectralNormBackward { shape });
    let rows = rows * columns;
    let shape = SoftmaxShape { rows, classes: 2 };
    all.push(Case::SoftmaxCrossEntropyForwardBackward { shape, reach: 5.0 });
    let shape = of_batch(rows, 1);
    all.push(Case::BatchPrepare { shape, step, latent, pack: 1 });
    // A thread generates four of these at once.
    let (len, step) = (4 * rows + 1, 11);
    all.push(Case::AdamUpdate { len, step, b1: 0.9, decay: LrDecay::None });
    let constants = Average { decay: 0.9, warmup: 0 };
    all.push(Case::AverageUpdate { len: rows, step, constants });
    all.push(Case::ConstantFill { len: rows, value: -3.0 });
    let (rows, pixels) = LONG;
    all.push(Case::ImagesInterpolate { rows, pixels });
    all.push(Case::RowsScale { rows, columns: pixels, accumulate: true });
    all.push(Case::NoiseSample { len, parts: 1, step, latent: Latent::Normal });
    all.push(Case::NoiseSample { len, parts: 1, step, latent: Latent::Uniform });
    all.push(Case::MasksSample { rows: 1, columns: vec![len, 9], step, p: 0.4 });
}

impl Case {
    /// The operation's name.
    pub fn operation(&self) -> &'static str {
        match self {
            Case::LinearForward { .. } => "linear_forward",
            Case::LinearForwardToSingleOutput { .. } => "linear_forward_to_single_output",
            Case::LinearBackwardWeight { .. } => "linear_backward_weight",
            Case::LinearBackwardInput { .. } => "linear_backward_input",
            Case::SingleOutputBackward { .. } => "single_output_backward",
            Case::ConvolutionForward { .. } => "convolution_forward",
            Case::ConvolutionTranspose { .. } => "convolution_transpose",
            Case::ConvolutionBackwardWeight { .. } => "convolution_backward_weight",
            Case::ImageTranspose { .. } => "image_transpose",
            Case::ActivationForward { .. } => "activation_forward",
            Case::BiasActivationBackward { .. } => "bias_activation_backward",
            Case::BatchNormForward { .. } => "batch_norm_forward",
            Case::BatchNormEvaluate { .. } => "batch_norm_evaluate",
            Case::BatchNormBackward { .. } => "batch_norm_backward",
            Case::LinearBatchNormForward { .. } => "linear_batch_norm_forward",
            Case::LinearBatchNormBackward { .. } => "linear_batch_norm_backward",
            Case::LinearActivationBackward { .. } => "linear_activation_backward",
            Case::EmbeddingConcat { .. } => "embedding_concat",
            Case::EmbeddingBackward { .. } => "embedding_backward",
            Case::EmbeddingBackwardLinear { .. } => "embedding_backward_linear",
            Case::LossForwardBackward { .. } => "loss_forward_backward",
            Case::SoftmaxCrossEntropyForwardBackward { .. } => {
                "softmax_cross_entropy_forward_backward"
            }
            Case::RingCarry { .. } => "ring_carry",
            Case::AdamUpdate { .. } => "adam_update",
            Case::AverageUpdate { .. } => "average_update",
            Case::NoiseSample { .. } => "noise_sample",
            Case::MasksSample { .. } => "masks_sample",
            Case::BatchPrepare { .. } => "batch_prepare",
            Case::ImagesInterpolate { .. } => "images_interpolate",
            Case::PenaltyForwardBackward { .. } => "penalty_forward_backward",
            Case::RowsScale { .. } => "rows_scale",
            Case::ConstantFill { .. } => "constant_fill",
            Case::AugmentForward { .. } => "augment_forward",
            Case::AugmentBackward { .. } => "augment_backward",
            Case::SpectralNormForward { .. } => "spectral_norm_forward",
            Case::SpectralNormBackward { .. } => "spectral_norm_backward",
        }
    }

    /// The rows of a product.
    pub fn product_rows(&self) -> Option<usize> {
        match self {
            Case::LinearForward { shape, .. }
            | Case::LinearForwardToSingleOutput { shape, .. }
            | Case::LinearBackwardInput { shape, .. } => Some(shape.rows),
            _ => None,
        }
    }

    /// Whether all devices must give the same bits: images, labels, masks and uniform noise are
    /// computed exactly, and rows of a table are copied.
    pub fn is_the_same_everywhere(&self) -> bool {
        match self {
            Case::NoiseSample { latent, .. } | Case::BatchPrepare { latent, .. } => {
                *latent == Latent::Uniform
            }
            Case::AugmentForward { shape } | Case::AugmentBackward { shape } => {
                !shape.augmentations.contains(Augmentation::Colour)
            }
            Case::RingCarry { .. }
            | Case::MasksSample { .. }
            | Case::EmbeddingConcat { .. }
            | Case::ImageTranspose { .. } => true,
            _ => false,
        }
    }

    /// Runs the operation on a device; returns all outputs.
    pub fn run<D: Device>(&self, device: &D, placement: Placement) -> Vec<Output> {
        let bench = Bench::new(device, placement);
        match *self {
            Case::LinearForward { shape, activation, masked, bias, again } => {
                bench.linear_forward(shape, activation, (masked, bias), again)
            }
            Case::LinearForwardToSingleOutput { shape, activation, masked, bias, again } => {
                bench.linear_forward_to_single_output(shape, activation, (masked, bias), again)
            }
            Case::LinearBackwardWeight { shape, accumulate } => {
                bench.linear_backward_weight(shape, accumulate)
            }
            Case::LinearBackwardInput { shape, ref columns } => {
                bench.linear_backward_input(shape, columns.clone())
            }
            Case::SingleOutputBackward { shape, activation, mask, gradient, bias, again } => {
                bench.single_output_backward(shape, activation, mask, (gradient, bias), again)
            }
            Case::ConvolutionForward { shape, ref channels, epilogue } => {
                bench.convolution_forward(shape, channels.clone(), epilogue)
            }
            Case::ConvolutionTranspose { shape, ref channels, epilogue } => {
                bench.convolution_transpose(shape, channels.clone(), epilogue)
            }
            Case::ConvolutionBackwardWeight { shape, accumulate } => {
                bench.convolution_backward_weight(shape, accumulate)
            }
            Case::ImageTranspose { rows, extents } => bench.image_transpose(rows, extents),
            Case::ActivationForward { shape, activation, masked } => {
                bench.activation_forward(shape, activation, masked)
            }
            Case::BiasActivationBackward { shape, activation, mask, db, samples, again } => {
                bench.bias_activation_backward(shape, activation, mask, db, (samples, again))
            }
            Case::BatchNormForward { shape, activation, bias } => {
                bench.batch_norm_forward(shape, activation, bias)
            }
            Case::BatchNormEvaluate { shape, activation, bias } => {
                bench.batch_norm_evaluate(shape, activation, bias)
            }
            Case::BatchNormBackward { shape, activation, gradient } => {
                bench.batch_norm_backward(shape, activation, gradient)
            }
            Case::LinearBatchNormForward { inputs, shape, activation, bias } => {
                bench.linear_batch_norm_forward(inputs, shape, activation, bias)
            }
            Case::LinearBatchNormBackward { outputs, shape, activation, gradient } => {
                bench.linear_batch_norm_backward(outputs, shape, activation, gradient)
            }
            Case::LinearActivationBackward { shape, activation, mask, gradient, again } => {
                bench.linear_activation_backward(shape, activation, mask, gradient, again)
            }
            Case::EmbeddingConcat { ref shape } => bench.embedding_concat(shape),
            Case::EmbeddingBackward { ref shape, accumulate } => {
                bench.embedding_backward(shape, accumulate)
            }
            Case::EmbeddingBackwardLinear { ref shape, outputs, accumulate } => {
                bench.embedding_backward_linear(shape, outputs, accumulate)
            }
            Case::LossForwardBackward { shape, step, both } => {
                bench.loss_forward_backward(shape, step, both)
            }
            Case::SoftmaxCrossEntropyForwardBackward { shape, reach } => {
                bench.softmax_cross_entropy_forward_backward(shape, reach)
            }
            Case::RingCarry { step } => bench.ring_carry(step),
            Case::AdamUpdate { len, step, b1, decay } => {
                bench.adam_update(len, step, b1, (decay, 0.1, 1e-3))
            }
            Case::AverageUpdate { len, step, constants } => {
                bench.average_update(len, step, constants)
            }
            Case::NoiseSample { len, parts, step, latent } => {
                bench.noise_sample(len, parts, step, latent)
            }
            Case::MasksSample { rows, ref columns, step, p } => {
                bench.masks_sample(rows, columns, step, p)
            }
            Case::AugmentForward { shape } => bench.augment_forward(shape),
            Case::AugmentBackward { shape } => bench.augment_backward(shape),
            Case::SpectralNormForward { shape, iterate } => {
                bench.spectral_norm_forward(shape, iterate)
            }
            Case::SpectralNormBackward { shape } => bench.spectral_norm_backward(shape),
            Case::BatchPrepare { shape, step, latent, pack } => {
                bench.batch_prepare(shape, step, latent, pack)
            }
            Case::ImagesInterpolate { rows, pixels } => bench.images_interpolate(rows, pixels),
            Case::PenaltyForwardBackward { shape, step, zero } => {
                bench.penalty_forward_backward(shape, step, zero)
            }
            Case::RowsScale { rows, columns, accumulate } => {
                bench.rows_scale(rows, columns, accumulate)
            }
            Case::ConstantFill { len, value } => bench.constant_fill(len, value),
        }
    }
}
