//! What a generator may do wrong, each done to a sample that is right: the measures that are there to see
//! it move by these factors.

use std::sync::LazyLock;

use gan_cuda::rng::Stream;

use crate::clusters::{CLASSES, DIMENSIONS, Sample, normal};
use crate::scores::{Scores, scores};

const COUNT: usize = 2000;

static REFERENCE: LazyLock<Sample> = LazyLock::new(|| Sample::new(COUNT, 1));
/// Right, and no copy: of the reference's distribution.
static REAL: LazyLock<Sample> = LazyLock::new(|| Sample::new(COUNT, 2));
/// What is to be had by it.
static FLOOR: LazyLock<Scores> = LazyLock::new(|| of(&REAL));

fn of(sample: &Sample) -> Scores {
    let found = scores(sample, &REFERENCE, 2);
    // Shown where a test fails.
    println!("{found:?}");
    found
}

/// The number of another image, whose class is not the third, for one whose class is.
fn without_third(i: usize) -> usize {
    (i..COUNT).chain(0..i).find(|&i| REAL.classes[i] != 3).unwrap()
}

/// The mean of an image's class, in the place of feature `i` of all.
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
fn real_images_are_near_the_floor_of_every_measure() {
    assert!(FLOOR.kid.abs() < 3.0 * FLOOR.kid_error, "{:?}", *FLOOR);
    assert!(FLOOR.precision > 0.8 && FLOOR.recall > 0.8 && FLOOR.coverage > 0.9);
    assert!((0.9..1.1).contains(&FLOOR.density) && FLOOR.ndb < 0.15);
    assert!((FLOOR.nearest / FLOOR.nearest_among_themselves - 1.0).abs() < 0.05);
}

#[test]
fn missing_class_is_seen_by_recall_coverage_and_the_histogram_not_by_precision() {
    let found = of(&REAL.rearranged(without_third));
    assert!(found.recall < FLOOR.recall - 0.07 && found.coverage < FLOOR.coverage - 0.07);
    assert!(found.histogram_kl > 10.0 * FLOOR.histogram_kl && found.rarest_share == 0.0);
    assert!(found.fcd > 10.0 * FLOOR.fcd && found.kid > 5.0 * found.kid_error);
    assert!(found.ndb > 2.0 * FLOOR.ndb && (found.precision - FLOOR.precision).abs() < 0.03);
}

#[test]
fn images_shrunk_towards_the_mean_of_their_class_lack_recall_and_crowd() {
    let means = class_means();
    let mean = |i| means[REAL.classes[i / DIMENSIONS] as usize * DIMENSIONS + i % DIMENSIONS];
    let found = of(&REAL.changed(|i, x| mean(i) + 0.7 * (x - mean(i))));
    assert!(found.recall < FLOOR.recall / 2.0 && found.density > 2.0 * FLOOR.density);
    assert!(found.fcd > 2.0 * FLOOR.fcd && found.precision > FLOOR.precision);
}

#[test]
fn images_shrunk_towards_the_mean_of_all_lack_recall_and_precision() {
    let points = REAL.points();
    let column = |d: usize| points.iter().map(|point| point[d]).sum::<f32>() / COUNT as f32;
    let means: Vec<f32> = (0..DIMENSIONS).map(column).collect();
    let found = of(&REAL.changed(|i, x| 0.2 * means[i % DIMENSIONS] + 0.8 * x));
    assert!(found.recall < FLOOR.recall / 5.0 && found.coverage < 0.8 * FLOOR.coverage);
    assert!(found.precision < FLOOR.precision - 0.05 && found.ndb > 4.0 * FLOOR.ndb);
    assert!(found.fcd > 10.0 * FLOOR.fcd && found.kid > 5.0 * found.kid_error);
}

#[test]
fn noise_is_seen_by_precision_density_and_coverage_not_by_recall() {
    let stream = Stream { seed: 8, site: 8 };
    let found = of(&REAL.changed(|i, x| x + 0.4 * normal(stream.block(i as u32, 0))));
    assert!(found.precision < FLOOR.precision / 2.0 && found.density < FLOOR.density / 4.0);
    assert!(found.coverage < FLOOR.coverage / 2.0 && found.fcd > 3.0 * FLOOR.fcd);
    assert!(found.recall > FLOOR.recall && found.nearest > 1.1 * FLOOR.nearest);
}

#[test]
fn copies_of_training_images_have_no_distance_from_them() {
    let found = of(&REFERENCE);
    assert_eq!((found.nearest, found.ndb, found.histogram_kl), (0.0, 0.0, 0.0));
    // A twentieth of copies is a twentieth of distance less.
    let mut some = REAL.clone();
    let few = COUNT / 20 * DIMENSIONS;
    some.features[..few].copy_from_slice(&REFERENCE.features[..few]);
    let ratio = of(&some).nearest / FLOOR.nearest;
    assert!((0.94..0.96).contains(&ratio), "{ratio}");
}

#[test]
fn few_images_over_and_over_lack_recall_and_coverage() {
    let found = of(&REAL.rearranged(|i| i % 50));
    assert!(found.recall < 0.01 && found.coverage < FLOOR.coverage / 4.0);
    assert!(found.ndb > 4.0 * FLOOR.ndb && found.fcd > 10.0 * FLOOR.fcd);
}
