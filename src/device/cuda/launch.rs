//! Launch geometry, and the launch itself.
//!
//! Kernels are correct for every geometry of their kind, so the numbers here only affect speed.

use std::ffi::c_void;
use std::ptr;

use cudarc::driver::sys::{
    CUfunction, CUlaunchAttribute, CUlaunchAttributeID, CUlaunchAttributeValue, CUlaunchConfig,
    CUstream, cuLaunchKernelEx,
};
use cudarc::driver::{CudaFunction, CudaStream, DriverError, result};

use super::Cuda;
use crate::device::codes::gemmblock;

/// Threads of a block in elementwise launches.
const BLOCK: usize = 256;
/// Threads of the largest block.
const LARGE_BLOCK: u32 = 1024;
/// Most blocks of an elementwise launch: enough to fill any GPU several times. Beyond it, a thread
/// processes several elements.
pub(super) const MAX_BLOCKS: usize = 4096;
/// Columns and rows of a block that sums over rows: a memory transaction has at least 32 bytes, and
/// few columns per block give enough blocks for all multiprocessors.
const NARROW: (u32, u32) = (8, 32);
/// The same for matrices with many columns, which have enough blocks anyway.
const WIDE: (u32, u32) = (32, 8);
/// A matrix with at least this many columns gets the wide blocks.
const MANY_COLUMNS: usize = 8192;

/// Number of blocks for a matrix with few columns and many rows: two per multiprocessor of a large
/// GPU.
const TARGET_BLOCKS: usize = 256;
/// A matrix with at least this many rows is divided into parts.
const MANY_ROWS: usize = 2048;
/// Fewest rows of a part: a few for each thread.
const PART_ROWS: usize = 256;
/// Most partial sums of one kind.
pub(super) const MAX_SUMS: usize = 16 * 1024;

/// A kernel launch in preparation: the device and the geometry.
pub(super) struct Launch<'a> {
    device: &'a Cuda,
    stream: &'a CudaStream,
    blocks: (u32, u32, u32),
    threads: (u32, u32),
    /// Whether the kernel may start before the one before it ends: it waits for it itself.
    early: bool,
}

impl Cuda {
    /// An elementwise launch: a thread for each of `n` elements, or for several if there are many.
    pub(super) fn elements(&self, n: usize) -> Launch<'_> {
        let blocks = n.div_ceil(BLOCK).clamp(1, MAX_BLOCKS) as u32;
        self.launch((blocks, 1, 1), (BLOCK as u32, 1))
    }

    /// A block for every few columns of a matrix, which processes all their rows.
    pub(super) fn columns(&self, columns: usize) -> Launch<'_> {
        self.column_parts(columns, 1, 1)
    }

    /// The same for each of `parts` parts of the rows of each batch.
    pub(super) fn column_parts(&self, columns: usize, parts: usize, batches: usize) -> Launch<'_> {
        let threads = threads(columns);
        let blocks = columns.div_ceil(threads.0 as usize) as u32;
        self.launch((blocks, parts as u32, batches as u32), threads)
    }

    /// A block for each of `parts` parts.
    pub(super) fn blocks(&self, parts: usize) -> Launch<'_> {
        self.launch((parts as u32, 1, 1), (BLOCK as u32, 1))
    }

    /// A block for every few columns of a product with so many rows, which computes all of them, or a
    /// part of them if there are no sums `over_rows`.
    pub(super) fn gemm_blocks(&self, rows: usize, columns: usize, over_rows: bool) -> Launch<'_> {
        const THREADS: (u32, u32) = (gemmblock::COLUMNS, gemmblock::LANES);
        let parts = if over_rows { 1 } else { rows.div_ceil(gemmblock::ROWS as usize).max(1) };
        let blocks = (columns.div_ceil(THREADS.0 as usize).max(1) as u32, parts as u32, 1);
        Launch { early: self.gpu.launches_early, ..self.launch(blocks, THREADS) }
    }

    /// One large block.
    pub(super) fn one_block(&self) -> Launch<'_> {
        self.launch((1, 1, 1), (LARGE_BLOCK, 1))
    }

    /// One thread.
    pub(super) fn one_thread(&self) -> Launch<'_> {
        self.launch((1, 1, 1), (1, 1))
    }

    fn launch(&self, blocks: (u32, u32, u32), threads: (u32, u32)) -> Launch<'_> {
        Launch { device: self, stream: &self.stream, blocks, threads, early: false }
    }
}

impl Launch<'_> {
    /// The same on the branch, which must be [forked](Cuda::fork) before.
    pub(super) fn on_branch(self) -> Self {
        Self { stream: self.device.branch_stream(), ..self }
    }

    /// Queues a kernel; a failure is kept for the next [`crate::device::Memory::download`].
    ///
    /// # Safety
    /// `arguments` point to values of the types of the kernel's parameters, in order. Device pointers
    /// among them point to buffers that outlive the kernel's execution and are as long as the extents
    /// say.
    pub(super) unsafe fn queue(self, function: &CudaFunction, arguments: &mut [*mut c_void]) {
        let (blocks, (x, y)) = (self.blocks, self.threads);
        // Without rows there is nothing to do, and no launch without blocks.
        if blocks.0 == 0 {
            return;
        }
        let threads = (x, y, 1);
        let (stream, kernel) = (self.stream.cu_stream(), function.cu_function());
        // SAFETY: the function keeps its module loaded; the rest is the caller's promise.
        let queued = self.device.with_context(|| unsafe {
            match self.early {
                false => result::launch_kernel(kernel, blocks, threads, 0, stream, arguments),
                true => launch_early(kernel, blocks, threads, stream, arguments),
            }
        });
        self.device.note_failure("queueing a kernel", queued);
    }
}

/// Launches a kernel by programmatic dependent launch.
///
/// # Safety
/// As [`result::launch_kernel`].
unsafe fn launch_early(
    kernel: CUfunction,
    blocks: (u32, u32, u32),
    threads: (u32, u32, u32),
    stream: CUstream,
    arguments: &mut [*mut c_void],
) -> Result<(), DriverError> {
    let mut attribute = CUlaunchAttribute {
        id: CUlaunchAttributeID::CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION,
        pad: [0; 4],
        value: CUlaunchAttributeValue { programmaticStreamSerializationAllowed: 1 },
    };
    let config = CUlaunchConfig {
        gridDimX: blocks.0,
        gridDimY: blocks.1,
        gridDimZ: blocks.2,
        blockDimX: threads.0,
        blockDimY: threads.1,
        blockDimZ: threads.2,
        sharedMemBytes: 0,
        hStream: stream,
        attrs: &mut attribute,
        numAttrs: 1,
    };
    // SAFETY: the attribute outlives the call; the rest is the caller's promise.
    unsafe { cuLaunchKernelEx(&config, kernel, arguments.as_mut_ptr(), ptr::null_mut()) }.result()
}

/// The number of parts into which the rows of a matrix are divided for summing. It depends only on
/// the extents, so every GPU gives the same bits.
pub(super) fn parts(rows: usize, columns: usize) -> usize {
    if rows < MANY_ROWS {
        return 1;
    }
    let blocks = columns.div_ceil(threads(columns).0 as usize).max(1);
    (TARGET_BLOCKS / blocks).min(rows / PART_ROWS).min(MAX_SUMS / columns.max(1)).max(1)
}

/// Columns and rows of a block.
fn threads(columns: usize) -> (u32, u32) {
    if columns < MANY_COLUMNS { NARROW } else { WIDE }
}

/// Converts an extent to a kernel's `int`.
///
/// # Panics
/// When it is 2³¹ or more.
pub(super) fn extent(n: usize) -> i32 {
    i32::try_from(n).unwrap_or_else(|_| panic!("extent {n} exceeds a kernel's limit of 2³¹ − 1"))
}
