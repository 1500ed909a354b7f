//! Trains a classifier: Adam on the softmax cross-entropy, with dropout, random shifts of images by
//! up to a pixel, and cosine annealing of the learning rate to zero.
//!
//! An eighth of the training images are scrambled and labelled as an additional class. Without
//! them, a classifier of digits takes noise for a digit with low confidence, so that the features
//! of noise lie among those of real images.
//!
//! All random numbers are functions of the seed: on the same kind of processor, the same images
//! give the same weights.

use std::f64::consts::PI;

use super::{Classifier, ClassifierInfo, DROPOUT, IMAGE_SIZE, plain, scaled};
use crate::device::ops::{self, SoftmaxShape};
use crate::device::{Device, FloatBuffer};
use crate::eval::Result;
use crate::nn::{Adam, Flat, Init, Masks, NetworkSpec, ParameterGradients, PassInput};
use crate::rng::{self, Stream, below, site};

/// Images in a batch.
const BATCH: usize = 128;
/// Pixels in a channel of an image.
const PLANE: usize = IMAGE_SIZE * IMAGE_SIZE;
/// One of this many images is scrambled.
const SCRAMBLED: usize = 8;
/// Adam's constants, with the initial learning rate.
const ADAM: ops::Adam = ops::Adam::constant(1e-3, [0.9, 0.999], 1e-8);

/// Images, each with a class.
#[derive(Clone, Copy, Debug)]
pub struct LabelledImages<'a> {
    /// Bytes, channels first.
    pub images: &'a [u8],
    /// The class of each.
    pub labels: &'a [u32],
}

/// Length of the training, and its seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrainingOptions {
    /// Epochs.
    pub epochs: u32,
    /// Seed of all random numbers.
    pub seed: u64,
}

/// Called after each batch with the number of completed batches and the total.
pub type ProgressCallback<'a> = &'a mut dyn FnMut(u64, u64);

/// Trains a classifier on `training`, rounds its weights to 16 bits, and measures its error rate on
/// `test`.
///
/// # Errors
/// When the device fails.
#[inline(never)]
pub fn train<D: Device>(
    device: &D,
    [channels, classes]: [usize; 2],
    [training, test]: [LabelledImages<'_>; 2],
    options: TrainingOptions,
    progress: ProgressCallback<'_>,
) -> Result<Classifier<D>> {
    let info = ClassifierInfo { channels, classes, error: 1.0 };
    let mut trainer = ClassifierTrainer::new(device, info, options.seed)?;
    let count = training.labels.len();
    let batches = u64::from(options.epochs) * count.div_ceil(BATCH) as u64;
    let mut done = 0;
    for epoch in 0..options.epochs {
        let stream = Stream { seed: options.seed, site: site::CLASSIFIER_ORDER };
        for chosen in stream.permutation(count, epoch).chunks(BATCH) {
            let fraction_done = done as f64 / batches as f64;
            trainer.step(device, training, chosen, epoch, fraction_done)?;
            done += 1;
            progress(done, batches);
        }
    }
    let mut classifier = trainer.classifier;
    classifier.round(device)?;
    classifier.info.error = classifier.error(device, test)?;
    Ok(classifier)
}

impl<D: Device> Classifier<D> {
    /// The error rate: the fraction of images that it misclassifies.
    ///
    /// # Errors
    /// When the device fails.
    #[inline(never)]
    pub fn error(&mut self, device: &D, test: LabelledImages<'_>) -> Result<f64> {
        let predicted = self.extract(device, test.images)?.classes;
        let wrong = predicted.iter().zip(test.labels).filter(|(a, b)| a != b).count();
        Ok(wrong as f64 / test.labels.len() as f64)
    }
}

/// A classifier in training, with gradients and optimizers.
struct ClassifierTrainer<D: Device> {
    seed: u64,
    classifier: Classifier<D>,
    gradients: [Flat<D>; 2],
    adam: [Adam<D>; 2],
    labels: D::Buffer<u32>,
    losses: FloatBuffer<D>,
    masks: FloatBuffer<D>,
    /// Site and columns of each mask.
    table: D::Buffer<u32>,
    /// Length of the table.
    table_len: usize,
    step: D::Buffer<u32>,
}

impl<D: Device> ClassifierTrainer<D> {
    fn new(device: &D, info: ClassifierInfo, seed: u64) -> Result<Self> {
        let Classifier { body, head, images, .. } = Classifier::zeros(device, info, super::BATCH)?;
        let mut body = body.with_gradients(device, super::BATCH)?;
        let mut head = head.with_gradients(device, super::BATCH)?;
        let mut rng = rng::host(seed, 0);
        body.network.initialize(device, Init::Default, &mut rng)?;
        head.network.initialize(device, Init::Default, &mut rng)?;
        let table = mask_table(body.network.spec());
        let mut trainer = Self {
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
            classifier: Classifier { info, body, head, images },
        };
        device.upload(D::view_mut(&mut trainer.table, 0..table.len()), &table)?;
        Ok(trainer)
    }

    /// A training step on the chosen images; `fraction_done` of all steps are done.
    fn step(
        &mut self,
        device: &D,
        data: LabelledImages<'_>,
        chosen: &[u32],
        epoch: u32,
        fraction_done: f64,
    ) -> Result<()> {
        self.upload(device, data, chosen, epoch)?;
        self.sample_masks(device, chosen.len());
        let Self { classifier, gradients, adam, labels, losses, masks, step, .. } = self;
        let Classifier { info, body, head, images } = classifier;
        let rows = chosen.len();
        let masks = Some(Masks { buffer: masks, first: 0, rows, start: 0 });
        let input = PassInput { x: images.rows(0..rows), labels: None, masks };
        body.forward(device, &input, rows);
        head.forward(device, &plain(body.output(rows)), rows);
        let (logits, dlogits) = head.output_and_gradient(rows);
        let (losses, labels) = (D::view_mut(losses, 0..rows), D::view(labels, 0..rows));
        let shape = SoftmaxShape { rows, classes: info.logits() };
        device.softmax_cross_entropy_forward_backward(dlogits, losses, logits, labels, shape);
        let [dbody, dhead] = gradients;
        let (features, dfeatures) = body.output_and_gradient(rows);
        let overwrite = ParameterGradients::Overwrite(dhead);
        head.backward(device, &plain(features), rows, overwrite, Some(dfeatures));
        let overwrite = ParameterGradients::Overwrite(dbody);
        body.backward(device, &input, rows, overwrite, None);
        let lr = ADAM.lr * 0.5 * (1.0 + (PI * fraction_done).cos());
        let constants = ops::Adam { lr, ..ADAM };
        let [body_adam, head_adam] = adam;
        body_adam.step(device, body.network.params_mut(), dbody, constants, None, false);
        let step = Some(D::view_mut(step, 0..1));
        head_adam.step(device, head.network.params_mut(), dhead, constants, step, false);
        Ok(())
    }

    /// Uploads the chosen images, each shifted or scrambled at random, and their labels.
    fn upload(
        &mut self,
        device: &D,
        data: LabelledImages<'_>,
        chosen: &[u32],
        epoch: u32,
    ) -> Result<()> {
        let pixels = self.classifier.info.image().pixels();
        let shifts = Stream { seed: self.seed, site: site::CLASSIFIER_SHIFTS };
        let (mut bytes, mut labels) = (Vec::with_capacity(chosen.len() * pixels), Vec::new());
        for &i in chosen {
            let [down, right, choice, seed] = shifts.block(i, epoch);
            let image = &data.images[i as usize * pixels..][..pixels];
            let is_scrambled = below(choice, SCRAMBLED) == 0;
            match is_scrambled {
                true => scramble(image, Stream { seed: seed.into(), ..shifts }, &mut bytes),
                false => shift(image, [below(down, 3), below(right, 3)], &mut bytes),
            }
            let own = data.labels[i as usize];
            labels.push(if is_scrambled { self.classifier.info.classes as u32 } else { own });
        }
        device.upload(self.classifier.images.part(bytes.len()), &scaled::<D>(&bytes))?;
        device.upload(D::view_mut(&mut self.labels, 0..labels.len()), &labels)?;
        Ok(())
    }

    fn sample_masks(&mut self, device: &D, rows: usize) {
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

/// Appends an image of no class: noise, or an image's pixels drawn at random; smoothed or not.
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
        _ => scrambled.chunks_exact(PLANE).for_each(|plane| smooth_plane(plane, to)),
    }
}

/// Appends a plane blurred by a 3×3 mean filter.
fn smooth_plane(plane: &[u8], to: &mut Vec<u8>) {
    let near = |at: usize| at.saturating_sub(1)..(at + 2).min(IMAGE_SIZE);
    for (y, x) in (0..PLANE).map(|i| (i / IMAGE_SIZE, i % IMAGE_SIZE)) {
        let pixel = |y, x| u32::from(plane[y * IMAGE_SIZE + x]);
        let pixels = near(y).flat_map(|y| near(x).map(move |x| pixel(y, x)));
        let (sum, count) = pixels.fold((0, 0), |(sum, count), pixel| (sum + pixel, count + 1));
        to.push((sum / count) as u8);
    }
}

/// Appends a shifted image, whose pixel (0, 0) is the pixel in row `down` − 1 and column `right` −
/// 1 of `image`. Pixels at the edges are repeated.
fn shift(image: &[u8], [down, right]: [usize; 2], to: &mut Vec<u8>) {
    let moved = |at: usize, by: usize| (at + by).saturating_sub(1).min(IMAGE_SIZE - 1);
    for plane in image.chunks_exact(PLANE) {
        for y in 0..IMAGE_SIZE {
            let row = &plane[moved(y, down) * IMAGE_SIZE..][..IMAGE_SIZE];
            to.extend((0..IMAGE_SIZE).map(|x| row[moved(x, right)]));
        }
    }
}
