//! The observer of a training run, such as the command line's progress display.

use std::path::Path;

use crate::formats::stats::{LossEntry, Scores};
use crate::gan::Metrics;
use crate::gan::dataset::Progress;

/// Is notified of a run's progress. All methods do nothing by default; `()` is an observer that
/// ignores everything.
pub trait Observer {
    /// Called when an iteration on a batch of `images` is queued. Return true to read its losses
    /// now, which waits for the device; [`Observer::losses`] is then called with them.
    fn iteration(&mut self, _progress: Progress, _images: usize) -> bool {
        false
    }

    /// The losses of an iteration: if [`Observer::iteration`] returned true, and of the last one.
    fn losses(&mut self, _progress: Progress, _metrics: &Metrics) {}

    /// The losses of an iteration were logged: every `log_interval` iterations, and the last ones.
    fn logged(&mut self, _progress: Progress, _entry: &LossEntry) {}

    /// The scores of the generator after an iteration.
    fn scores(&mut self, _iteration: u32, _scores: &Scores) {}

    /// A sample grid or a checkpoint was written.
    fn wrote(&mut self, _path: &Path) {}

    /// A warning.
    fn warning(&mut self, _text: &str) {}

    /// The run was asked to stop and is about to write a checkpoint.
    fn stopping(&mut self) {}
}

impl Observer for () {}
