//! Who follows a run: the terminal, or another program.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::cli::error::Result;
use crate::formats::stats::{Measure, ScoreEntry};
use crate::run::dir::RunDir;
use crate::train::observer::Observer;
use crate::train::trainer::Outcome;

/// Follows a run from the loading of its images to its end.
pub trait FrontEnd {
    /// A warning about the images or the scores of the run.
    fn warn(&mut self, warning: String);

    /// Called before the run's folder is created. From here on, setting the returned flag makes the
    /// run save a checkpoint and stop.
    ///
    /// # Errors
    /// If the front end cannot start to listen to whoever sets the flag.
    fn stop_flag(&mut self) -> Result<Arc<AtomicBool>>;

    /// Called before the first iteration. Returns the observer of the training.
    fn begin(&mut self, run: &Beginning) -> &mut dyn Observer;
}

/// A run before its first iteration.
pub struct Beginning<'a> {
    /// Device, data, memory, networks and length, for people.
    pub banner: Vec<String>,
    /// The run's folder.
    pub run: &'a Path,
    /// Where a resumed run or a branch begins, for people.
    pub remarks: &'a [String],
    /// Completed iterations.
    pub completed: u32,
    /// Iterations of the whole run.
    pub total: u32,
}

/// A run after its last iteration.
pub struct Trained {
    /// The run's folder.
    pub run: RunDir,
    /// Whether it was stopped.
    pub outcome: Outcome,
    /// Iterations completed before this training, and after it.
    pub iterations: [u32; 2],
    /// Whether the losses exploded and did not recover.
    pub diverged: bool,
    /// The best score, if there are scores.
    pub best: Option<(Measure, ScoreEntry)>,
}
