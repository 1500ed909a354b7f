//! Scores a trained generator: `gan-cuda evaluate`.

use std::path::Path;

use crate::data::{Dataset, DatasetKind, ImageShape};
use crate::device::Device;
use crate::eval::classifier::reliability_warning;
use crate::eval::measures::{Points, nearest};
use crate::eval::real_images::{DataSplit, REAL, REFERENCE, RealImages, Sample, require_enough};
use crate::eval::sample_builder::{MAX_KEPT, SampleBuilder, bytes, noise};
use crate::eval::score_row::{ReferenceStatistics, ScoreRow, correctly_classified};
use crate::eval::{FeatureExtractor, Result, cache};
use crate::gan::sample_grid::labels_of;
use crate::gan::sampler::{Sampler, Statistics};

/// Default number of images to evaluate.
pub const COUNT: usize = 10_000;
/// Steps of [`Stage::Comparing`]: statistics of the reference, three rows of scores, pixel
/// distances.
const COMPARISONS: u64 = 5;
const NO_TEST_PIXELS: &str =
    "nearest: it needs the pixels of the test images, which are not on this machine";
const NO_DISTANCE: &str = "nearest: real images are copies of each other";
const NO_BINS: &str = "NDB: the reference has too few images for bins";
const NO_CLASSES: &str = "fidelity, FCD, KL, rarest: they need a classifier, and the images have no \
                          classes; the others are measured in pixels of images reduced to 16×16";
/// Images of noise in a batch.
const NOISE_BATCH: usize = 500;

/// The real images that generated images are compared with.
#[derive(Clone, Copy, Debug)]
pub enum Reference<'a> {
    /// Held-out real images.
    HeldOut,
    /// The training images.
    Training,
    /// Other images of the same shape.
    Others(&'a Dataset),
}

/// What to evaluate, and how.
pub struct Task<'a> {
    /// The generator's training images.
    pub data: &'a Dataset,
    /// Their test set, if there is one.
    pub test: Option<&'a Dataset>,
    /// The data set, if it is a known one.
    pub kind: Option<DatasetKind>,
    /// The images to compare with.
    pub reference: Reference<'a>,
    /// How many images to generate.
    pub count: usize,
    /// The seed of their noise.
    pub seed: u64,
    /// The statistics that BatchNorm normalizes with.
    pub statistics: Statistics,
    /// The classes to generate; empty if the generator is not conditional.
    pub classes: &'a [u32],
    /// CPU threads.
    pub threads: usize,
    /// The cache folder, for trained classifiers.
    pub cache: Option<&'a Path>,
}

/// The stages of an evaluation, for progress display.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// A classifier is trained; counted in batches.
    TrainingClassifier,
    /// Images are generated and their features extracted; counted in images.
    Generating,
    /// Features of noise are extracted; counted in images.
    Noise,
    /// Features are compared; counted in comparisons.
    Comparing,
}

/// Called with a stage, how much of it is done, and its total.
pub type StageCallback<'a> = &'a mut dyn FnMut(Stage, u64, u64);

/// The scores of a generator, with those of real images and of noise for comparison.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// Scores of the generator.
    pub generator: ScoreRow,
    /// Scores of real images that are not in the reference: an upper bound.
    pub real: ScoreRow,
    /// Scores of noise: a lower bound.
    pub noise: ScoreRow,
    /// The fraction of held-out images that the classifier misclassifies; none without a
    /// classifier.
    pub classifier_error: Option<f64>,
    /// Number of reference images.
    pub reference_count: usize,
    /// Number of images in the row of real images.
    pub real_count: usize,
    /// Which scores are missing, and why.
    pub missing: Vec<String>,
}

impl Evaluation {
    /// A warning if the scores are unreliable.
    pub fn warning(&self) -> Option<String> {
        self.classifier_error.and_then(reliability_warning)
    }
}

/// The features of the real images of an evaluation.
struct RealSamples {
    reference: Sample,
    real: Sample,
    classifier_error: Option<f64>,
}

/// Scores a generator.
///
/// # Errors
/// [`TooFewImages`](crate::eval::Error::TooFewImages); when the device fails, or there is not
/// enough memory.
#[inline(never)]
pub fn evaluate<D: Device>(
    sampler: &mut Sampler<D>,
    device: &D,
    task: &Task<'_>,
    progress: StageCallback<'_>,
) -> Result<Evaluation> {
    let split = DataSplit::new(task.data, task.kind, task.test);
    let mut training = |done, total| progress(Stage::TrainingClassifier, done, total);
    let cache = (task.cache, task.threads);
    let mut extractor = feature_extractor(device, task.data, &split, cache, &mut training)?;
    let RealSamples { reference, real, classifier_error } =
        task.real_samples(device, &mut extractor, &split)?;

    let count = task.count as u64;
    let mut generating = |done| progress(Stage::Generating, done, count);
    let (generated, kept) = task.generate(sampler, device, &mut extractor, &mut generating)?;
    let mut extracting = |done| progress(Stage::Noise, done, count);
    let (noise, noise_kept) = task.noise(device, &mut extractor, &mut extracting)?;

    let mut done = 0;
    let mut comparing = || {
        progress(Stage::Comparing, done, COMPARISONS);
        done += 1;
    };
    comparing();
    let statistics = ReferenceStatistics::new(&reference, &extractor, task.threads);
    let [mut generator, mut real_row, mut noise_row] = [&generated, &real, &noise].map(|sample| {
        comparing();
        statistics.score(sample, task.classes)
    });
    comparing();
    let mut missing = Vec::new();
    match task.nearest_neighbour_ratios(&split, [&kept, &noise_kept]) {
        Ok([generator_ratio, noise_ratio]) => {
            generator.nearest_neighbour_ratio = Some(generator_ratio);
            real_row.nearest_neighbour_ratio = Some(1.0);
            noise_row.nearest_neighbour_ratio = Some(noise_ratio);
        }
        Err(reason) => missing.push(reason.to_owned()),
    }
    if generator.ndb.is_none() {
        missing.push(NO_BINS.to_owned());
    }
    if extractor.classes().is_none() {
        missing.push(NO_CLASSES.to_owned());
    }
    let (reference_count, real_count) = (reference.len(), real.len());
    Ok(Evaluation {
        generator,
        real: real_row,
        noise: noise_row,
        classifier_error,
        reference_count,
        real_count,
        missing,
    })
}

/// The feature extractor for a data set: its embedded classifier, or one trained on the training
/// images; pixels if there are no classes. `cache`: the cache folder, and CPU threads.
///
/// # Errors
/// When the device fails, or there is not enough memory.
pub(super) fn feature_extractor<D: Device>(
    device: &D,
    data: &Dataset,
    split: &DataSplit<'_>,
    cache: (Option<&Path>, usize),
    progress: &mut dyn FnMut(u64, u64),
) -> Result<FeatureExtractor<D>> {
    let classifier = match (split.kind, &split.held_out) {
        (Some(kind @ DatasetKind::StackedMnist), _) => {
            let digits = super::classifier::embedded(device, kind)?;
            return Ok(FeatureExtractor::of_channels(digits, data.shape));
        }
        (Some(kind), _) => Some(super::classifier::embedded(device, kind)?),
        (None, Some(held_out)) if data.classes > 1 => {
            // Checked before the training, which takes long.
            require_enough(REFERENCE, held_out.labels.len())?;
            require_enough(REAL, split.training.labels.len())?;
            let sets = [&split.training, held_out];
            Some(cache::classifier(device, data.shape, data.classes, sets, cache, progress)?)
        }
        _ => None,
    };
    Ok(FeatureExtractor::new(classifier, data.shape))
}

impl Task<'_> {
    /// Features of the reference, and of other real images.
    fn real_samples<D: Device>(
        &self,
        device: &D,
        extractor: &mut FeatureExtractor<D>,
        split: &DataSplit<'_>,
    ) -> Result<RealSamples> {
        let (shape, classes) = (self.shape(), self.selected_classes());
        let held_out = split.held_out_features(device, extractor, shape, classes)?;
        let training = split.training_features(device, extractor, shape, (classes, self.count))?;
        let error = |_| 1.0 - correctly_classified(&held_out) as f64 / held_out.len() as f64;
        let classifier_error = extractor.classifier().map(error);
        let (reference, real) = match self.reference {
            Reference::HeldOut => (held_out, training),
            Reference::Training => (training, held_out),
            Reference::Others(others) => {
                let others = RealImages::of(others);
                let others = others.subset(classes, usize::MAX, shape);
                (Sample::of(device, extractor, others.labelled())?, training)
            }
        };
        Ok(RealSamples {
            reference: reference.require_enough(REFERENCE)?,
            real: real.require_enough(REAL)?,
            classifier_error,
        })
    }

    /// The classes to generate; empty if all classes are.
    fn selected_classes(&self) -> &[u32] {
        if self.classes.len() == self.data.classes { &[] } else { self.classes }
    }

    fn shape(&self) -> ImageShape {
        self.data.shape
    }

    /// Generates images. Returns their features, and the pixels of some of them.
    fn generate<D: Device>(
        &self,
        sampler: &mut Sampler<D>,
        device: &D,
        extractor: &mut FeatureExtractor<D>,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(Sample, Vec<u8>)> {
        let labels = labels_of(self.count, self.classes);
        let noise = sampler.noise(self.count, self.seed)?;
        let mut builder = SampleBuilder::new(self.count);
        for images in sampler.generate(self.statistics, &noise, &labels) {
            builder.add(device, extractor, &bytes(&images?), self.shape().pixels())?;
            progress(builder.added() as u64);
        }
        Ok(builder.finish(self.labels()))
    }

    /// Features of as many images of noise, and the pixels of some of them.
    fn noise<D: Device>(
        &self,
        device: &D,
        extractor: &mut FeatureExtractor<D>,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(Sample, Vec<u8>)> {
        let pixels = self.shape().pixels();
        let mut builder = SampleBuilder::new(self.count);
        while builder.added() < self.count {
            let (first, rest) = (builder.added(), self.count - builder.added());
            let images = noise(first, rest.min(NOISE_BATCH), pixels);
            builder.add(device, extractor, &images, pixels)?;
            progress(builder.added() as u64);
        }
        Ok(builder.finish(self.labels()))
    }

    /// A label for each generated image; 0 without classes.
    fn labels(&self) -> Vec<u32> {
        match self.classes {
            [] => vec![0; self.count],
            classes => labels_of(self.count, classes),
        }
    }

    /// The mean distance of images to the nearest training image, divided by that of real images;
    /// or the reason why it is missing.
    fn nearest_neighbour_ratios<const N: usize>(
        &self,
        split: &DataSplit<'_>,
        images: [&[u8]; N],
    ) -> Result<[f64; N], &'static str> {
        match self.baseline_distance(split) {
            None => Err(NO_TEST_PIXELS),
            Some(0.0) => Err(NO_DISTANCE),
            Some(baseline) => Ok(images.map(|images| self.distance(images) / baseline)),
        }
    }

    /// The mean distance of images to the nearest training image.
    fn distance(&self, images: &[u8]) -> f64 {
        let pixels = self.shape().pixels();
        let [images, training] = [images, &self.data.images].map(|of| Points::new(of, pixels));
        nearest::mean_distance(images, training, self.threads)
    }

    /// The mean distance of real images that the GAN was not trained on to the nearest training
    /// image. If it was trained on all of them, that of training images to the nearest other one.
    /// None if the pixels are missing.
    fn baseline_distance(&self, split: &DataSplit<'_>) -> Option<f64> {
        let pixels = self.shape().pixels();
        match (&split.held_out, split.unseen) {
            (None, _) => None,
            (Some(held_out), true) => {
                let images = held_out.subset(self.selected_classes(), MAX_KEPT, self.shape());
                Some(self.distance(&images.pixels))
            }
            (Some(_), false) => {
                let all = Points::new(&self.data.images[..], pixels);
                let indices =
                    RealImages::of(self.data).spaced_indices(self.selected_classes(), MAX_KEPT);
                Some(nearest::mean_to_nearest_other(all, &indices, self.threads))
            }
        }
    }
}
