//! Augmentation of images.

use gan_cuda::choice::Choice;
use gan_cuda::device::ops::{AUGMENT_DRAWS, AugmentShape, Augmentation};

use crate::clock::Timed;
use crate::{Bench, layers};

pub fn all<D: Timed>(bench: &mut Bench<'_, D>) {
    for [rows, channels, height, width] in layers::images() {
        for some in [&Augmentation::ALL[..3], Augmentation::ALL] {
            let augmentations = some.iter().copied().collect();
            let shape = AugmentShape { rows, channels, height, width, augmentations };
            let name = if some.len() == 4 { "all" } else { "moved" };
            let size = format!("{rows}x{channels}x{height}x{width}-{name}");
            augment_forward(bench, &size, shape);
            augment_backward(bench, &size, shape);
        }
    }
}

/// Reads x and the random numbers, writes y.
fn augment_forward<D: Timed>(bench: &mut Bench<'_, D>, size: &str, shape: AugmentShape) {
    let (all, count) = (shape.rows * shape.image_len(), shape.rows * AUGMENT_DRAWS);
    let (x, mut y, draws) = (bench.numbers(all), bench.numbers(all), bench.halves(count));
    bench.moves("augment_forward", size, 2 * all + count, |device| {
        let (y, x) = (D::view_mut(&mut y, 0..all), D::view(&x, 0..all));
        device.augment_forward(y, x, D::view(&draws, 0..count), shape);
    });
}

/// Reads dy and the random numbers, writes dx.
fn augment_backward<D: Timed>(bench: &mut Bench<'_, D>, size: &str, shape: AugmentShape) {
    let (all, count) = (shape.rows * shape.image_len(), shape.rows * AUGMENT_DRAWS);
    let (dy, mut dx, draws) = (bench.numbers(all), bench.numbers(all), bench.halves(count));
    bench.moves("augment_backward", size, 2 * all + count, |device| {
        let (dx, dy) = (D::view_mut(&mut dx, 0..all), D::view(&dy, 0..all));
        device.augment_backward(dx, dy, D::view(&draws, 0..count), shape);
    });
}
