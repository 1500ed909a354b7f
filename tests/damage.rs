//! Sensitivity of the scores of an evaluation: real digits are damaged as a faulty generator would,
//! and each score that should detect the damage must change by a stated factor.

use std::sync::LazyLock;

use gan_cuda::data::{Dataset, DatasetKind, SearchPaths};
use gan_cuda::device::cpu::Cpu;
use gan_cuda::eval::FeatureExtractor;
use gan_cuda::eval::classifier::embedded;
use gan_cuda::eval::classifier::training::LabelledImages;
use gan_cuda::eval::measures::{Points, nearest};
use gan_cuda::eval::real_images::{DataSplit, Sample};
use gan_cuda::eval::score_row::{ReferenceStatistics, ScoreRow};
use gan_cuda::rng::{Stream, below};

const COUNT: usize = 3000;
const SIDE: usize = 28;
const PIXELS: usize = SIDE * SIDE;
const ALL: [u32; 10] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];

static DIGITS: LazyLock<Dataset> =
    LazyLock::new(|| DatasetKind::Mnist.load(&SearchPaths::default()).unwrap());
/// The scores of undamaged digits.
static BASELINE: LazyLock<ScoreRow> = LazyLock::new(|| score(images(), labels()));

fn images() -> Vec<u8> {
    DIGITS.images[..COUNT * PIXELS].to_vec()
}

fn labels() -> Vec<u32> {
    DIGITS.labels[..COUNT].to_vec()
}

/// The scores of images, with MNIST's test images as the reference.
fn score(images: Vec<u8>, labels: Vec<u32>) -> ScoreRow {
    let device = Cpu::<f32>::new(2);
    let classifier = embedded(&device, DatasetKind::Mnist).unwrap();
    let mut extractor = FeatureExtractor::new(Some(classifier), DIGITS.shape);
    let split = DataSplit::new(&DIGITS, Some(DatasetKind::Mnist), None);
    let reference = split.held_out_features(&device, &mut extractor, DIGITS.shape, &[]).unwrap();
    let images = LabelledImages { images: &images, labels: &labels };
    let sample = Sample::of(&device, &mut extractor, images).unwrap();
    let row = ReferenceStatistics::new(&reference, &extractor, 2).score(&sample, &ALL);
    // Shown if a test fails.
    println!("{row:?}");
    row
}

/// The scores of digits, each changed in the same way.
fn score_changed(change: impl Fn(usize, &[u8]) -> Vec<u8>) -> ScoreRow {
    let images = images();
    let each = images.chunks_exact(PIXELS).enumerate();
    score(each.flat_map(|(i, image)| change(i, image)).collect(), labels())
}

fn fcd(row: &ScoreRow) -> f64 {
    row.fcd.unwrap()
}

fn ndb(row: &ScoreRow) -> f64 {
    row.ndb.unwrap()
}

fn fidelity(row: &ScoreRow) -> f64 {
    row.class_fidelity.unwrap()
}

#[test]
fn undamaged_digits_have_good_scores() {
    assert!(fidelity(&BASELINE) > 0.98 && fcd(&BASELINE) < 5.0);
    assert!(BASELINE.kid.abs() < 4.0 * BASELINE.kid_error);
    assert!([BASELINE.precision, BASELINE.recall].iter().all(|&score| score > 0.85));
    assert!((0.9..1.1).contains(&BASELINE.density) && BASELINE.coverage > 0.65);
    assert!(BASELINE.histogram_kl.unwrap() < 0.01 && BASELINE.rarest_share.unwrap() > 0.08);
    assert!(ndb(&BASELINE) < 0.25);
}

#[test]
fn missing_class_changes_the_scores_of_diversity() {
    let (mut images, mut labels) = (images(), labels());
    for i in 0..COUNT {
        if labels[i] == 3 {
            let other = (i..COUNT).chain(0..i).find(|&j| labels[j] != 3).unwrap();
            let copy = images[other * PIXELS..][..PIXELS].to_vec();
            images[i * PIXELS..][..PIXELS].copy_from_slice(&copy);
            labels[i] = labels[other];
        }
    }
    let scores = score(images, labels);
    assert!(fcd(&scores) > 5.0 * fcd(&BASELINE));
    assert!(scores.coverage < BASELINE.coverage - 0.05 && scores.recall < BASELINE.recall - 0.03);
    assert!(scores.histogram_kl.unwrap() > 10.0 * BASELINE.histogram_kl.unwrap());
    assert_eq!(scores.rarest_class, Some(3));
    assert!(scores.rarest_share.unwrap() < 0.01 && ndb(&scores) > ndb(&BASELINE) + 0.05);
    assert!(fidelity(&scores) > 0.98, "the other images are unchanged");
}

#[test]
fn blur_changes_the_distances() {
    let scores = score_changed(|_, image| {
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
    assert!(fcd(&scores) > 10.0 * fcd(&BASELINE) && scores.kid > 5.0 * scores.kid_error);
    assert!(scores.coverage < BASELINE.coverage - 0.2 && ndb(&scores) > 2.0 * ndb(&BASELINE));
}

#[test]
fn added_noise_changes_the_distances() {
    let scores = score_changed(|i, image| {
        let stream = Stream { seed: 1, site: 100 };
        let words = (0..).flat_map(|block| stream.block(block, i as u32));
        let noisy = |(&byte, word): (&u8, u32)| byte.saturating_add(below(word, 128) as u8);
        image.iter().zip(words).map(noisy).collect()
    });
    assert!(fcd(&scores) > 10.0 * fcd(&BASELINE) && scores.kid > 5.0 * scores.kid_error);
    assert!(scores.recall < BASELINE.recall - 0.1 && scores.coverage < BASELINE.coverage - 0.2);
}

#[test]
fn pure_noise_has_bad_scores() {
    let scores = score_changed(|i, _| {
        let stream = Stream { seed: 2, site: 100 };
        let words = (0..).flat_map(|block| stream.block(block, i as u32));
        words.map(|word| (word >> 24) as u8).take(PIXELS).collect()
    });
    assert!(fcd(&scores) > 100.0 * fcd(&BASELINE) && scores.kid > 10.0 * scores.kid_error);
    assert!(scores.precision < 0.2 && scores.density < 0.1 && scores.coverage < 0.05);
    assert!(fidelity(&scores) < 0.2 && ndb(&scores) > 0.8);
}

#[test]
fn one_repeated_image_has_bad_scores_of_diversity() {
    let one = DIGITS.images[..PIXELS].to_vec();
    let scores = score(one.repeat(COUNT), vec![DIGITS.labels[0]; COUNT]);
    assert!(scores.recall < 0.01 && scores.coverage < 0.05 && ndb(&scores) > 0.8);
    assert!(scores.histogram_kl.unwrap() > 2.0, "ln 10 is 2.3");
}

#[test]
fn copies_of_training_images_are_nearer_than_unseen_digits() {
    let digits =
        |range: std::ops::Range<usize>| &DIGITS.images[range.start * PIXELS..range.end * PIXELS];
    let training = Points::new(digits(0..5000), PIXELS);
    let distance = |images: &[u8]| nearest::mean_distance(Points::new(images, PIXELS), training, 2);
    let unseen = distance(digits(5000..6000));
    assert_eq!(distance(digits(1000..2000)), 0.0);
    let half = [digits(1000..1500), digits(5000..5500)].concat();
    let ratio = distance(&half) / unseen;
    assert!((0.4..0.6).contains(&ratio), "{ratio}");
    assert!((0.9..1.1).contains(&(distance(digits(6000..7000)) / unseen)));
}
