//! The tolerance of each operation in single precision: |got − want| ≤ atol + rtol·|want|.

use crate::comparator::Tolerance;

struct Row {
    /// The operation, and the output if its outputs have different tolerances.
    output: &'static str,
    rtol: f64,
    atol: f64,
    /// Added to atol for each number that an element is the sum of.
    per_summand: f64,
    #[allow(dead_code)]
    reason: &'static str,
}

const fn row(
    output: &'static str,
    rtol: f64,
    atol: f64,
    per_summand: f64,
    reason: &'static str,
) -> Row {
    Row { output, rtol, atol, per_summand, reason }
}

const EXACT: &str = "copies and integers: nothing is rounded";
const SUM: &str = "each of n partial sums, about √n/3 in size, is rounded by up to 6e-8 of it, up \
                   or down: together n·6e-9, ten times that at the worst of 1e5 elements";

/// The table of tolerances. The relative rounding error of single precision is 6e-8.
const TABLE: &[Row] = &[
    row("linear_forward", 1e-6, 1e-7, 6e-8, SUM),
    row("linear_forward_to_single_output", 1e-6, 1e-7, 6e-8, SUM),
    row("linear_backward_weight", 1e-6, 1e-7, 6e-8, SUM),
    row("linear_backward_input", 1e-6, 1e-7, 6e-8, SUM),
    row("single_output_backward dx", 1e-6, 2e-7, 0.0, "two products, and 1 − y² near y = ±1"),
    row("single_output_backward", 1e-6, 1e-7, 6e-8, SUM),
    row("convolution_forward", 1e-6, 1e-7, 6e-8, SUM),
    row("convolution_transpose", 1e-6, 1e-7, 6e-8, SUM),
    row("convolution_backward_weight", 1e-6, 1e-7, 6e-8, SUM),
    row("image_transpose", 0.0, 0.0, 0.0, EXACT),
    row("activation_forward", 5e-7, 1e-7, 0.0, "an exponential or a product, rounded"),
    row("bias_activation_backward dz", 5e-7, 1e-7, 0.0, "1 − y² cancels near y = ±1"),
    row("bias_activation_backward db", 1e-6, 1e-7, 6e-8, SUM),
    row("batch_norm_forward y", 1e-6, 2e-6, 0.0, "x − mean cancels, inv_std is up to 2"),
    row("batch_norm_forward mean", 1e-6, 1e-7, 1e-8, "a sum over rows, divided by them"),
    row("batch_norm_forward inv_std", 3e-6, 0.0, 0.0, "half the relative error of a variance"),
    row("batch_norm_forward running_mean", 1e-6, 2e-7, 0.0, "as mean, of which it is a tenth"),
    row("batch_norm_forward running_var", 3e-6, 0.0, 0.0, "a sum of squares"),
    row("batch_norm_evaluate", 2e-6, 1e-6, 0.0, "x − running_mean cancels"),
    row("batch_norm_backward dx", 2e-6, 2e-6, 0.0, "three terms that cancel, two of them sums"),
    row("batch_norm_backward dgamma", 1e-6, 1e-6, 1e-7, "as a sum, of numbers up to 4"),
    row("batch_norm_backward dbeta", 1e-6, 1e-7, 6e-8, SUM),
    row("linear_batch_norm_forward x", 1e-6, 1e-7, 6e-8, SUM),
    row("linear_batch_norm_forward y", 3e-6, 4e-6, 6e-8, "as batch_norm_forward, of a sum"),
    row("linear_batch_norm_forward mean", 1e-6, 4e-7, 1e-8, "as batch_norm_forward, of a sum"),
    row("linear_batch_norm_forward inv_std", 5e-6, 0.0, 0.0, "as batch_norm_forward, of a sum"),
    row("linear_batch_norm_forward running_mean", 1e-6, 2e-7, 0.0, "as batch_norm_forward"),
    row("linear_batch_norm_forward running_var", 3e-6, 0.0, 0.0, "as batch_norm_forward"),
    row("linear_batch_norm_backward dx", 3e-6, 3e-6, 6e-8, "as batch_norm_backward, of a sum"),
    row("linear_batch_norm_backward dgamma", 1e-6, 1e-6, 1e-7, "as batch_norm_backward"),
    row("linear_batch_norm_backward dbeta", 1e-6, 1e-7, 6e-8, SUM),
    row("linear_activation_backward dx", 1e-6, 2e-7, 6e-8, SUM),
    row("linear_activation_backward dbx", 1e-6, 2e-7, 6e-8, SUM),
    row("embedding_concat", 0.0, 0.0, 0.0, EXACT),
    row("embedding_backward", 1e-6, 1e-7, 6e-8, SUM),
    row("embedding_backward_linear", 1e-6, 1e-7, 6e-8, SUM),
    row("loss_forward_backward dx", 1e-6, 2e-7, 0.0, "σ(x) − t cancels where x is far out"),
    row("loss_forward_backward ring", 2e-6, 1e-7, 1e-8, "a sum over rows, divided by them"),
    row(
        "softmax_cross_entropy_forward_backward dx",
        1e-6,
        2e-7,
        0.0,
        "softmax − 1 cancels where a class is nearly certain",
    ),
    row(
        "softmax_cross_entropy_forward_backward losses",
        1e-6,
        2e-7,
        1e-9,
        "the logarithm of a sum over classes is off by what the sum is, as a share of it",
    ),
    row("ring_carry", 0.0, 0.0, 0.0, EXACT),
    row("adam_update p", 1e-6, 1e-7, 0.0, "a step is at most lr; p itself is rounded"),
    row("adam_update m", 1e-6, 1e-7, 0.0, "b1·m and (1 − b1)·g may cancel"),
    row("adam_update v", 1e-6, 0.0, 0.0, "a sum of two numbers that are not negative"),
    row("adam_update step", 0.0, 0.0, 0.0, EXACT),
    row("adam_update iteration", 0.0, 0.0, 0.0, EXACT),
    row("average_update", 1e-6, 1e-7, 0.0, "two products that may cancel"),
    row("noise_sample", 1e-6, 4e-6, 0.0, "an angle up to 2π rounded, times a radius up to 5.8"),
    row("masks_sample", 1e-7, 0.0, 0.0, "1/(1 − p) rounded"),
    row("images_interpolate", 1e-6, 1e-7, 0.0, "two products that may cancel"),
    row(
        "penalty_forward_backward v",
        1e-6,
        1e-7,
        0.0,
        "1 − 1/norm cancels where the norm is near 1; times at most 2·factor",
    ),
    row(
        "penalty_forward_backward ring",
        5e-6,
        1e-6,
        1e-8,
        "a square of a norm, which is the root of a sum of squares",
    ),
    row("rows_scale", 1e-6, 1e-7, 0.0, "two numbers that may cancel"),
    row("constant_fill", 1e-7, 0.0, 0.0, "one rounding"),
    row("batch_prepare integers", 0.0, 0.0, 0.0, EXACT),
    row("batch_prepare floats", 1e-6, 4e-6, 0.0, "as noise_sample and masks_sample"),
    row("batch_prepare x", 0.0, 2e-7, 0.0, "u/255 rounded, less a half, doubled"),
    row("augment_forward", 5e-7, 4e-7, 3e-8, "a number, a sum over channels and a mean, up to 5"),
    row("augment_backward", 5e-7, 4e-7, 3e-8, "as augment_forward"),
    row(
        "spectral_norm_forward",
        5e-6,
        1e-7,
        0.0,
        "sums of mostly positive numbers, of which the partial ones are rounded",
    ),
    row(
        "spectral_norm_backward",
        1e-6,
        5e-7,
        0.0,
        "the sum over all elements is multiplied by numbers as small as it is large",
    ),
];

/// The tolerance of one output of an operation.
pub fn of(operation: &str, output: &str, summands: usize) -> Tolerance {
    let argument = format!("{operation} {output}");
    let found = TABLE.iter().find(|row| row.output == operation || row.output == argument);
    let row = found.unwrap_or_else(|| panic!("no tolerance for {argument}"));
    Tolerance { rtol: row.rtol, atol: row.atol + row.per_summand * summands as f64 }
}
