//! Matrix products against three loops.

use crate::common::Device;
use cudarc::cublas::sys::cublasOperation_t::{self, CUBLAS_OP_N, CUBLAS_OP_T};
use cudarc::cublas::sys::{cublasMath_t, cublasSetMathMode, cublasStatus_t};
use cudarc::cublas::{CudaBlas, Gemm, GemmConfig};
use cudarc::driver::sys::{CUgraphInstantiate_flags, CUstreamCaptureMode};

/// Numbers in (−1, 1) that repeat late.
fn arbitrary(n: usize, seed: usize) -> Vec<f32> {
    (0..n).map(|i| ((i * 7919 + seed * 104_729) % 2003) as f32 / 1001.5 - 1.0).collect()
}

/// A product of matrices that lie in larger ones.
#[derive(Clone, Copy)]
struct Shape {
    m: usize,
    n: usize,
    k: usize,
    a: cublasOperation_t,
    b: cublasOperation_t,
    alpha: f32,
    beta: f32,
}

impl Shape {
    fn leading(&self) -> (usize, usize, usize) {
        let a = if self.a == CUBLAS_OP_N { self.m } else { self.k };
        let b = if self.b == CUBLAS_OP_N { self.k } else { self.n };
        (a + 3, b + 1, self.m + 2)
    }

    fn config(&self) -> GemmConfig<f32> {
        let (lda, ldb, ldc) = self.leading();
        GemmConfig {
            transa: self.a,
            transb: self.b,
            m: self.m as i32,
            n: self.n as i32,
            k: self.k as i32,
            alpha: self.alpha,
            lda: lda as i32,
            ldb: ldb as i32,
            beta: self.beta,
            ldc: ldc as i32,
        }
    }

    fn operands(&self) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
        let (lda, ldb, ldc) = self.leading();
        let most = self.m.max(self.n).max(self.k);
        (arbitrary(lda * most, 1), arbitrary(ldb * most, 2), arbitrary(ldc * self.n, 3))
    }

    /// The product in double precision.
    fn want(&self, a: &[f32], b: &[f32], c: &[f32]) -> Vec<f64> {
        let (lda, ldb, ldc) = self.leading();
        let mut want: Vec<f64> = c.iter().map(|&c| f64::from(c)).collect();
        let at = |operation, i: usize, j: usize, leading: usize| match operation {
            CUBLAS_OP_N => i + j * leading,
            _ => j + i * leading,
        };
        for i in 0..self.m {
            for j in 0..self.n {
                let mut sum = 0.0;
                for p in 0..self.k {
                    let (x, y) = (a[at(self.a, i, p, lda)], b[at(self.b, p, j, ldb)]);
                    sum += f64::from(x) * f64::from(y);
                }
                let old =
                    if self.beta == 0.0 { 0.0 } else { f64::from(self.beta) * want[i + j * ldc] };
                want[i + j * ldc] = f64::from(self.alpha) * sum + old;
            }
        }
        want
    }
}

fn assert_close(got: &[f32], want: &[f64], k: usize) {
    let tolerance = 1e-6 * k.max(1) as f64;
    for (i, (&got, &want)) in got.iter().zip(want).enumerate() {
        assert!((f64::from(got) - want).abs() <= tolerance, "{i}: {got} is not {want}");
    }
}

fn check(device: &Device, blas: &CudaBlas, shape: Shape) {
    let (a, b, c) = shape.operands();
    let (a_device, b_device) = (device.upload(&a), device.upload(&b));
    let mut c_device = device.upload(&c);
    // SAFETY: the matrices are as large as the shape says.
    unsafe { blas.gemm(shape.config(), &a_device, &b_device, &mut c_device) }.unwrap();
    assert_close(&device.download(&c_device), &shape.want(&a, &b, &c), shape.k);
}

#[test]
fn products_are_right_for_all_layouts_and_extents() {
    let device = Device::new();
    let blas = CudaBlas::new(device.stream.clone()).unwrap();
    for a in [CUBLAS_OP_N, CUBLAS_OP_T] {
        for b in [CUBLAS_OP_N, CUBLAS_OP_T] {
            for (m, n, k) in [(1, 1, 1), (31, 33, 7), (64, 48, 100), (17, 5, 257), (3, 70, 0)] {
                for (alpha, beta) in [(1.0, 0.0), (0.5, 1.0), (-1.0, 0.25)] {
                    check(&device, &blas, Shape { m, n, k, a, b, alpha, beta });
                }
            }
        }
    }
}

const SQUARE: Shape =
    Shape { m: 20, n: 20, k: 20, a: CUBLAS_OP_N, b: CUBLAS_OP_T, alpha: 1.0, beta: 0.0 };

#[test]
fn with_beta_zero_the_result_is_not_read() {
    let device = Device::new();
    let blas = CudaBlas::new(device.stream.clone()).unwrap();
    let (a, b, c) = SQUARE.operands();
    let (a_device, b_device) = (device.upload(&a), device.upload(&b));
    let mut c_device = device.upload(&vec![f32::NAN; c.len()]);
    // SAFETY: the matrices are as large as the shape says.
    unsafe { blas.gemm(SQUARE.config(), &a_device, &b_device, &mut c_device) }.unwrap();
    let got = device.download(&c_device);
    let (_, _, ldc) = SQUARE.leading();
    assert!((0..20).all(|j| got[j * ldc..][..20].iter().all(|x| x.is_finite())));
    assert!((0..20).all(|j| got[j * ldc + 20..][..2].iter().all(|x| x.is_nan())));
}

#[test]
fn products_are_queued_and_captured() {
    let device = Device::new();
    let blas = CudaBlas::new(device.stream.clone()).unwrap();
    let (a, b, c) = SQUARE.operands();
    let (mut a_device, b_device) = (device.zeros(a.len()), device.upload(&b));
    let mut c_device = device.upload(&c);
    // A product of every shape is run before it is captured.
    // SAFETY: the matrices are as large as the shape says, here and below.
    unsafe { blas.gemm(SQUARE.config(), &a_device, &b_device, &mut c_device) }.unwrap();
    let mode = CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_THREAD_LOCAL;
    device.stream.begin_capture(mode).unwrap();
    // SAFETY: as above.
    unsafe { blas.gemm(SQUARE.config(), &a_device, &b_device, &mut c_device) }.unwrap();
    let graph = device.stream.end_capture(CUgraphInstantiate_flags(0)).unwrap().unwrap();
    device.stream.memcpy_htod(&a, &mut a_device).unwrap();
    graph.launch().unwrap();
    assert_close(&device.download(&c_device), &SQUARE.want(&a, &b, &c), 20);
}

#[test]
fn leading_dimensions_that_are_too_small_are_refused() {
    let device = Device::new();
    let blas = CudaBlas::new(device.stream.clone()).unwrap();
    let x = device.zeros(400);
    let mut y = device.zeros(400);
    let right = GemmConfig { lda: 20, ldb: 20, ldc: 20, ..SQUARE.config() };
    let wrong = [
        GemmConfig { lda: 19, ..right },
        GemmConfig { ldb: 19, ..right },
        GemmConfig { ldc: 19, ..right },
        GemmConfig { m: -1, ..right },
    ];
    for config in wrong {
        // SAFETY: a product that is refused touches nothing.
        let error = unsafe { blas.gemm(config, &x, &x, &mut y) }.unwrap_err();
        assert_eq!(error.0, cublasStatus_t::CUBLAS_STATUS_INVALID_VALUE);
    }
    // SAFETY: the matrices are as large as the shape says.
    unsafe { blas.gemm(right, &x, &x, &mut y) }.unwrap();
}

#[test]
fn matrices_beyond_their_memory_are_an_error() {
    let Some(device) = Device::emulated() else { return };
    let blas = CudaBlas::new(device.stream.clone()).unwrap();
    let x = device.zeros(400);
    let mut y = device.zeros(399);
    let config = GemmConfig { lda: 20, ldb: 20, ldc: 20, ..SQUARE.config() };
    // SAFETY: the emulator looks first.
    unsafe { blas.gemm(config, &x, &x, &mut y) }.unwrap();
    let error = device.stream.synchronize().unwrap_err();
    assert!(error.to_string().contains("cublasSgemm: C at"), "{error}");
}

#[test]
fn tf32_rounds_what_is_multiplied() {
    let Some(device) = Device::emulated() else { return };
    let blas = CudaBlas::new(device.stream.clone()).unwrap();
    let one = GemmConfig { m: 1, n: 1, k: 1, lda: 1, ldb: 1, ldc: 1, ..SQUARE.config() };
    let (x, unit, mut y) =
        (device.upload(&[1.0 + 1.0 / 4096.0]), device.upload(&[1.0]), device.zeros(1));
    // SAFETY: each matrix is one number.
    unsafe { blas.gemm(one, &x, &unit, &mut y) }.unwrap();
    assert_eq!(device.download(&y), [1.0 + 1.0 / 4096.0]);
    // SAFETY: the handle is valid.
    let set =
        unsafe { cublasSetMathMode(*blas.handle(), cublasMath_t::CUBLAS_TF32_TENSOR_OP_MATH) };
    set.result().unwrap();
    // SAFETY: as above.
    unsafe { blas.gemm(one, &x, &unit, &mut y) }.unwrap();
    assert_eq!(device.download(&y), [1.0]);
}
