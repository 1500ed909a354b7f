//! Distance to the nearest training image: whether images are copies.
//!
//! The distance between two images is √ Σ (u − v)² / 255, over their bytes u and v. Its mean over
//! images is 0 if all are copies. What is small or large depends on the data, so it is compared
//! with the distance from training images to the nearest other training image
//! ([`mean_to_nearest_other`]): a ratio well below 1 means that images are nearer to training
//! images than those are to each other.
//!
//! Bytes and sums of their squares are integers, so distances are exact, and 0 for copies.

use super::Points;
use super::pair_filter::PairFilter;
use super::pairs;

/// The mean distance from each image to the nearest training image.
///
/// # Panics
/// When there are no images or no training images, or their sizes differ.
pub fn mean_distance(images: Points<'_, u8>, training: Points<'_, u8>, threads: usize) -> f64 {
    mean_of_nearest(images, training, threads, |_, _| false)
}

/// The mean distance from training images to the nearest other training image, over the training
/// images of the given indices: some thousand are representative of all.
///
/// # Panics
/// When there are no indices, or fewer than two training images.
pub fn mean_to_nearest_other(training: Points<'_, u8>, indices: &[usize], threads: usize) -> f64 {
    assert!(training.len() > 1, "a training image without others");
    let images: Vec<u8> = indices.iter().flat_map(|&i| training.row(i)).copied().collect();
    let images = Points::new(&images, training.dimensions());
    mean_of_nearest(images, training, threads, |i, j| indices[i] == j)
}

/// `skips(i, j)` excludes training image `j` for image `i`, as they are the same image.
fn mean_of_nearest(
    images: Points<'_, u8>,
    training: Points<'_, u8>,
    threads: usize,
    skips: impl Fn(usize, usize) -> bool + Sync,
) -> f64 {
    assert!(!images.is_empty() && !training.is_empty(), "no images to compare");
    let filter = PairFilter::new(images, training);
    let nearest = pairs::fold(
        (images, training),
        threads,
        |rows| vec![f64::INFINITY; rows.len()],
        |nearest, tile| {
            for (i, nearest) in tile.rows.clone().zip(nearest) {
                *nearest =
                    filter.for_each_candidate(&tile, i, *nearest, |j, nearest| match skips(i, j) {
                        true => nearest,
                        false => nearest.min(filter.squared_distance(i, j)),
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
    fn distance_is_to_the_nearest_image_and_divided_by_255() {
        let training = [0, 0, 255, 255, 100, 100];
        let training = Points::new(&training, 2);
        // (3, 4) from black, and (0, 51) from white.
        let found = mean_distance(Points::new(&[3, 4, 255, 204], 2), training, 1);
        assert!((found - (5.0 / 255.0 + 0.2) / 2.0).abs() < 1e-15, "{found}");
    }

    #[test]
    fn distance_of_copies_is_zero() {
        let training: Vec<u8> = (0..50 * 784_u32).map(|i| (i * i / 7 % 251) as u8).collect();
        let training = Points::new(&training, 784);
        let copies = Points::new(training.rows(20..30), 784);
        assert_eq!(mean_distance(copies, training, 2), 0.0);
        assert!(mean_to_nearest_other(training, &[20, 29], 2) > 1.0);
    }

    #[test]
    fn image_with_one_changed_byte_is_no_copy() {
        // The squared norms are about 5 · 10⁷, where `f32` has a spacing of 4.
        let white = vec![255; 784 * 3];
        let mut nearly = vec![255; 784];
        nearly[300] = 254;
        let found = mean_distance(Points::new(&nearly, 784), Points::new(&white, 784), 1);
        assert_eq!(found, 1.0 / 255.0);
    }

    #[test]
    fn training_image_is_not_its_own_neighbour_but_a_duplicate_is() {
        let training = [0, 51, 51, 255];
        let training = Points::new(&training, 1);
        assert_eq!(mean_to_nearest_other(training, &[0], 1), 0.2);
        assert_eq!(mean_to_nearest_other(training, &[1, 2], 1), 0.0);
        assert_eq!(mean_to_nearest_other(training, &[3, 0, 1, 2], 1), (0.8 + 0.2) / 4.0);
    }
}
