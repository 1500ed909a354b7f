//! Matrix multiplication (GEMM) by cuBLAS.
//!
//! Our matrices are row-major, cuBLAS's are column-major. A row-major matrix read as column-major is
//! its transpose, and (A·B)ᵀ = Bᵀ·Aᵀ: so cuBLAS gets the operands in reverse order, and its
//! column-major result is our row-major one. This mapping is here and nowhere else.
//!
//! Matrices are stored in single precision. The compute type says whether cuBLAS may round the
//! operands to TF32 or bfloat16; in `f32` it may not.

use std::ptr::from_ref;
use std::sync::Arc;

use cudarc::cublas::sys::cublasOperation_t::{self, CUBLAS_OP_N, CUBLAS_OP_T};
use cudarc::cublas::sys::{cublasComputeType_t, cublasGemmAlgo_t, cudaDataType};
use cudarc::cublas::{result, sys};
use cudarc::driver::CudaStream;

use super::exclusive::Exclusive;
use super::launch::extent;
use super::memory::{Buffer, View, ViewMut};
use super::{Cuda, failed};
use crate::device::{Precision, Result};

/// cuBLAS's workspace in bytes: NVIDIA's recommendation for Hopper, the largest of all GPUs. With a
/// workspace set, cuBLAS allocates nothing later, so its calls can be captured.
const WORKSPACE: usize = 32 << 20;

/// cuBLAS on a stream.
pub(super) struct Blas {
    // Dropped in this order: destroying the handle waits for all uses of the workspace.
    handle: Handle,
    _workspace: Buffer<u8>,
    compute: cublasComputeType_t,
}

/// A cuBLAS handle that is bound to a stream.
struct Handle {
    handle: sys::cublasHandle_t,
    stream: Arc<CudaStream>,
}

// SAFETY: any thread may use a handle, and every call binds the context to its own thread first.
unsafe impl Send for Handle {}

impl Handle {
    fn new(stream: &Arc<CudaStream>) -> Result<Self> {
        let starting = "starting cuBLAS";
        stream.context().bind_to_thread().map_err(failed(starting))?;
        let _turn = Exclusive::wait();
        let handle = result::create_handle().map_err(failed(starting))?;
        let handle = Self { handle, stream: stream.clone() };
        // SAFETY: both are alive, and the stream lives as long as the handle.
        unsafe { result::set_stream(handle.handle, stream.cu_stream().cast()) }
            .map_err(failed(starting))?;
        Ok(handle)
    }
}

impl Drop for Handle {
    /// If the device has failed, this fails too. A panic here (as in cudarc's own handle) would hide
    /// the message that says what failed first.
    fn drop(&mut self) {
        let _ = self.stream.context().bind_to_thread();
        let _turn = Exclusive::wait();
        // SAFETY: the handle was created and is destroyed once.
        let _ = unsafe { result::destroy_handle(self.handle) };
    }
}

/// An operand of a matrix multiplication: a row-major matrix or its transpose.
#[derive(Clone, Copy)]
pub(super) struct Operand<'a> {
    data: View<'a, f32>,
    /// Elements from one stored row to the next.
    stride: usize,
    operation: cublasOperation_t,
}

impl<'a> Operand<'a> {
    pub(super) fn new(data: View<'a, f32>, stride: usize) -> Self {
        Self { data, stride, operation: CUBLAS_OP_N }
    }

    pub(super) fn transposed(data: View<'a, f32>, stride: usize) -> Self {
        Self { data, stride, operation: CUBLAS_OP_T }
    }
}

impl Blas {
    pub(super) fn new(stream: &Arc<CudaStream>, precision: Precision) -> Result<Self> {
        let handle = Handle::new(stream)?;
        let workspace =
            Buffer::<u8>::zeros(stream, WORKSPACE).map_err(failed("starting cuBLAS"))?;
        let pointer = workspace.view(0..WORKSPACE).pointer() as *mut _;
        // SAFETY: handle and workspace are alive, and live as long as each other.
        unsafe { sys::cublasSetWorkspace_v2(handle.handle, pointer, WORKSPACE) }
            .result()
            .map_err(failed("giving cuBLAS memory"))?;
        Ok(Self { handle, _workspace: workspace, compute: compute_type(precision) })
    }
}

/// The compute type: sums are always f32; it says what operands may be rounded to.
fn compute_type(precision: Precision) -> cublasComputeType_t {
    match precision {
        Precision::F32 => cublasComputeType_t::CUBLAS_COMPUTE_32F,
        Precision::Tf32 => cublasComputeType_t::CUBLAS_COMPUTE_32F_FAST_TF32,
        Precision::Bf16 => cublasComputeType_t::CUBLAS_COMPUTE_32F_FAST_16BF,
    }
}

impl Cuda {
    /// c (m, n) = a (m, k) · b (k, n), or c += a · b with `accumulate`, on the stream of `blas`.
    pub(super) fn multiply(
        &self,
        blas: &Blas,
        c: ViewMut<'_, f32>,
        a: Operand<'_>,
        b: Operand<'_>,
        (m, n, k): (usize, usize, usize),
        accumulate: bool,
    ) {
        let (alpha, beta) = (1.0f32, if accumulate { 1.0f32 } else { 0.0 });
        let single = cudaDataType::CUDA_R_32F;
        // SAFETY: views keep their buffers alive and are as long as the extents say, which the
        // calling operations check; alpha and beta are read before the call returns.
        let queued = self.with_context(|| unsafe {
            result::gemm_ex(
                blas.handle.handle,
                b.operation,
                a.operation,
                extent(n),
                extent(m),
                extent(k),
                from_ref(&alpha).cast(),
                b.data.pointer() as *const _,
                single,
                extent(b.stride),
                a.data.pointer() as *const _,
                single,
                extent(a.stride),
                from_ref(&beta).cast(),
                c.pointer() as *mut _,
                single,
                extent(n),
                blas.compute,
                cublasGemmAlgo_t::CUBLAS_GEMM_DEFAULT,
            )
        });
        self.note_failure("queueing a matrix multiplication", queued);
    }
}
