//! Scores in training: whoever can tell at any iteration how good the generator is.

use crate::data::{SearchPaths, Source};
use crate::device::Device;
use crate::eval::Result;
use crate::formats::stats::{Measure, Scores};
use crate::gan::Gan;
use crate::run::config::Config;

/// Scores the generator of a GAN in training: [`Evaluator`](super::Evaluator), or one of one's own.
pub trait Evaluate<D: Device> {
    /// The scores now. They may depend on the networks alone, so that a run that was stopped has
    /// the same as one that was not; and nothing that is learnt may depend on them.
    ///
    /// # Errors
    /// When the device fails, and the like.
    fn evaluate(&mut self, gan: &mut Gan<D>) -> Result<Scores>;
}

/// Whether runs of a configuration have such a score: FCD needs a classifier, which a folder without
/// classes has not.
pub fn has_score(config: &Config, measure: Measure) -> bool {
    match (&config.dataset, measure) {
        (Some(source @ Source::Folder(_)), Measure::Fcd) => {
            has_classes(source, &SearchPaths::default())
        }
        _ => true,
    }
}

/// Whether images have classes, though a generator may not ask for any.
pub fn has_classes(source: &Source, search_paths: &SearchPaths) -> bool {
    source.classes(search_paths).is_ok_and(|classes| classes > 1)
}
