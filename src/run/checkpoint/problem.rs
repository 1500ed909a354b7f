//! Errors of checkpoints.

use std::path::PathBuf;

use super::{OLDER_VERSION, VERSION};

/// Why a checkpoint cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointProblem {
    /// A file of a checkpoint is missing or was changed.
    #[error("{path} is damaged: {problem}; {}", older_ones(older))]
    Damaged {
        /// The file, or the checkpoint's folder.
        path: PathBuf,
        /// How the damage was detected.
        problem: String,
        /// Complete older checkpoints of the same run, newest last.
        older: Vec<PathBuf>,
    },

    /// The networks of a checkpoint are not those of the configuration.
    #[error("{path} belongs to other networks: its {key} is {got}, not {expected}")]
    OtherNetworks {
        /// The network's file.
        path: PathBuf,
        /// What differs: "preset", "latent_dim", "image_shape", …
        key: &'static str,
        /// Its value in the file.
        got: String,
        /// Its value in the configuration.
        expected: String,
    },

    /// A checkpoint is in an unsupported format version.
    #[error(
        "{path} is in checkpoint format {version:?}; this program reads \
         {OLDER_VERSION:?} and {VERSION:?}: use the version that wrote it"
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
            format!("resume from an older checkpoint: {}", paths.join(", "))
        }
    }
}
