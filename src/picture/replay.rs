//! `progress.gif`: a run's sample grids as an animated GIF.

use std::path::{Path, PathBuf};
use std::time::Duration;

use image::DynamicImage;

use crate::file_error::FileError;
use crate::formats::gif::Animation;
use crate::picture::{Error, Result};

/// Height of the progress bar below the grid, in pixels.
const BAR_HEIGHT: usize = 4;
/// The grey value of the progress bar, and of its background.
const LIGHT: u8 = 230;
const DARK: u8 = 60;
/// Duration of the last frame.
const LAST_DURATION: Duration = Duration::from_secs(2);

/// Joins sample grids, each with its iteration and sorted by it, into an animation. Returns the
/// bytes of the GIF and its number of frames; `path` appears in error messages.
///
/// Each frame is shown for `duration`, the last one for two seconds. If there are more than
/// `max_frames` (2 or more) grids, evenly spaced ones are used, including the first and the last.
///
/// # Errors
/// [`Error::Unreadable`], [`Error::OtherSize`], [`Error::Gif`]; I/O.
///
/// # Panics
/// When there are no samples.
pub fn replay(
    samples: &[(u64, PathBuf)],
    path: &Path,
    duration: Duration,
    max_frames: usize,
) -> Result<(Vec<u8>, usize)> {
    let samples = spaced(samples, max_frames);
    let ((first, first_sample), (last, _)) = (&samples[0], &samples[samples.len() - 1]);
    let gif = |problem| Error::Gif { path: path.to_owned(), problem };
    let picture = read(first_sample)?;
    let channels = if picture.color().has_color() { 3 } else { 1 };
    let size = (picture.width() as usize, picture.height() as usize + BAR_HEIGHT);
    let mut animation = Animation::new(size, channels).map_err(gif)?;
    for (iteration, sample) in &samples {
        let frame = read(sample)?;
        let sizes = [&frame, &picture].map(|picture| (picture.width(), picture.height()));
        if sizes[0] != sizes[1] {
            let [size, first] = sizes;
            return Err(Error::OtherSize { path: sample.clone(), size, first });
        }
        let progress = (iteration - first) as f64 / (last - first).max(1) as f64;
        let pixels = [pixels(frame, channels), bar(size.0, progress, channels)].concat();
        let duration = if iteration == last { LAST_DURATION } else { duration };
        animation.add(&pixels, duration).map_err(gif)?;
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

/// The pixels of the progress bar, at a progress from 0 to 1.
fn bar(width: usize, progress: f64, channels: usize) -> Vec<u8> {
    let length = (width as f64 * progress).round() as usize;
    let row = [vec![LIGHT; length * channels], vec![DARK; (width - length) * channels]].concat();
    row.repeat(BAR_HEIGHT)
}

/// At most `max` items, evenly spaced, including both ends.
fn spaced<T: Clone>(all: &[T], max: usize) -> Vec<T> {
    let count = all.len();
    match count <= max {
        true => all.to_vec(),
        false => (0..max).map(|i| all[i * (count - 1) / (max - 1)].clone()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spaced_items_include_both_ends() {
        let all: Vec<u64> = (0..=100).map(|i| i * 400).collect();
        assert_eq!(spaced(&all, 200), all);
        assert_eq!(spaced(&all, 5), [0, 10_000, 20_000, 30_000, 40_000]);
        assert_eq!(spaced(&all, 2), [0, 40_000]);
        assert!(spaced::<u64>(&[], 2).is_empty());
    }

    #[test]
    fn bar_grows_with_the_progress() {
        assert_eq!(bar(4, 0.0, 1), [DARK; 16]);
        assert_eq!(bar(4, 0.5, 3)[..12], [[LIGHT; 6], [DARK; 6]].concat());
        assert_eq!(bar(4, 1.0, 3), [LIGHT; 48]);
    }
}
