//! What leaves the training loop while it runs, for whoever watches it.

use std::path::Path;

use crate::formats::stats::Scores;
use crate::gan::Metrics;
use crate::gan::dataset::Progress;

/// Watches a run. Every method does nothing unless it is written; `()` is an observer that does not
/// look.
pub trait Observer {
    /// An iteration on so many images is queued. Answers whether to read its losses now, which waits
    /// for the device; they come by [`Observer::losses`].
    fn iteration(&mut self, _progress: Progress, _images: usize) -> bool {
        false
    }

    /// The losses of an iteration: of one that was asked for, and of the last.
    fn losses(&mut self, _progress: Progress, _metrics: &Metrics) {}

    /// The generator was scored after an iteration.
    fn scores(&mut self, _iteration: u32, _scores: &Scores) {}

    /// A sample grid or a checkpoint was written.
    fn wrote(&mut self, _path: &Path) {}

    /// Something may be wrong.
    fn warning(&mut self, _text: &str) {}

    /// The run was asked to stop, and is about to save.
    fn stopping(&mut self) {}
}

impl Observer for () {}
