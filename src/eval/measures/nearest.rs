//! Distance to the nearest training image: whether images are copies.
//!
//! The distance of two images is that of their bytes divided by 255, √ Σ (u − v)² / 255. Its mean over
//! images is 0 if all are copies. What is small and what is large depends on the data; so the
//! distance from training images to their nearest others ([`mean_among_themselves`]) is what it is compared
//! with: a ratio well below 1 means that images are nearer to training images than those are to each other.
//!
//! Bytes and sums of their squares are whole numbers: distances are exact, and those of copies 0.

use super::Points;
use super::pairs;
use super::screen::Screen;

/// The mean distance from each of the images to the nearest of the training images.
///
/// # Panics
/// When there are none of either, or they have different sizes.
pub fn mean_distance(images: Points<'_, u8>, training: Points<'_, u8>, threads: usize) -> f64 {
    mean_of_nearest(images, training, threads, |_, _| false)
}

/// The mean distance from training images to the nearest other training image, over those of the given
/// numbers: some thousand of them stand for all.
///
/// # Panics
/// When there are none, or less than two training images.
pub fn mean_among_themselves(training: Points<'_, u8>, some: &[usize], threads: usize) -> f64 {
    assert!(training.len() > 1, "a training image without others");
    let images: Vec<u8> = some.iter().flat_map(|&i| training.row(i)).copied().collect();
    let images = Points::new(&images, training.dimensions());
    mean_of_nearest(images, training, threads, |i, j| some[i] == j)
}

/// `skips` says of image `i` that it is training image `j` itself.
fn mean_of_nearest(
    images: Points<'_, u8>,
    training: Points<'_, u8>,
    threads: usize,
    skips: impl Fn(usize, usize) -> bool + Sync,
) -> f64 {
    assert!(!images.is_empty() && !training.is_empty(), "no images to compare");
    let screen = Screen::new(images, training);
    let nearest = pairs::fold(
        (images, training),
        threads,
        |rows| vec![f64::INFINITY; rows.len()],
        |nearest, tile| {
            for (i, nearest) in tile.rows.clone().zip(nearest) {
                *nearest = screen.near(&tile, i, *nearest, |j, nearest| match skips(i, j) {
                    true => nearest,
                    false => nearest.min(screen.squared_distance(i, j)),
                });
            }
        },
    );
    let distances = nearest.concat().into_iter().map(|squared| squared.sqrt() / 255.0);
    distances.sum::<f64>() / images.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_is_to_the_nearest_in_parts_of_255() {
        let training = [0, 0, 255, 255, 100, 100];
        let training = Points::new(&training, 2);
        // (3, 4) from black, and (0, 51) from white.
        let found = mean_distance(Points::new(&[3, 4, 255, 204], 2), training, 1);
        assert!((found - (5.0 / 255.0 + 0.2) / 2.0).abs() < 1e-15, "{found}");
    }

    #[test]
    fn copies_have_no_distance() {
        let training: Vec<u8> = (0..50 * 784_u32).map(|i| (i * i / 7 % 251) as u8).collect();
        let training = Points::new(&training, 784);
        let copies = Points::new(training.rows(20..30), 784);
        assert_eq!(mean_distance(copies, training, 2), 0.0);
        assert!(mean_among_themselves(training, &[20, 29], 2) > 1.0);
    }

    #[test]
    fn one_byte_apart_is_no_copy() {
        // The squared norms are 5 · 10⁷, and single precision has steps of 4 there.
        let white = vec![255; 784 * 3];
        let mut nearly = vec![255; 784];
        nearly[300] = 254;
        let found = mean_distance(Points::new(&nearly, 784), Points::new(&white, 784), 1);
        assert_eq!(found, 1.0 / 255.0);
    }

    #[test]
    fn training_image_is_not_its_own_neighbour_but_its_double_is() {
        let training = [0, 51, 51, 255];
        let training = Points::new(&training, 1);
        assert_eq!(mean_among_themselves(training, &[0], 1), 0.2);
        assert_eq!(mean_among_themselves(training, &[1, 2], 1), 0.0);
        assert_eq!(mean_among_themselves(training, &[3, 0, 1, 2], 1), (0.8 + 0.2) / 4.0);
    }
}
