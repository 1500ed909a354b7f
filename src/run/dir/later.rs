//! What a run has of iterations after one of its checkpoints, and what becomes of it.

use tracing::info;

use super::RunDir;
use crate::formats::files;
use crate::run::Result;

/// What a run has of iterations after one of its checkpoints.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Later {
    /// Iterations of checkpoints, ascending.
    pub checkpoints: Vec<u64>,
    /// Iterations of sample grids, ascending.
    pub samples: Vec<u64>,
}

impl RunDir {
    /// The checkpoints and the grids after `iteration`.
    ///
    /// # Errors
    /// When a folder cannot be listed.
    pub fn after(&self, iteration: u64) -> Result<Later> {
        let (mut checkpoints, mut samples) = (self.checkpoints()?, self.sample_iterations()?);
        checkpoints.retain(|&other| other > iteration);
        samples.retain(|&other| other > iteration);
        Ok(Later { checkpoints, samples })
    }

    /// Deletes the checkpoints and the grids after `iteration`: a run that goes on from an older
    /// checkpoint takes another path, and what it left behind must not pass for its newest.
    ///
    /// # Errors
    /// When one cannot be deleted.
    pub fn discard_after(&self, iteration: u64) -> Result<()> {
        let Later { checkpoints, samples } = self.after(iteration)?;
        if !checkpoints.is_empty() {
            info!(
                ?checkpoints,
                from = iteration,
                "checkpoints of the discarded branch are removed"
            );
        }
        for later in checkpoints {
            files::remove_folder(&self.checkpoint(later))?;
        }
        for later in samples {
            files::remove_if_there(&self.sample(later))?;
        }
        Ok(())
    }
}
