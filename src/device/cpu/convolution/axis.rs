//! Windows along one direction of an image.

use std::iter::once;
use std::ops::Range;

use crate::device::ops::ConvolutionShape;

/// One direction of an image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Axis {
    /// Pixels of the image that is read.
    pub source: usize,
    /// Outputs, and where they are: every `every`th from `first` on.
    pub outputs: usize,
    pub first: usize,
    pub every: usize,
    /// Pixels of a window, the first of which is at `origin + step·output`.
    pub taps: usize,
    pub origin: isize,
    pub step: usize,
    /// Pixels of a whole window, and how many of them come before these.
    pub whole: usize,
    pub before: usize,
    /// The kernel's place of a window's first pixel, and how far the next one's is.
    place: usize,
    place_step: isize,
}

impl Axis {
    pub fn forward(shape: &ConvolutionShape, axis: usize) -> Self {
        Self {
            source: shape.x_pixels[axis],
            outputs: shape.y_pixels[axis],
            first: 0,
            every: 1,
            taps: shape.kernel,
            origin: -(shape.padding as isize),
            step: shape.stride,
            whole: shape.kernel,
            before: 0,
            place: 0,
            place_step: 1,
        }
    }

    /// The outputs whose coordinate has this remainder.
    pub fn transposed(shape: &ConvolutionShape, axis: usize, remainder: usize) -> Self {
        let &ConvolutionShape { kernel, stride, padding, .. } = shape;
        let least = (remainder + padding) % stride;
        let taps = kernel.saturating_sub(least).div_ceil(stride);
        let last = taps.saturating_sub(1);
        Self {
            source: shape.y_pixels[axis],
            outputs: shape.x_pixels[axis].saturating_sub(remainder).div_ceil(stride),
            first: remainder,
            every: stride,
            taps,
            origin: ((remainder + padding - least) / stride) as isize - last as isize,
            step: 1,
            whole: taps,
            before: 0,
            place: least + stride * last,
            place_step: -(stride as isize),
        }
    }

    /// The taps of an output's window that lie on the image.
    fn inside(&self, output: usize) -> Range<usize> {
        let first = self.origin + (self.step * output) as isize;
        let at = |pixel: usize| (pixel as isize - first).clamp(0, self.taps as isize) as usize;
        at(0)..at(self.source)
    }

    /// Whether all windows lie on the image.
    pub fn is_inside(&self) -> bool {
        let whole = |output| self.inside(output).len() == self.taps;
        self.outputs > 0 && whole(0) && whole(self.outputs - 1)
    }

    /// Outputs whose windows have the same taps on the image, with these alone: those whose whole window
    /// is there, then every other by itself.
    pub fn runs(self) -> impl Iterator<Item = Self> {
        let (step, outputs) = (self.step as isize, self.outputs as isize);
        let last = (self.source as isize - self.taps as isize - self.origin).div_euclid(step);
        let start = (-self.origin + step - 1).div_euclid(step).clamp(0, outputs) as usize;
        let end = (last + 1).clamp(start as isize, outputs) as usize;
        let others = (0..start).chain(end..self.outputs).map(|output| output..output + 1);
        once(start..end).filter(|whole| !whole.is_empty()).chain(others).map(move |outputs| {
            let taps = self.inside(outputs.start);
            Self {
                outputs: outputs.len(),
                first: self.first + self.every * outputs.start,
                taps: taps.len(),
                origin: self.origin + (self.step * outputs.start + taps.start) as isize,
                before: taps.start,
                place: self.place(taps.start),
                ..self
            }
        })
    }

    #[inline(always)]
    pub fn place(&self, tap: usize) -> usize {
        self.place.wrapping_add_signed(self.place_step * tap as isize)
    }

    /// The source's pixel below a tap of an output's window, where there is one.
    #[inline(always)]
    pub fn pixel(&self, output: usize, tap: usize) -> Option<usize> {
        let at = self.origin + (self.step * output + tap) as isize;
        usize::try_from(at).ok().filter(|&at| at < self.source)
    }
}
