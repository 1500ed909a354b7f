//! How many threads run a kernel, and the launch itself.
//!
//! Kernels are right for every geometry of their kind, so the numbers here are about speed alone.

use std::ffi::c_void;

use cudarc::driver::{CudaFunction, result};

use super::Cuda;

/// Threads of a block where each thread has elements of its own.
const BLOCK: usize = 256;
/// Blocks beyond which a thread takes several elements: enough to fill any GPU several times.
const MOST_BLOCKS: usize = 4096;
/// Columns and rows of a block that sums over rows: 32 neighbouring bytes are the least that memory
/// gives, and few columns a block make blocks for every processor of the GPU.
const NARROW: (u32, u32) = (8, 32);
/// The same for matrices of many columns, which have blocks enough.
const WIDE: (u32, u32) = (32, 8);
/// Columns from which a matrix has many.
const MANY_COLUMNS: usize = 8192;

/// Blocks that a matrix of few columns and many rows is divided among: two for each processor of a
/// large GPU.
const PARTED_BLOCKS: usize = 256;
/// Rows from which a matrix has many, and those of a part at the least: a few for each of its threads.
const MANY_ROWS: usize = 2048;
const PART_ROWS: usize = 256;
/// Sums of all parts at the most, of one kind.
pub(super) const MOST_SUMS: usize = 16 * 1024;

/// A kernel about to be queued: the device and its geometry.
pub(super) struct Launch<'a> {
    device: &'a Cuda,
    blocks: (u32, u32),
    threads: (u32, u32),
}

impl Cuda {
    /// A thread for each of `n` elements, or for several where they are very many.
    pub(super) fn elements(&self, n: usize) -> Launch<'_> {
        let blocks = n.div_ceil(BLOCK).clamp(1, MOST_BLOCKS) as u32;
        Launch { device: self, blocks: (blocks, 1), threads: (BLOCK as u32, 1) }
    }

    /// A block for every few columns of a matrix, which sees all their rows.
    pub(super) fn columns(&self, columns: usize) -> Launch<'_> {
        self.parted(columns, 1)
    }

    /// The same for each of so many parts of the rows.
    pub(super) fn parted(&self, columns: usize, parts: usize) -> Launch<'_> {
        let threads = threads(columns);
        let blocks = (columns.div_ceil(threads.0 as usize) as u32, parts as u32);
        Launch { device: self, blocks, threads }
    }

    /// So many blocks, each of which sums up a part of its own.
    pub(super) fn blocks(&self, parts: usize) -> Launch<'_> {
        Launch { device: self, blocks: (parts as u32, 1), threads: (BLOCK as u32, 1) }
    }

    /// One thread.
    pub(super) fn one_thread(&self) -> Launch<'_> {
        Launch { device: self, blocks: (1, 1), threads: (1, 1) }
    }
}

impl Launch<'_> {
    /// Queues a kernel; a failure is noted for the next [`crate::device::Memory::download`].
    ///
    /// # Safety
    /// `arguments` point to values of the types of the kernel's parameters, in their order, and
    /// device pointers among them to buffers that outlive the kernel's run and are as long as the
    /// extents say.
    pub(super) unsafe fn queue(self, function: &CudaFunction, arguments: &mut [*mut c_void]) {
        let device = self.device;
        let ((columns, parts), (x, y)) = (self.blocks, self.threads);
        let stream = device.stream.cu_stream();
        let function = function.cu_function();
        // SAFETY: the function belongs to a module that it keeps loaded; the rest is the caller's.
        let queued = device.bound(|| unsafe {
            result::launch_kernel(function, (columns, parts, 1), (x, y, 1), 0, stream, arguments)
        });
        device.note("queueing a kernel", queued);
    }
}

/// Parts of a matrix's rows that sums over them are divided among; they follow from the extents alone,
/// so that every GPU gives the same bits.
pub(super) fn parts(rows: usize, columns: usize) -> usize {
    if rows < MANY_ROWS {
        return 1;
    }
    let blocks = columns.div_ceil(threads(columns).0 as usize).max(1);
    (PARTED_BLOCKS / blocks).min(rows / PART_ROWS).min(MOST_SUMS / columns.max(1)).max(1)
}

/// Columns and rows of a block.
fn threads(columns: usize) -> (u32, u32) {
    if columns < MANY_COLUMNS { NARROW } else { WIDE }
}

/// An extent as a kernel takes it.
///
/// # Panics
/// When it is 2³¹ or more.
pub(super) fn extent(n: usize) -> i32 {
    i32::try_from(n).unwrap_or_else(|_| panic!("an extent of {n} is more than a kernel takes"))
}
