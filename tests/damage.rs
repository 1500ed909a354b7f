//! What a generator may do wrong, done to real digits: each column of an evaluation that should see
//! it moves, by a stated factor, and what it should not move stays.

use std::sync::LazyLock;

use gan_cuda::data::{Dataset, DatasetKind, SearchPaths};
use gan_cuda::device::cpu::Cpu;
use gan_cuda::eval::Eye;
use gan_cuda::eval::classifier::training::Labelled;
use gan_cuda::eval::classifier::{FEATURES, embedded};
use gan_cuda::eval::measures::{Points, nearest};
use gan_cuda::eval::real::{Divided, Sample};
use gan_cuda::eval::row::{Row, Yardstick};
use gan_cuda::rng::{Stream, below};

const COUNT: usize = 3000;
const SIDE: usize = 28;
const PIXELS: usize = SIDE * SIDE;
const ALL: [u32; 10] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];

static DIGITS: LazyLock<Dataset> =
    LazyLock::new(|| DatasetKind::Mnist.load(&SearchPaths::default()).unwrap());
/// Digits as they are.
static FLOOR: LazyLock<Row> = LazyLock::new(|| score(images(), labels()));

fn images() -> Vec<u8> {
    DIGITS.images[..COUNT * PIXELS].to_vec()
}

fn labels() -> Vec<u32> {
    DIGITS.labels[..COUNT].to_vec()
}

/// The row of a table for these images, against MNIST's test images.
fn score(images: Vec<u8>, labels: Vec<u32>) -> Row {
    let device = Cpu::<f32>::new(2);
    let classifier = embedded(&device, DatasetKind::Mnist).unwrap();
    let mut eye = Eye::new(Some(classifier), DIGITS.shape);
    let divided = Divided::new(&DIGITS, Some(DatasetKind::Mnist), None);
    let reference = divided.see_held_out(&device, &mut eye, DIGITS.shape, &[]).unwrap();
    let images = Labelled { images: &images, labels: &labels };
    let sample = Sample::of(&device, &mut eye, images).unwrap();
    let row = Yardstick::new(&reference, Some(10), FEATURES, 2).measure(&sample, &ALL);
    // Shown where a test fails.
    println!("{row:?}");
    row
}

/// Each image changed in the same way.
fn changed(change: impl Fn(usize, &[u8]) -> Vec<u8>) -> Row {
    let images = images();
    let each = images.chunks_exact(PIXELS).enumerate();
    score(each.flat_map(|(i, image)| change(i, image)).collect(), labels())
}

fn fcd(row: &Row) -> f64 {
    row.fcd.unwrap()
}

fn ndb(row: &Row) -> f64 {
    row.ndb.unwrap()
}

fn fidelity(row: &Row) -> f64 {
    row.class_fidelity.unwrap()
}

#[test]
fn digits_are_near_the_floor_of_every_column() {
    assert!(fidelity(&FLOOR) > 0.98 && fcd(&FLOOR) < 5.0);
    assert!(FLOOR.kid.abs() < 4.0 * FLOOR.kid_error);
    assert!([FLOOR.precision, FLOOR.recall].iter().all(|&share| share > 0.85));
    assert!((0.9..1.1).contains(&FLOOR.density) && FLOOR.coverage > 0.65);
    assert!(FLOOR.histogram_kl.unwrap() < 0.01 && FLOOR.rarest_share.unwrap() > 0.08);
    assert!(ndb(&FLOOR) < 0.25);
}

#[test]
fn missing_class_is_seen_by_all_that_see_variety() {
    let (mut images, mut labels) = (images(), labels());
    for i in 0..COUNT {
        if labels[i] == 3 {
            let other = (i..COUNT).chain(0..i).find(|&j| labels[j] != 3).unwrap();
            let copy = images[other * PIXELS..][..PIXELS].to_vec();
            images[i * PIXELS..][..PIXELS].copy_from_slice(&copy);
            labels[i] = labels[other];
        }
    }
    let found = score(images, labels);
    assert!(fcd(&found) > 5.0 * fcd(&FLOOR));
    assert!(found.coverage < FLOOR.coverage - 0.05 && found.recall < FLOOR.recall - 0.03);
    assert!(found.histogram_kl.unwrap() > 10.0 * FLOOR.histogram_kl.unwrap());
    assert_eq!(found.rarest_class, Some(3));
    assert!(found.rarest_share.unwrap() < 0.01 && ndb(&found) > ndb(&FLOOR) + 0.05);
    assert!(fidelity(&found) > 0.98, "what is there is as it was");
}

#[test]
fn blur_is_seen_by_the_distances() {
    let found = changed(|_, image| {
        let near = |at: usize| at.saturating_sub(2)..(at + 3).min(SIDE);
        let mean = |i: usize| {
            let (y, x) = (i / SIDE, i % SIDE);
            let pixels: Vec<_> = near(y)
                .flat_map(|y| near(x).map(move |x| u32::from(image[y * SIDE + x])))
                .collect();
            (pixels.iter().sum::<u32>() / pixels.len() as u32) as u8
        };
        (0..PIXELS).map(mean).collect()
    });
    assert!(fcd(&found) > 10.0 * fcd(&FLOOR) && found.kid > 5.0 * found.kid_error);
    assert!(found.coverage < FLOOR.coverage - 0.2 && ndb(&found) > 2.0 * ndb(&FLOOR));
}

#[test]
fn noise_on_top_is_seen_by_the_distances() {
    let found = changed(|i, image| {
        let stream = Stream { seed: 1, site: 100 };
        let words = (0..).flat_map(|block| stream.block(block, i as u32));
        let noisy = |(&byte, word): (&u8, u32)| byte.saturating_add(below(word, 128) as u8);
        image.iter().zip(words).map(noisy).collect()
    });
    assert!(fcd(&found) > 10.0 * fcd(&FLOOR) && found.kid > 5.0 * found.kid_error);
    assert!(found.recall < FLOOR.recall - 0.1 && found.coverage < FLOOR.coverage - 0.2);
}

#[test]
fn noise_alone_is_like_no_digit_by_any_column() {
    let found = changed(|i, _| {
        let stream = Stream { seed: 2, site: 100 };
        let words = (0..).flat_map(|block| stream.block(block, i as u32));
        words.map(|word| (word >> 24) as u8).take(PIXELS).collect()
    });
    assert!(fcd(&found) > 100.0 * fcd(&FLOOR) && found.kid > 10.0 * found.kid_error);
    assert!(found.precision < 0.2 && found.density < 0.1 && found.coverage < 0.05);
    assert!(fidelity(&found) < 0.2 && ndb(&found) > 0.8);
}

#[test]
fn one_image_over_and_over_is_seen_by_variety_and_not_by_precision() {
    let one = DIGITS.images[..PIXELS].to_vec();
    let found = score(one.repeat(COUNT), vec![DIGITS.labels[0]; COUNT]);
    assert!(found.recall < 0.01 && found.coverage < 0.05 && ndb(&found) > 0.8);
    assert!(found.histogram_kl.unwrap() > 2.0, "ln 10 is 2.3");
}

#[test]
fn copies_of_training_images_are_nearer_than_digits_that_were_not_seen() {
    let digits =
        |range: std::ops::Range<usize>| &DIGITS.images[range.start * PIXELS..range.end * PIXELS];
    let training = Points::new(digits(0..5000), PIXELS);
    let distance = |images: &[u8]| nearest::mean_distance(Points::new(images, PIXELS), training, 2);
    let usual = distance(digits(5000..6000));
    assert_eq!(distance(digits(1000..2000)), 0.0);
    let half = [digits(1000..1500), digits(5000..5500)].concat();
    let ratio = distance(&half) / usual;
    assert!((0.4..0.6).contains(&ratio), "{ratio}");
    assert!((0.9..1.1).contains(&(distance(digits(6000..7000)) / usual)));
}
