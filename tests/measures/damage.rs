//! Sensitivity of the measures: a good sample is damaged as a faulty generator would, and each
//! measure that should detect the damage must change by a stated factor.

use std::sync::LazyLock;

use gan_cuda::rng::Stream;

use crate::clusters::{CLASSES, DIMENSIONS, Sample, normal};
use crate::scores::{Scores, scores};

const COUNT: usize = 2000;

static REFERENCE: LazyLock<Sample> = LazyLock::new(|| Sample::new(COUNT, 1));
/// A good sample: from the same distribution as the reference, without copies of it.
static REAL: LazyLock<Sample> = LazyLock::new(|| Sample::new(COUNT, 2));
/// The scores of the good sample.
static BASELINE: LazyLock<Scores> = LazyLock::new(|| score(&REAL));

fn score(sample: &Sample) -> Scores {
    let scores = scores(sample, &REFERENCE, 2);
    // Shown if a test fails.
    println!("{scores:?}");
    scores
}

/// The index of an image of another class in place of an image of class 3.
fn without_class_3(i: usize) -> usize {
    (i..COUNT).chain(0..i).find(|&i| REAL.classes[i] != 3).unwrap()
}

/// The mean features of each class: (classes, dimensions).
fn class_means() -> Vec<f32> {
    let mut sums = vec![0.0; CLASSES * DIMENSIONS];
    let mut counts = [0.0; CLASSES];
    for (point, &class) in REAL.points().iter().zip(&REAL.classes) {
        counts[class as usize] += 1.0;
        let sums = &mut sums[class as usize * DIMENSIONS..][..DIMENSIONS];
        sums.iter_mut().zip(point).for_each(|(sum, x)| *sum += x);
    }
    let mean = |(i, sum): (usize, &f32)| sum / counts[i / DIMENSIONS];
    sums.iter().enumerate().map(mean).collect()
}

#[test]
fn good_sample_has_good_scores() {
    assert!(BASELINE.kid.abs() < 3.0 * BASELINE.kid_error, "{:?}", *BASELINE);
    assert!(BASELINE.precision > 0.8 && BASELINE.recall > 0.8 && BASELINE.coverage > 0.9);
    assert!((0.9..1.1).contains(&BASELINE.density) && BASELINE.ndb < 0.15);
    assert!((BASELINE.nearest / BASELINE.nearest_other - 1.0).abs() < 0.05);
}

#[test]
fn missing_class_changes_recall_coverage_and_histogram_not_precision() {
    let scores = score(&REAL.resampled(without_class_3));
    assert!(scores.recall < BASELINE.recall - 0.07 && scores.coverage < BASELINE.coverage - 0.07);
    assert!(scores.histogram_kl > 10.0 * BASELINE.histogram_kl && scores.rarest_share == 0.0);
    assert!(scores.fcd > 10.0 * BASELINE.fcd && scores.kid > 5.0 * scores.kid_error);
    assert!(
        scores.ndb > 2.0 * BASELINE.ndb && (scores.precision - BASELINE.precision).abs() < 0.03
    );
}

#[test]
fn points_shrunk_towards_their_class_mean_have_low_recall_and_high_density() {
    let means = class_means();
    let mean = |i| means[REAL.classes[i / DIMENSIONS] as usize * DIMENSIONS + i % DIMENSIONS];
    let scores = score(&REAL.changed(|i, x| mean(i) + 0.7 * (x - mean(i))));
    assert!(scores.recall < BASELINE.recall / 2.0 && scores.density > 2.0 * BASELINE.density);
    assert!(scores.fcd > 2.0 * BASELINE.fcd && scores.precision > BASELINE.precision);
}

#[test]
fn points_shrunk_towards_the_mean_of_all_have_low_recall_and_precision() {
    let points = REAL.points();
    let column = |d: usize| points.iter().map(|point| point[d]).sum::<f32>() / COUNT as f32;
    let means: Vec<f32> = (0..DIMENSIONS).map(column).collect();
    let scores = score(&REAL.changed(|i, x| 0.2 * means[i % DIMENSIONS] + 0.8 * x));
    assert!(scores.recall < BASELINE.recall / 5.0 && scores.coverage < 0.8 * BASELINE.coverage);
    assert!(scores.precision < BASELINE.precision - 0.05 && scores.ndb > 4.0 * BASELINE.ndb);
    assert!(scores.fcd > 10.0 * BASELINE.fcd && scores.kid > 5.0 * scores.kid_error);
}

#[test]
fn noise_changes_precision_density_and_coverage_not_recall() {
    let stream = Stream { seed: 8, site: 8 };
    let scores = score(&REAL.changed(|i, x| x + 0.4 * normal(stream.block(i as u32, 0))));
    assert!(scores.precision < BASELINE.precision / 2.0 && scores.density < BASELINE.density / 4.0);
    assert!(scores.coverage < BASELINE.coverage / 2.0 && scores.fcd > 3.0 * BASELINE.fcd);
    assert!(scores.recall > BASELINE.recall && scores.nearest > 1.1 * BASELINE.nearest);
}

#[test]
fn copies_of_training_images_have_distance_zero() {
    let scores = score(&REFERENCE);
    assert_eq!((scores.nearest, scores.ndb, scores.histogram_kl), (0.0, 0.0, 0.0));
    // If 5 % of the sample are copies, the mean distance is 5 % smaller.
    let mut some = REAL.clone();
    let few = COUNT / 20 * DIMENSIONS;
    some.features[..few].copy_from_slice(&REFERENCE.features[..few]);
    let ratio = score(&some).nearest / BASELINE.nearest;
    assert!((0.94..0.96).contains(&ratio), "{ratio}");
}

#[test]
fn few_repeated_points_have_low_recall_and_coverage() {
    let scores = score(&REAL.resampled(|i| i % 50));
    assert!(scores.recall < 0.01 && scores.coverage < BASELINE.coverage / 4.0);
    assert!(scores.ndb > 4.0 * BASELINE.ndb && scores.fcd > 10.0 * BASELINE.fcd);
}
