use std::ops::Range;

use super::*;
use crate::device::Real;
use crate::device::cpu::gemm::kernel::Kernels;

const DIRECT: ConvolutionForm = ConvolutionForm::Direct;

/// Reproducible pseudo-random numbers in ±1.
pub(super) fn numbers(len: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / 8_388_608.0 - 1.0
    };
    (0..len).map(|_| next()).collect()
}

fn shape(
    rows: usize,
    side: usize,
    [inputs, outputs]: [usize; 2],
    [kernel, stride, padding]: [usize; 3],
) -> Option<ConvolutionShape> {
    let x_pixels = [side, side + 2];
    let y = |x: usize| Some((x + 2 * padding).checked_sub(kernel)? / stride + 1);
    let y_pixels = [y(x_pixels[0])?, y(x_pixels[1])?];
    Some(ConvolutionShape { rows, x_pixels, y_pixels, inputs, outputs, kernel, stride, padding })
}

fn all_shapes() -> impl Iterator<Item = ConvolutionShape> {
    let kernels = (1..6).flat_map(|kernel| {
        (1..4).flat_map(move |stride| (0..3).map(move |padding| [kernel, stride, padding]))
    });
    let extents = [
        (1, 1, [1, 1]),
        (2, 5, [3, 5]),
        (3, 8, [4, 33]),
        (1, 7, [17, 8]),
        (2, 6, [16, 40]),
        (2, 9, [70, 20]),
    ];
    kernels.flat_map(move |kernel| {
        extents
            .into_iter()
            .filter_map(move |(rows, side, channels)| shape(rows, side, channels, kernel))
    })
}

pub(super) fn wide(x: &[f32]) -> Vec<f64> {
    x.iter().map(|&x| f64::from(x)).collect()
}

#[track_caller]
fn assert_close(got: &[f32], want: &[f64], terms: usize, what: &dyn std::fmt::Debug) {
    let tolerance = 1e-6 * (terms as f64).sqrt() + 1e-6;
    for (i, (&got, &want)) in got.iter().zip(want).enumerate() {
        let error = (f64::from(got) - want).abs();
        assert!(error <= tolerance, "{what:?} at {i}: {got} for {want}");
    }
}

/// A `finish` that adds each pixel's index to its channels.
fn numbered<T: Real>(channels: usize) -> impl Fn(usize, &mut [T]) {
    move |first, y| {
        for (pixel, y) in (first..).zip(y.chunks_exact_mut(channels)) {
            y.iter_mut().for_each(|y| *y += T::from_f64(pixel as f64));
        }
    }
}

fn close_to_double(shape: ConvolutionShape, channels: &Range<usize>, threads: usize) {
    let pool = ThreadPool::new(threads);
    let (x, w) = (numbers(shape.x_len(), 1), numbers(shape.w_len(), 2));
    let y = numbers(shape.y_len(), 3);
    let outputs = shape.outputs / 3..shape.outputs;
    let len = shape.positions() * outputs.len();
    let (mut got, mut want) = (vec![f32::NAN; len], vec![f64::NAN; len]);
    let width = outputs.len();
    f32::forward(&pool, DIRECT, &mut got, &x, &w, shape, outputs.clone(), numbered(width));
    f64::forward(&pool, DIRECT, &mut want, &wide(&x), &wide(&w), shape, outputs, numbered(width));
    assert_close(&got, &want, shape.window_len() + shape.positions(), &shape);

    let len = ConvolutionShape { inputs: channels.len(), ..shape }.x_len();
    let (mut got, mut want) = (vec![f32::NAN; len], vec![f64::NAN; len]);
    let finish = numbered(channels.len());
    f32::transpose(&pool, DIRECT, &mut got, &y, &w, shape, channels.clone(), finish);
    let finish = numbered(channels.len());
    f64::transpose(&pool, DIRECT, &mut want, &wide(&y), &wide(&w), shape, channels.clone(), finish);
    assert_close(&got, &want, shape.kernel.pow(2) * shape.outputs + shape.x_len(), &shape);

    for accumulate in [false, true] {
        let (mut got, mut want) = (w.clone(), wide(&w));
        f32::backward_weight(&pool, DIRECT, &mut got, &y, &x, shape, accumulate);
        f64::backward_weight(&pool, DIRECT, &mut want, &wide(&y), &wide(&x), shape, accumulate);
        assert_close(&got, &want, shape.positions(), &shape);
    }
}

#[test]
fn every_instruction_set_agrees_with_plain_loops() {
    for kernels in Kernels::available() {
        for shape in all_shapes() {
            kernels.using(|| close_to_double(shape, &(0..shape.inputs), 1));
        }
    }
}

#[test]
fn several_threads_agree_with_plain_loops() {
    let shape = shape(7, 14, [40, 70], [4, 2, 1]).unwrap();
    close_to_double(shape, &(0..40), 3);
    close_to_double(shape, &(3..39), 2);
    close_to_double(shape, &(38..40), 3);
}
