//! Transposed convolutions to few channels, an image's colours.
//!
//! Tiles of a product would be mostly empty, if their columns were the channels. So the columns are all
//! places of the kernel: one product makes every place's share of every output, and each output is then
//! the sum of those that fall on it. A thread has the shares of one image at a time, in memory of its
//! own.
#![allow(unsafe_code)]

use std::ops::Range;
use std::slice::from_raw_parts_mut;

use super::super::gemm::blocks::{blocks, depth_blocks, panels};
use super::super::gemm::kernel::Kernels;
use super::super::gemm::operands::{Left, ROW, Spacing};
use super::super::simd::vectorized;
use super::super::team::{Pieces, Team};
use crate::device::ops::ConvolutionShape;

/// Pixels of y whose numbers are brought together at once.
const PIXELS: usize = 96;

/// A transposed convolution under way.
struct Product<'a> {
    kernels: &'static Kernels,
    shape: ConvolutionShape,
    channels: Range<usize>,
    x: *mut f32,
    y: &'a [f32],
    w: &'a [f32],
}

/// A transposed convolution of y, some channels of it.
pub(super) fn transpose(
    team: &Team,
    x: &mut [f32],
    y: &[f32],
    w: &[f32],
    shape: ConvolutionShape,
    channels: Range<usize>,
    finish: impl Fn(usize, &mut [f32]) + Sync,
) {
    Product { kernels: Kernels::get(), shape, channels, x: x.as_mut_ptr(), y, w }.run(team, finish);
}

// SAFETY: threads write disjoint images of `x`, which the product borrows exclusively.
unsafe impl Sync for Product<'_> {}

impl Product<'_> {
    fn run(&self, team: &Team, finish: impl Fn(usize, &mut [f32]) + Sync) {
        let packed = self.shape.outputs * self.columns();
        let mine = PIXELS * ROW + self.pixels() * self.columns();
        let mut scratch = team.scratch();
        let memory = scratch.shared_and_parts(packed, mine, team.threads());
        // SAFETY: the memory has room for the weights.
        unsafe { self.pack(memory.shared()) };
        let images = Pieces::new(self.shape.rows, 1, 4, team.threads());
        let len = self.shape.x_pixels[0] * self.shape.x_pixels[1] * self.channels.len();
        team.run(|thread| {
            for image in (&images).flatten() {
                // SAFETY: the memory is the thread's and has room for both, the image is its own.
                let (gathered, shares, x) = unsafe {
                    let shares = memory.of(thread).wrapping_add(PIXELS * ROW);
                    let shares = from_raw_parts_mut(shares, self.pixels() * self.columns());
                    let x = from_raw_parts_mut(self.x.add(image * len), len);
                    (from_raw_parts_mut(memory.of(thread), PIXELS * ROW), shares, x)
                };
                self.multiply(image, memory.shared(), gathered, shares);
                self.sum(image, x, shares, &finish);
            }
        });
    }

    /// Pixels of an image that is read.
    fn pixels(&self) -> usize {
        self.shape.y_pixels[0] * self.shape.y_pixels[1]
    }

    /// Numbers of all places of the kernel.
    fn numbers(&self) -> usize {
        self.shape.kernel * self.shape.kernel * self.channels.len()
    }

    /// The same, rounded up to whole vectors.
    fn columns(&self) -> usize {
        self.numbers().next_multiple_of(self.kernels.lanes)
    }

    /// Packs the weights.
    ///
    /// # Safety
    /// `to` has room for them.
    unsafe fn pack(&self, to: *mut f32) {
        let ConvolutionShape { inputs, outputs, .. } = self.shape;
        for depth in depth_blocks(outputs) {
            let at = to.wrapping_add(depth.start * self.columns());
            for panel in panels(self.kernels, 0..self.numbers(), at, depth.len()) {
                for column in 0..panel.width {
                    let number = panel.first + column;
                    let (place, channel) =
                        (number / self.channels.len(), number % self.channels.len());
                    let row = place * inputs + self.channels.start + channel;
                    for (p, depth) in depth.clone().enumerate() {
                        let w =
                            if column < panel.valid { self.w[row * outputs + depth] } else { 0.0 };
                        // SAFETY: the panel has room for its depth.
                        unsafe { *panel.data.add(p * panel.width + column) = w };
                    }
                }
            }
        }
    }

    /// The shares of one image: its pixels times the weights of all places.
    fn multiply(&self, image: usize, packed: *mut f32, gathered: &mut [f32], shares: &mut [f32]) {
        let (outputs, kernels, columns) = (self.shape.outputs, self.kernels, self.columns());
        let y = &self.y[image * self.pixels() * outputs..][..self.pixels() * outputs];
        for pixels in blocks(0..self.pixels(), PIXELS) {
            for depth in depth_blocks(outputs) {
                for (to, pixel) in gathered.chunks_exact_mut(ROW).zip(pixels.clone()) {
                    let y = &y[pixel * outputs..][depth.clone()];
                    to[..y.len()].copy_from_slice(y);
                }
                let at = packed.wrapping_add(depth.start * columns);
                for panel in panels(kernels, 0..self.numbers(), at, depth.len()) {
                    let (extents, resume) = ([pixels.len(), depth.len()], depth.start > 0);
                    let c = shares[pixels.start * columns + panel.first..].as_mut_ptr();
                    // SAFETY: both factors are there; each pixel has its shares.
                    unsafe {
                        panel.whole().multiply(
                            kernels,
                            extents,
                            Left::Along { from: gathered.as_ptr() },
                            None,
                            (c, Spacing::Every(columns)),
                            resume,
                            || (),
                        );
                    }
                }
            }
        }
    }

    /// Sums the shares of each pixel of an image up. Those of a row of the kernel are neighbours in x;
    /// runs that overlap come after each other only when all others of their row are done, for a processor
    /// waits long for numbers that it has just begun to write.
    fn sum(
        &self,
        image: usize,
        x: &mut [f32],
        shares: &[f32],
        finish: &(impl Fn(usize, &mut [f32]) + Sync),
    ) {
        let ConvolutionShape { x_pixels, y_pixels, kernel, stride, padding, .. } = self.shape;
        let [line, run] = [x_pixels[1], kernel].map(|pixels| pixels * self.channels.len());
        let pixels = x.len() / self.channels.len();
        vectorized(
            #[inline(always)]
            || {
                x.fill(0.0);
                let rows = shares.chunks_exact(y_pixels[1] * self.columns());
                for (y_row, shares) in rows.enumerate() {
                    for i in 0..kernel {
                        let row = (y_row * stride + i).wrapping_sub(padding);
                        if row >= x_pixels[0] {
                            continue;
                        }
                        let x = &mut x[row * line..][..line];
                        let apart = kernel.div_ceil(stride);
                        for column in (0..apart).flat_map(|at| (at..y_pixels[1]).step_by(apart)) {
                            let share = &shares[column * self.columns() + i * run..][..run];
                            let first = (column * stride) as isize - padding as isize;
                            add_within(x, first * self.channels.len() as isize, share);
                        }
                    }
                }
                finish(image * pixels, x);
            },
        );
    }
}

/// `to[at + k] += from[k]`, as far as that is there.
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
