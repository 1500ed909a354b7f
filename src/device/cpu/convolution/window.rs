//! Which numbers of an image each output of a convolution takes in.
//!
//! A window is the part of the image below the kernel. Channels stand last, so that a row of a window
//! is one run of neighbours in memory. A transposed convolution falls into parts, one for each
//! remainder of an output's coordinates divided by the stride: the outputs of a part see the same
//! places of the kernel, and have windows one pixel apart. So both kinds are the same loop, and every
//! output is written once.

use std::ops::Range;

use super::super::gemm::tile::LINE;
use super::axis::Axis;
use super::runs::copy_runs;
use crate::device::ops::ConvolutionShape;

/// The windows of outputs that see the same places of the kernel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Windows {
    axes: [Axis; 2],
    /// Channels of the image that is read.
    channels: usize,
    /// Places of a row of the kernel.
    kernel: usize,
    /// Pixels in a row of the image that is written.
    width: usize,
    /// Pixels of that image.
    pixels: usize,
}

/// An output of one image: row and column, counted among those of its windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Output {
    pub row: usize,
    pub column: usize,
}

impl Windows {
    /// Of all outputs of a convolution of x.
    pub fn forward(shape: &ConvolutionShape) -> Self {
        Self::new(
            [0, 1].map(|axis| Axis::forward(shape, axis)),
            shape.inputs,
            shape,
            shape.y_pixels,
        )
    }

    /// How many parts a transposed convolution has.
    pub fn parts(shape: &ConvolutionShape) -> usize {
        shape.stride * shape.stride
    }

    /// Of the outputs of a part of a transposed convolution of y.
    pub fn transposed(shape: &ConvolutionShape, part: usize) -> Self {
        let remainders = [part / shape.stride, part % shape.stride];
        let axes = [0, 1].map(|axis| Axis::transposed(shape, axis, remainders[axis]));
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

    /// The same windows without what lies beyond the image's edges, where nothing is to be multiplied:
    /// those of the outputs that see the same places of the kernel, most outputs first. Windows of few
    /// channels stay as they are.
    pub fn regions(self) -> impl Iterator<Item = Self> {
        let few = self.channels < LINE;
        let [rows, columns] = self.axes;
        let all = few.then_some(self).into_iter();
        let cut = rows.runs().flat_map(move |rows| {
            columns.runs().map(move |columns| Self { axes: [rows, columns], ..self })
        });
        all.chain(cut.filter(move |_| !few))
    }

    /// Numbers of each row of the window, which follow each other in the image, and where they begin in a
    /// whole window.
    pub fn lines(&self) -> impl Iterator<Item = (Range<usize>, usize)> + use<> {
        let (windows, len) = (*self, self.axes[1].taps * self.channels);
        let lines = 0..self.axes[0].taps;
        lines.map(move |row| (row * len..(row + 1) * len, windows.place_in_whole(row)))
    }

    /// Where a row of the window begins in a whole window.
    fn place_in_whole(&self, row: usize) -> usize {
        let [rows, columns] = &self.axes;
        ((rows.before + row) * columns.whole + columns.before) * self.channels
    }

    /// Whether all windows lie on the image, with enough channels for vectors.
    pub fn can_be_read_in_place(&self) -> bool {
        self.channels >= LINE && self.taps() > 0 && self.axes.iter().all(Axis::is_inside)
    }

    /// Where windows of some outputs begin in a batch of images, if they lie on it.
    pub fn starts(&self, outputs: Range<usize>) -> impl Iterator<Item = usize> {
        let [rows, columns] = &self.axes;
        let mut place = self.locate(outputs.start);
        outputs.map(move |_| {
            let (image, output) = place;
            place = self.next(place);
            let row = rows.origin as usize + rows.step * output.row;
            let column = columns.origin as usize + columns.step * output.column;
            image * self.source_len() + (row * columns.source + column) * self.channels
        })
    }

    /// How far a number of a window is from its beginning, in the image.
    pub fn distance(&self, number: usize) -> usize {
        let line = self.axes[1].taps * self.channels;
        number / line * self.axes[1].source * self.channels + number % line
    }

    /// Outputs of an image.
    pub fn outputs(&self) -> usize {
        self.axes[0].outputs * self.axes[1].outputs
    }

    /// Numbers in a window.
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

    /// The place of a window's pixel in the kernel, row by row.
    pub fn place(&self, tap: usize) -> usize {
        let [rows, columns] = &self.axes;
        rows.place(tap / columns.taps) * self.kernel + columns.place(tap % columns.taps)
    }

    /// Numbers of an image that is read.
    pub fn source_len(&self) -> usize {
        self.axes[0].source * self.axes[1].source * self.channels
    }

    /// The output of this number among all of a batch, and its image.
    pub fn locate(&self, number: usize) -> (usize, Output) {
        let (image, output) = (number / self.outputs(), number % self.outputs());
        let columns = self.axes[1].outputs;
        (image, Output { row: output / columns, column: output % columns })
    }

    /// The next output, behind the last one of an image the first of the next.
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

    /// Which pixel of a batch of images that are written the output is.
    pub fn pixel(&self, image: usize, output: Output) -> usize {
        let [rows, columns] = &self.axes;
        let row = rows.first + rows.every * output.row;
        image * self.pixels + row * self.width + columns.first + columns.every * output.column
    }

    /// The pixels of some outputs.
    #[inline(always)]
    pub fn pixels(&self, outputs: Range<usize>) -> impl Iterator<Item = usize> {
        let mut place = self.locate(outputs.start);
        outputs.map(move |_| {
            let (image, output) = place;
            place = self.next(place);
            self.pixel(image, output)
        })
    }

    /// Whether each output is the next pixel of the image that is written.
    pub fn outputs_are_neighbours(&self) -> bool {
        self.axes.iter().all(|axis| axis.every == 1) && self.outputs() == self.pixels
    }

    /// Calls `visit` with the place in the kernel and the first number of each pixel of the image that an
    /// output's window has.
    #[inline(always)]
    pub fn each_tap(&self, output: Output, mut visit: impl FnMut(usize, usize)) {
        let [rows, columns] = &self.axes;
        for i in 0..rows.taps {
            let Some(row) = rows.pixel(output.row, i) else { continue };
            for j in 0..columns.taps {
                let Some(column) = columns.pixel(output.column, j) else { continue };
                let place = rows.place(i) * self.kernel + columns.place(j);
                visit(place, (row * columns.source + column) * self.channels);
            }
        }
    }

    /// The first number of the image's pixel at a tap of an output's window, where there is one.
    pub fn source(&self, output: Output, tap: usize) -> Option<usize> {
        let [rows, columns] = &self.axes;
        let row = rows.pixel(output.row, tap / columns.taps)?;
        let column = columns.pixel(output.column, tap % columns.taps)?;
        Some((row * columns.source + column) * self.channels)
    }

    /// Copies the numbers `range` of some outputs' windows, zeros from beyond the images' edges: the next
    /// output's are `step` floats further on in `to`.
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

    /// The same for outputs that are neighbours in a row.
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

    /// Where what an image's outputs read ends, of all those before the output of this number in a batch.
    pub fn read_before(&self, number: usize) -> usize {
        let (image, Output { row, .. }) = self.locate(number);
        let rows = &self.axes[0];
        let end = rows.origin + (rows.step * row + rows.taps) as isize;
        let end = end.clamp(0, rows.source as isize) as usize;
        image * self.source_len() + end * self.axes[1].source * self.channels
    }
}
