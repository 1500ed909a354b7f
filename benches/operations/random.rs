//! Random inputs of an iteration (noise, labels, masks), gathering of images, and embeddings.

use gan_cuda::device::ops::{BatchShape, EmbeddingShape, Latent};

use crate::clock::Timed;
use crate::{Bench, STREAM, layers};

/// Images of the data set that batches are gathered from.
const IMAGES: usize = 512;

pub fn all<D: Timed>(bench: &mut Bench<'_, D>) {
    for size in layers::random_inputs(|settings| settings.latent_dim) {
        noise_sample(bench, size, Latent::Normal);
        noise_sample(bench, size, Latent::Uniform);
    }
    layers::dropped().iter().for_each(|&size| masks_sample(bench, size));
    for size in layers::random_inputs(|settings| settings.image.pixels()) {
        batch_gather(bench, size);
    }
    for shape in layers::embeddings::<D>() {
        labels_sample(bench, &shape);
        embedding_concat(bench, &shape);
        embedding_backward(bench, &shape);
        embedding_backward_linear(bench, &shape);
    }
}

/// Writes z.
fn noise_sample<D: Timed>(bench: &mut Bench<'_, D>, [rows, columns]: [usize; 2], latent: Latent) {
    let (all, step) = (rows * columns, bench.step());
    let mut z = bench.numbers(all);
    bench.moves("noise_sample", &format!("{rows}x{columns}-{latent}"), all, |device| {
        device.noise_sample(D::view_mut(&mut z, 0..all), D::view(&step, 0..1), STREAM, latent, 1);
    });
}

/// Writes the mask.
fn masks_sample<D: Timed>(bench: &mut Bench<'_, D>, [rows, columns]: [usize; 2]) {
    let (all, step, table) = (rows * columns, bench.step(), bench.mask_table(columns));
    let mut mask = bench.ones(all);
    bench.moves("masks_sample", &format!("{rows}x{columns}"), all, |device| {
        let (mask, table) = (D::view_mut(&mut mask, 0..all), D::view(&table, 0..2));
        device.masks_sample(mask, table, D::view(&step, 0..1), STREAM.seed, rows, 0.4);
    });
}

/// Writes the labels.
fn labels_sample<D: Timed>(bench: &mut Bench<'_, D>, shape: &EmbeddingShape) {
    let (rows, step) = (shape.rows, bench.step());
    let mut labels = bench.device.allocate::<u32>(rows).expect("memory");
    bench.moves("labels_sample", &rows.to_string(), rows, |device| {
        let labels = D::view_mut(&mut labels, 0..rows);
        device.labels_sample(labels, D::view(&step, 0..1), STREAM, shape.classes, 1);
    });
}

/// Reads a byte for each number that it writes; for each image reads its index in the order and a
/// label, which it writes.
fn batch_gather<D: Timed>(bench: &mut Bench<'_, D>, [rows, pixels]: [usize; 2]) {
    let (all, step) = (rows * pixels, bench.step());
    let images = bench.device.allocate::<u8>(IMAGES * pixels).expect("memory");
    let mut labels = bench.device.allocate::<u32>(rows).expect("memory");
    let (order, of_all, mut x) = (order(bench), order(bench), bench.numbers(all));
    let shape = BatchShape { rows, batch_size: rows, iterations_per_epoch: 1, pixels };
    let numbers = all + all / 4 + 3 * rows;
    bench.moves("batch_gather", &format!("{rows}x{pixels}"), numbers, |device| {
        let (images, order) = (D::view(&images, 0..IMAGES * pixels), D::view(&order, 0..IMAGES));
        let (x, step) = (D::view_mut(&mut x, 0..all), D::view(&step, 0..1));
        let labels = (D::view_mut(&mut labels, 0..rows), D::view(&of_all, 0..IMAGES));
        device.batch_gather(x, Some(labels), images, order, step, shape);
    });
}

/// A shuffled order of the data set's images.
fn order<D: Timed>(bench: &Bench<'_, D>) -> D::Buffer<u32> {
    let mut order = bench.device.allocate::<u32>(IMAGES).expect("memory");
    let shuffled = STREAM.permutation(IMAGES, 0);
    bench.device.upload(D::view_mut(&mut order, 0..IMAGES), &shuffled).expect("a copy");
    order
}

/// Reads x, a label and a row of the table for each row, writes their concatenation.
fn embedding_concat<D: Timed>(bench: &mut Bench<'_, D>, shape: &EmbeddingShape) {
    let EmbeddingShape { rows, pixels, classes, width, inputs, .. } = *shape;
    let positions = rows * pixels;
    let (wide, all, table) = (positions * inputs, positions * shape.stride, classes * width);
    let (x, mut y, values) = (bench.numbers(wide), bench.numbers(all), bench.numbers(table));
    let labels = labels(bench, rows, classes);
    let size = format!("{rows}x{pixels}x{inputs}+{width}");
    bench.moves("embedding_concat", &size, wide + all + table + rows, |device| {
        let (x, values) = (D::view(&x, 0..wide), D::view(&values, 0..table));
        let (y, labels) = (D::view_mut(&mut y, 0..all), D::view(&labels, 0..rows));
        device.embedding_concat(y, x, values, labels, shape);
    });
}

/// Reads dy and the labels, writes the table's gradient.
fn embedding_backward<D: Timed>(bench: &mut Bench<'_, D>, shape: &EmbeddingShape) {
    let EmbeddingShape { rows, pixels, classes, width, .. } = *shape;
    let (all, table) = (rows * pixels * width, classes * width);
    let (dy, mut dtable, labels) =
        (bench.numbers(all), bench.numbers(table), labels(bench, rows, classes));
    let size = format!("{rows}x{pixels}x{width}");
    bench.moves("embedding_backward", &size, all + table + rows, |device| {
        let (dy, labels) = (D::view(&dy, 0..all), D::view(&labels, 0..rows));
        device.embedding_backward(D::view_mut(&mut dtable, 0..table), dy, labels, shape, false);
    });
}

/// A label for each row.
pub fn labels<D: Timed>(bench: &Bench<'_, D>, rows: usize, classes: usize) -> D::Buffer<u32> {
    let (mut labels, step) = (bench.device.allocate(rows).expect("memory"), bench.step());
    let all = D::view_mut(&mut labels, 0..rows);
    bench.device.labels_sample(all, D::view(&step, 0..1), STREAM, classes, 1);
    labels
}

/// Reads dz and the columns of w for the embedding, writes the table.
fn embedding_backward_linear<D: Timed>(bench: &mut Bench<'_, D>, shape: &EmbeddingShape) {
    const OUTPUTS: usize = 512;
    let &EmbeddingShape { rows, classes, width, stride, .. } = shape;
    let [table, all, weights] = [classes * width, rows * OUTPUTS, OUTPUTS * stride];
    let (mut dtable, dz, w) = (bench.numbers(table), bench.numbers(all), bench.numbers(weights));
    let labels = labels(bench, rows, classes);
    let size = format!("{rows}x{OUTPUTS}x{width}");
    bench.moves("embedding_backward_linear", &size, all + OUTPUTS * width + table, |device| {
        let (dtable, dz) = (D::view_mut(&mut dtable, 0..table), D::view(&dz, 0..all));
        let (w, labels) = (D::view(&w, 0..weights), D::view(&labels, 0..rows));
        device.embedding_backward_linear(dtable, dz, w, labels, shape, OUTPUTS, false);
    });
}
