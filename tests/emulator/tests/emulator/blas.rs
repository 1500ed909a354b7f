//! Matrix multiplications compared with three nested loops.

use crate::common::Device;
use cudarc::cublas::result::{CublasError, create_handle, destroy_handle, gemm_ex};
use cudarc::cublas::sys::cublasComputeType_t::{self, *};
use cudarc::cublas::sys::cublasOperation_t::{self, CUBLAS_OP_N, CUBLAS_OP_T};
use cudarc::cublas::sys::{cublasGemmAlgo_t, cublasStatus_t, cudaDataType};
use cudarc::cublas::{CudaBlas, GemmConfig};
use cudarc::driver::sys::{CUgraphInstantiate_flags, CUresult, CUstreamCaptureMode};
use cudarc::driver::{CudaSlice, DevicePtr, DevicePtrMut};
use std::ptr::from_ref;

/// Numbers in (−1, 1) with a long period.
fn arbitrary(n: usize, seed: usize) -> Vec<f32> {
    (0..n).map(|i| ((i * 7919 + seed * 104_729) % 2003) as f32 / 1001.5 - 1.0).collect()
}

/// A multiplication of submatrices of larger matrices.
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

/// A call of `cublasGemmEx` on single-precision matrices.
fn gemm(
    blas: &CudaBlas,
    of: GemmConfig<f32>,
    a: &CudaSlice<f32>,
    b: &CudaSlice<f32>,
    c: &mut CudaSlice<f32>,
    compute: cublasComputeType_t,
) -> Result<(), CublasError> {
    let stream = a.stream().clone();
    let single = cudaDataType::CUDA_R_32F;
    let (a, b, c) = (a.device_ptr(&stream).0, b.device_ptr(&stream).0, c.device_ptr_mut(&stream).0);
    // SAFETY: the matrices are as large as `of` says, or not in a way that is looked for.
    unsafe {
        gemm_ex(
            *blas.handle(),
            of.transa,
            of.transb,
            of.m,
            of.n,
            of.k,
            from_ref(&of.alpha).cast(),
            a as *const _,
            single,
            of.lda,
            b as *const _,
            single,
            of.ldb,
            from_ref(&of.beta).cast(),
            c as *mut _,
            single,
            of.ldc,
            compute,
            cublasGemmAlgo_t::CUBLAS_GEMM_DEFAULT,
        )
    }
}

fn check(device: &Device, blas: &CudaBlas, shape: Shape) {
    let (a, b, c) = shape.operands();
    let (a_device, b_device) = (device.upload(&a), device.upload(&b));
    let mut c_device = device.upload(&c);
    gemm(blas, shape.config(), &a_device, &b_device, &mut c_device, CUBLAS_COMPUTE_32F).unwrap();
    assert_close(&device.download(&c_device), &shape.want(&a, &b, &c), shape.k);
}

#[test]
fn gemm_is_correct_for_all_layouts_and_extents() {
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
    gemm(&blas, SQUARE.config(), &a_device, &b_device, &mut c_device, CUBLAS_COMPUTE_32F).unwrap();
    let got = device.download(&c_device);
    let (_, _, ldc) = SQUARE.leading();
    assert!((0..20).all(|j| got[j * ldc..][..20].iter().all(|x| x.is_finite())));
    assert!((0..20).all(|j| got[j * ldc + 20..][..2].iter().all(|x| x.is_nan())));
}

#[test]
fn gemms_are_queued_and_captured() {
    let device = Device::new();
    let blas = CudaBlas::new(device.stream.clone()).unwrap();
    let (a, b, c) = SQUARE.operands();
    let (mut a_device, b_device) = (device.zeros(a.len()), device.upload(&b));
    let mut c_device = device.upload(&c);
    // A GEMM of every shape runs before it is captured.
    gemm(&blas, SQUARE.config(), &a_device, &b_device, &mut c_device, CUBLAS_COMPUTE_32F).unwrap();
    let mode = CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_THREAD_LOCAL;
    device.stream.begin_capture(mode).unwrap();
    gemm(&blas, SQUARE.config(), &a_device, &b_device, &mut c_device, CUBLAS_COMPUTE_32F).unwrap();
    let graph = device.stream.end_capture(CUgraphInstantiate_flags(0)).unwrap().unwrap();
    device.stream.memcpy_htod(&a, &mut a_device).unwrap();
    graph.launch().unwrap();
    assert_close(&device.download(&c_device), &SQUARE.want(&a, &b, &c), 20);
}

#[test]
fn too_small_leading_dimensions_are_an_error() {
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
        let error = gemm(&blas, config, &x, &x, &mut y, CUBLAS_COMPUTE_32F).unwrap_err();
        assert_eq!(error.0, cublasStatus_t::CUBLAS_STATUS_INVALID_VALUE);
    }
    gemm(&blas, right, &x, &x, &mut y, CUBLAS_COMPUTE_32F).unwrap();
}

#[test]
fn matrices_beyond_their_memory_are_an_error() {
    let Some(device) = Device::emulated() else { return };
    let blas = CudaBlas::new(device.stream.clone()).unwrap();
    let x = device.zeros(400);
    let mut y = device.zeros(399);
    let config = GemmConfig { lda: 20, ldb: 20, ldc: 20, ..SQUARE.config() };
    gemm(&blas, config, &x, &x, &mut y, CUBLAS_COMPUTE_32F).unwrap();
    let error = device.stream.synchronize().unwrap_err();
    assert!(error.to_string().contains("cublasGemmEx: C at"), "{error}");
    // Destroying the handle on a failed device fails too; cudarc would panic.
    // SAFETY: the handle is alive, and forgotten.
    let destroyed = unsafe { destroy_handle(*blas.handle()) };
    assert_eq!(destroyed.unwrap_err().0, cublasStatus_t::CUBLAS_STATUS_INTERNAL_ERROR);
    std::mem::forget(blas);
}

#[test]
fn destroying_a_handle_during_a_capture_is_an_error() {
    let Some(device) = Device::emulated() else { return };
    let blas = create_handle().unwrap();
    let mut x = device.zeros(4);
    device.stream.begin_capture(CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_RELAXED).unwrap();
    device.step(&device.stream, &mut x).unwrap();
    // It waits for the device, which invalidates the capture, in every thread and mode.
    // SAFETY: the handle is alive, and not used again.
    let destroyed = unsafe { destroy_handle(blas) };
    assert_eq!(destroyed.unwrap_err().0, cublasStatus_t::CUBLAS_STATUS_INTERNAL_ERROR);
    let lost = device.stream.end_capture(CUgraphInstantiate_flags(0)).err().unwrap();
    assert_eq!(lost.0, CUresult::CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
}

/// An operand, and its value rounded to TF32 and bfloat16: to nearest, ties to even.
const ROUNDED: [[f32; 3]; 8] = {
    const ULP_TF32: f32 = 1.0 / 1024.0;
    const ULP_BF16: f32 = 1.0 / 128.0;
    [
        [1.0, 1.0, 1.0],
        [1.0 + ULP_TF32 / 4.0, 1.0, 1.0],
        [1.0 + ULP_TF32 / 2.0, 1.0, 1.0],
        [1.0 + 1.5 * ULP_TF32, 1.0 + 2.0 * ULP_TF32, 1.0],
        [1.0 + ULP_BF16 / 2.0, 1.0 + ULP_BF16 / 2.0, 1.0],
        [1.0 + 1.5 * ULP_BF16, 1.0 + 1.5 * ULP_BF16, 1.0 + 2.0 * ULP_BF16],
        [-1.0 - 0.75 * ULP_BF16, -1.0 - 0.75 * ULP_BF16, -1.0 - ULP_BF16],
        [f32::INFINITY, f32::INFINITY, f32::INFINITY],
    ]
};

#[test]
fn compute_types_round_the_operands() {
    let Some(device) = Device::emulated() else { return };
    let blas = CudaBlas::new(device.stream.clone()).unwrap();
    let one = GemmConfig { m: 1, n: 1, k: 1, lda: 1, ldb: 1, ldc: 1, ..SQUARE.config() };
    let (unit, mut y) = (device.upload(&[1.0]), device.zeros(1));
    for [factor, tf32, bf16] in ROUNDED {
        let x = device.upload(&[factor]);
        for (compute, want) in [
            (CUBLAS_COMPUTE_32F, factor),
            (CUBLAS_COMPUTE_32F_FAST_TF32, tf32),
            (CUBLAS_COMPUTE_32F_FAST_16BF, bf16),
        ] {
            for (a, b) in [(&x, &unit), (&unit, &x)] {
                gemm(&blas, one, a, b, &mut y, compute).unwrap();
                assert_eq!(device.download(&y), [want], "{factor} by {compute:?}");
            }
        }
    }
}

#[test]
fn unknown_compute_types_are_an_error() {
    let Some(device) = Device::emulated() else { return };
    let blas = CudaBlas::new(device.stream.clone()).unwrap();
    let (x, mut y) = (device.zeros(400), device.zeros(400));
    let config = GemmConfig { lda: 20, ldb: 20, ldc: 20, ..SQUARE.config() };
    let refused = gemm(&blas, config, &x, &x, &mut y, CUBLAS_COMPUTE_16F);
    assert_eq!(refused.unwrap_err().0, cublasStatus_t::CUBLAS_STATUS_NOT_SUPPORTED);
}
