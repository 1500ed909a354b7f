//! `progress.gif`: the grids of samples of a run, one after the other.

use std::path::{Path, PathBuf};
use std::time::Duration;

use image::{DynamicImage, ImageError};

use super::animation::Animation;
use super::picture_problem::PictureProblem;
use super::run_dir::RunDir;
use crate::{Error, Result};

/// Rows below the picture in which a bar grows from the first iteration to the last.
const BAR: usize = 4;
/// The bar, and the ground it grows on.
const LIGHT: u8 = 230;
const DARK: u8 = 60;
/// How long the last frame is shown.
const LAST: Duration = Duration::from_secs(2);

/// Why samples cannot be joined.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayProblem {
    /// There are none.
    #[error("{path} has no samples; train longer, or with a smaller --sample-interval", path = path.display())]
    NoSamples {
        /// `samples/` of the run.
        path: PathBuf,
    },
    /// One is no picture.
    #[error("{path} cannot be read; delete it, or put it back as it was", path = path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: ImageError,
    },
    /// One is not as large as the others.
    #[error("{path} has {} × {} pixels, but the first sample {} × {}; delete it", size.0, size.1, first.0, first.1, path = path.display())]
    OtherSize {
        /// The file.
        path: PathBuf,
        /// Its width and height.
        size: (u32, u32),
        /// Those of the first.
        first: (u32, u32),
    },
}

/// Joins a run's samples: the bytes of a GIF that goes to `path`, and how many frames it has.
///
/// Every frame is shown for so long, the last one for two seconds. Of more samples than `most`
/// (2 or more) so many are taken, from all over, the first and the last among them.
///
/// # Errors
/// [`ReplayProblem`]; I/O.
pub fn replay(run: &RunDir, path: &Path, shown: Duration, most: usize) -> Result<(Vec<u8>, usize)> {
    let iterations = spaced(&run.sample_iterations()?, most);
    let (Some(&first), Some(&last)) = (iterations.first(), iterations.last()) else {
        return Err(ReplayProblem::NoSamples { path: run.samples() }.into());
    };
    let gif = |problem| PictureProblem::Gif { path: path.to_owned(), problem };
    let picture = read(&run.sample(first))?;
    let channels = if picture.color().has_color() { 3 } else { 1 };
    let size = (picture.width() as usize, picture.height() as usize + BAR);
    let mut animation = Animation::new(size, channels).map_err(gif)?;
    for &iteration in &iterations {
        let sample = run.sample(iteration);
        let frame = read(&sample)?;
        let sizes = [&frame, &picture].map(|picture| (picture.width(), picture.height()));
        if sizes[0] != sizes[1] {
            let [size, first] = sizes;
            return Err(ReplayProblem::OtherSize { path: sample, size, first }.into());
        }
        let share = (iteration - first) as f64 / (last - first).max(1) as f64;
        let pixels = [pixels(frame, channels), bar(size.0, share, channels)].concat();
        let shown = if iteration == last { LAST } else { shown };
        animation.add(&pixels, shown).map_err(gif)?;
    }
    Ok((animation.finish().map_err(gif)?, iterations.len()))
}

fn read(path: &Path) -> Result<DynamicImage> {
    let problem = |source| ReplayProblem::Unreadable { path: path.to_owned(), source };
    let bytes = std::fs::read(path).map_err(Error::io("read", path))?;
    let picture = image::load_from_memory_with_format(&bytes, image::ImageFormat::Png);
    Ok(picture.map_err(problem)?)
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

/// At most so many of the iterations, from all over, the ends among them.
fn spaced(iterations: &[u64], most: usize) -> Vec<u64> {
    let count = iterations.len();
    match count <= most {
        true => iterations.to_vec(),
        false => (0..most).map(|i| iterations[i * (count - 1) / (most - 1)]).collect(),
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
        assert!(spaced(&[], 2).is_empty());
    }

    #[test]
    fn bar_grows_with_the_share() {
        assert_eq!(bar(4, 0.0, 1), [DARK; 16]);
        assert_eq!(bar(4, 0.5, 3)[..12], [[LIGHT; 6], [DARK; 6]].concat());
        assert_eq!(bar(4, 1.0, 3), [LIGHT; 48]);
    }
}
