//! Converts a data set's images to the shape a network takes: square, grey or RGB.
//!
//! Images are converted once, when the data set is loaded; the original pixels are dropped.

use std::borrow::Cow;

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::U8;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};

use super::{Dataset, ImageShape};
use crate::data::{Error, Result};
use crate::memory;

/// Bilinear (triangle) filter, widened when shrinking so that every source pixel counts
/// (antialiasing). torchvision's `Resize` does the same by default, and so did the presets'
/// sources. Unlike Lanczos it has no negative weights: strokes on black get no halo, nothing is
/// clipped, and the mean brightness is preserved.
const FILTER: ResizeAlg = ResizeAlg::Convolution(FilterType::Bilinear);

impl Dataset {
    /// The same images as squares of `image_size` rows and columns with `channels` planes. Images
    /// that are not square are cropped to the centre, then resized. Grey is repeated for three
    /// channels; colours are converted to grey for one (ITU-R BT.601 weights). Images that have
    /// this shape already are returned unchanged.
    ///
    /// # Errors
    /// [`Error::Reshape`] if `image_size` is 0, if `channels` is neither 1 nor 3, or if the result
    /// does not fit into memory.
    pub fn with_shape(mut self, image_size: usize, channels: usize) -> Result<Dataset> {
        let (from, to) =
            (self.shape, ImageShape { channels, height: image_size, width: image_size });
        if from != to {
            self.images = reshape(&self.images, from, to)?.into_owned();
            self.shape = to;
        }
        Ok(self)
    }
}

/// Converts consecutive images to another shape, a square, as [`Dataset::with_shape`] does.
///
/// # Errors
/// As [`Dataset::with_shape`].
pub fn reshape(images: &[u8], from: ImageShape, to: ImageShape) -> Result<Cow<'_, [u8]>> {
    if from == to {
        return Ok(Cow::Borrowed(images));
    }
    let reshaped = try_reshape(images, from, to);
    Ok(Cow::Owned(reshaped.map_err(|reason| Error::Reshape { from, to, reason })?))
}

/// Converts images; fails with a reason. `to` is a square.
pub(super) fn try_reshape(
    images: &[u8],
    from: ImageShape,
    to: ImageShape,
) -> Result<Vec<u8>, String> {
    let mut planes = PlaneResizer::new(from, to)?;
    let mut result = zeros(images.len() / from.pixels(), to)?;
    let mut grey = vec![0; from.height * from.width];
    let sources = images.chunks_exact(from.pixels());
    for (source, target) in sources.zip(result.chunks_exact_mut(to.pixels())) {
        match (from.channels, to.channels) {
            (1, 3) => {
                planes.resize(source, target)?;
                repeat_plane(target);
            }
            (3, 1) => {
                rgb_to_grey(source, &mut grey);
                planes.resize(&grey, target)?;
            }
            _ => planes.resize(source, target)?,
        }
    }
    Ok(result)
}

/// Allocates `count` images; an error rather than an abort if memory does not suffice.
pub(super) fn zeros(count: usize, shape: ImageShape) -> Result<Vec<u8>, String> {
    let too_large =
        || format!("{count} such images do not fit into memory; use a smaller image size");
    let extents = [shape.channels, shape.height, shape.width];
    let total = extents.iter().try_fold(count, |total, &extent| total.checked_mul(extent));
    let free = memory::available().unwrap_or(usize::MAX);
    let total = total.filter(|&total| total <= free).ok_or_else(too_large)?;
    let mut images = Vec::new();
    images.try_reserve_exact(total).map_err(|_| too_large())?;
    images.resize(total, 0);
    Ok(images)
}

/// Copies the first of three planes to the other two.
fn repeat_plane(image: &mut [u8]) {
    let plane = image.len() / 3;
    image.copy_within(..plane, plane);
    image.copy_within(..plane, 2 * plane);
}

/// Computes grey from planes of red, green and blue in 16-bit fixed point; the weights add up to 1.
fn rgb_to_grey(image: &[u8], grey: &mut [u8]) {
    let (red, rest) = image.split_at(grey.len());
    let (green, blue) = rest.split_at(grey.len());
    for (i, luma) in grey.iter_mut().enumerate() {
        let [r, g, b] = [red[i], green[i], blue[i]].map(u32::from);
        *luma = ((19_595 * r + 38_470 * g + 7_471 * b + 32_768) >> 16) as u8;
    }
}

/// Resizes the central square of planes of one size to planes of another, which is a square.
struct PlaneResizer {
    resizer: Resizer,
    options: ResizeOptions,
    /// Columns and rows.
    from: [u32; 2],
    to: [u32; 2],
}

impl PlaneResizer {
    fn new(from: ImageShape, to: ImageShape) -> Result<PlaneResizer, String> {
        for channels in [from.channels, to.channels] {
            if ![1, 3].contains(&channels) {
                return Err(format!(
                    "{channels} channels are not supported: use 1 (grey) or 3 (rgb)"
                ));
            }
        }
        let (from, to) = (extents(from)?, extents(to)?);
        let side = from[0].min(from[1]);
        // Whole pixels, so that an image of the right height is only cropped, not blurred.
        let [left, top] = from.map(|extent| f64::from((extent - side) / 2));
        let options = ResizeOptions::new().resize_alg(FILTER);
        let options = options.crop(left, top, side.into(), side.into());
        Ok(PlaneResizer { resizer: Resizer::new(), options, from, to })
    }

    /// Resizes all planes of `source` into those of `target`.
    fn resize(&mut self, source: &[u8], target: &mut [u8]) -> Result<(), String> {
        let ([columns, rows], [new_columns, new_rows]) = (self.from, self.to);
        let sources = source.chunks_exact(columns as usize * rows as usize);
        let targets = target.chunks_exact_mut(new_columns as usize * new_rows as usize);
        for (source, target) in sources.zip(targets) {
            let source =
                TypedImageRef::<U8>::from_buffer(columns, rows, source).map_err(message)?;
            let mut target =
                TypedImage::<U8>::from_buffer(new_columns, new_rows, target).map_err(message)?;
            // Typed, so that the program contains code for one pixel type instead of twelve.
            self.resizer.resize_typed(&source, &mut target, &self.options).map_err(message)?;
        }
        Ok(())
    }
}

fn extents(shape: ImageShape) -> Result<[u32; 2], String> {
    let [columns, rows] = [shape.width, shape.height].map(|extent| u32::try_from(extent).ok());
    match (columns, rows) {
        (Some(columns @ 1..), Some(rows @ 1..)) => Ok([columns, rows]),
        _ => Err("images must have at least one row and one column, and fewer than 2³² of each"
            .to_owned()),
    }
}

fn message(error: impl std::fmt::Display) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grey_weights_add_up_to_one() {
        for level in [0, 1, 127, 255] {
            let mut grey = [0; 2];
            rgb_to_grey(&[level; 6], &mut grey);
            assert_eq!(grey, [level; 2]);
        }
    }

    #[test]
    fn images_larger_than_memory_are_an_error() {
        let huge = ImageShape { channels: 3, height: 1 << 31, width: 1 << 31 };
        assert!(zeros(60_000, huge).unwrap_err().contains("do not fit into memory"));
        let beyond_usize = ImageShape { channels: 3, height: usize::MAX, width: 2 };
        assert!(zeros(2, beyond_usize).is_err());
    }
}
