use super::super::reference;
use super::super::tests::{numbers, wide};
use super::transform::Number;
use super::*;

impl Number for f64 {
    fn times(self, factor: f64) -> Self {
        self * factor
    }

    fn plus(self, factor: f64, other: Self) -> Self {
        self + factor * other
    }
}

fn wide_numbers<const N: usize>(seed: u64) -> [f64; N] {
    wide(&numbers(N, seed)).try_into().unwrap()
}

fn dot<const N: usize>(a: [f64; N], b: [f64; N]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// In exact arithmetic the transforms compute the convolution, and the transposed transforms are
/// their adjoints.
fn is_exact<X: Transform<M, N>, const M: usize, const N: usize>(tile: X) {
    let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} for {b}");
    for seed in 1..20 {
        let (x, v, y) =
            (wide_numbers::<N>(seed), wide_numbers::<N>(seed + 20), wide_numbers(seed + 40));
        let w = wide_numbers(seed + 60);
        let (data, weights) = (tile.data(x), tile.weights(w));
        let got = tile.outputs(std::array::from_fn(|p| data[p] * weights[p]));
        got.iter().enumerate().for_each(|(i, &got)| near(got, x[i] * w[0] + x[i + 1] * w[1]));
        near(dot(tile.data(x), v), dot(x, tile.data_transposed(v)));
        near(dot(tile.weights(w), v), dot(w, tile.weights_transposed(v)));
        near(dot(tile.outputs(v), y), dot(v, tile.outputs_transposed(y)));
    }
}

#[test]
fn transforms_are_exact() {
    is_exact(F7);
    is_exact(F4);
}

fn shape(rows: usize, side: usize, [inputs, outputs]: [usize; 2]) -> ConvolutionShape {
    let (x_pixels, y_pixels) = ([2 * side; 2], [side; 2]);
    ConvolutionShape { rows, x_pixels, y_pixels, inputs, outputs, kernel: 4, stride: 2, padding: 1 }
}

/// The relative root mean square error against double precision.
fn error(got: &[f32], want: &[f64]) -> f64 {
    let squares = |numbers: &mut dyn Iterator<Item = f64>| numbers.map(|x| x * x).sum::<f64>();
    let differences = &mut got.iter().zip(want).map(|(&got, want)| f64::from(got) - want);
    (squares(differences) / squares(&mut want.iter().copied())).sqrt()
}

/// Results of all three operations: some channels of the first two, the third added to the weights.
struct Results<T> {
    y: Vec<T>,
    x: Vec<T>,
    dw: Vec<T>,
}

struct Case {
    shape: ConvolutionShape,
    x: Vec<f32>,
    w: Vec<f32>,
    y: Vec<f32>,
    /// Channels of x and of y that are written.
    channels: [Range<usize>; 2],
}

impl Case {
    fn new(shape: ConvolutionShape, channels: [Range<usize>; 2]) -> Self {
        let (x, w) = (numbers(shape.x_len(), 1), numbers(shape.w_len(), 2));
        Self { shape, x, w, y: numbers(shape.y_len(), 3), channels }
    }

    fn whole(shape: ConvolutionShape) -> Self {
        Self::new(shape, [0..shape.inputs, 0..shape.outputs])
    }

    fn lens(&self) -> [usize; 2] {
        let [inputs, outputs] = self.channels.clone().map(|channels| channels.len());
        [ConvolutionShape { inputs, ..self.shape }.x_len(), self.shape.positions() * outputs]
    }

    fn got(&self, threads: usize, accumulate: bool) -> Results<f32> {
        let (pool, [inputs, outputs]) = (ThreadPool::new(threads), self.channels.clone());
        let [mut x, mut y] = self.lens().map(|len| vec![f32::NAN; len]);
        let mut dw = self.w.clone();
        let doubled = |_: usize, numbers: &mut [f32]| numbers.iter_mut().for_each(|x| *x *= 2.0);
        forward(&pool, &mut y, &self.x, &self.w, self.shape, outputs, doubled);
        transpose(&pool, &mut x, &self.y, &self.w, self.shape, inputs, doubled);
        backward_weight(&pool, &mut dw, &self.y, &self.x, self.shape, accumulate);
        Results { y, x, dw }
    }

    fn want(&self, accumulate: bool) -> Results<f64> {
        let (pool, [inputs, outputs]) = (ThreadPool::new(2), self.channels.clone());
        let [mut x, mut y] = self.lens().map(|len| vec![f64::NAN; len]);
        let [from_x, mut dw, from_y] = [&self.x, &self.w, &self.y].map(|numbers| wide(numbers));
        let w = dw.clone();
        let doubled = |_: usize, numbers: &mut [f64]| numbers.iter_mut().for_each(|x| *x *= 2.0);
        reference::forward(&pool, &mut y, &from_x, &w, self.shape, outputs, doubled);
        reference::transpose(&pool, &mut x, &from_y, &w, self.shape, inputs, doubled);
        reference::backward_weight(&pool, &mut dw, &from_y, &from_x, self.shape, accumulate);
        Results { y, x, dw }
    }

    /// Errors of each operation.
    fn errors(&self, threads: usize, accumulate: bool) -> [f64; 3] {
        let (got, want) = (self.got(threads, accumulate), self.want(accumulate));
        [error(&got.y, &want.y), error(&got.x, &want.x), error(&got.dw, &want.dw)]
    }

    /// Transforms lose more bits the larger their coefficients are: those of 7×7 tiles reach 64 along
    /// both axes. The sums add the same error as in the direct form.
    #[track_caller]
    fn is_close(&self, threads: usize, accumulate: bool) {
        let most = if divides_into(&self.shape, 7) { 1e-5 } else { 3e-6 };
        for (operation, error) in
            ["forward", "transpose", "weight"].iter().zip(self.errors(threads, accumulate))
        {
            assert!(error < most, "{operation} of {:?}: {error:e}", self.shape);
        }
    }
}

#[test]
fn operations_agree_with_plain_loops() {
    for (side, channels) in [(7, [64, 128]), (4, [48, 80]), (8, [32, 64]), (16, [16, 24])] {
        for rows in [1, 3, 7] {
            Case::whole(shape(rows, side, channels)).is_close(2, rows == 3);
        }
    }
}

#[test]
fn every_number_of_channels_works() {
    for channels in [[1, 1], [3, 5], [17, 33], [40, 7]] {
        for side in [4, 7, 12, 14] {
            Case::whole(shape(3, side, channels)).is_close(1, false);
        }
    }
}

#[test]
fn only_the_given_channels_are_written() {
    for side in [8, 14] {
        Case::new(shape(3, side, [37, 50]), [5..36, 17..50]).is_close(3, true);
    }
}

#[test]
fn height_and_width_may_differ() {
    let mut shape = shape(2, 8, [5, 9]);
    (shape.x_pixels, shape.y_pixels) = ([8, 24], [4, 12]);
    Case::whole(shape).is_close(2, false);
    (shape.x_pixels, shape.y_pixels) = ([28, 14], [14, 7]);
    Case::whole(shape).is_close(2, false);
}

#[test]
fn images_and_channels_may_be_split_into_parts() {
    // More tiles and more weights than are transformed at once.
    Case::whole(shape(2 * TILES + 3, 7, [4, 6])).is_close(2, false);
    Case::whole(shape(TILES + 1, 4, [256, 300])).is_close(2, true);
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    for (side, channels) in [(7, [20, 36]), (8, [33, 17])] {
        let case = Case::whole(shape(TILES / 2, side, channels));
        let one = case.got(1, false);
        for threads in [2, 3] {
            let more = case.got(threads, false);
            assert!(one.y == more.y && one.x == more.x && one.dw == more.dw);
        }
    }
}
