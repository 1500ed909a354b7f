//! Windows along one axis of an image.

use std::iter::once;
use std::ops::Range;

use crate::device::ops::ConvolutionShape;

/// The windows along one axis of an image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Axis {
    /// Pixels of the image that is read.
    pub source: usize,
    /// Number of outputs; output i is pixel `first + output_step·i` of the written image.
    pub outputs: usize,
    pub first: usize,
    pub output_step: usize,
    /// Pixels of a window, the first of which is at `origin + step·output` of the image that is read.
    pub taps: usize,
    pub origin: isize,
    pub step: usize,
    /// Taps of a full window, before clipping at the edges, and how many of them come before these.
    pub full_taps: usize,
    pub skipped_taps: usize,
    /// The kernel index of the first tap, and the step to the next tap's.
    kernel_start: usize,
    kernel_step: isize,
}

impl Axis {
    /// The windows of a convolution.
    pub fn forward(shape: &ConvolutionShape, axis: usize) -> Self {
        Self {
            source: shape.x_pixels[axis],
            outputs: shape.y_pixels[axis],
            first: 0,
            output_step: 1,
            taps: shape.kernel,
            origin: -(shape.padding as isize),
            step: shape.stride,
            full_taps: shape.kernel,
            skipped_taps: 0,
            kernel_start: 0,
            kernel_step: 1,
        }
    }

    /// The windows of a transposed convolution, for the outputs whose coordinate has this remainder
    /// modulo the stride.
    pub fn transposed(shape: &ConvolutionShape, axis: usize, remainder: usize) -> Self {
        let &ConvolutionShape { kernel, stride, padding, .. } = shape;
        let least = (remainder + padding) % stride;
        let taps = kernel.saturating_sub(least).div_ceil(stride);
        let last = taps.saturating_sub(1);
        Self {
            source: shape.y_pixels[axis],
            outputs: shape.x_pixels[axis].saturating_sub(remainder).div_ceil(stride),
            first: remainder,
            output_step: stride,
            taps,
            origin: ((remainder + padding - least) / stride) as isize - last as isize,
            step: 1,
            full_taps: taps,
            skipped_taps: 0,
            kernel_start: least + stride * last,
            kernel_step: -(stride as isize),
        }
    }

    /// The taps of an output's window that are within the image.
    fn inside(&self, output: usize) -> Range<usize> {
        let first = self.origin + (self.step * output) as isize;
        let at = |pixel: usize| (pixel as isize - first).clamp(0, self.taps as isize) as usize;
        at(0)..at(self.source)
    }

    /// Whether all windows are within the image.
    pub fn is_inside(&self) -> bool {
        let whole = |output| self.inside(output).len() == self.taps;
        self.outputs > 0 && whole(0) && whole(self.outputs - 1)
    }

    /// Segments of outputs whose windows have the same taps within the image, clipped to these taps:
    /// those with full windows, then each other output by itself.
    pub fn segments(self) -> impl Iterator<Item = Self> {
        let (step, outputs) = (self.step as isize, self.outputs as isize);
        let last = (self.source as isize - self.taps as isize - self.origin).div_euclid(step);
        let start = (-self.origin + step - 1).div_euclid(step).clamp(0, outputs) as usize;
        let end = (last + 1).clamp(start as isize, outputs) as usize;
        let others = (0..start).chain(end..self.outputs).map(|output| output..output + 1);
        once(start..end).filter(|whole| !whole.is_empty()).chain(others).map(move |outputs| {
            let taps = self.inside(outputs.start);
            Self {
                outputs: outputs.len(),
                first: self.first + self.output_step * outputs.start,
                taps: taps.len(),
                origin: self.origin + (self.step * outputs.start + taps.start) as isize,
                skipped_taps: taps.start,
                kernel_start: self.kernel_index(taps.start),
                ..self
            }
        })
    }

    /// The kernel index of a tap.
    #[inline(always)]
    pub fn kernel_index(&self, tap: usize) -> usize {
        self.kernel_start.wrapping_add_signed(self.kernel_step * tap as isize)
    }

    /// The source pixel at a tap of an output's window, if it is within the image.
    #[inline(always)]
    pub fn pixel(&self, output: usize, tap: usize) -> Option<usize> {
        let at = self.origin + (self.step * output + tap) as isize;
        usize::try_from(at).ok().filter(|&at| at < self.source)
    }
}
