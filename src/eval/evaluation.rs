//! A trained generator, scored: what `gan-cuda evaluate` does.

use std::path::Path;

use crate::data::{Dataset, DatasetKind, ImageShape};
use crate::device::Device;
use crate::eval::classifier::doubt;
use crate::eval::gallery::{Gallery, KEPT, bytes, noise};
use crate::eval::measures::{Points, nearest};
use crate::eval::real::{Divided, Images, REAL, REFERENCE, Sample, expect_enough};
use crate::eval::row::{Row, Yardstick, right};
use crate::eval::{Eye, Result, cache};
use crate::gan::arrangement::labels_of;
use crate::gan::sampler::{Sampler, Statistics};

/// Images of an evaluation, unless another number is asked for.
pub const COUNT: usize = 10_000;
/// Things that are compared: a reference made ready, three rows measured, distances of pixels.
const COMPARISONS: u64 = 5;
const NO_TEST_PIXELS: &str =
    "nearest: it needs the pixels of the test images, which are not on this machine";
const NO_DISTANCE: &str = "nearest: real images are copies of each other";
const NO_BINS: &str = "NDB: the reference has too few images for bins";
const NO_CLASSES: &str = "fidelity, FCD, KL, rarest: they need a classifier, and the images have no \
                          classes; the others are measured in pixels of images reduced to 16×16";
/// Images of noise that are made at once.
const AT_ONCE: usize = 500;

/// What a generator's images are compared with.
#[derive(Clone, Copy, Debug)]
pub enum Reference<'a> {
    /// Real images that were held out.
    HeldOut,
    /// Those that the generator has learnt from.
    Learnt,
    /// Others, of the same shape.
    Others(&'a Dataset),
}

/// What is to be scored, and by what.
pub struct Task<'a> {
    /// The images that the generator has learnt from.
    pub data: &'a Dataset,
    /// The test set beside them, if it is there.
    pub test: Option<&'a Dataset>,
    /// The data set by its name, if it has one.
    pub kind: Option<DatasetKind>,
    /// What images are compared with.
    pub reference: Reference<'a>,
    /// How many images are drawn.
    pub count: usize,
    /// The seed of their noise.
    pub seed: u64,
    /// What BatchNorm normalises with.
    pub statistics: Statistics,
    /// Classes that images are asked to be of, all or some; none where the generator has none.
    pub classes: &'a [u32],
    /// Threads of the CPU.
    pub threads: usize,
    /// This program's cache folder, where classifiers of folders are kept.
    pub cache: Option<&'a Path>,
}

/// What is being done, for a person who waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// A classifier learns; in batches.
    Learning,
    /// Images are drawn and seen.
    Drawing,
    /// Images of noise are seen.
    Noise,
    /// They are compared; in comparisons.
    Comparing,
}

/// Hears how much is done of a stage, and how much there is.
pub type Watch<'a> = &'a mut dyn FnMut(Stage, u64, u64);

/// The scores of a generator, between those of real images and of noise.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// The generator's.
    pub generator: Row,
    /// Of real images that are not the reference's: the best that can be hoped for.
    pub real: Row,
    /// Of noise: the worst.
    pub noise: Row,
    /// The share of held-out images that the classifier takes for another class; none where images
    /// are not seen by one.
    pub classifier_error: Option<f64>,
    /// Images of the reference.
    pub reference_count: usize,
    /// Images in the row of real ones.
    pub real_count: usize,
    /// Why a measure is missing.
    pub missing: Vec<String>,
}

impl Evaluation {
    /// What is to be doubted of it, if anything is.
    pub fn doubt(&self) -> Option<String> {
        self.classifier_error.and_then(doubt)
    }
}

/// The real images of an evaluation, as they are seen.
struct Compared {
    reference: Sample,
    real: Sample,
    classifier_error: Option<f64>,
}

/// Scores a generator.
///
/// # Errors
/// [`TooFewImages`](crate::eval::Error::TooFewImages); when the device fails, or there is not enough
/// memory.
pub fn evaluate<D: Device>(
    sampler: &mut Sampler<D>,
    device: &D,
    task: &Task<'_>,
    watch: Watch<'_>,
) -> Result<Evaluation> {
    let divided = Divided::new(task.data, task.kind, task.test);
    let mut learning = |done, all| watch(Stage::Learning, done, all);
    let mut eye = eye(device, task.data, &divided, (task.cache, task.threads), &mut learning)?;
    let Compared { reference, real, classifier_error } =
        task.compared(device, &mut eye, &divided)?;

    let count = task.count as u64;
    let mut drawing = |done| watch(Stage::Drawing, done, count);
    let (generated, kept) = task.draw(sampler, device, &mut eye, &mut drawing)?;
    let mut seeing = |done| watch(Stage::Noise, done, count);
    let (noise, noise_kept) = task.noise(device, &mut eye, &mut seeing)?;

    let mut begun = 0;
    let mut comparing = || {
        watch(Stage::Comparing, begun, COMPARISONS);
        begun += 1;
    };
    comparing();
    let classes = eye.classifier().map(|classifier| classifier.about().classes);
    let yardstick = Yardstick::new(&reference, classes, eye.dimensions(), task.threads);
    let [mut generator, mut real_row, mut noise_row] = [&generated, &real, &noise].map(|sample| {
        comparing();
        yardstick.measure(sample, task.classes)
    });
    comparing();
    let mut missing = Vec::new();
    match task.ratios(&divided, [&kept, &noise_kept]) {
        Ok([of_generator, of_noise]) => {
            generator.nearest_neighbour_ratio = Some(of_generator);
            real_row.nearest_neighbour_ratio = Some(1.0);
            noise_row.nearest_neighbour_ratio = Some(of_noise);
        }
        Err(reason) => missing.push(reason.to_owned()),
    }
    if generator.ndb.is_none() {
        missing.push(NO_BINS.to_owned());
    }
    if classes.is_none() {
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

/// What sees a data set's images: the classifier that belongs to it, or one that is trained on what
/// was learnt; pixels where there are no classes. `keeping`: the cache folder, and threads.
///
/// # Errors
/// When the device fails, or there is not enough memory.
pub(super) fn eye<D: Device>(
    device: &D,
    data: &Dataset,
    divided: &Divided<'_>,
    keeping: (Option<&Path>, usize),
    learning: &mut dyn FnMut(u64, u64),
) -> Result<Eye<D>> {
    let classifier = match (divided.kind, &divided.held_out) {
        (Some(kind), _) => Some(super::classifier::embedded(device, kind)?),
        (None, Some(held_out)) if data.classes > 1 => {
            // Before it is trained in vain.
            expect_enough(REFERENCE, held_out.labels.len())?;
            expect_enough(REAL, divided.learnt.labels.len())?;
            let sets = [&divided.learnt, held_out];
            Some(cache::classifier(device, data.shape, data.classes, sets, keeping, learning)?)
        }
        _ => None,
    };
    Ok(Eye::new(classifier, data.shape))
}

impl Task<'_> {
    /// The images to compare with, and real ones beside them.
    fn compared<D: Device>(
        &self,
        device: &D,
        eye: &mut Eye<D>,
        divided: &Divided<'_>,
    ) -> Result<Compared> {
        let (shape, some) = (self.shape(), self.some_classes());
        let held_out = divided.see_held_out(device, eye, shape, some)?;
        let learnt = divided.see_learnt(device, eye, shape, (some, self.count))?;
        let error = |_| 1.0 - right(&held_out) as f64 / held_out.len() as f64;
        let classifier_error = eye.classifier().map(error);
        let (reference, real) = match self.reference {
            Reference::HeldOut => (held_out, learnt),
            Reference::Learnt => (learnt, held_out),
            Reference::Others(others) => {
                let others = Images::of(others);
                let others = others.some(some, usize::MAX, shape);
                (Sample::of(device, eye, others.labelled())?, learnt)
            }
        };
        Ok(Compared {
            reference: reference.enough(REFERENCE)?,
            real: real.enough(REAL)?,
            classifier_error,
        })
    }

    /// The classes that are asked for, if they are not all.
    fn some_classes(&self) -> &[u32] {
        if self.classes.len() == self.data.classes { &[] } else { self.classes }
    }

    fn shape(&self) -> ImageShape {
        self.data.shape
    }

    /// The generator's images, and the pixels of some of them.
    fn draw<D: Device>(
        &self,
        sampler: &mut Sampler<D>,
        device: &D,
        eye: &mut Eye<D>,
        drawing: &mut dyn FnMut(u64),
    ) -> Result<(Sample, Vec<u8>)> {
        let labels = labels_of(self.count, self.classes);
        let noise = sampler.noise(self.count, self.seed)?;
        let mut gallery = Gallery::new(self.count);
        for images in sampler.draw(self.statistics, &noise, &labels) {
            gallery.add(device, eye, &bytes(&images?), self.shape().pixels())?;
            drawing(gallery.came() as u64);
        }
        Ok(gallery.finish(self.labels()))
    }

    /// As many images of noise.
    fn noise<D: Device>(
        &self,
        device: &D,
        eye: &mut Eye<D>,
        seeing: &mut dyn FnMut(u64),
    ) -> Result<(Sample, Vec<u8>)> {
        let pixels = self.shape().pixels();
        let mut gallery = Gallery::new(self.count);
        while gallery.came() < self.count {
            let (first, rest) = (gallery.came(), self.count - gallery.came());
            gallery.add(device, eye, &noise(first, rest.min(AT_ONCE), pixels), pixels)?;
            seeing(gallery.came() as u64);
        }
        Ok(gallery.finish(self.labels()))
    }

    /// A label for each image that is drawn, 0 where there are no classes.
    fn labels(&self) -> Vec<u32> {
        match self.classes {
            [] => vec![0; self.count],
            classes => labels_of(self.count, classes),
        }
    }

    /// The mean distances of images to the nearest training image, each divided by the usual one; or
    /// why there is none.
    fn ratios<const N: usize>(
        &self,
        divided: &Divided<'_>,
        images: [&[u8]; N],
    ) -> Result<[f64; N], &'static str> {
        match self.usual_distance(divided) {
            None => Err(NO_TEST_PIXELS),
            Some(0.0) => Err(NO_DISTANCE),
            Some(usual) => Ok(images.map(|images| self.distance(images) / usual)),
        }
    }

    /// The mean distance of images to the nearest that the generator has learnt from.
    fn distance(&self, images: &[u8]) -> f64 {
        let pixels = self.shape().pixels();
        let [images, learnt] = [images, &self.data.images].map(|of| Points::new(of, pixels));
        nearest::mean_distance(images, learnt, self.threads)
    }

    /// The same of real images that the generator has not seen; where it has seen all of them, from
    /// one of them to the nearest other. None where their pixels are missing.
    fn usual_distance(&self, divided: &Divided<'_>) -> Option<f64> {
        let pixels = self.shape().pixels();
        match (&divided.held_out, divided.unseen) {
            (None, _) => None,
            (Some(held_out), true) => {
                let some = held_out.some(self.some_classes(), KEPT, self.shape());
                Some(self.distance(&some.pixels))
            }
            (Some(_), false) => {
                let all = Points::new(&self.data.images[..], pixels);
                let some = Images::of(self.data).spaced(self.some_classes(), KEPT);
                Some(nearest::mean_among_themselves(all, &some, self.threads))
            }
        }
    }
}
