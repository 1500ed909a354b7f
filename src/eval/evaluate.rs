//! Scores during training: the trait of evaluators, and which scores a run has.

use crate::data::{SearchPaths, Source};
use crate::device::Device;
use crate::eval::Result;
use crate::formats::stats::{Measure, Scores};
use crate::gan::Gan;
use crate::run::config::Config;

/// Scores the generator of a GAN in training: [`Evaluator`](super::Evaluator), or your own type.
pub trait Evaluate<D: Device> {
    /// Computes the current scores. They must depend on the networks only, so that a resumed run
    /// has the same scores as an uninterrupted one, and must not affect training.
    ///
    /// # Errors
    /// When the scores cannot be computed, such as when the device fails.
    fn evaluate(&mut self, gan: &mut Gan<D>) -> Result<Scores>;
}

/// Whether runs of a configuration have this score: FCD needs a classifier, and a folder without
/// classes has none.
pub fn has_score(config: &Config, measure: Measure) -> bool {
    match (&config.dataset, measure) {
        (Some(source @ Source::Folder(_)), Measure::Fcd) => {
            has_classes(source, &SearchPaths::default())
        }
        _ => true,
    }
}

/// Whether the images of a source have classes, even if the GAN is not conditional.
pub fn has_classes(source: &Source, search_paths: &SearchPaths) -> bool {
    source.classes(search_paths).is_ok_and(|classes| classes > 1)
}
