//! Augmentation: running the operations, values computed by hand and by the authors' code, the
//! distribution, and the transpose.

use std::collections::BTreeMap;

use super::bench::{Bench, Output, Placement};
use gan_cuda::choice::Choice;
use gan_cuda::device::cpu::Cpu;
use gan_cuda::device::ops::{AUGMENT_DRAWS, AugmentShape, Augmentation};
use gan_cuda::device::{Device, Real};

use crate::comparator::{Tolerance, compare};
use crate::open::Tested;

/// Rounding of a few numbers of about 1.
const TOLERANCE: Tolerance = Tolerance { rtol: 1e-6, atol: 5e-7 };

impl<D: Device> Bench<'_, D> {
    pub fn augment_forward(mut self, shape: AugmentShape) -> Vec<Output> {
        let x = self.input(-1.0, 1.0, shape.rows * shape.image_len());
        let draws = self.input(0.0, 1.0, shape.rows * AUGMENT_DRAWS);
        let mut y = self.output(shape.rows * shape.image_len());
        self.device.augment_forward(y.view_mut(), x.view(), draws.view(), shape);
        vec![self.sums("y", shape.channels, &y)]
    }

    pub fn augment_backward(mut self, shape: AugmentShape) -> Vec<Output> {
        let dy = self.input(-1.0, 1.0, shape.rows * shape.image_len());
        let draws = self.input(0.0, 1.0, shape.rows * AUGMENT_DRAWS);
        let mut dx = self.output(shape.rows * shape.image_len());
        self.device.augment_backward(dx.view_mut(), dy.view(), draws.view(), shape);
        vec![self.sums("dx", shape.channels, &dx)]
    }
}

/// A batch of images.
fn shape(of: &[Augmentation], [rows, channels, height, width]: [usize; 4]) -> AugmentShape {
    let augmentations = of.iter().copied().collect();
    AugmentShape { rows, channels, height, width, augmentations }
}

/// T(x) for these numbers.
fn forward<D: Device>(device: &D, x: &[f64], draws: &[f64], shape: AugmentShape) -> Vec<f64> {
    let bench = Bench::new(device, Placement::Unaligned);
    let [x, draws] = [x, draws].map(|of| bench.floats(&reals::<D>(of)));
    let mut y = bench.output(shape.rows * shape.image_len());
    device.augment_forward(y.view_mut(), x.view(), draws.view(), shape);
    bench.read("y", &y).values
}

/// The gradient of x.
fn backward<D: Device>(device: &D, dy: &[f64], draws: &[f64], shape: AugmentShape) -> Vec<f64> {
    let bench = Bench::new(device, Placement::Unaligned);
    let [dy, draws] = [dy, draws].map(|of| bench.floats(&reals::<D>(of)));
    let mut dx = bench.output(shape.rows * shape.image_len());
    device.augment_backward(dx.view_mut(), dy.view(), draws.view(), shape);
    bench.read("dx", &dx).values
}

fn reals<D: Device>(values: &[f64]) -> Vec<D::Real> {
    values.iter().copied().map(D::Real::from_f64).collect()
}

fn assert_close(what: &str, got: &[f64], want: &[f64]) {
    compare(got, want, TOLERANCE).unwrap_or_else(|problem| panic!("{what}: {problem}"));
}

/// An augmentation, channels and height, a number and its place in `draws`, and y for [`FOUR`].
type Known = (Augmentation, [usize; 2], usize, f64, [f64; 4]);

const FOUR: [f64; 4] = [0.1, 0.2, 0.3, 0.4];

/// Images of two channels of two pixels, a column of four pixels, and a row of four.
const KNOWN: [Known; 19] = [
    (Augmentation::Flip, [2, 1], 0, 0.49, [0.2, 0.1, 0.4, 0.3]),
    (Augmentation::Flip, [2, 1], 0, 0.5, FOUR),
    // Brightness: a quarter more.
    (Augmentation::Colour, [2, 1], 1, 0.5, FOUR),
    (Augmentation::Colour, [2, 1], 1, 0.75, [0.35, 0.45, 0.55, 0.65]),
    // Saturation: the mean of the channels, and twice as far from it.
    (Augmentation::Colour, [2, 1], 2, 0.0, [0.2, 0.3, 0.2, 0.3]),
    (Augmentation::Colour, [2, 1], 2, 1.0, [0.0, 0.1, 0.4, 0.5]),
    // Contrast: half as far from the image's mean, 0.25.
    (Augmentation::Colour, [2, 1], 3, 0.0, [0.175, 0.225, 0.275, 0.325]),
    // Shifts by half a pixel, rounded up.
    (Augmentation::Translate, [1, 4], 4, 0.0, [0.0, 0.1, 0.2, 0.3]),
    (Augmentation::Translate, [1, 4], 4, 0.5, FOUR),
    (Augmentation::Translate, [1, 4], 4, 0.75, [0.2, 0.3, 0.4, 0.0]),
    (Augmentation::Translate, [1, 1], 5, 0.0, [0.0, 0.1, 0.2, 0.3]),
    (Augmentation::Translate, [1, 1], 5, 0.5, FOUR),
    (Augmentation::Translate, [1, 1], 5, 0.75, [0.2, 0.3, 0.4, 0.0]),
    // Two pixels around one of five centres.
    (Augmentation::Cutout, [1, 4], 6, 0.0, [0.0, 0.2, 0.3, 0.4]),
    (Augmentation::Cutout, [1, 4], 6, 0.5, [0.1, 0.0, 0.0, 0.4]),
    (Augmentation::Cutout, [1, 4], 6, 0.99, [0.1, 0.2, 0.3, 0.0]),
    (Augmentation::Cutout, [1, 1], 7, 0.0, [0.0, 0.2, 0.3, 0.4]),
    (Augmentation::Cutout, [1, 1], 7, 0.5, [0.1, 0.0, 0.0, 0.4]),
    (Augmentation::Cutout, [1, 1], 7, 0.99, [0.1, 0.2, 0.3, 0.0]),
];

pub fn each_augmentation_equals_values_computed_by_hand<D: Tested>() {
    let device = &D::open(false);
    for (augmentation, [channels, height], place, number, y) in KNOWN {
        let extents = [1, channels, height, 4 / channels / height];
        // One half leaves an image as it is, except for its hole.
        let mut draws = [0.5; AUGMENT_DRAWS];
        draws[place] = number;
        let what = format!("{augmentation}, {number} at {place}");
        let got = forward(device, &FOUR, &draws, shape(&[augmentation], extents));
        assert_close(&what, &got, &y);
        let others = Augmentation::ALL.iter().copied();
        let others = others.filter(|one| ![augmentation, Augmentation::Cutout].contains(one));
        let got = forward(device, &FOUR, &draws, shape(&others.collect::<Vec<_>>(), extents));
        assert_close(&format!("not {what}"), &got, &FOUR);
    }
}

/// From `DiffAugment_pytorch.py` of the authors, in double precision, with these numbers in place of
/// its random ones: the policy `color,translation,cutout` on flipped images, and the gradient.
pub fn augmentations_equal_those_of_the_authors<D: Tested>() {
    let device = &D::open(false);
    let draws = [0.25, 0.75, 0.3125, 0.8125, 0.125, 0.875, 0.75, 0.5];
    let shape = shape(Augmentation::ALL, [1, 2, 4, 4]);
    let ramp = |step: usize| (0..32).map(|i| (step * i % 32) as f64 / 16.0 - 1.0).collect();
    let (x, dy): (Vec<f64>, Vec<f64>) = (ramp(7), ramp(5));
    let mut y = [0.0; 32];
    y[4..7].copy_from_slice(&[0.341796875, -0.232421875, -0.806640625]);
    (y[8], y[12]) = (0.013671875, -0.314453125);
    y[20..23].copy_from_slice(&[1.162109375, 0.587890625, 0.013671875]);
    (y[24], y[28]) = (0.833984375, 0.505859375);
    assert_close("y", &forward(device, &x, &draws, shape), &y);
    let mut dx = [-0.008544921875; 32];
    dx[..3].copy_from_slice(&[0.893798828125, 0.483642578125, 0.073486328125]);
    (dx[6], dx[10]) = (-0.418701171875, 0.729736328125);
    dx[16..19].copy_from_slice(&[0.073486328125, -0.336669921875, -0.746826171875]);
    (dx[22], dx[26]) = (0.401611328125, -0.090576171875);
    assert_close("dx", &backward(device, &dy, &draws, shape), &dx);
}

/// Numbers that divide [0, 1) evenly give each shift, and each place of the hole, equally often.
pub fn shifts_and_holes_are_uniform<D: Tested>() {
    let device = &D::open(false);
    for (augmentation, extent, places) in [
        (Augmentation::Translate, 3, 1),
        (Augmentation::Translate, 4, 3),
        (Augmentation::Translate, 28, 9),
        (Augmentation::Translate, 64, 17),
        (Augmentation::Cutout, 1, 1),
        // An odd hole has its centre at a pixel, an even one between two.
        (Augmentation::Cutout, 4, 5),
        (Augmentation::Cutout, 5, 5),
        (Augmentation::Cutout, 6, 6),
        (Augmentation::Cutout, 28, 29),
    ] {
        for (vertical, extents) in [(true, [extent, 1]), (false, [1, extent])] {
            let counts = results(device, augmentation, extents, vertical, 20 * places);
            let what = format!("{augmentation}, {extents:?}");
            assert_eq!(counts.len(), places, "{what}");
            assert!(counts.values().all(|&count| count == 20), "{what}: {counts:?}");
        }
    }
}

/// The different results for `rows` equal images, and how often each occurs.
fn results<D: Device>(
    device: &D,
    augmentation: Augmentation,
    [height, width]: [usize; 2],
    vertical: bool,
    rows: usize,
) -> BTreeMap<Vec<u64>, usize> {
    let image: Vec<f64> = (1..=height * width).map(|i| i as f64).collect();
    let place = match augmentation {
        Augmentation::Translate => 4,
        _ => 6,
    } + usize::from(!vertical);
    let mut draws = vec![0.0; rows * AUGMENT_DRAWS];
    for (i, draws) in draws.chunks_mut(AUGMENT_DRAWS).enumerate() {
        draws[place] = (i as f64 + 0.5) / rows as f64;
    }
    let shape = shape(&[augmentation], [rows, 1, height, width]);
    let y = forward(device, &image.repeat(rows), &draws, shape);
    let mut counts = BTreeMap::new();
    for image in y.chunks(image.len()) {
        *counts.entry(image.iter().map(|&number| number as u64).collect()).or_default() += 1;
    }
    counts
}

/// ⟨dy, T(x) − T(0)⟩ = ⟨Aᵀ·dy, x⟩, in double precision and on the device.
pub fn augment_backward_is_the_transpose<D: Tested>() {
    assert_transposed(&Cpu::<f64>::new(2), 1e-13);
    assert_transposed(&D::open(false), 1e-6);
}

/// The difference is at most `fraction` of the sum of the products' magnitudes.
fn assert_transposed<D: Device>(device: &D, fraction: f64) {
    for extents in [[5, 3, 31, 33], [3, 1, 28, 28], [2, 6, 17, 8], [40, 2, 3, 5]] {
        let shape = shape(Augmentation::ALL, extents);
        let len = shape.rows * shape.image_len();
        let mut bench = Bench::new(device, Placement::Aligned);
        let [x, dy] = [(); 2].map(|()| bench.input(-1.0, 1.0, len));
        let [x, dy] = [x, dy].map(|of| bench.read("numbers", &of).values);
        let draws = bench.input(0.0, 1.0, shape.rows * AUGMENT_DRAWS);
        let draws = bench.read("draws", &draws).values;
        let y = forward(device, &x, &draws, shape);
        let shift = forward(device, &vec![0.0; len], &draws, shape);
        let dx = backward(device, &dy, &draws, shape);
        let (mut difference, mut magnitude) = (0.0, 0.0);
        for i in 0..len {
            let (left, right) = (dy[i] * (y[i] - shift[i]), dx[i] * x[i]);
            difference += left - right;
            magnitude += left.abs() + right.abs();
        }
        assert!(difference.abs() <= fraction * magnitude, "{extents:?}: {difference:e}");
    }
}
