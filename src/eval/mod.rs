//! Scores of a generator: how its images compare with real ones.
//!
//! | module | holds |
//! |---|---|
//! | [`measures`] | from features to numbers |
//! | [`classifier`] | the network that sees images as features |
//! | [`mod@evaluation`] | a trained generator's scores: what is compared with what |
//! | [`trend`], [`Evaluator`] | those that are watched in training |
//! | [`real`] | the real images: learnt from, held out |
//! | [`row`], `gallery`, `eye`, `cache` | all measures of some images; images that come and are seen; what sees them; classifiers that were trained |

mod cache;
pub mod classifier;
mod error;
pub mod evaluation;
mod evaluator;
mod eye;
mod gallery;
pub mod measures;
pub mod real;
pub mod row;
pub mod trend;

pub use error::{Error, Result};
pub use evaluation::COUNT;
pub use evaluator::Evaluator;
pub use eye::Eye;
