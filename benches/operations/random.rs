//! Random inputs of an iteration (noise, labels, masks), gathering of images, and embeddings.

use gan_cuda::device::ops::{BatchShape, Draw, DrawKind, EmbeddingShape, Latent};

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
        batch_prepare(bench, size);
    }
    for shape in layers::embeddings::<D>() {
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

/// Reads a byte for each number of x that it writes, and an index for each image; writes noise, and two
/// labels for each image.
fn batch_prepare<D: Timed>(bench: &mut Bench<'_, D>, [rows, pixels]: [usize; 2]) {
    const DIM: usize = 100;
    let (all, noise, step) = (rows * pixels, rows * DIM, bench.step());
    let images = bench.device.allocate::<u8>(IMAGES * pixels).expect("memory");
    let mut integers = bench.device.allocate::<u32>(2 * rows).expect("memory");
    let (order, labels) = (order(bench), order(bench));
    let (mut x, mut floats) = (bench.numbers(all), bench.numbers(noise));
    let (first, whole, batch_size, iterations_per_epoch) = (0, rows, rows, 1);
    let shape = BatchShape { rows, first, whole, batch_size, iterations_per_epoch, pixels };
    let draw = |kind, before, columns| Draw {
        kind,
        site: 0,
        start: 0,
        before,
        columns,
        batches: 1,
        pack: 1,
    };
    let draws = [
        draw(DrawKind::Noise(Latent::Normal), 0, DIM),
        draw(DrawKind::ImageLabels, 0, 1),
        draw(DrawKind::Classes(10), 1, 1),
    ];
    let table: Vec<u32> = draws.iter().flat_map(Draw::words).collect();
    let mut draws = bench.device.allocate(table.len()).expect("memory");
    bench.device.upload(D::view_mut(&mut draws, 0..table.len()), &table).expect("a copy");
    let numbers = all + all / 4 + noise + 4 * rows;
    bench.moves("batch_prepare", &format!("{rows}x{pixels}"), numbers, |device| {
        let (images, order) = (D::view(&images, 0..IMAGES * pixels), D::view(&order, 0..IMAGES));
        let (x, floats) = (D::view_mut(&mut x, 0..all), D::view_mut(&mut floats, 0..noise));
        let (integers, labels) =
            (D::view_mut(&mut integers, 0..2 * rows), D::view(&labels, 0..IMAGES));
        let (draws, step) = (D::view(&draws, 0..table.len()), D::view(&step, 0..1));
        let seed = STREAM.seed;
        device.batch_prepare(x, floats, integers, images, labels, order, draws, step, shape, seed);
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
    let mut labels = bench.device.allocate(rows).expect("memory");
    let values = STREAM.permutation(rows, 0).into_iter().map(|value| value % classes as u32);
    let values: Vec<u32> = values.collect();
    bench.device.upload(D::view_mut(&mut labels, 0..rows), &values).expect("a copy");
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
