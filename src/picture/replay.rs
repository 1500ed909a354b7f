//! `progress.gif`: the grids of samples of a run, one after the other.

use std::path::{Path, PathBuf};
use std::time::Duration;

use image::DynamicImage;

use crate::file_error::FileError;
use crate::formats::gif::Animation;
use crate::picture::{Error, Result};

/// Rows below the picture in which a bar grows from the first iteration to the last.
const BAR: usize = 4;
/// The bar, and the ground it grows on.
const LIGHT: u8 = 230;
const DARK: u8 = 60;
/// How long the last frame is shown.
const LAST: Duration = Duration::from_secs(2);

/// Joins samples, each with its iteration, first to last: the bytes of a GIF that goes to `path`,
/// and how many frames it has.
///
/// Every frame is shown for so long, the last one for two seconds. Of more samples than `most`
/// (2 or more) so many are taken, from all over, the first and the last among them.
///
/// # Errors
/// [`Error::Unreadable`], [`Error::OtherSize`], [`Error::Gif`]; I/O.
///
/// # Panics
/// When there are no samples.
pub fn replay(
    samples: &[(u64, PathBuf)],
    path: &Path,
    shown: Duration,
    most: usize,
) -> Result<(Vec<u8>, usize)> {
    let samples = spaced(samples, most);
    let ((first, first_sample), (last, _)) = (&samples[0], &samples[samples.len() - 1]);
    let gif = |problem| Error::Gif { path: path.to_owned(), problem };
    let picture = read(first_sample)?;
    let channels = if picture.color().has_color() { 3 } else { 1 };
    let size = (picture.width() as usize, picture.height() as usize + BAR);
    let mut animation = Animation::new(size, channels).map_err(gif)?;
    for (iteration, sample) in &samples {
        let frame = read(sample)?;
        let sizes = [&frame, &picture].map(|picture| (picture.width(), picture.height()));
        if sizes[0] != sizes[1] {
            let [size, first] = sizes;
            return Err(Error::OtherSize { path: sample.clone(), size, first });
        }
        let share = (iteration - first) as f64 / (last - first).max(1) as f64;
        let pixels = [pixels(frame, channels), bar(size.0, share, channels)].concat();
        let shown = if iteration == last { LAST } else { shown };
        animation.add(&pixels, shown).map_err(gif)?;
    }
    Ok((animation.finish().map_err(gif)?, samples.len()))
}

fn read(path: &Path) -> Result<DynamicImage> {
    let problem = |source| Error::Unreadable { path: path.to_owned(), source };
    let bytes = std::fs::read(path).map_err(FileError::at("read", path))?;
    let picture = image::load_from_memory_with_format(&bytes, image::ImageFormat::Png);
    picture.map_err(problem)
}

fn pixels(picture: DynamicImage, channels: usize) -> Vec<u8> {
    match channels {
        3 => picture.into_rgb8().into_raw(),
        _ => picture.into_luma8().into_raw(),
    }
}

/// The rows of the bar, as far as it has grown.
fn bar(width: usize, share: f64, channels: usize) -> Vec<u8> {
    let long = (width as f64 * share).round() as usize;
    let row = [vec![LIGHT; long * channels], vec![DARK; (width - long) * channels]].concat();
    row.repeat(BAR)
}

/// At most so many of them, from all over, the ends among them.
fn spaced<T: Clone>(all: &[T], most: usize) -> Vec<T> {
    let count = all.len();
    match count <= most {
        true => all.to_vec(),
        false => (0..most).map(|i| all[i * (count - 1) / (most - 1)].clone()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spaced_iterations_have_both_ends() {
        let all: Vec<u64> = (0..=100).map(|i| i * 400).collect();
        assert_eq!(spaced(&all, 200), all);
        assert_eq!(spaced(&all, 5), [0, 10_000, 20_000, 30_000, 40_000]);
        assert_eq!(spaced(&all, 2), [0, 40_000]);
        assert!(spaced::<u64>(&[], 2).is_empty());
    }

    #[test]
    fn bar_grows_with_the_share() {
        assert_eq!(bar(4, 0.0, 1), [DARK; 16]);
        assert_eq!(bar(4, 0.5, 3)[..12], [[LIGHT; 6], [DARK; 6]].concat());
        assert_eq!(bar(4, 1.0, 3), [LIGHT; 48]);
    }
}
