//! What can be wrong with a checkpoint.

use std::path::PathBuf;

use super::{OLDER_VERSION, VERSION};

/// Why a checkpoint cannot be taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointProblem {
    /// A checkpoint's bytes are not those that were saved.
    #[error("{path} is damaged: {problem}; {}", older_ones(older))]
    Damaged {
        /// The file, or the checkpoint's folder.
        path: PathBuf,
        /// How that shows.
        problem: String,
        /// Complete checkpoints of the same run before this one, newest last.
        older: Vec<PathBuf>,
    },

    /// A checkpoint's networks are not those that go on from it.
    #[error("{path} belongs to other networks: its {key} is {got}, not {expected}")]
    OfAnother {
        /// The network's file.
        path: PathBuf,
        /// What differs: "preset", "latent_dim", "image_shape", …
        key: &'static str,
        /// What it is in the file.
        got: String,
        /// What it is in the networks.
        expected: String,
    },

    /// A checkpoint is of a format that this program does not know.
    #[error(
        "{path} is in checkpoint format {version:?}; this program reads \
         {OLDER_VERSION:?} and {VERSION:?}: take the version that wrote it"
    )]
    Version {
        /// The `state.safetensors`.
        path: PathBuf,
        /// Its `format_version`.
        version: String,
    },
}

/// What to do about a damaged checkpoint.
fn older_ones(older: &[PathBuf]) -> String {
    match older.last() {
        None => "there is no older checkpoint in this run".to_owned(),
        Some(_) => {
            let paths: Vec<_> = older.iter().map(|path| path.display().to_string()).collect();
            format!("go on from an older checkpoint: {}", paths.join(", "))
        }
    }
}
