//! How a classifier learns: Adam on the softmax cross entropy, with dropout, images shifted by up to
//! a pixel each way, and a learning rate that falls to nothing.
//!
//! An eighth of the images are scrambled before they are shown, and then of a class of their own. A
//! classifier that has seen digits alone sees noise as a digit that it is not sure about, so that
//! noise would lie among real images.
//!
//! All random numbers are functions of the recipe's seed, and its numbers those of a kind of
//! processor: the same images give the same weights.

use std::f64::consts::PI;

use super::{About, Classifier, DROPOUT, SIDE, plain, scaled};
use crate::device::ops::{self, SoftmaxShape};
use crate::device::{Device, FloatBuffer};
use crate::eval::Result;
use crate::nn::{Adam, Flat, Init, Masks, NetworkSpec, ParameterGradients, PassInput};
use crate::rng::{self, Stream, below, site};

/// Images of a batch.
const BATCH: usize = 128;
/// One in so many images is scrambled.
const SCRAMBLED: usize = 8;
/// Of Adam, at the start.
const ADAM: ops::Adam = ops::Adam { lr: 1e-3, b1: 0.9, b2: 0.999, eps: 1e-8 };

/// Images with a class each.
#[derive(Clone, Copy, Debug)]
pub struct Labelled<'a> {
    /// Bytes, plane by plane.
    pub images: &'a [u8],
    /// The class of each.
    pub labels: &'a [u32],
}

/// How long a classifier learns, and from what random numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recipe {
    /// Times that each image is seen.
    pub epochs: u32,
    /// What random numbers are started from.
    pub seed: u64,
}

/// Hears of each batch that was learnt from: how many were, and how many there will be.
pub type Progress<'a> = &'a mut dyn FnMut(u64, u64);

/// Trains a classifier of so many channels and classes on some images, rounds its weights to 16
/// bits, and measures its error on others.
///
/// # Errors
/// When the device fails.
pub fn train<D: Device>(
    device: &D,
    [channels, classes]: [usize; 2],
    [training, test]: [Labelled<'_>; 2],
    recipe: Recipe,
    progress: Progress<'_>,
) -> Result<Classifier<D>> {
    let about = About { channels, classes, error: 1.0 };
    let mut pupil = Pupil::new(device, about, recipe.seed)?;
    let count = training.labels.len();
    let batches = u64::from(recipe.epochs) * count.div_ceil(BATCH) as u64;
    let mut done = 0;
    for epoch in 0..recipe.epochs {
        let stream = Stream { seed: recipe.seed, site: site::CLASSIFIER_ORDER };
        for chosen in stream.permutation(count, epoch).chunks(BATCH) {
            let share = done as f64 / batches as f64;
            pupil.learn(device, training, chosen, epoch, share)?;
            done += 1;
            progress(done, batches);
        }
    }
    let mut classifier = pupil.classifier;
    classifier.round(device)?;
    classifier.about.error = classifier.error(device, test)?;
    Ok(classifier)
}

impl<D: Device> Classifier<D> {
    /// The share of images that it takes for another class than their own.
    ///
    /// # Errors
    /// When the device fails.
    pub fn error(&mut self, device: &D, test: Labelled<'_>) -> Result<f64> {
        let seen = self.look(device, test.images)?;
        let wrong = seen.classes.iter().zip(test.labels).filter(|(a, b)| a != b).count();
        Ok(wrong as f64 / test.labels.len() as f64)
    }
}

/// A classifier that learns, and what that takes.
struct Pupil<D: Device> {
    seed: u64,
    classifier: Classifier<D>,
    gradients: [Flat<D>; 2],
    adam: [Adam<D>; 2],
    labels: D::Buffer<u32>,
    losses: FloatBuffer<D>,
    masks: FloatBuffer<D>,
    /// Site and columns of each mask.
    table: D::Buffer<u32>,
    /// Numbers in the table.
    table_len: usize,
    step: D::Buffer<u32>,
}

impl<D: Device> Pupil<D> {
    fn new(device: &D, about: About, seed: u64) -> Result<Self> {
        let Classifier { body, head, images, .. } = Classifier::zeros(device, about, super::BATCH)?;
        let mut body = body.with_gradients(device, super::BATCH)?;
        let mut head = head.with_gradients(device, super::BATCH)?;
        let mut rng = rng::host(seed, 0);
        body.network.initialize(device, Init::Default, &mut rng)?;
        head.network.initialize(device, Init::Default, &mut rng)?;
        let table = mask_table(body.network.spec());
        let mut pupil = Self {
            seed,
            gradients: [
                Flat::like(device, body.network.params())?,
                Flat::like(device, head.network.params())?,
            ],
            adam: [
                Adam::new(device, body.network.params())?,
                Adam::new(device, head.network.params())?,
            ],
            labels: device.allocate(BATCH)?,
            losses: device.allocate(BATCH)?,
            masks: device.allocate(BATCH * body.network.spec().mask_len())?,
            table: device.allocate(table.len())?,
            table_len: table.len(),
            step: device.allocate(1)?,
            classifier: Classifier { about, body, head, images },
        };
        device.upload(D::view_mut(&mut pupil.table, 0..table.len()), &table)?;
        Ok(pupil)
    }

    /// One step on the chosen images, after this `share` of all steps.
    fn learn(
        &mut self,
        device: &D,
        data: Labelled<'_>,
        chosen: &[u32],
        epoch: u32,
        share: f64,
    ) -> Result<()> {
        self.upload(device, data, chosen, epoch)?;
        self.draw_masks(device, chosen.len());
        let Self { classifier, gradients, adam, labels, losses, masks, step, .. } = self;
        let Classifier { about, body, head, images } = classifier;
        let rows = chosen.len();
        let masks = Some(Masks { buffer: masks, first: 0 });
        let input = PassInput { x: images.rows(0..rows), labels: None, masks };
        body.forward(device, &input, rows);
        head.forward(device, &plain(body.output(rows)), rows);
        let (logits, dlogits) = head.output_and_gradient(rows);
        let (losses, labels) = (D::view_mut(losses, 0..rows), D::view(labels, 0..rows));
        let shape = SoftmaxShape { rows, classes: about.logits() };
        device.softmax_cross_entropy_forward_backward(dlogits, losses, logits, labels, shape);
        let [of_body, of_head] = gradients;
        let (features, dfeatures) = body.output_and_gradient(rows);
        let overwrite = ParameterGradients::Overwrite(of_head);
        head.backward(device, &plain(features), rows, overwrite, Some(dfeatures));
        let overwrite = ParameterGradients::Overwrite(of_body);
        body.backward(device, &input, rows, overwrite, None);
        let constants = ops::Adam { lr: ADAM.lr * 0.5 * (1.0 + (PI * share).cos()), ..ADAM };
        let [adam_of_body, adam_of_head] = adam;
        adam_of_body.step(device, body.network.params_mut(), of_body, constants);
        adam_of_head.step(device, head.network.params_mut(), of_head, constants);
        device.step_advance(D::view_mut(step, 0..1));
        Ok(())
    }

    /// The chosen images, each shifted at random, and their labels.
    fn upload(&mut self, device: &D, data: Labelled<'_>, chosen: &[u32], epoch: u32) -> Result<()> {
        let pixels = self.classifier.about.image().pixels();
        let shifts = Stream { seed: self.seed, site: site::CLASSIFIER_SHIFTS };
        let (mut bytes, mut labels) = (Vec::with_capacity(chosen.len() * pixels), Vec::new());
        for &i in chosen {
            let [down, right, fate, how] = shifts.block(i, epoch);
            let image = &data.images[i as usize * pixels..][..pixels];
            let is_scrambled = below(fate, SCRAMBLED) == 0;
            match is_scrambled {
                true => scramble(image, Stream { seed: how.into(), ..shifts }, &mut bytes),
                false => shift(image, [below(down, 3), below(right, 3)], &mut bytes),
            }
            let own = data.labels[i as usize];
            labels.push(if is_scrambled { self.classifier.about.classes as u32 } else { own });
        }
        device.upload(self.classifier.images.part(bytes.len()), &scaled::<D>(&bytes))?;
        device.upload(D::view_mut(&mut self.labels, 0..labels.len()), &labels)?;
        Ok(())
    }

    fn draw_masks(&mut self, device: &D, rows: usize) {
        let columns = self.classifier.body.network.spec().mask_len();
        let masks = D::view_mut(&mut self.masks, 0..rows * columns);
        let table = D::view(&self.table, 0..self.table_len);
        device.masks_sample(masks, table, D::view(&self.step, 0..1), self.seed, rows, DROPOUT);
    }
}

/// Site and columns of each dropout mask.
fn mask_table(spec: &NetworkSpec) -> Vec<u32> {
    let dropping = spec.stages().iter().enumerate().filter(|(_, stage)| stage.mask_len() > 0);
    dropping.flat_map(|(i, stage)| [site::DROPOUT + i as u32, stage.outputs() as u32]).collect()
}

/// Adds what is no image of any class: noise, or an image's pixels in another order, as they are or
/// smoothed.
fn scramble(image: &[u8], stream: Stream, to: &mut Vec<u8>) {
    let [noise, smooth, ..] = stream.block(0, 0);
    let words = (1..).flat_map(|block| stream.block(block, 0)).take(image.len());
    let pixel = |word: u32| match below(noise, 2) {
        0 => (word >> 24) as u8,
        _ => image[below(word, image.len())],
    };
    let scrambled: Vec<u8> = words.map(pixel).collect();
    match below(smooth, 2) {
        0 => to.extend(scrambled),
        _ => scrambled.chunks_exact(SIDE * SIDE).for_each(|plane| smoothed(plane, to)),
    }
}

/// Adds a plane of means over three rows and columns.
fn smoothed(plane: &[u8], to: &mut Vec<u8>) {
    let near = |at: usize| at.saturating_sub(1)..(at + 2).min(SIDE);
    for (y, x) in (0..SIDE).flat_map(|y| (0..SIDE).map(move |x| (y, x))) {
        let pixels = near(y).flat_map(|y| near(x).map(move |x| u32::from(plane[y * SIDE + x])));
        let (sum, count) = pixels.fold((0, 0), |(sum, count), pixel| (sum + pixel, count + 1));
        to.push((sum / count) as u8);
    }
}

/// Adds an image whose pixel (0, 0) is that of row `down` − 1 and column `right` − 1; beyond its
/// edges it goes on as at them.
fn shift(image: &[u8], [down, right]: [usize; 2], to: &mut Vec<u8>) {
    let moved = |at: usize, by: usize| (at + by).saturating_sub(1).min(SIDE - 1);
    for plane in image.chunks_exact(SIDE * SIDE) {
        for y in 0..SIDE {
            let row = &plane[moved(y, down) * SIDE..][..SIDE];
            to.extend((0..SIDE).map(|x| row[moved(x, right)]));
        }
    }
}
