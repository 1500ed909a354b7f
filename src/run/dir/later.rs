//! Files of iterations after a checkpoint, which are deleted when a run is resumed from it.

use tracing::info;

use super::RunDir;
use crate::formats::files;
use crate::run::Result;

/// Checkpoints and sample grids of iterations after a checkpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LaterFiles {
    /// Iterations of checkpoints, ascending.
    pub checkpoints: Vec<u64>,
    /// Iterations of sample grids, ascending.
    pub samples: Vec<u64>,
}

impl RunDir {
    /// The checkpoints and sample grids after `iteration`.
    ///
    /// # Errors
    /// If a folder cannot be listed.
    pub fn after(&self, iteration: u64) -> Result<LaterFiles> {
        let (mut checkpoints, mut samples) = (self.checkpoints()?, self.sample_iterations()?);
        checkpoints.retain(|&other| other > iteration);
        samples.retain(|&other| other > iteration);
        Ok(LaterFiles { checkpoints, samples })
    }

    /// Deletes the checkpoints and sample grids after `iteration`. A run that is resumed from an
    /// older checkpoint takes another path, so the files of the discarded branch must not be
    /// mistaken for its newest.
    ///
    /// # Errors
    /// If one cannot be deleted.
    pub fn discard_after(&self, iteration: u64) -> Result<()> {
        let LaterFiles { checkpoints, samples } = self.after(iteration)?;
        if !checkpoints.is_empty() {
            info!(?checkpoints, from = iteration, "deleting checkpoints of the discarded branch");
        }
        for later in checkpoints {
            files::remove_folder(&self.checkpoint(later))?;
        }
        for later in samples {
            files::remove_if_exists(&self.sample(later))?;
        }
        Ok(())
    }
}
