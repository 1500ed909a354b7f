//! The random inputs of an iteration as data: which elements are drawn, and how.

use super::Latent;
use crate::device::codes::drawn;

/// Integers of a [`Draw`] in device memory.
pub const DRAW_WORDS: usize = 9;

/// Consecutive elements of an iteration's inputs, a number of them for each row of the batch.
///
/// A row is an image or a pack of images; with n rows of the batch on this rank, `columns`·n elements are
/// filled, from `start` + `before`·n on: (batches, n, columns/batches).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Draw {
    /// What the elements are.
    pub kind: DrawKind,
    /// The site of the random numbers; see [`crate::rng`].
    pub site: u32,
    /// The first element of a group of draws.
    pub start: usize,
    /// Elements of the draws before this one in its group, for each row.
    pub before: usize,
    /// Elements for each row.
    pub columns: usize,
    /// Batches side by side, of which each row has the same number of elements.
    pub batches: usize,
    /// Images in a row.
    pub pack: usize,
}

/// What is drawn. Labels are integers, everything else is real numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum DrawKind {
    /// Noise.
    Noise(Latent),
    /// Uniform random numbers in \[0, 1).
    Unit,
    /// Dropout masks: 0 with this probability p, and 1/(1 − p), which preserves the mean; in single
    /// precision on every device.
    Mask(f64),
    /// Uniformly distributed classes below this number.
    Classes(usize),
    /// The labels of the batch's images.
    ImageLabels,
}

impl Draw {
    /// The draw in device memory: its kind, site, elements and parameters.
    pub fn words(&self) -> [u32; DRAW_WORDS] {
        let (kind, parameters) = match self.kind {
            DrawKind::Noise(Latent::Normal) => (drawn::NORMAL_NOISE, [0; 2]),
            DrawKind::Noise(Latent::Uniform) => (drawn::UNIFORM_NOISE, [0; 2]),
            DrawKind::Unit => (drawn::UNIT, [0; 2]),
            DrawKind::Mask(p) => {
                let kept = (1.0 / (1.0 - p)) as f32;
                (drawn::MASK, [crate::rng::keep_threshold(p), kept.to_bits()])
            }
            DrawKind::Classes(classes) => (drawn::CLASSES, [classes as u32, 0]),
            DrawKind::ImageLabels => (drawn::IMAGE_LABELS, [0; 2]),
        };
        let Self { start, before, columns, batches, pack, .. } = *self;
        let elements = [start, before, columns, batches, pack].map(|n| n as u32);
        let [start, before, columns, batches, pack] = elements;
        let [first, second] = parameters;
        [kind, self.site, start, before, columns, batches, pack, first, second]
    }
}
