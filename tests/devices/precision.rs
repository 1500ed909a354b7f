//! Matrix multiplications whose operands a GPU may round: the error is within the rounding's bound,
//! and not zero.

use gan_cuda::choice::Choice;
use gan_cuda::device::cuda::{Buffer, Cuda, CudaOptions, View, ViewMut};
use gan_cuda::device::ops::{Activation, Linear, LinearShape};
use gan_cuda::device::{Memory, Precision};
use gan_cuda::rng;
use half::bf16;
use rand_distr::{Distribution, StandardUniform};

use crate::comparator::{Tolerance, compare};
use crate::notes;
use crate::open::open_cuda;

/// Different extents, all multiples of eight, as tensor cores require.
const SHAPE: LinearShape = LinearShape { rows: 64, inputs: 200, outputs: 136 };

/// The unit roundoff of the operands' precision.
fn roundoff(precision: Precision) -> f64 {
    match precision {
        Precision::F32 => 0.0,
        Precision::Tf32 => (-11f64).exp2(),
        Precision::Bf16 => (-8f64).exp2(),
    }
}

/// An operand's element rounded as for tensor cores, to nearest, ties to even.
fn rounded(x: f32, precision: Precision) -> f32 {
    match precision {
        Precision::F32 => x,
        Precision::Tf32 => {
            let bits = x.to_bits();
            f32::from_bits((bits + 0xfff + (bits >> 13 & 1)) & !0x1fff)
        }
        Precision::Bf16 => bf16::from_f32(x).to_f32(),
    }
}

/// A row-major matrix.
#[derive(Clone)]
struct Matrix {
    values: Vec<f32>,
    columns: usize,
}

impl Matrix {
    fn random(rows: usize, columns: usize, seed: u64) -> Self {
        let unit = StandardUniform.sample_iter(rng::host(seed, 0)).take(rows * columns);
        Self { values: unit.map(|unit: f32| 2.0 * unit - 1.0).collect(), columns }
    }

    fn transposed(&self) -> Self {
        let rows = self.values.len() / self.columns;
        let column = |j: usize| (0..rows).map(move |i| self.values[i * self.columns + j]);
        Self { values: (0..self.columns).flat_map(column).collect(), columns: rows }
    }

    /// self · other in double precision, with `number` applied to each element.
    fn times(&self, other: &Self, number: impl Fn(f32) -> f64) -> Vec<f64> {
        let column = |j: usize| other.values.iter().skip(j).step_by(other.columns);
        let dot =
            |row: &[f32], j| row.iter().zip(column(j)).map(|(&a, &b)| number(a) * number(b)).sum();
        let rows = self.values.chunks(self.columns);
        rows.flat_map(|row| (0..other.columns).map(move |j| dot(row, j))).collect()
    }
}

/// Two operands, and their product as computed by a device.
struct Product {
    name: &'static str,
    factors: [Matrix; 2],
    got: Vec<f64>,
}

/// The three matrix multiplications of a linear layer.
fn products(device: &Cuda) -> [Product; 3] {
    let LinearShape { rows, inputs, outputs } = SHAPE;
    let (x, w) = (Matrix::random(rows, inputs, 1), Matrix::random(outputs, inputs, 2));
    let dz = Matrix::random(rows, outputs, 3);
    let [on_x, on_w, on_dz] = [&x, &w, &dz].map(|matrix| upload(device, &matrix.values));
    let forward = computed(device, rows * outputs, |y| {
        let (x, w) = (whole(&on_x, &x), whole(&on_w, &w));
        device.linear_forward(y, x, w, None, None, SHAPE, Activation::Identity, 0);
    });
    let backward_weight = computed(device, outputs * inputs, |dw| {
        device.linear_backward_weight(dw, whole(&on_dz, &dz), whole(&on_x, &x), SHAPE, false);
    });
    let backward_input = computed(device, rows * inputs, |dx| {
        device.linear_backward_input(dx, whole(&on_dz, &dz), whole(&on_w, &w), SHAPE, 0..inputs);
    });
    [
        Product { name: "forward", factors: [x.clone(), w.transposed()], got: forward },
        Product { name: "backward_weight", factors: [dz.transposed(), x], got: backward_weight },
        Product { name: "backward_input", factors: [dz, w], got: backward_input },
    ]
}

fn upload(device: &Cuda, values: &[f32]) -> Buffer<f32> {
    let mut buffer = device.allocate(values.len()).unwrap();
    device.upload(Cuda::view_mut(&mut buffer, 0..values.len()), values).unwrap();
    buffer
}

fn options(precision: Precision) -> CudaOptions {
    CudaOptions { precision, graphs: false, ..CudaOptions::default() }
}

fn whole<'a>(buffer: &'a Buffer<f32>, of: &Matrix) -> View<'a, f32> {
    Cuda::view(buffer, 0..of.values.len())
}

fn computed(device: &Cuda, len: usize, compute: impl FnOnce(ViewMut<'_, f32>)) -> Vec<f64> {
    let mut buffer = device.allocate(len).unwrap();
    compute(Cuda::view_mut(&mut buffer, 0..len));
    device.download(Cuda::view(&buffer, 0..len)).unwrap().into_iter().map(f64::from).collect()
}

/// The error is at most the bound for rounding two operands and summing in single precision. How a GPU
/// rounds is up to cuBLAS: truncation doubles the error of each operand. On the emulator the error must
/// exceed that of single precision; on a GPU this is only noted, since cuBLAS may leave the operands of
/// such small multiplications unrounded.
pub fn errors_are_within_the_roundoff_of_operands_and_exceed_single_precision() {
    for precision in [Precision::Tf32, Precision::Bf16] {
        let device = open_cuda(options(precision));
        let u = roundoff(precision) * if device.is_emulated() { 1.0 } else { 2.0 };
        for (Product { name, factors: [a, b], got }, single) in
            products(&device).into_iter().zip(products(&open_cuda(options(Precision::F32))))
        {
            let exact = a.times(&b, f64::from);
            let sizes = a.times(&b, |x| f64::from(x.abs()));
            // The last term is for the sum: one rounding per summand.
            let share = 2.0 * u + u * u + 6e-8 * a.columns as f64;
            let errors = || got.iter().zip(&exact).map(|(got, exact)| (got - exact).abs());
            let used = errors().zip(&sizes).map(|(error, size)| error / (share * size));
            let worst = used.fold(0.0, f64::max);
            notes::tolerance_used(format!("{precision} {name}: of the roundoff"), worst);
            assert!(worst <= 1.0, "{precision} {name}: {worst} of the bound for rounding");
            let alone = single.got.iter().zip(&exact).map(|(got, exact)| (got - exact).abs());
            let (error, alone) = (errors().fold(0.0, f64::max), alone.fold(0.0, f64::max));
            let rounded = error > 20.0 * alone;
            notes::note(format!("{precision} {name}: operands are rounded"), rounded);
            assert!(
                rounded || !device.is_emulated(),
                "{precision} {name}: {error}, {alone} in single precision"
            );
        }
    }
}

/// The emulator rounds to nearest, like this test.
pub fn results_are_those_of_rounded_operands() {
    for &precision in Precision::ALL {
        let device = open_cuda(options(precision));
        if !device.is_emulated() {
            return;
        }
        for Product { name, factors: [a, b], got } in products(&device) {
            let want = a.times(&b, |x| f64::from(rounded(x, precision)));
            let tolerance = Tolerance { rtol: 1e-6, atol: 1e-7 + 6e-8 * a.columns as f64 };
            let outcome = compare(&got, &want, tolerance);
            let share = outcome.unwrap_or_else(|problem| panic!("{precision} {name}: {problem}"));
            notes::tolerance_used(format!("{precision} {name}: of rounded operands"), share);
        }
    }
}
