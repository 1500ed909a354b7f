//! Spectral normalization: running it, PyTorch's values, convergence, and the bits of repeated
//! evaluations.

use super::bench::{Bench, GuardedFloats, Output, Placement};
use gan_cuda::device::ops::{LinearShape, SpectralNormShape};
use gan_cuda::device::{Device, Real};

use crate::comparator::{Tolerance, compare};
use crate::open::Tested;

/// Rounding of a few numbers of about 1.
const TOLERANCE: Tolerance = Tolerance { rtol: 1e-6, atol: 2e-7 };

impl<D: Device> Bench<'_, D> {
    pub fn spectral_norm_forward(mut self, shape: SpectralNormShape, iterate: bool) -> Vec<Output> {
        // More positive weights than negative ones: the products are far from 0.
        let w = self.padded(-0.5, 1.0, shape);
        let [mut u, mut v] = [shape.u_len(), shape.v_len()].map(|len| self.input(0.0, 1.0, len));
        let [mut w_bar, mut sigma] = [shape.w_len(), 1].map(|len| self.output(len));
        self.device.spectral_norm_forward(
            w_bar.view_mut(),
            u.view_mut(),
            v.view_mut(),
            sigma.view_mut(),
            w.view(),
            shape,
            iterate,
        );
        vec![
            self.read("w_bar", &w_bar),
            self.read("u", &u),
            self.read("v", &v),
            self.read("sigma", &sigma),
        ]
    }

    pub fn spectral_norm_backward(mut self, shape: SpectralNormShape) -> Vec<Output> {
        let [mut dw, w_bar] = [(); 2].map(|()| self.padded(-1.0, 1.0, shape));
        // Elements of unit vectors are as small as these.
        let [u, v] = [shape.u_len(), shape.v_len()]
            .map(|len| self.input(-1.0 / (len as f32).sqrt(), 1.0 / (len as f32).sqrt(), len));
        let sigma = self.input(0.5, 1.5, 1);
        let (u, v, sigma) = (u.view(), v.view(), sigma.view());
        self.device.spectral_norm_backward(dw.view_mut(), w_bar.view(), u, v, sigma, shape);
        vec![self.read("dw", &dw)]
    }

    /// A matrix with zeros behind its columns.
    fn padded(&mut self, low: f32, high: f32, shape: SpectralNormShape) -> GuardedFloats<D> {
        let mut values = self.numbers(low, high, shape.w_len());
        for row in values.chunks_mut(shape.stride) {
            row[shape.columns..].fill(D::Real::ZERO);
        }
        self.floats(&values)
    }
}

/// A weight matrix and what is computed from it.
struct Normalized<'a, D: Device> {
    bench: Bench<'a, D>,
    shape: SpectralNormShape,
    w: GuardedFloats<D>,
    w_bar: GuardedFloats<D>,
    u: GuardedFloats<D>,
    v: GuardedFloats<D>,
    sigma: GuardedFloats<D>,
}

impl<'a, D: Device> Normalized<'a, D> {
    /// From W and its first vectors; W is stored as the shape says.
    fn new(device: &'a D, w: &[f64], u: &[f64], v: &[f64], shape: SpectralNormShape) -> Self {
        let bench = Bench::new(device, Placement::Unaligned);
        let floats = |values: &[f64]| {
            bench.floats(&values.iter().copied().map(D::Real::from_f64).collect::<Vec<_>>())
        };
        let (w, u, v) = (floats(&stored(w, shape)), floats(u), floats(v));
        let (w_bar, sigma) = (bench.output(shape.w_len()), bench.output(1));
        Self { shape, w, w_bar, u, v, sigma, bench }
    }

    /// Normalizes; returns u, v, σ and w_bar.
    fn forward(&mut self, iterate: bool) -> [Vec<f64>; 4] {
        self.bench.device.spectral_norm_forward(
            self.w_bar.view_mut(),
            self.u.view_mut(),
            self.v.view_mut(),
            self.sigma.view_mut(),
            self.w.view(),
            self.shape,
            iterate,
        );
        [&self.u, &self.v, &self.sigma, &self.w_bar].map(|of| self.bench.read("", of).values)
    }

    /// Replaces the gradient of w_bar by that of W.
    fn backward(&self, dw: &mut GuardedFloats<D>) {
        let [w_bar, u, v, sigma] = [&self.w_bar, &self.u, &self.v, &self.sigma].map(|of| of.view());
        self.bench.device.spectral_norm_backward(dw.view_mut(), w_bar, u, v, sigma, self.shape);
    }
}

/// A matrix W, row by row, as it is stored: transposed or not, with zeros behind its columns.
fn stored(w: &[f64], shape: SpectralNormShape) -> Vec<f64> {
    let mut all = vec![0.0; shape.w_len()];
    for (row, stored) in all.chunks_mut(shape.stride).enumerate() {
        for (column, number) in stored[..shape.columns].iter_mut().enumerate() {
            *number = match shape.transposed {
                false => w[row * shape.columns + column],
                true => w[column * shape.rows + row],
            };
        }
    }
    all
}

/// A 3×4 matrix W in each layout.
const SHAPES: [SpectralNormShape; 3] = [
    SpectralNormShape { rows: 3, columns: 4, stride: 4, transposed: false },
    SpectralNormShape { rows: 3, columns: 4, stride: 8, transposed: false },
    SpectralNormShape { rows: 4, columns: 3, stride: 3, transposed: true },
];

// From `parametrizations.spectral_norm(Linear(4, 3))` of PyTorch 2.11, in double precision: u, v, σ
// and the weights after the first pass, and the gradient of the original weights.
const WEIGHTS: [f64; 12] =
    [0.5, -0.25, 0.75, 0.125, -1.0, 0.375, 0.25, 0.5, 0.625, 1.25, -0.5, -0.875];
const GRADIENT: [f64; 12] =
    [0.25, 1.0, -0.5, 0.75, -0.125, 0.5, 0.875, -1.0, 0.375, -0.75, 0.625, -0.25];
const U: [f64; 3] = [0.340754668458, -0.340754668458, 0.87622629032];
const V: [f64; 4] = [0.636011474023, 0.530009561686, -0.160830487684, -0.537320038399];
const SIGMA: [f64; 1] = [1.66470807113];
const W_BAR: [f64; 12] = [
    0.300352961982,
    -0.150176480991,
    0.450529442974,
    0.0750882404956,
    -0.600705923965,
    0.225264721487,
    0.150176480991,
    0.300352961982,
    0.375441202478,
    0.750882404956,
    -0.300352961982,
    -0.525617683469,
];
const DW: [f64; 12] = [
    0.241822136995,
    0.677077303968,
    -0.32352772557,
    0.373104664625,
    -0.1667338965,
    0.223981581979,
    0.548792447057,
    -0.523281145617,
    0.460924979783,
    -0.254145894394,
    0.315848953254,
    -0.349268768172,
];

pub fn spectral_norm_equals_pytorchs<D: Tested>() {
    let device = &D::open(false);
    for shape in SHAPES {
        let mut layer =
            Normalized::new(device, &WEIGHTS, &[0.6, 0.0, 0.8], &[0.5, 0.5, 0.5, -0.5], shape);
        let want = [&U[..], &V, &SIGMA, &stored(&W_BAR, shape)];
        for ((got, want), name) in
            layer.forward(true).iter().zip(want).zip(["u", "v", "σ", "w_bar"])
        {
            assert_close(&format!("{shape:?}: {name}"), got, want);
        }
        let dw = stored(&GRADIENT, shape).into_iter().map(D::Real::from_f64);
        let mut dw = layer.bench.floats(&dw.collect::<Vec<_>>());
        layer.backward(&mut dw);
        let got = layer.bench.read("dw", &dw).values;
        assert_close(&format!("{shape:?}: dw"), &got, &stored(&DW, shape));
    }
}

fn assert_close(what: &str, got: &[f64], want: &[f64]) {
    compare(got, want, TOLERANCE).unwrap_or_else(|problem| panic!("{what}: {problem}"));
}

/// A resumed run, or an evaluation, has the weights of the iteration that it continues.
pub fn without_an_iteration_the_bits_stay_the_same<D: Tested>() {
    let device = &D::open(false);
    for (rows, columns, transposed) in [(33, 257, false), (2600, 31, true), (2600, 31, false)] {
        let shape = SpectralNormShape { rows, columns, stride: columns + 2, transposed };
        let mut bench = Bench::new(device, Placement::Aligned);
        let mut input = |len| {
            let values = bench.numbers(-1.0, 1.0, len);
            values.into_iter().map(Real::to_f64).collect::<Vec<_>>()
        };
        let (w, u, v) = (input(rows * columns), input(shape.u_len()), input(shape.v_len()));
        let mut layer = Normalized::new(device, &w, &u, &v, shape);
        let first = layer.forward(true);
        assert!(first.iter().flatten().all(|number| number.is_finite()), "{shape:?}");
        assert_eq!(layer.forward(false), first, "{shape:?}");
        assert_ne!(layer.forward(true), first, "{shape:?}: an iteration changes the vectors");
    }
}

/// The singular values of [3, 0; 4, 5] are √45 and √5: those of W·Wᵀ = [9, 12; 12, 41], 45 and 5.
pub fn iterations_converge_to_the_largest_singular_value<D: Tested>() {
    let device = &D::open(false);
    for transposed in [false, true] {
        let shape = SpectralNormShape { rows: 2, columns: 2, stride: 2, transposed };
        let mut layer =
            Normalized::new(device, &[3.0, 0.0, 4.0, 5.0], &[1.0, 0.0], &[1.0, 0.0], shape);
        // An error shrinks to a ninth with every iteration.
        let [u, v, sigma, _] = (0..20).map(|_| layer.forward(true)).last().unwrap();
        let [one, three] = [1.0, 3.0].map(|x: f64| x / 10_f64.sqrt());
        assert_close("u", &u, &[one, three]);
        assert_close("v", &v, &[0.5_f64.sqrt(); 2]);
        assert_close("σ", &sigma, &[45_f64.sqrt()]);
    }
}

/// A device may compute weight gradients concurrently with other operations.
pub fn spectral_norm_waits_for_weight_gradients<D: Tested>() {
    let device = &D::open(false);
    let shape = SHAPES[0];
    let mut layer = Normalized::new(device, &WEIGHTS, &U, &V, shape);
    layer.forward(false);
    let gradient = GRADIENT.map(D::Real::from_f64);
    // The product of the identity and the gradient.
    let identity = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0].map(D::Real::from_f64);
    let (dz, x) = (layer.bench.floats(&identity), layer.bench.floats(&gradient));
    let mut dw = layer.bench.output(12);
    let linear = LinearShape { rows: 3, inputs: 4, outputs: 3 };
    device.linear_backward_weight(dw.view_mut(), dz.view(), x.view(), linear, false);
    layer.backward(&mut dw);
    assert_close("dw", &layer.bench.read("dw", &dw).values, &DW);
}
