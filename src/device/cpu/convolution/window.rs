//! The windows of a convolution: the part of an image that each output reads.
//!
//! A window is the part of the image under the kernel. Images are stored channels last, so a row of a
//! window is contiguous in memory. A transposed convolution is split into parts, one for each
//! remainder of an output's coordinates modulo the stride: the outputs of a part use the same elements
//! of the kernel, and their windows are one pixel apart. So both kinds are the same loop, and every
//! output is written once.

use std::ops::Range;

use super::super::gemm::tile::LINE;
use super::axis::Axis;
use super::runs::copy_runs;
use crate::device::ops::ConvolutionShape;

/// The windows of outputs that use the same elements of the kernel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Windows {
    axes: [Axis; 2],
    /// Channels of the image that is read.
    channels: usize,
    /// Width of the kernel.
    kernel: usize,
    /// Width of the image that is written.
    width: usize,
    /// Pixels of the image that is written.
    pixels: usize,
}

/// An output of one image: row and column among the outputs of these windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Output {
    pub row: usize,
    pub column: usize,
}

impl Windows {
    /// The windows of a convolution of x.
    pub fn forward(shape: &ConvolutionShape) -> Self {
        Self::new(
            [Axis::forward(shape, 0), Axis::forward(shape, 1)],
            shape.inputs,
            shape,
            shape.y_pixels,
        )
    }

    /// The number of parts of a transposed convolution.
    pub fn parts(shape: &ConvolutionShape) -> usize {
        shape.stride * shape.stride
    }

    /// The windows of one part of a transposed convolution of y.
    pub fn transposed(shape: &ConvolutionShape, part: usize) -> Self {
        let axis = |axis, remainder| Axis::transposed(shape, axis, remainder);
        let axes = [axis(0, part / shape.stride), axis(1, part % shape.stride)];
        Self::new(axes, shape.outputs, shape, shape.x_pixels)
    }

    fn new(
        axes: [Axis; 2],
        channels: usize,
        shape: &ConvolutionShape,
        [height, width]: [usize; 2],
    ) -> Self {
        Self { axes, channels, kernel: shape.kernel, width, pixels: height * width }
    }

    /// Splits the outputs into regions whose windows are clipped to the image, so that padding is not
    /// multiplied; the largest region comes first. Windows of few channels stay unclipped.
    pub fn regions(self) -> impl Iterator<Item = Self> {
        let few = self.channels < LINE;
        let [rows, columns] = self.axes;
        let all = few.then_some(self).into_iter();
        let cut = rows.segments().flat_map(move |rows| {
            columns.segments().map(move |columns| Self { axes: [rows, columns], ..self })
        });
        all.chain(cut.filter(move |_| !few))
    }

    /// The contiguous element ranges of the window's rows, with their offsets in a full window.
    pub fn lines(&self) -> impl Iterator<Item = (Range<usize>, usize)> + use<> {
        let (windows, len) = (*self, self.axes[1].taps * self.channels);
        let lines = 0..self.axes[0].taps;
        lines.map(move |row| (row * len..(row + 1) * len, windows.full_window_offset(row)))
    }

    /// The offset of a row of the window in a full window.
    fn full_window_offset(&self, row: usize) -> usize {
        let [rows, columns] = &self.axes;
        ((rows.skipped_taps + row) * columns.full_taps + columns.skipped_taps) * self.channels
    }

    /// Whether all windows are within the image, with enough channels for vectors.
    pub fn can_be_read_in_place(&self) -> bool {
        self.channels >= LINE && self.taps() > 0 && self.axes.iter().all(Axis::is_inside)
    }

    /// The offsets of some outputs' windows in a batch of images; the windows must be within them.
    pub fn starts(&self, outputs: Range<usize>) -> impl Iterator<Item = usize> {
        let [rows, columns] = &self.axes;
        let mut position = self.locate(outputs.start);
        outputs.map(move |_| {
            let (image, output) = position;
            position = self.next(position);
            let row = rows.origin as usize + rows.step * output.row;
            let column = columns.origin as usize + columns.step * output.column;
            image * self.source_len() + (row * columns.source + column) * self.channels
        })
    }

    /// The offset of an element of a window from the window's start in the image.
    pub fn offset(&self, number: usize) -> usize {
        let line = self.axes[1].taps * self.channels;
        number / line * self.axes[1].source * self.channels + number % line
    }

    /// Outputs of an image.
    pub fn outputs(&self) -> usize {
        self.axes[0].outputs * self.axes[1].outputs
    }

    /// Elements of a window.
    pub fn len(&self) -> usize {
        self.taps() * self.channels
    }

    /// Pixels in a window.
    pub fn taps(&self) -> usize {
        self.axes[0].taps * self.axes[1].taps
    }

    /// Channels of a pixel of a window.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// The kernel index of a tap, in row-major order.
    pub fn kernel_index(&self, tap: usize) -> usize {
        let [rows, columns] = &self.axes;
        rows.kernel_index(tap / columns.taps) * self.kernel
            + columns.kernel_index(tap % columns.taps)
    }

    /// Elements of an image that is read.
    pub fn source_len(&self) -> usize {
        self.axes[0].source * self.axes[1].source * self.channels
    }

    /// The image and the output for an output index in a batch.
    pub fn locate(&self, number: usize) -> (usize, Output) {
        let (image, output) = (number / self.outputs(), number % self.outputs());
        let columns = self.axes[1].outputs;
        (image, Output { row: output / columns, column: output % columns })
    }

    /// The next output; after the last one of an image, the first of the next image.
    pub fn next(&self, (image, output): (usize, Output)) -> (usize, Output) {
        let Output { row, column } = output;
        if column + 1 < self.axes[1].outputs {
            return (image, Output { row, column: column + 1 });
        }
        match row + 1 < self.axes[0].outputs {
            true => (image, Output { row: row + 1, column: 0 }),
            false => (image + 1, Output { row: 0, column: 0 }),
        }
    }

    /// The pixel index of an output in the batch of written images.
    pub fn pixel(&self, image: usize, output: Output) -> usize {
        let [rows, columns] = &self.axes;
        let row = rows.first + rows.output_step * output.row;
        image * self.pixels + row * self.width + columns.first + columns.output_step * output.column
    }

    /// The pixel indices of some outputs.
    #[inline(always)]
    pub fn pixels(&self, outputs: Range<usize>) -> impl Iterator<Item = usize> {
        let mut position = self.locate(outputs.start);
        outputs.map(move |_| {
            let (image, output) = position;
            position = self.next(position);
            self.pixel(image, output)
        })
    }

    /// Whether consecutive outputs are consecutive pixels of the written image.
    pub fn outputs_are_neighbours(&self) -> bool {
        self.axes.iter().all(|axis| axis.output_step == 1) && self.outputs() == self.pixels
    }

    /// Calls `visit` with the kernel index and the first source element of each tap of an output's
    /// window that is within the image.
    #[inline(always)]
    pub fn each_tap(&self, output: Output, mut visit: impl FnMut(usize, usize)) {
        let [rows, columns] = &self.axes;
        for i in 0..rows.taps {
            let Some(row) = rows.pixel(output.row, i) else { continue };
            for j in 0..columns.taps {
                let Some(column) = columns.pixel(output.column, j) else { continue };
                let position = rows.kernel_index(i) * self.kernel + columns.kernel_index(j);
                visit(position, (row * columns.source + column) * self.channels);
            }
        }
    }

    /// The first source element at a tap of an output's window, if it is within the image.
    pub fn source(&self, output: Output, tap: usize) -> Option<usize> {
        let [rows, columns] = &self.axes;
        let row = rows.pixel(output.row, tap / columns.taps)?;
        let column = columns.pixel(output.column, tap % columns.taps)?;
        Some((row * columns.source + column) * self.channels)
    }

    /// im2col: copies the elements `range` of some outputs' windows, with zero padding. In `to` the
    /// outputs are `step` floats apart.
    #[inline(always)]
    pub fn gather(
        &self,
        images: &[f32],
        outputs: Range<usize>,
        range: Range<usize>,
        to: &mut [f32],
        step: usize,
    ) {
        let columns = self.axes[1].outputs;
        let (mut image, Output { row, mut column }) = self.locate(outputs.start);
        let (mut row, mut at) = (row, 0);
        while at < outputs.len() {
            let count = (columns - column).min(outputs.len() - at);
            let source = &images[image * self.source_len()..][..self.source_len()];
            self.gather_row(
                source,
                row,
                column..column + count,
                range.clone(),
                &mut to[at * step..],
                step,
            );
            (at, row, column) = (at + count, row + 1, 0);
            if row == self.axes[0].outputs {
                (image, row) = (image + 1, 0);
            }
        }
    }

    /// The same for consecutive outputs of one row.
    #[inline(always)]
    fn gather_row(
        &self,
        image: &[f32],
        row: usize,
        outputs: Range<usize>,
        range: Range<usize>,
        to: &mut [f32],
        step: usize,
    ) {
        let [rows, columns] = &self.axes;
        let (run, line) = (columns.taps * self.channels, columns.source * self.channels);
        let mut next = range.start;
        while next < range.end {
            let (tap, skipped) = (next / run, next % run);
            let len = (run - skipped).min(range.end - next);
            let to = to[next - range.start..].chunks_mut(step).map(|to| &mut to[..len]);
            match rows.pixel(row, tap) {
                Some(row) => {
                    let line = &image[row * line..][..line];
                    let left = (columns.origin + (columns.step * outputs.start) as isize)
                        * self.channels as isize
                        + skipped as isize;
                    copy_runs(line, left, columns.step * self.channels, to.take(outputs.len()));
                }
                None => to.take(outputs.len()).for_each(|to| to.fill(0.0)),
            }
            next += len;
        }
    }

    /// The end of the source elements that are read by the outputs up to the row of this output index.
    pub fn read_before(&self, number: usize) -> usize {
        let (image, Output { row, .. }) = self.locate(number);
        let rows = &self.axes[0];
        let end = rows.origin + (rows.step * row + rows.taps) as isize;
        let end = end.clamp(0, rows.source as isize) as usize;
        image * self.source_len() + end * self.axes[1].source * self.channels
    }
}
