//! The real images that scores need: those that a generator has learnt from, and those that were
//! held out.
//!
//! | images | held out | they are seen by |
//! |---|---|---|
//! | mnist, fashion-mnist | the 10,000 test images, whose features are part of the program | the classifier inside the program |
//! | IDX files with a test set beside them | that test set | a classifier trained on the others |
//! | a folder, or IDX files alone | half of them, drawn once and for all | a classifier trained on the other half; without classes, their pixels |
//!
//! Of a folder's images the GAN has learnt from both halves; the classifier, as everywhere, from one.

use std::borrow::Cow;

use crate::data::{Dataset, DatasetKind, ImageShape};
use crate::device::Device;
use crate::eval::classifier::training::Labelled;
use crate::eval::classifier::{Seen, test_features};
use crate::eval::{Error, Eye, Result};
use crate::rng::{Stream, site};

/// The fewest images that are compared: a neighbourhood has five beside the one in its middle.
pub const FEWEST: usize = 6;
/// What the reference is called where it is too small.
pub(super) const REFERENCE: &str = "the images to compare with";
/// The same of the other real images.
pub(super) const REAL: &str = "the real images beside them";
/// The most held-out images that are compared.
const MOST: usize = 10_000;

/// Real images as bytes, plane by plane, with a class each.
#[derive(Clone, Debug)]
pub struct Images<'a> {
    /// (images, channels, height, width).
    pub pixels: Cow<'a, [u8]>,
    /// The class of each; all 0 where there are no classes.
    pub labels: Cow<'a, [u32]>,
}

impl<'a> Images<'a> {
    /// All images of a data set.
    pub fn of(data: &'a Dataset) -> Self {
        Self { pixels: Cow::Borrowed(&data.images), labels: Cow::Borrowed(&data.labels) }
    }

    /// Their classes beside them.
    pub fn labelled(&self) -> Labelled<'_> {
        Labelled { images: &self.pixels, labels: &self.labels }
    }

    /// Of the images of some classes (none are named: of all) so many, evenly spaced: those of a
    /// folder lie class by class.
    pub fn some(&self, classes: &[u32], most: usize, shape: ImageShape) -> Images<'_> {
        let chosen = self.spaced(classes, most);
        if chosen.len() == self.labels.len() {
            let Images { pixels, labels } = self;
            return Images { pixels: Cow::Borrowed(pixels), labels: Cow::Borrowed(labels) };
        }
        self.pick(&chosen, shape)
    }

    /// The numbers of these images, in their order.
    pub fn spaced(&self, classes: &[u32], most: usize) -> Vec<usize> {
        let is_wanted = |&i: &usize| classes.is_empty() || classes.contains(&self.labels[i]);
        let wanted: Vec<_> = (0..self.labels.len()).filter(is_wanted).collect();
        let count = wanted.len().min(most);
        (0..count).map(|i| wanted[i * wanted.len() / count]).collect()
    }

    fn pick(&self, chosen: &[usize], shape: ImageShape) -> Images<'static> {
        let pixels = shape.pixels();
        let image = |&i: &usize| &self.pixels[i * pixels..][..pixels];
        Images {
            pixels: Cow::Owned(chosen.iter().flat_map(image).copied().collect()),
            labels: Cow::Owned(chosen.iter().map(|&i| self.labels[i]).collect()),
        }
    }
}

/// A data set, divided.
#[derive(Clone, Debug)]
pub struct Divided<'a> {
    /// The images that a classifier may learn from.
    pub learnt: Images<'a>,
    /// The others, as far as their pixels are there.
    pub held_out: Option<Images<'a>>,
    /// The data set that it is known as, whose test images' features are known.
    pub kind: Option<DatasetKind>,
    /// Whether held-out images are not of those that the GAN has learnt from.
    pub unseen: bool,
}

impl<'a> Divided<'a> {
    /// Divides the images of a run; `test` is the test set beside them, if it is there.
    pub fn new(data: &'a Dataset, kind: Option<DatasetKind>, test: Option<&'a Dataset>) -> Self {
        if kind.is_some() || test.is_some() {
            let held_out = test.map(Images::of);
            return Self { learnt: Images::of(data), held_out, kind, unseen: true };
        }
        let order = Stream { seed: 0, site: site::HELD_OUT }.permutation(data.len(), 0);
        let (held_out, learnt) = order.split_at(data.len() / 2);
        let half = |chosen: &[u32]| {
            let mut chosen: Vec<_> = chosen.iter().map(|&i| i as usize).collect();
            chosen.sort_unstable();
            Images::of(data).pick(&chosen, data.shape)
        };
        Self { learnt: half(learnt), held_out: Some(half(held_out)), kind, unseen: false }
    }
}

/// Images as an [`Eye`] sees them.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Their features, and the classes that these speak for.
    pub seen: Seen,
    /// The classes that they are of, as far as they have any.
    pub labels: Vec<u32>,
}

impl Sample {
    /// Sees images.
    ///
    /// # Errors
    /// When the device fails.
    pub fn of<D: Device>(device: &D, eye: &mut Eye<D>, images: Labelled<'_>) -> Result<Sample> {
        Ok(Sample { seen: eye.see(device, images.images)?, labels: images.labels.to_vec() })
    }

    /// How many images they are.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Those of some classes alone.
    #[must_use]
    pub fn of_classes(&self, classes: &[u32]) -> Sample {
        let dimensions = self.seen.features.len() / self.len().max(1);
        let chosen: Vec<_> =
            (0..self.len()).filter(|&i| classes.contains(&self.labels[i])).collect();
        let row = |&i: &usize| &self.seen.features[i * dimensions..][..dimensions];
        let class = |&i: &usize| self.seen.classes.get(i).copied();
        Sample {
            labels: chosen.iter().map(|&i| self.labels[i]).collect(),
            seen: Seen {
                features: chosen.iter().flat_map(row).copied().collect(),
                classes: chosen.iter().filter_map(class).collect(),
            },
        }
    }

    /// The same, if they are enough to be compared.
    ///
    /// # Errors
    /// [`Error::TooFewImages`], of which `what` says which they are.
    pub fn enough(self, what: &str) -> Result<Sample> {
        expect_enough(what, self.len()).map(|()| self)
    }
}

/// Makes sure that so many images are enough to be compared.
///
/// # Errors
/// [`Error::TooFewImages`], of which `what` says which they are.
pub fn expect_enough(what: &str, images: usize) -> Result<()> {
    match images < FEWEST {
        true => Err(Error::TooFewImages { what: what.to_owned(), images, least: FEWEST }),
        false => Ok(()),
    }
}

impl Divided<'_> {
    /// The held-out images of some classes (none are named: of all), up to 10,000, as they are seen.
    ///
    /// # Errors
    /// When the device fails.
    pub fn see_held_out<D: Device>(
        &self,
        device: &D,
        eye: &mut Eye<D>,
        shape: ImageShape,
        classes: &[u32],
    ) -> Result<Sample> {
        match (self.kind, &self.held_out) {
            (Some(kind), _) => {
                let known = test_features(kind)?;
                let seen_as = eye.classify(device, &known.features)?;
                let seen = Seen { features: known.features, classes: seen_as };
                let all = Sample { seen, labels: known.labels };
                Ok(if classes.is_empty() { all } else { all.of_classes(classes) })
            }
            (None, Some(images)) => {
                Sample::of(device, eye, images.some(classes, MOST, shape).labelled())
            }
            (None, None) => Ok(Sample { seen: Seen::default(), labels: Vec::new() }),
        }
    }

    /// Up to `count` images of some classes (none are named: of all) that were learnt from, as they
    /// are seen.
    ///
    /// # Errors
    /// When the device fails.
    pub fn see_learnt<D: Device>(
        &self,
        device: &D,
        eye: &mut Eye<D>,
        shape: ImageShape,
        (classes, count): (&[u32], usize),
    ) -> Result<Sample> {
        Sample::of(device, eye, self.learnt.some(classes, count, shape).labelled())
    }
}
