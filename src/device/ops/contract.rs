//! Checks of the arguments of operations, for all devices: a function with each operation's name,
//! which panics if an argument's length does not match its shape.
//!
//! The build generates most of them from the signatures of the kernels. Those of matrix
//! multiplications, which have no kernel of ours, and of operations with several kernels are here.

use std::ops::Range;

use super::{ConvolutionShape, LinearShape, LossShape, SpectralNormShape};
use crate::device::Ranks;

/// The length of a view of a buffer.
pub(in crate::device) trait Length {
    /// The number of elements.
    fn length(&self) -> usize;
}

impl<T> Length for &[T] {
    fn length(&self) -> usize {
        self.len()
    }
}

impl<T> Length for &mut [T] {
    fn length(&self) -> usize {
        self.len()
    }
}

/// Panics unless an argument of an operation has the expected length.
#[track_caller]
fn check(operation: &str, argument: &str, got: usize, want: usize) {
    assert!(got == want, "{operation}: {argument} has {got} elements, not {want}");
}

mod generated {
    use super::{Length, check};

    include!(concat!(env!("OUT_DIR"), "/contracts.rs"));
}

pub(in crate::device) use generated::*;

/// Panics unless the arguments are as long as the number of ranks says.
#[track_caller]
pub(in crate::device) fn all_gather(all: &impl Length, own: &impl Length, ranks: Ranks) {
    check("all_gather", "all (ranks, n)", all.length(), ranks.size * own.length());
}

/// Panics unless the arguments are as long as the shape says.
#[track_caller]
pub(in crate::device) fn linear_forward(
    y: &impl Length,
    x: &impl Length,
    w: &impl Length,
    b: Option<&impl Length>,
    mask: Option<&impl Length>,
    shape: LinearShape,
    again: usize,
) {
    let LinearShape { rows, inputs, outputs } = shape;
    assert!(2 * again <= rows, "linear_forward: {again} of {rows} rows cannot be there once more");
    check("linear_forward", "x (rows, inputs)", x.length(), (rows - again) * inputs);
    check("linear_forward", "w (outputs, inputs)", w.length(), outputs * inputs);
    check("linear_forward", "y (rows, outputs)", y.length(), rows * outputs);
    if let Some(b) = b {
        check("linear_forward", "b (outputs)", b.length(), outputs);
    }
    if let Some(mask) = mask {
        check("linear_forward", "mask (rows, outputs)", mask.length(), rows * outputs);
    }
}

/// Panics unless the arguments are as long as the shape says.
#[track_caller]
pub(in crate::device) fn linear_backward_weight(
    dw: &impl Length,
    dz: &impl Length,
    x: &impl Length,
    shape: LinearShape,
) {
    let LinearShape { rows, inputs, outputs } = shape;
    check("linear_backward_weight", "dw (outputs, inputs)", dw.length(), outputs * inputs);
    check("linear_backward_weight", "dz (rows, outputs)", dz.length(), rows * outputs);
    check("linear_backward_weight", "x (rows, inputs)", x.length(), rows * inputs);
}

/// Panics unless the arguments are as long as the shape says, and the columns exist.
#[track_caller]
pub(in crate::device) fn linear_backward_input(
    dx: &impl Length,
    dz: &impl Length,
    w: &impl Length,
    shape: LinearShape,
    columns: &Range<usize>,
) {
    let LinearShape { rows, inputs, outputs } = shape;
    assert!(
        columns.start <= columns.end && columns.end <= inputs,
        "linear_backward_input: columns {columns:?} of {inputs}"
    );
    check("linear_backward_input", "dx (rows, columns)", dx.length(), rows * columns.len());
    check("linear_backward_input", "dz (rows, outputs)", dz.length(), rows * outputs);
    check("linear_backward_input", "w (outputs, inputs)", w.length(), outputs * inputs);
}

/// Panics unless the arguments are as long as the shape says, and the channels are there.
#[track_caller]
pub(in crate::device) fn convolution_forward(
    y: &impl Length,
    x: &impl Length,
    w: &impl Length,
    b: Option<&impl Length>,
    mask: Option<&impl Length>,
    shape: ConvolutionShape,
    channels: &Range<usize>,
) {
    let name = "convolution_forward";
    check_channels(name, channels, shape.outputs);
    let y_len = shape.positions() * channels.len();
    check(name, "y (rows, y_pixels, channels)", y.length(), y_len);
    check(name, "x (rows, x_pixels, inputs)", x.length(), shape.x_len());
    check(name, "w (kernel, kernel, inputs, outputs)", w.length(), shape.w_len());
    if let Some(b) = b {
        check(name, "b (channels)", b.length(), channels.len());
    }
    if let Some(mask) = mask {
        check(name, "mask (rows, y_pixels, channels)", mask.length(), y_len);
    }
}

/// Panics unless the range of channels is valid.
#[track_caller]
fn check_channels(operation: &str, channels: &Range<usize>, of: usize) {
    let inside = channels.start <= channels.end && channels.end <= of;
    assert!(inside, "{operation}: channels {channels:?} of {of}");
}

/// Panics unless the arguments are as long as the shape says, and the channels are there.
#[track_caller]
pub(in crate::device) fn convolution_transpose(
    x: &impl Length,
    y: &impl Length,
    w: &impl Length,
    b: Option<&impl Length>,
    mask: Option<&impl Length>,
    shape: ConvolutionShape,
    channels: &Range<usize>,
) {
    let name = "convolution_transpose";
    check_channels(name, channels, shape.inputs);
    let x_len = ConvolutionShape { inputs: channels.len(), ..shape }.x_len();
    check(name, "x (rows, x_pixels, channels)", x.length(), x_len);
    check(name, "y (rows, y_pixels, outputs)", y.length(), shape.y_len());
    check(name, "w (kernel, kernel, inputs, outputs)", w.length(), shape.w_len());
    if let Some(b) = b {
        check(name, "b (channels)", b.length(), channels.len());
    }
    if let Some(mask) = mask {
        check(name, "mask (rows, x_pixels, channels)", mask.length(), x_len);
    }
}

/// Panics unless the arguments are as long as the shape says.
#[track_caller]
pub(in crate::device) fn convolution_backward_weight(
    dw: &impl Length,
    dy: &impl Length,
    x: &impl Length,
    shape: ConvolutionShape,
) {
    let name = "convolution_backward_weight";
    check(name, "dw (kernel, kernel, inputs, outputs)", dw.length(), shape.w_len());
    check(name, "dy (rows, y_pixels, outputs)", dy.length(), shape.y_len());
    check(name, "x (rows, x_pixels, inputs)", x.length(), shape.x_len());
}

/// Panics unless the arguments are as long as the shape says.
#[track_caller]
pub(in crate::device) fn spectral_norm_forward(
    w_bar: &impl Length,
    u: &impl Length,
    v: &impl Length,
    sigma: &impl Length,
    w: &impl Length,
    shape: SpectralNormShape,
) {
    let name = "spectral_norm_forward";
    check_spectral_norm(name, u, v, sigma, shape);
    check(name, "w_bar (rows, stride)", w_bar.length(), shape.w_len());
    check(name, "w (rows, stride)", w.length(), shape.w_len());
}

/// Panics unless the arguments are as long as the shape says.
#[track_caller]
pub(in crate::device) fn spectral_norm_backward(
    dw: &impl Length,
    w_bar: &impl Length,
    u: &impl Length,
    v: &impl Length,
    sigma: &impl Length,
    shape: SpectralNormShape,
) {
    let name = "spectral_norm_backward";
    check_spectral_norm(name, u, v, sigma, shape);
    check(name, "dw (rows, stride)", dw.length(), shape.w_len());
    check(name, "w_bar (rows, stride)", w_bar.length(), shape.w_len());
}

/// Panics unless the stride is valid, and the vectors and the singular value are as long as the shape
/// says.
#[track_caller]
fn check_spectral_norm(
    operation: &str,
    u: &impl Length,
    v: &impl Length,
    sigma: &impl Length,
    shape: SpectralNormShape,
) {
    let SpectralNormShape { columns, stride, .. } = shape;
    assert!(columns <= stride, "{operation}: {columns} columns in rows of {stride}");
    check(operation, "u (rows of W)", u.length(), shape.u_len());
    check(operation, "v (columns of W)", v.length(), shape.v_len());
    check(operation, "sigma (1)", sigma.length(), 1);
}

/// The number of row weights of `bias_activation_backward`, each for as many rows; that of the rows if
/// there are none.
///
/// # Panics
/// Unless it divides the number of rows.
#[track_caller]
pub(in crate::device) fn row_weights(weights: Option<&impl Length>, rows: usize) -> usize {
    let samples = weights.map_or(rows, Length::length);
    assert!(
        rows.is_multiple_of(samples),
        "bias_activation_backward: {samples} weights for {rows} rows"
    );
    samples
}

/// The rows of y: those of dz, perhaps without the last `again`.
#[track_caller]
pub(in crate::device) fn saved_rows(
    y: &impl Length,
    rows: usize,
    columns: usize,
    again: usize,
) -> usize {
    assert!(
        2 * again <= rows,
        "bias_activation_backward: {again} of {rows} rows cannot be there once more"
    );
    let once = rows - again;
    if y.length() == once * columns { once } else { rows }
}

/// The parts of x and dx of `loss_forward_backward`.
///
/// # Panics
/// Unless a second loss has the same rows, and x has two or three parts then.
#[track_caller]
pub(in crate::device) fn loss_parts(
    x: &impl Length,
    shape: &LossShape,
    second: Option<&LossShape>,
) -> [usize; 2] {
    let parts = shape.parts();
    let Some(second) = second else { return [parts; 2] };
    assert!(
        parts == 2 && second.rows == shape.rows,
        "loss_forward_backward: a second loss of {} rows follows {parts} parts of {}",
        second.rows,
        shape.rows
    );
    [if x.length() == 2 * shape.rows { 2 } else { 3 }, 3]
}
