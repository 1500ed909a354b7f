//! What an iteration draws and gathers: noise, labels, masks, images; embeddings and copies.

use gan_cuda::device::ops::{BatchShape, EmbeddingShape, Latent};

use crate::clock::Timed;
use crate::{Bench, STREAM, layers};

/// Images of the data set that batches are gathered from.
const IMAGES: usize = 512;

pub fn all<D: Timed>(bench: &mut Bench<'_, D>) {
    for size in layers::drawn(|settings| settings.latent_dim) {
        noise_draw(bench, size, Latent::Normal);
        noise_draw(bench, size, Latent::Uniform);
    }
    layers::dropped().iter().for_each(|&size| mask_draw(bench, size));
    for size in layers::drawn(|settings| settings.image.pixels()) {
        images_gather(bench, size);
        copy(bench, size);
    }
    for shape in layers::embeddings() {
        labels_draw(bench, &shape);
        labels_gather(bench, &shape);
        embedding_concat(bench, &shape);
        embedding_backward(bench, &shape);
    }
}

/// Writes z.
fn noise_draw<D: Timed>(bench: &mut Bench<'_, D>, [rows, columns]: [usize; 2], latent: Latent) {
    let (all, step) = (rows * columns, bench.step());
    let mut z = bench.numbers(all);
    bench.moves("noise_draw", &format!("{rows}x{columns}-{latent}"), all, |device| {
        device.noise_draw(D::view_mut(&mut z, 0..all), D::view(&step, 0..1), STREAM, latent);
    });
}

/// Writes the mask.
fn mask_draw<D: Timed>(bench: &mut Bench<'_, D>, [rows, columns]: [usize; 2]) {
    let (all, step) = (rows * columns, bench.step());
    let mut mask = bench.ones(all);
    bench.moves("mask_draw", &format!("{rows}x{columns}"), all, |device| {
        device.mask_draw(D::view_mut(&mut mask, 0..all), D::view(&step, 0..1), STREAM, 0.4);
    });
}

/// Writes the labels.
fn labels_draw<D: Timed>(bench: &mut Bench<'_, D>, shape: &EmbeddingShape) {
    let (rows, step) = (shape.rows, bench.step());
    let mut labels = bench.device.allocate::<u32>(rows).expect("memory");
    bench.moves("labels_draw", &rows.to_string(), rows, |device| {
        let labels = D::view_mut(&mut labels, 0..rows);
        device.labels_draw(labels, D::view(&step, 0..1), STREAM, shape.classes);
    });
}

fn batch_shape(rows: usize, pixels: usize) -> BatchShape {
    BatchShape { rows, batch_size: rows, iterations_per_epoch: 1, pixels }
}

/// Reads a byte for each number that it writes, and a place in the order for each image.
fn images_gather<D: Timed>(bench: &mut Bench<'_, D>, [rows, pixels]: [usize; 2]) {
    let (all, step) = (rows * pixels, bench.step());
    let images = bench.device.allocate::<u8>(IMAGES * pixels).expect("memory");
    let (order, mut x) = (order(bench), bench.numbers(all));
    let numbers = all + all / 4 + rows;
    bench.moves("images_gather", &format!("{rows}x{pixels}"), numbers, |device| {
        let (images, order) = (D::view(&images, 0..IMAGES * pixels), D::view(&order, 0..IMAGES));
        let (x, step) = (D::view_mut(&mut x, 0..all), D::view(&step, 0..1));
        device.images_gather(x, images, order, step, batch_shape(rows, pixels));
    });
}

/// Reads a label and a place in the order for each label that it writes.
fn labels_gather<D: Timed>(bench: &mut Bench<'_, D>, shape: &EmbeddingShape) {
    let (rows, step) = (shape.rows, bench.step());
    let (order, of_all) = (order(bench), order(bench));
    let mut labels = bench.device.allocate::<u32>(rows).expect("memory");
    bench.moves("labels_gather", &rows.to_string(), 3 * rows, |device| {
        let (of_all, order) = (D::view(&of_all, 0..IMAGES), D::view(&order, 0..IMAGES));
        let (labels, step) = (D::view_mut(&mut labels, 0..rows), D::view(&step, 0..1));
        device.labels_gather(labels, of_all, order, step, batch_shape(rows, 1));
    });
}

/// An order of the data set's images.
fn order<D: Timed>(bench: &Bench<'_, D>) -> D::Buffer<u32> {
    let mut order = bench.device.allocate::<u32>(IMAGES).expect("memory");
    let shuffled = STREAM.permutation(IMAGES, 0);
    bench.device.upload(D::view_mut(&mut order, 0..IMAGES), &shuffled).expect("a copy");
    order
}

/// Reads x, a label and a row of the table for each row, writes both beside each other.
fn embedding_concat<D: Timed>(bench: &mut Bench<'_, D>, shape: &EmbeddingShape) {
    let EmbeddingShape { rows, classes, width, inputs, .. } = *shape;
    let (wide, all, table) = (rows * inputs, rows * shape.columns(), classes * width);
    let (x, mut y, values) = (bench.numbers(wide), bench.numbers(all), bench.numbers(table));
    let labels = labels(bench, shape);
    let size = format!("{rows}x{inputs}+{width}");
    bench.moves("embedding_concat", &size, wide + all + table + rows, |device| {
        let (x, values) = (D::view(&x, 0..wide), D::view(&values, 0..table));
        let (y, labels) = (D::view_mut(&mut y, 0..all), D::view(&labels, 0..rows));
        device.embedding_concat(y, x, values, labels, shape);
    });
}

/// Reads dy and the labels, writes the table's gradient.
fn embedding_backward<D: Timed>(bench: &mut Bench<'_, D>, shape: &EmbeddingShape) {
    let EmbeddingShape { rows, classes, width, .. } = *shape;
    let (all, table) = (rows * width, classes * width);
    let (dy, mut dtable, labels) = (bench.numbers(all), bench.numbers(table), labels(bench, shape));
    let size = format!("{rows}x{width}");
    bench.moves("embedding_backward", &size, all + table + rows, |device| {
        let (dy, labels) = (D::view(&dy, 0..all), D::view(&labels, 0..rows));
        device.embedding_backward(D::view_mut(&mut dtable, 0..table), dy, labels, shape);
    });
}

fn labels<D: Timed>(bench: &Bench<'_, D>, shape: &EmbeddingShape) -> D::Buffer<u32> {
    let (mut labels, step) = (bench.device.allocate(shape.rows).expect("memory"), bench.step());
    let all = D::view_mut(&mut labels, 0..shape.rows);
    bench.device.labels_draw(all, D::view(&step, 0..1), STREAM, shape.classes);
    labels
}

/// Reads x, writes y.
fn copy<D: Timed>(bench: &mut Bench<'_, D>, [rows, columns]: [usize; 2]) {
    let all = rows * columns;
    let (x, mut y) = (bench.numbers(all), bench.numbers(all));
    bench.moves("copy", &format!("{rows}x{columns}"), 2 * all, |device| {
        device.copy(D::view_mut(&mut y, 0..all), D::view(&x, 0..all));
    });
}
