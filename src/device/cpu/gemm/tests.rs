use super::kernel::Kernels;
use super::*;
use std::sync::atomic::{AtomicU32, Ordering};

/// Extents (m, n, k) of a layer: batch, outputs, inputs.
const LAYERS: [(usize, usize, usize); 15] = [
    (1, 1, 1),
    (31, 33, 17),
    (64, 784, 110),
    (257, 1000, 3),
    (64, 1, 300),
    (5, 10, 1000),
    (3, 300, 1),
    (128, 64, 1100),
    (300, 40, 48),
    (16, 250, 513),
    (100, 65, 63),
    (64, 96, 0),
    // Divided into slabs for some uses: by all numbers of threads of these tests, or by one thread only.
    (1500, 40, 200),
    (190, 1500, 20),
    (600, 30, 500),
];

#[derive(Clone, Copy, Debug)]
enum Use {
    Forward,
    BackwardInput,
    BackwardInputColumns,
    BackwardWeight,
    Strided,
}

const USES: [Use; 5] = [
    Use::Forward,
    Use::BackwardInput,
    Use::BackwardInputColumns,
    Use::BackwardWeight,
    Use::Strided,
];

fn numbers(length: usize, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state >> 8) as f32 / 8_388_608.0 - 1.0
    };
    (0..length).map(|_| next()).collect()
}

fn view<T>(data: &[T], [rows, columns]: [usize; 2], strides: [usize; 2]) -> Matrix<'_, T> {
    let [row_stride, column_stride] = strides;
    Matrix { data, rows, columns, row_stride, column_stride }
}

/// The operands of a use, as the layers store them.
fn operands<'a, T>(
    which: Use,
    (m, n, k): (usize, usize, usize),
    [x, w, dy]: [&'a [T]; 3],
) -> (Matrix<'a, T>, Matrix<'a, T>) {
    let part = k / 3;
    match which {
        Use::Forward => (view(x, [m, k], [k, 1]), view(w, [k, n], [1, k])),
        Use::BackwardInput => (view(dy, [m, n], [n, 1]), view(w, [n, k], [k, 1])),
        Use::BackwardInputColumns => {
            (view(dy, [m, n], [n, 1]), view(&w[part..], [n, k - part], [k, 1]))
        }
        Use::BackwardWeight => (view(dy, [n, m], [1, n]), view(x, [m, k], [k, 1])),
        Use::Strided => (view(x, [m / 2, k / 2], [2 * k, 2]), view(w, [k / 2, n / 2], [2, 2 * k])),
    }
}

struct Case {
    which: Use,
    extents: (usize, usize, usize),
    data: [Vec<f32>; 3],
}

impl Case {
    fn all() -> impl Iterator<Item = Self> {
        LAYERS.into_iter().flat_map(|(m, n, k)| {
            USES.map(|which| Self {
                which,
                extents: (m, n, k),
                data: [numbers(m * k, 1), numbers(n * k, 2), numbers(m * n, 3)],
            })
        })
    }

    fn name(&self) -> String {
        format!("{:?} {:?}", self.which, self.extents)
    }

    fn operands(&self) -> (Matrix<'_, f32>, Matrix<'_, f32>) {
        operands(self.which, self.extents, self.data.each_ref().map(Vec::as_slice))
    }

    fn product(&self, pool: &ThreadPool) -> Vec<f32> {
        let (a, b) = self.operands();
        let mut c = vec![f32::NAN; a.rows * b.columns];
        f32::multiply(pool, &mut c, a, b, false, |_| ());
        c
    }

    /// The product added to `c`.
    fn added(&self, pool: &ThreadPool, mut c: Vec<f32>) -> Vec<f32> {
        let (a, b) = self.operands();
        f32::multiply(pool, &mut c, a, b, true, |_| ());
        c
    }

    fn product_by(&self, kernels: &'static Kernels) -> Vec<f32> {
        let (a, b) = self.operands();
        let mut c = vec![f32::NAN; a.rows * b.columns];
        if !c.is_empty() {
            let gemm = kernels.using(|| blocks::Gemm::new(&mut c, a, b, false));
            match b.column_stride {
                1 => gemm.run::<RowMajor>(&ThreadPool::new(1), |_| ()),
                _ => gemm.run::<Transposed>(&ThreadPool::new(1), |_| ()),
            }
        }
        c
    }

    /// The product in `f64`, and the product of the absolute values, which scales its error.
    fn reference(&self) -> [Vec<f64>; 2] {
        let pool = ThreadPool::new(1);
        let wide = |f: fn(f64) -> f64| {
            let data = self
                .data
                .each_ref()
                .map(|x| -> Vec<f64> { x.iter().map(|&x| f(f64::from(x))).collect() });
            let data = data.each_ref().map(Vec::as_slice);
            let (a, b) = operands(self.which, self.extents, data);
            let mut c = vec![f64::NAN; a.rows * b.columns];
            f64::multiply(&pool, &mut c, a, b, false, |_| ());
            c
        };
        [wide(|x| x), wide(f64::abs)]
    }
}

/// The error of a sum of k products in f32 is at most about k·ε·Σ|a·b|; in practice √k·ε·Σ|a·b|.
fn assert_close(got: &[f32], [want, scale]: &[Vec<f64>; 2], depth: usize, name: &str) {
    assert_eq!(got.len(), want.len());
    let relative = 2.0 * (depth as f64).sqrt() * f64::from(f32::EPSILON);
    for (i, ((&got, &want), &scale)) in got.iter().zip(want).zip(scale).enumerate() {
        let error = (f64::from(got) - want).abs();
        assert!(error <= relative * scale, "{name}: element {i} is {got}, not {want}");
    }
}

#[test]
fn matrix_multiplication_agrees_with_f64_on_every_instruction_set() {
    for case in Case::all() {
        let reference = case.reference();
        for kernels in Kernels::available() {
            let name = format!("{} ({} lanes)", case.name(), kernels.lanes);
            let depth = case.operands().0.columns;
            assert_close(&case.product_by(kernels), &reference, depth, &name);
        }
    }
}

#[test]
fn results_have_the_same_bits_for_every_number_of_threads() {
    let pools = [1, 1, 2, 3].map(ThreadPool::new);
    for case in Case::all() {
        let [first, rest @ ..] = pools.each_ref().map(|pool| case.product(pool));
        let bits = |c: &[f32]| -> Vec<u32> { c.iter().map(|x| x.to_bits()).collect() };
        assert!(rest.iter().all(|c| bits(c) == bits(&first)), "{}", case.name());
    }
}

#[test]
fn results_accumulate_in_c() {
    let pools = [1, 3].map(ThreadPool::new);
    for case in Case::all() {
        let [want, mut scale] = case.reference();
        let before = numbers(want.len(), 4);
        let want: Vec<f64> = want.iter().zip(&before).map(|(c, &x)| c + f64::from(x)).collect();
        scale.iter_mut().zip(&before).for_each(|(scale, &x)| *scale += f64::from(x.abs()));
        let [got, other] = pools.each_ref().map(|pool| case.added(pool, before.clone()));
        let depth = case.operands().0.columns + 1;
        assert_close(&got, &[want, scale], depth, &case.name());
        assert_eq!(got, other, "{}", case.name());
    }
}

#[test]
fn finish_gets_every_complete_element_once() {
    let pools = [1, 3].map(ThreadPool::new);
    for case in Case::all() {
        let want = case.product(&pools[0]);
        for pool in &pools {
            let (a, b) = case.operands();
            let mut c = vec![f32::NAN; want.len()];
            let calls: Vec<_> = want.iter().map(|_| AtomicU32::new(0)).collect();
            f32::multiply(pool, &mut c, a, b, false, |block| {
                let (first_row, first) = (block.first_row(), block.first_column());
                for i in 0..block.rows() {
                    for (j, x) in block.row(i).iter_mut().enumerate() {
                        let at = (first_row + i) * b.columns + first + j;
                        assert_eq!(x.to_bits(), want[at].to_bits());
                        calls[at].fetch_add(1, Ordering::Relaxed);
                        *x += 1.0;
                    }
                }
            });
            assert!(calls.iter().all(|n| n.load(Ordering::Relaxed) == 1), "{}", case.name());
            assert!(c.iter().zip(&want).all(|(c, want)| *c == want + 1.0));
        }
    }
}

#[test]
fn infinities_stay_in_their_row_and_column() {
    let (x, mut w) = (numbers(40 * 50, 1), numbers(35 * 50, 2));
    w[34 * 50 + 49] = f32::INFINITY;
    let mut c = vec![f32::NAN; 40 * 35];
    let (a, b) = (view(&x, [40, 50], [50, 1]), view(&w, [50, 35], [1, 50]));
    f32::multiply(&ThreadPool::new(1), &mut c, a, b, false, |_| ());
    assert!(c.iter().enumerate().all(|(i, x)| x.is_finite() == (i % 35 != 34)));
}

#[test]
#[should_panic(expected = "an operand reaches beyond its data")]
fn views_beyond_their_data_panic() {
    let data = [0.0f32; 11];
    let mut c = [0.0; 9];
    let (a, b) = (view(&data, [3, 4], [4, 1]), view(&data, [4, 3], [1, 4]));
    f32::multiply(&ThreadPool::new(1), &mut c, a, b, false, |_| ());
}
