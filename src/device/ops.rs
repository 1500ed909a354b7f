//! The contract of every operation.
//!
//! Each method's documentation is the definition that the CPU's loops, the CUDA kernels and the
//! tests share: formula, derivative, shapes. Matrices are row-major. Arguments stand in the order
//! outputs, inputs, saved values, extents, scalars. Outputs are overwritten unless the text says
//! "in place" or "moves".
//!
//! Whatever changes from one iteration to the next is read from `step`, one integer in device
//! memory that counts completed iterations: so the same recorded sequence of operations can be
//! run again for the next iteration.

use std::ops::Range;

use super::{In, InInts, Memory, Out, OutInts};
use crate::rng::Stream;

/// An elementwise function applied to a layer's output.
///
/// Each derivative can be had from the output y alone, so the input is not kept.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Activation {
    /// y = x; y′ = 1.
    Identity,
    /// y = max(x, 0); y′ = 1 where y > 0, else 0.
    Relu,
    /// y = x where x > 0, else slope · x; y′ = 1 where y > 0, else slope. Slope must be positive.
    LeakyRelu {
        /// Steepness for negative numbers.
        slope: f64,
    },
    /// y = tanh x; y′ = 1 − y².
    Tanh,
    /// y = 1 / (1 + e⁻ˣ); y′ = y · (1 − y).
    Sigmoid,
}

/// Extents of a [`Linear`] layer on a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinearShape {
    /// Rows of the batch.
    pub rows: usize,
    /// Numbers in a row of the input.
    pub inputs: usize,
    /// Numbers in a row of the output.
    pub outputs: usize,
}

/// Fully connected layers: y = activation(mask ⊙ (x·Wᵀ + b)), PyTorch's
/// [`Linear`](https://docs.pytorch.org/docs/stable/generated/torch.nn.Linear.html) with what follows it.
pub trait Linear: Memory {
    /// y = activation(mask ⊙ (x·Wᵀ + b)).
    ///
    /// y (rows, outputs), x (rows, inputs), w (outputs, inputs), b (outputs), mask (rows, outputs)
    /// or none. A dropout mask is ≥ 0, so applied before a (Leaky)ReLU it is the same as after it.
    #[allow(clippy::too_many_arguments)]
    fn linear_forward(
        &self,
        y: Out<'_, Self>,
        x: In<'_, Self>,
        w: In<'_, Self>,
        b: In<'_, Self>,
        mask: Option<In<'_, Self>>,
        shape: LinearShape,
        activation: Activation,
    );

    /// dW = dzᵀ·x, where z = x·Wᵀ + b.
    ///
    /// dw (outputs, inputs), dz (rows, outputs), x (rows, inputs).
    fn linear_backward_weight(
        &self,
        dw: Out<'_, Self>,
        dz: In<'_, Self>,
        x: In<'_, Self>,
        shape: LinearShape,
    );

    /// dx = dz·W, only the given columns of it.
    ///
    /// dx (rows, columns.len()), dz (rows, outputs), w (outputs, inputs).
    fn linear_backward_input(
        &self,
        dx: Out<'_, Self>,
        dz: In<'_, Self>,
        w: In<'_, Self>,
        shape: LinearShape,
        columns: Range<usize>,
    );

    /// In place: dz = activation′(y) ⊙ mask ⊙ dy; and db = Σ over rows of dz.
    ///
    /// dz (rows, outputs) holds dy on entry; db (outputs) is skipped where none is asked for;
    /// y (rows, outputs) is what [`Linear::linear_forward`] gave.
    fn bias_activation_backward(
        &self,
        dz: Out<'_, Self>,
        db: Option<Out<'_, Self>>,
        y: In<'_, Self>,
        mask: Option<In<'_, Self>>,
        shape: LinearShape,
        activation: Activation,
    );
}

/// Extents and constants of a batch normalisation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchNormShape {
    /// Rows of the batch; at least 2 in training.
    pub rows: usize,
    /// Columns, each normalised on its own.
    pub columns: usize,
    /// Added to the variance.
    pub eps: f64,
    /// Share of the new batch in the running statistics.
    pub momentum: f64,
}

/// What a batch normalisation learns: y = activation(gamma · x̂ + beta).
pub struct Affine<'a, D: Memory> {
    /// Factor per column.
    pub gamma: In<'a, D>,
    /// Summand per column.
    pub beta: In<'a, D>,
}

/// Batch normalisation, fused with the activation behind it: PyTorch's
/// [`BatchNorm1d`](https://docs.pytorch.org/docs/stable/generated/torch.nn.BatchNorm1d.html).
pub trait BatchNorm: Memory {
    /// x̂ = (x − mean)·inv_std, y = activation(gamma·x̂ + beta), with the batch's statistics.
    ///
    /// mean = Σx/rows, inv_std = 1/√(Σ(x − mean)²/rows + eps), both (columns) and kept for the
    /// backward pass. Moves the running statistics: running ← (1 − momentum)·running +
    /// momentum·batch, with the unbiased variance (divided by rows − 1). y, x (rows, columns).
    #[allow(clippy::too_many_arguments)]
    fn batch_norm_forward(
        &self,
        y: Out<'_, Self>,
        mean: Out<'_, Self>,
        inv_std: Out<'_, Self>,
        running_mean: Out<'_, Self>,
        running_var: Out<'_, Self>,
        x: In<'_, Self>,
        affine: Affine<'_, Self>,
        shape: BatchNormShape,
        activation: Activation,
    );

    /// y = activation(gamma·(x − running_mean)/√(running_var + eps) + beta): evaluation mode.
    #[allow(clippy::too_many_arguments)]
    fn batch_norm_evaluate(
        &self,
        y: Out<'_, Self>,
        x: In<'_, Self>,
        running_mean: In<'_, Self>,
        running_var: In<'_, Self>,
        affine: Affine<'_, Self>,
        shape: BatchNormShape,
        activation: Activation,
    );

    /// In place, dx holds dy on entry. With g = activation′(y) ⊙ dy:
    /// dbeta = Σg, dgamma = Σ g·x̂, dx = gamma·inv_std·(g − dbeta/rows − x̂·dgamma/rows).
    #[allow(clippy::too_many_arguments)]
    fn batch_norm_backward(
        &self,
        dx: Out<'_, Self>,
        dgamma: Out<'_, Self>,
        dbeta: Out<'_, Self>,
        y: In<'_, Self>,
        x: In<'_, Self>,
        mean: In<'_, Self>,
        inv_std: In<'_, Self>,
        gamma: In<'_, Self>,
        shape: BatchNormShape,
        activation: Activation,
    );
}

/// Extents of a label embedding put beside a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmbeddingShape {
    /// Rows of the batch.
    pub rows: usize,
    /// Rows of the table.
    pub classes: usize,
    /// Columns of the table.
    pub width: usize,
    /// Columns of the batch, without the embedding.
    pub inputs: usize,
    /// Whether the embedding stands before the batch's columns, else behind.
    pub label_first: bool,
}

impl EmbeddingShape {
    /// Columns of batch and embedding together.
    pub fn columns(&self) -> usize {
        self.inputs + self.width
    }

    /// Which of these columns are the embedding's.
    pub fn label_columns(&self) -> Range<usize> {
        if self.label_first { 0..self.width } else { self.inputs..self.columns() }
    }

    /// Which of these columns are the batch's.
    pub fn input_columns(&self) -> Range<usize> {
        if self.label_first { self.width..self.columns() } else { 0..self.inputs }
    }
}

/// Class labels as learnt vectors, and plain copies: PyTorch's
/// [`Embedding`](https://docs.pytorch.org/docs/stable/generated/torch.nn.Embedding.html) and `cat`.
pub trait Embedding: Memory {
    /// y\[i\] = (table\[label\[i\]\] ‖ x\[i\]), or the two the other way round.
    ///
    /// y (rows, width + inputs), x (rows, inputs), table (classes, width), labels (rows).
    fn embedding_concat(
        &self,
        y: Out<'_, Self>,
        x: In<'_, Self>,
        table: In<'_, Self>,
        labels: InInts<'_, Self>,
        shape: &EmbeddingShape,
    );

    /// dtable\[c\] = Σ over rows i with label\[i\] = c of dy\[i\], in the order of the rows.
    ///
    /// dtable (classes, width), dy (rows, width): the gradient of the embedding's columns alone.
    fn embedding_backward(
        &self,
        dtable: Out<'_, Self>,
        dy: In<'_, Self>,
        labels: InInts<'_, Self>,
        shape: &EmbeddingShape,
    );

    /// y = x.
    fn copy(&self, y: Out<'_, Self>, x: In<'_, Self>);
}

/// How a discriminator's output is scored against a target t ∈ {0, 1}.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Score {
    /// Binary cross-entropy on a logit x: max(x, 0) − t·x + ln(1 + e^−|x|).
    /// Derivative: σ(x) − t. Stable for every x; also used where the network ends in a sigmoid.
    CrossEntropy,
    /// Squared error: (x − t)². Derivative: 2·(x − t).
    SquaredError,
}

/// Which of an iteration's three looks at discriminator outputs a loss belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judged {
    /// Real images, in the discriminator's update.
    Real,
    /// Generated images, in the discriminator's update.
    Fake,
    /// Generated images, in the generator's update.
    Generator,
}

/// What a loss is made of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LossShape {
    /// Rows of the batch.
    pub rows: usize,
    /// The formula.
    pub score: Score,
    /// The target t: real (1) or fake (0).
    pub real: bool,
    /// Factor of the loss and its gradient.
    pub scale: f64,
    /// Where the loss is noted.
    pub judged: Judged,
}

/// Iterations whose losses the ring holds.
pub const RING_ROWS: usize = 1024;
/// Numbers an iteration leaves in the ring: (loss, mean output) for each of [`Judged`].
pub const RING_COLUMNS: usize = 6;

/// Losses.
pub trait Loss: Memory {
    /// loss = scale·mean(score(x, t)) and dx = scale·score′(x, t)/rows in one pass.
    ///
    /// dx, x (rows). Notes in the ring (RING_ROWS, RING_COLUMNS), row step mod RING_ROWS: the
    /// loss, and the mean output — σ(x) for cross-entropy, x itself for squared error.
    fn loss_forward_backward(
        &self,
        dx: Out<'_, Self>,
        ring: Out<'_, Self>,
        x: In<'_, Self>,
        step: InInts<'_, Self>,
        shape: LossShape,
    );
}

/// The constants of Adam.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adam {
    /// Learning rate.
    pub lr: f64,
    /// Decay of the mean of gradients.
    pub b1: f64,
    /// Decay of the mean of squared gradients.
    pub b2: f64,
    /// Added to the root of the second moment.
    pub eps: f64,
}

/// Optimisers.
pub trait Optimizer: Memory {
    /// One step of [Adam](https://arxiv.org/abs/1412.6980) over a whole flat buffer, t = step + 1:
    /// m ← b1·m + (1 − b1)·g, v ← b2·v + (1 − b2)·g²,
    /// p ← p − lr/(1 − b1ᵗ)·m / (√v/√(1 − b2ᵗ) + eps). Moves p, m and v.
    fn adam_update(
        &self,
        p: Out<'_, Self>,
        m: Out<'_, Self>,
        v: Out<'_, Self>,
        g: In<'_, Self>,
        step: InInts<'_, Self>,
        adam: Adam,
    );

    /// Moves step ← step + 1.
    fn step_advance(&self, step: OutInts<'_, Self>);
}

/// The distribution that a generator's noise is drawn from.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, clap::ValueEnum,
)]
#[serde(rename_all = "lowercase")]
pub enum Latent {
    /// Standard normal.
    Normal,
    /// Uniform in [−1, 1).
    Uniform,
}

/// Random numbers: element e at iteration `step` is a function of (seed, site, step, e) alone,
/// by [`crate::rng`]'s formulas, so every device draws the same.
pub trait Random: Memory {
    /// Fills z with noise.
    fn noise_draw(&self, z: Out<'_, Self>, step: InInts<'_, Self>, stream: Stream, latent: Latent);

    /// Fills labels with classes in 0..classes, each as likely as the others.
    fn labels_draw(
        &self,
        labels: OutInts<'_, Self>,
        step: InInts<'_, Self>,
        stream: Stream,
        classes: usize,
    );

    /// Fills mask with 0 (share p) and 1/(1 − p): dropout that keeps the mean.
    fn mask_draw(&self, mask: Out<'_, Self>, step: InInts<'_, Self>, stream: Stream, p: f64);
}

/// Which images make up the batch of an iteration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchShape {
    /// Images in this batch (the last of an epoch may be short).
    pub rows: usize,
    /// Images in a full batch.
    pub batch_size: usize,
    /// Iterations in an epoch; the batch begins at (step mod this)·batch_size in the order.
    pub iterations_per_epoch: usize,
    /// Numbers in an image.
    pub pixels: usize,
}

/// Batches from the resident data set.
pub trait Batch: Memory {
    /// x\[i\] = images\[order\[start + i\]\] scaled to [−1, 1]: (u/255 − 0.5)/0.5.
    ///
    /// x (rows, pixels), images (count, pixels) bytes, order (count).
    fn images_gather(
        &self,
        x: Out<'_, Self>,
        images: Self::View<'_, u8>,
        order: InInts<'_, Self>,
        step: InInts<'_, Self>,
        shape: BatchShape,
    );

    /// labels\[i\] = all\[order\[start + i\]\]; labels (rows), all (count).
    fn labels_gather(
        &self,
        labels: OutInts<'_, Self>,
        all: InInts<'_, Self>,
        order: InInts<'_, Self>,
        step: InInts<'_, Self>,
        shape: BatchShape,
    );
}
