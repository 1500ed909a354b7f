//! Scores of a generator: how its images compare with real ones.
//!
//! | module | holds |
//! |---|---|
//! | [`measures`] | scores computed from features |
//! | [`classifier`] | the image classifier that extracts features |
//! | `feature_extractor` | features of images: from the classifier, or their pixels |
//! | [`real_images`] | the real images: training and held-out images |
//! | `sample_builder` | collects the features of generated images batch by batch |
//! | [`score_row`] | all scores of a set of images |
//! | [`mod@evaluation`] | the scores of a trained generator: `gan-cuda evaluate` |
//! | [`evaluate`], [`Evaluator`] | scores during training |
//! | `cache` | trained classifiers in the cache folder |

mod cache;
pub mod classifier;
mod error;
pub mod evaluate;
pub mod evaluation;
mod evaluator;
mod feature_extractor;
pub mod measures;
pub mod real_images;
mod sample_builder;
pub mod score_row;

pub use error::{Error, Result};
pub use evaluation::COUNT;
pub use evaluator::Evaluator;
pub use feature_extractor::FeatureExtractor;
