//! Data sets brought into the shape a network takes.

use gan_cuda::data::{Dataset, DatasetKind, ImageShape, Places};

fn embedded() -> Dataset {
    DatasetKind::Mnist.load(&Places::default()).unwrap()
}

fn mean(values: &[u8]) -> f64 {
    values.iter().map(|&value| f64::from(value)).sum::<f64>() / values.len() as f64
}

#[test]
fn constant_images_stay_constant_in_every_shape() {
    for (size, channels) in [(28, 1), (32, 1), (14, 1), (33, 3), (1, 1), (64, 3)] {
        let mut digits = embedded();
        digits.images.truncate(784 * 2);
        digits.images.fill(201);
        let shaped = digits.with_shape(size, channels).unwrap();
        assert_eq!(shaped.len(), 2);
        assert_eq!(shaped.images.len(), 2 * channels * size * size);
        assert!(shaped.images.iter().all(|&value| value == 201), "{size} {channels}");
    }
}

#[test]
fn resizing_keeps_the_mean_brightness() {
    for size in [32, 20, 64] {
        let digits = embedded();
        let before = mean(&digits.images);
        let after = mean(&digits.with_shape(size, 1).unwrap().images);
        assert!((after - before).abs() < 0.5, "28 → {size}: {before} → {after}");
    }
}

#[test]
fn grey_is_repeated_for_three_channels_and_back() {
    let digits = embedded();
    let first = digits.image(0).to_vec();
    let colour = digits.with_shape(28, 3).unwrap();
    assert_eq!((colour.len(), colour.shape.channels), (10_000, 3));
    assert_eq!(colour.image(0), [&first[..], &first, &first].concat());
    assert_eq!(colour.with_shape(28, 1).unwrap().image(0), first);
}

#[test]
fn images_that_are_not_square_are_cropped_in_the_middle() {
    let shape = ImageShape { channels: 1, height: 2, width: 5 };
    let mut wide = Dataset::synthetic(shape, 1, 0);
    wide.images = vec![0, 1, 2, 3, 4, 10, 11, 12, 13, 14];
    assert_eq!(wide.with_shape(2, 1).unwrap().images, [1, 2, 11, 12]);
}

#[test]
fn the_right_shape_is_left_alone() {
    let digits = embedded();
    let place = digits.images.as_ptr();
    assert_eq!(digits.with_shape(28, 1).unwrap().images.as_ptr(), place);
}

#[test]
fn impossible_shapes_are_errors() {
    for (size, channels, problem) in [
        (0, 1, "at least one row"),
        (28, 2, "2 channels: there must be 1 (grey) or 3 (rgb)"),
        (28, 0, "0 channels"),
        (1 << 31, 3, "do not fit into memory"),
    ] {
        let text = embedded().with_shape(size, channels).unwrap_err().to_string();
        assert!(text.starts_with("cannot turn images of 28×28 grey into "), "{text}");
        assert!(text.contains(problem), "{text} should say {problem}");
    }
}
