//! Random augmentation of images on the CPU: every output pixel is gathered from its source.

use std::ops::Range;

use super::{Cpu, CpuReal};
use crate::device::ops::{AUGMENT_DRAWS, Augment, AugmentShape, Augmentation, contract};

impl<T: CpuReal> Augment for Cpu<T> {
    fn augment_forward(&self, y: &mut [T], x: &[T], draws: &[T], shape: AugmentShape) {
        let AugmentShape { rows, channels, height, width, .. } = shape;
        contract::augment_forward(&y, &x, &draws, rows, channels, height, width);
        self.each_image(y, x, draws, shape, |y, x, transformation| {
            let source = |row, column| transformation.source(row, column);
            let added = transformation.mean_term(x, |_, _| true) + transformation.brightness;
            transformation.gather(y, x, source, added, T::ZERO);
        });
    }

    fn augment_backward(&self, dx: &mut [T], dy: &[T], draws: &[T], shape: AugmentShape) {
        let AugmentShape { rows, channels, height, width, .. } = shape;
        contract::augment_backward(&dx, &dy, &draws, rows, channels, height, width);
        self.each_image(dx, dy, draws, shape, |dx, dy, transformation| {
            let destination = |row, column| transformation.destination(row, column);
            // The outputs that depend on the input.
            let visible = |row, column| transformation.source(row, column).is_some();
            let added = transformation.mean_term(dy, visible);
            transformation.gather(dx, dy, destination, added, added);
        });
    }
}

impl<T: CpuReal> Cpu<T> {
    /// Calls `work(to, from, transformation)` for each image.
    fn each_image(
        &self,
        to: &mut [T],
        from: &[T],
        draws: &[T],
        shape: AugmentShape,
        work: impl Fn(&mut [T], &[T], Transformation<T>) + Sync,
    ) {
        let len = shape.image_len();
        self.pool.chunks(to, len, |at, images| {
            for (image, to) in (at / len..).zip(images.chunks_exact_mut(len)) {
                let draws = &draws[image * AUGMENT_DRAWS..][..AUGMENT_DRAWS];
                work(to, &from[image * len..][..len], Transformation::new(draws, shape));
            }
        });
    }
}

/// The transformation of one image.
struct Transformation<T> {
    channels: usize,
    height: isize,
    width: isize,
    flip: bool,
    /// Output pixel (r, c) is input pixel (r + down, c + across).
    down: isize,
    across: isize,
    /// Rows and columns of the hole.
    hole: [Range<isize>; 2],
    /// Factors of a number, its pixel's mean and the image's mean.
    own: T,
    pixel: T,
    image: T,
    brightness: T,
    /// 1/channels.
    channel_share: T,
}

impl<T: CpuReal> Transformation<T> {
    fn new(draws: &[T], shape: AugmentShape) -> Self {
        let (height, width) = (shape.height as isize, shape.width as isize);
        let with = |augmentation| shape.augmentations.contains(augmentation);
        let mut new = Self {
            channels: shape.channels,
            height,
            width,
            flip: with(Augmentation::Flip) && draws[0].to_f64() < 0.5,
            down: 0,
            across: 0,
            hole: [0..0, 0..0],
            own: T::ONE,
            pixel: T::ZERO,
            image: T::ZERO,
            brightness: T::ZERO,
            channel_share: T::from_f64(1.0 / shape.channels as f64),
        };
        if with(Augmentation::Colour) {
            new.set_colour(draws);
        }
        if with(Augmentation::Translate) {
            (new.down, new.across) = (shift(height, draws[4]), shift(width, draws[5]));
        }
        if with(Augmentation::Cutout) {
            new.hole = [hole(height, draws[6]), hole(width, draws[7])];
        }
        new
    }

    /// Brightness, saturation and contrast as one sum: saturation does not change the image's mean.
    fn set_colour(&mut self, draws: &[T]) {
        let half = T::from_f64(0.5);
        let (saturation, contrast) = (draws[2] + draws[2], draws[3] + half);
        self.own = contrast * saturation;
        self.pixel = contrast * (T::ONE - saturation);
        self.image = T::ONE - contrast;
        self.brightness = draws[1] - half;
    }

    /// The pixel that is moved to this one; none if this one is 0.
    #[inline(always)]
    fn source(&self, row: isize, column: isize) -> Option<usize> {
        let (from_row, from_column) = (row + self.down, column + self.across);
        let visible = self.has(from_row, from_column) && !self.is_in_hole(row, column);
        visible.then(|| self.index(from_row, self.flipped(from_column)))
    }

    /// Where this pixel is moved to; none if it is not visible.
    #[inline(always)]
    fn destination(&self, from_row: isize, from_column: isize) -> Option<usize> {
        let (row, column) = (from_row - self.down, self.flipped(from_column) - self.across);
        let visible = self.has(row, column) && !self.is_in_hole(row, column);
        visible.then(|| self.index(row, column))
    }

    #[inline(always)]
    fn index(&self, row: isize, column: isize) -> usize {
        (row * self.width + column) as usize
    }

    #[inline(always)]
    fn flipped(&self, column: isize) -> isize {
        if self.flip { self.width - 1 - column } else { column }
    }

    #[inline(always)]
    fn has(&self, row: isize, column: isize) -> bool {
        row >= 0 && row < self.height && column >= 0 && column < self.width
    }

    #[inline(always)]
    fn is_in_hole(&self, row: isize, column: isize) -> bool {
        self.hole[0].contains(&row) && self.hole[1].contains(&column)
    }

    fn pixels(&self) -> usize {
        (self.height * self.width) as usize
    }

    /// The mean of an image whose other pixels are 0, times its factor.
    #[inline(always)]
    fn mean_term(&self, image: &[T], is_counted: impl Fn(isize, isize) -> bool) -> T {
        if self.image == T::ZERO {
            return T::ZERO;
        }
        let mut sum = 0.0;
        for plane in image.chunks_exact(self.pixels()) {
            for (row, numbers) in (0..).zip(plane.chunks_exact(self.width as usize)) {
                for (column, number) in (0..).zip(numbers) {
                    sum += if is_counted(row, column) { number.to_f64() } else { 0.0 };
                }
            }
        }
        self.image * T::from_f64(sum / image.len() as f64)
    }

    /// A pixel of `to` is computed from pixel map(row, column) of `from`: in every channel from the
    /// number there, the mean of the channels, and `added`. Without such a pixel it is `missing`.
    #[inline(always)]
    fn gather(
        &self,
        to: &mut [T],
        from: &[T],
        map: impl Fn(isize, isize) -> Option<usize>,
        added: T,
        missing: T,
    ) {
        let mut pixel = 0;
        for row in 0..self.height {
            for column in 0..self.width {
                match map(row, column) {
                    Some(at) => self.write(&mut to[pixel..], &from[at..], added),
                    None => self.fill(&mut to[pixel..], missing),
                }
                pixel += 1;
            }
        }
    }

    /// Writes the first pixel of `to` from the first pixel of `from`.
    #[inline(always)]
    fn write(&self, to: &mut [T], from: &[T], added: T) {
        let mut sum = T::ZERO;
        for k in 0..self.channels {
            sum += from[k * self.pixels()];
        }
        let added = self.pixel * (sum * self.channel_share) + added;
        for k in 0..self.channels {
            to[k * self.pixels()] = self.own * from[k * self.pixels()] + added;
        }
    }

    /// Sets the first pixel of `to`.
    #[inline(always)]
    fn fill(&self, to: &mut [T], number: T) {
        for k in 0..self.channels {
            to[k * self.pixels()] = number;
        }
    }
}

/// A shift by up to an eighth of an extent, either way.
fn shift<T: CpuReal>(extent: isize, draw: T) -> isize {
    let most = (extent + 4) / 8;
    below(2 * most + 1, draw) - most
}

/// Half of an extent around a random centre; part of it may be outside.
fn hole<T: CpuReal>(extent: isize, draw: T) -> Range<isize> {
    let size = (extent + 1) / 2;
    let first = below(extent + 1 - size % 2, draw) - size / 2;
    first..first + size
}

/// ⌊n·u⌋ for u in [0, 1), from its first 24 bits: the same in every precision.
fn below<T: CpuReal>(n: isize, u: T) -> isize {
    let word = (u.to_f64() * f64::from(1 << 24)) as isize;
    (word * n) >> 24
}
