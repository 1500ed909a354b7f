//! Random augmentation of images.

use std::fmt::{self, Debug, Formatter};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::choice::{Choice, choices};
use crate::device::{In, Memory, Out};

/// Random numbers that an image's augmentation takes: flip, brightness, saturation, contrast, vertical
/// and horizontal shift, row and column of the hole.
pub const AUGMENT_DRAWS: usize = 8;

choices! {
    /// A random transformation of images.
    pub enum Augmentation {
        /// Mirror half of the images horizontally.
        Flip = "flip",
        /// Shift by up to an eighth of the size; what enters the image is 0.
        Translate = "translate",
        /// Set a rectangle of half the height and width to 0.
        Cutout = "cutout",
        /// Change brightness, saturation and contrast.
        Colour = "colour",
    }
}

/// A set of augmentations.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Augmentations([bool; Augmentation::ALL.len()]);

impl Augmentations {
    /// Whether an augmentation is in the set.
    pub fn contains(self, augmentation: Augmentation) -> bool {
        self.0[augmentation as usize]
    }

    /// Whether the set has no augmentations.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The augmentations, in the order of [`Choice::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Augmentation> {
        Augmentation::ALL.iter().copied().filter(move |&one| self.contains(one))
    }
}

impl Serialize for Augmentations {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for Augmentations {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Vec::<Augmentation>::deserialize(deserializer)?.into_iter().collect())
    }
}

impl Debug for Augmentations {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl FromIterator<Augmentation> for Augmentations {
    fn from_iter<I: IntoIterator<Item = Augmentation>>(all: I) -> Self {
        let mut set = Self::default();
        all.into_iter().for_each(|one| set.0[one as usize] = true);
        set
    }
}

/// Extents of images, and their augmentations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AugmentShape {
    /// Images in the batch.
    pub rows: usize,
    /// Channels of an image.
    pub channels: usize,
    /// Rows of pixels.
    pub height: usize,
    /// Columns of pixels.
    pub width: usize,
    /// The transformations; without one, its part of T is the identity.
    pub augmentations: Augmentations,
}

impl AugmentShape {
    /// Elements of an image.
    pub fn image_len(&self) -> usize {
        self.channels * self.height * self.width
    }
}

/// Differentiable augmentation of real and generated images: Zhao et al.,
/// [Differentiable Augmentation for Data-Efficient GAN Training](https://arxiv.org/abs/2006.10738), with
/// a horizontal flip before it.
///
/// Images are (rows, channels, height, width). An image's numbers u₀ … u₇ of `draws` (rows,
/// [`AUGMENT_DRAWS`]), uniform in [0, 1), determine its transformation T. With
/// below(n, u) = ⌊n·u⌋ in 0..n, computed exactly from the first 24 bits of u:
///
/// | augmentation | result |
/// |---|---|
/// | flip | f\[k, r, c\] = x\[k, r, width − 1 − c\] if u₀ < ½, else x\[k, r, c\] |
/// | colour | z = (s − s̄)·(u₃ + ½) + s̄ with s = (b − b̄)·2u₂ + b̄ and b = f + u₁ − ½; b̄ is a pixel's mean over the channels, s̄ the mean of the image |
/// | translate | t\[k, r, c\] = z\[k, r + i, c + j\], or 0 outside: i = below(2m + 1, u₄) − m with m = ⌊height/8 + ½⌋, and j by u₅ and the width |
/// | cutout | y\[k, r, c\] = 0 if i ≤ r < i + h and j ≤ c < j + w, else t\[k, r, c\]: h = ⌈height/2⌉, i = below(height + 1 − h mod 2, u₆) − ⌊h/2⌋, and w, j by u₇ and the width |
///
/// For given numbers, T is affine in x.
pub trait Augment: Memory {
    /// y = T(x).
    fn augment_forward(
        &self,
        y: Out<'_, Self>,
        x: In<'_, Self>,
        draws: In<'_, Self>,
        shape: AugmentShape,
    );

    /// dx = Aᵀ·dy, where A is the linear part of T: T(x) = A·x + T(0).
    fn augment_backward(
        &self,
        dx: Out<'_, Self>,
        dy: In<'_, Self>,
        draws: In<'_, Self>,
        shape: AugmentShape,
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_contains_what_it_was_collected_from() {
        let some = [Augmentation::Colour, Augmentation::Flip];
        let set = Augmentations::from_iter(some);
        for &one in Augmentation::ALL {
            assert_eq!(set.contains(one), some.contains(&one), "{one}");
        }
        assert!(set.iter().eq([Augmentation::Flip, Augmentation::Colour]));
        assert!(!set.is_empty());
        assert!(Augmentations::from_iter([]).is_empty());
    }
}
