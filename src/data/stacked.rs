//! StackedMNIST, for the study of mode collapse: each image is three digits, one in red, one in
//! green and one in blue, so there are 10³ modes.
//!
//! Sources: [Metz et al. 2017](https://arxiv.org/abs/1611.02163) for the data set,
//! [Lin et al. 2018](https://arxiv.org/abs/1712.04086) for the number of training images.

use super::resize::zeros;
use super::{Dataset, DatasetKind, Error, ImageShape, Result};
use crate::rng::{Stream, below, site};

/// Digits in an image: one for each channel.
const DIGITS: usize = 3;

/// A set of stacked images. Each is made of its own digits, so the sets share none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StackedSet {
    /// 128,000 images of training digits.
    Training,
    /// 10,000 images of test digits.
    Test,
}

impl StackedSet {
    /// The number of images.
    pub fn images(self) -> usize {
        match self {
            StackedSet::Training => 128_000,
            StackedSet::Test => 10_000,
        }
    }

    /// The digits of each image: the indices of its red, green and blue one among `digits` digits.
    /// They are chosen at random, but are always the same.
    pub fn triples(self, digits: usize) -> impl Iterator<Item = [usize; DIGITS]> {
        let stream = Stream { seed: 0, site: site::STACKED };
        (0..self.images() as u32).map(move |image| {
            let [red, green, blue, _] = stream.block(image, self as u32);
            [below(red, digits), below(green, digits), below(blue, digits)]
        })
    }
}

/// The class of a stacked image: 100 · red + 10 · green + blue for digits of ten classes.
pub fn stacked_class(digits: &[u32], classes: usize) -> u32 {
    digits.iter().fold(0, |class, digit| class * classes as u32 + digit)
}

/// The number of classes of stacked images: 1,000 for digits of ten classes.
pub(super) fn stacked_classes(classes: usize) -> usize {
    classes.pow(DIGITS as u32)
}

impl Dataset {
    /// Stacks digits. Images of digits without classes have none either.
    ///
    /// # Errors
    /// [`Error::Reshape`] if the images do not fit into memory.
    pub(super) fn stacked(&self, set: StackedSet) -> Result<Dataset> {
        let (from, to) = (self.shape, ImageShape { channels: DIGITS, ..self.shape });
        let mut images =
            zeros(set.images(), to).map_err(|reason| Error::Reshape { from, to, reason })?;
        let mut labels = Vec::with_capacity(set.images());
        let triples = set.triples(self.len());
        for (image, triple) in images.chunks_exact_mut(to.pixels()).zip(triples) {
            for (channel, digit) in image.chunks_exact_mut(from.pixels()).zip(triple) {
                channel.copy_from_slice(self.image(digit));
            }
            labels.push(stacked_class(&triple.map(|digit| self.labels[digit]), self.classes));
        }
        Ok(Dataset {
            name: DatasetKind::StackedMnist.name().to_owned(),
            images,
            labels,
            classes: stacked_classes(self.classes),
            class_names: Vec::new(),
            shape: to,
            origin: self.origin.clone(),
            warnings: self.warnings.clone(),
        })
    }
}
