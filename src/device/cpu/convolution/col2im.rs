//! Transposed convolutions to few channels, such as an image's colours, by GEMM and col2im.
//!
//! If the columns of the matrix multiplication were the channels, tiles would be mostly empty. So the
//! columns are all elements of the kernel: one multiplication computes the contribution of every
//! kernel element to every output, and col2im adds the contributions that overlap. A thread processes
//! one image at a time, in its own scratch memory.
#![allow(unsafe_code)]

use std::ops::Range;
use std::slice::from_raw_parts_mut;

use super::super::gemm::blocks::{blocks, depth_blocks, panels};
use super::super::gemm::kernel::Kernels;
use super::super::gemm::operands::{LeftOperand, ROW, RowOffsets};
use super::super::simd::vectorized;
use super::super::thread_pool::{ThreadPool, WorkQueue};
use crate::device::ops::ConvolutionShape;

/// Pixels of y that are gathered at once.
const PIXELS: usize = 96;

/// A transposed convolution and its operands.
struct Col2Im<'a> {
    kernels: &'static Kernels,
    shape: ConvolutionShape,
    channels: Range<usize>,
    x: *mut f32,
    y: &'a [f32],
    w: &'a [f32],
}

/// A transposed convolution of y, some channels of it.
pub(super) fn transpose(
    pool: &ThreadPool,
    x: &mut [f32],
    y: &[f32],
    w: &[f32],
    shape: ConvolutionShape,
    channels: Range<usize>,
    finish: impl Fn(usize, &mut [f32]) + Sync,
) {
    Col2Im { kernels: Kernels::get(), shape, channels, x: x.as_mut_ptr(), y, w }.run(pool, finish);
}

// SAFETY: threads write disjoint images of `x`, which the `Col2Im` borrows exclusively.
unsafe impl Sync for Col2Im<'_> {}

impl Col2Im<'_> {
    fn run(&self, pool: &ThreadPool, finish: impl Fn(usize, &mut [f32]) + Sync) {
        let packed = self.shape.outputs * self.columns();
        let per_thread = PIXELS * ROW + self.pixels() * self.columns();
        let mut scratch = pool.scratch();
        let memory = scratch.shared_and_parts(packed, per_thread, pool.threads());
        // SAFETY: the memory has space for the weights.
        unsafe { self.pack(memory.shared()) };
        let images = WorkQueue::new(self.shape.rows, 1, 4, pool.threads());
        let len = self.shape.x_pixels[0] * self.shape.x_pixels[1] * self.channels.len();
        pool.run(|thread| {
            for image in (&images).flatten() {
                // SAFETY: the memory is the thread's own and has space for both, and so is the image.
                let (gathered, contributions, x) = unsafe {
                    let contributions = memory.of(thread).wrapping_add(PIXELS * ROW);
                    let contributions =
                        from_raw_parts_mut(contributions, self.pixels() * self.columns());
                    let x = from_raw_parts_mut(self.x.add(image * len), len);
                    (from_raw_parts_mut(memory.of(thread), PIXELS * ROW), contributions, x)
                };
                self.multiply(image, memory.shared(), gathered, contributions);
                self.sum(image, x, contributions, &finish);
            }
        });
    }

    /// Pixels of an image that is read.
    fn pixels(&self) -> usize {
        self.shape.y_pixels[0] * self.shape.y_pixels[1]
    }

    /// Contributions of a pixel: elements of the kernel times channels.
    fn contributions_per_pixel(&self) -> usize {
        self.shape.kernel * self.shape.kernel * self.channels.len()
    }

    /// The same, rounded up to whole vectors.
    #[inline(always)]
    fn columns(&self) -> usize {
        self.contributions_per_pixel().next_multiple_of(self.kernels.lanes)
    }

    /// Packs the weights.
    ///
    /// # Safety
    /// `to` has space for them.
    unsafe fn pack(&self, to: *mut f32) {
        let ConvolutionShape { inputs, outputs, .. } = self.shape;
        for depth in depth_blocks(outputs) {
            let at = to.wrapping_add(depth.start * self.columns());
            for panel in panels(self.kernels, 0..self.contributions_per_pixel(), at, depth.len()) {
                for column in 0..panel.width {
                    let number = panel.first + column;
                    let (kernel_element, channel) =
                        (number / self.channels.len(), number % self.channels.len());
                    let row = kernel_element * inputs + self.channels.start + channel;
                    for (p, depth) in depth.clone().enumerate() {
                        let w =
                            if column < panel.valid { self.w[row * outputs + depth] } else { 0.0 };
                        // SAFETY: the panel has space for its depth.
                        unsafe { *panel.data.add(p * panel.width + column) = w };
                    }
                }
            }
        }
    }

    /// The contributions of one image: its pixels times all weights.
    fn multiply(
        &self,
        image: usize,
        packed: *mut f32,
        gathered: &mut [f32],
        contributions: &mut [f32],
    ) {
        let (outputs, kernels, columns) = (self.shape.outputs, self.kernels, self.columns());
        let y = &self.y[image * self.pixels() * outputs..][..self.pixels() * outputs];
        for pixels in blocks(0..self.pixels(), PIXELS) {
            for depth in depth_blocks(outputs) {
                for (to, pixel) in gathered.chunks_exact_mut(ROW).zip(pixels.clone()) {
                    let y = &y[pixel * outputs..][depth.clone()];
                    to[..y.len()].copy_from_slice(y);
                }
                let at = packed.wrapping_add(depth.start * columns);
                for panel in panels(kernels, 0..self.contributions_per_pixel(), at, depth.len()) {
                    let (extents, accumulate) = ([pixels.len(), depth.len()], depth.start > 0);
                    let c = contributions[pixels.start * columns + panel.first..].as_mut_ptr();
                    // SAFETY: both operands are complete; there is space for each pixel's result.
                    unsafe {
                        panel.whole().multiply(
                            kernels,
                            extents,
                            LeftOperand::Along { from: gathered.as_ptr() },
                            None,
                            (c, RowOffsets::Stride(columns)),
                            accumulate,
                            || (),
                        );
                    }
                }
            }
        }
    }

    /// Adds the contributions to the pixels of an image. Those of a row of the kernel are contiguous in
    /// x. Runs that overlap are processed far apart in time, to avoid store-to-load stalls.
    fn sum(
        &self,
        image: usize,
        x: &mut [f32],
        contributions: &[f32],
        finish: &(impl Fn(usize, &mut [f32]) + Sync),
    ) {
        let ConvolutionShape { x_pixels, y_pixels, kernel, stride, padding, .. } = self.shape;
        let [line, run] = [x_pixels[1], kernel].map(|pixels| pixels * self.channels.len());
        let pixels = x.len() / self.channels.len();
        vectorized(
            #[inline(always)]
            || {
                x.fill(0.0);
                let rows = contributions.chunks_exact(y_pixels[1] * self.columns());
                for (y_row, contributions) in rows.enumerate() {
                    for i in 0..kernel {
                        let row = (y_row * stride + i).wrapping_sub(padding);
                        if row >= x_pixels[0] {
                            continue;
                        }
                        let x = &mut x[row * line..][..line];
                        let apart = kernel.div_ceil(stride);
                        for column in (0..apart).flat_map(|at| (at..y_pixels[1]).step_by(apart)) {
                            let contribution =
                                &contributions[column * self.columns() + i * run..][..run];
                            let first = (column * stride) as isize - padding as isize;
                            add_within(x, first * self.channels.len() as isize, contribution);
                        }
                    }
                }
                finish(image * pixels, x);
            },
        );
    }
}

/// `to[at + k] += from[k]` where `at + k` is within bounds.
#[inline(always)]
fn add_within(to: &mut [f32], at: isize, from: &[f32]) {
    let (to, from) = match usize::try_from(at) {
        Ok(at) => (to.get_mut(at..), Some(from)),
        Err(_) => (Some(to), from.get(at.unsigned_abs()..)),
    };
    if let (Some(to), Some(from)) = (to, from) {
        to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
    }
}
