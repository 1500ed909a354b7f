//! Matrix products by cuBLAS.
//!
//! Our matrices are row-major, cuBLAS's are column-major. A row-major matrix read column by column
//! is its transpose, and (A·B)ᵀ = Bᵀ·Aᵀ: so cuBLAS is given the factors in the other order, and what
//! it writes column by column is our product row by row. This mapping is here and nowhere else.
//!
//! Matrices are stored in single precision, and cuBLAS is told what it may do to factors on their
//! way into a product: in single precision nothing, TF32 included.

use std::ptr::from_ref;
use std::sync::Arc;

use cudarc::cublas::sys::cublasOperation_t::{self, CUBLAS_OP_N, CUBLAS_OP_T};
use cudarc::cublas::sys::{cublasComputeType_t, cublasGemmAlgo_t, cudaDataType};
use cudarc::cublas::{result, sys};
use cudarc::driver::CudaStream;

use super::launch::extent;
use super::memory::{Buffer, View, ViewMut};
use super::{Cuda, failed};
use crate::device::{Precision, Result};

/// Scratch memory of cuBLAS, in bytes: what NVIDIA recommends for Hopper, the most of all GPUs.
/// With memory of its own cuBLAS allocates none later, so its calls can be recorded.
const WORKSPACE: usize = 32 << 20;

/// cuBLAS on a stream.
pub(super) struct Blas {
    // Dropped in this order: destroying the handle waits for all that uses the workspace.
    handle: Handle,
    _workspace: Buffer<u8>,
    compute: cublasComputeType_t,
}

/// A cuBLAS handle that is bound to a stream.
struct Handle {
    handle: sys::cublasHandle_t,
    stream: Arc<CudaStream>,
}

impl Handle {
    fn new(stream: &Arc<CudaStream>) -> Result<Self> {
        let starting = "starting cuBLAS";
        stream.context().bind_to_thread().map_err(failed(starting))?;
        let handle = result::create_handle().map_err(failed(starting))?;
        let handle = Self { handle, stream: stream.clone() };
        // SAFETY: both are alive, and the stream lives as long as the handle.
        unsafe { result::set_stream(handle.handle, stream.cu_stream().cast()) }
            .map_err(failed(starting))?;
        Ok(handle)
    }
}

impl Drop for Handle {
    /// Where the device has failed, this fails too; a panic here (as cudarc's own handle has it)
    /// would replace the message that says what failed first.
    fn drop(&mut self) {
        let _ = self.stream.context().bind_to_thread();
        // SAFETY: the handle was created and is destroyed once.
        let _ = unsafe { result::destroy_handle(self.handle) };
    }
}

/// A row-major matrix as a factor: itself, or its transpose.
#[derive(Clone, Copy)]
pub(super) struct Factor<'a> {
    data: View<'a, f32>,
    /// Numbers from one row to the next, as stored.
    stride: usize,
    operation: cublasOperation_t,
}

impl<'a> Factor<'a> {
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

/// What cuBLAS adds up in, always f32, and what it may round factors to.
fn compute_type(precision: Precision) -> cublasComputeType_t {
    match precision {
        Precision::F32 => cublasComputeType_t::CUBLAS_COMPUTE_32F,
        Precision::Tf32 => cublasComputeType_t::CUBLAS_COMPUTE_32F_FAST_TF32,
        Precision::Bf16 => cublasComputeType_t::CUBLAS_COMPUTE_32F_FAST_16BF,
    }
}

impl Cuda {
    /// c (m, n) = a (m, k) · b (k, n), with `accumulate` added to what is there; on the stream of
    /// `blas`.
    pub(super) fn multiply(
        &self,
        blas: &Blas,
        c: ViewMut<'_, f32>,
        a: Factor<'_>,
        b: Factor<'_>,
        (m, n, k): (usize, usize, usize),
        accumulate: bool,
    ) {
        let (alpha, beta) = (1.0f32, if accumulate { 1.0f32 } else { 0.0 });
        let single = cudaDataType::CUDA_R_32F;
        // SAFETY: views keep their buffers alive and are as long as the extents say, which the
        // operations that call this check; alpha and beta are read before the call returns.
        let queued = self.bound(|| unsafe {
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
        self.note("queueing a matrix product", queued);
    }
}
