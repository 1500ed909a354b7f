//! A checkpoint folder: all that a run needs to go on as if it had never stopped.
//!
//! `generator.safetensors` and `discriminator.safetensors` hold what a `state_dict` holds;
//! `state.safetensors` holds the rest (optimizer moments, counters) and, in its metadata, checksums
//! of all three. The folder is written as `checkpoint-000938.tmp`, synced and renamed: one without
//! that ending is whole. What the state means is the trainer's business.

mod problem;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use tracing::debug;

use super::files::{self, TEMPORARY, with_ending};
use super::run_dir::{RunDir, replaced};
use super::tensor_file::TensorFile;
use crate::{Error, Result};
pub use problem::CheckpointProblem;

const GENERATOR: &str = "generator.safetensors";
const DISCRIMINATOR: &str = "discriminator.safetensors";
const STATE: &str = "state.safetensors";
const FILES: [&str; 3] = [GENERATOR, DISCRIMINATOR, STATE];

const VERSION: (&str, &str) = ("format_version", "2");
const GENERATOR_SUM: &str = "crc32_generator";
const DISCRIMINATOR_SUM: &str = "crc32_discriminator";
const STATE_SUM: &str = "crc32_state";
/// Stands in the checksum's place while the checksum is taken.
const NO_SUM: &str = "00000000";

/// Two networks and the state of their training.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    /// The generator's `state_dict`.
    pub generator: TensorFile,
    /// The discriminator's `state_dict`.
    pub discriminator: TensorFile,
    /// All else.
    pub state: TensorFile,
}

impl Checkpoint {
    /// Writes `checkpoint-<iteration>` in `run`, replacing one of the same iteration, and returns
    /// its path. When it returns, the checkpoint is on the disk; a kill before that leaves the run
    /// with the checkpoints it had (after [`RunDir::clean`]).
    ///
    /// # Errors
    /// When the disk is full, and the like.
    pub fn save(&self, run: &RunDir, iteration: u64) -> Result<PathBuf> {
        let begun = Instant::now();
        let path = run.checkpoint(iteration);
        let temporary = with_ending(&path, TEMPORARY);
        files::remove_if_there(&temporary)?;
        fs::create_dir(&temporary).map_err(Error::io("create", &temporary))?;
        let written = self.write(&temporary).and_then(|bytes| {
            files::sync_folder(&temporary)?;
            put_in_place(&temporary, &path)?;
            debug!(path = %path.display(), bytes, elapsed = ?begun.elapsed(), "wrote a checkpoint");
            Ok(())
        });
        if written.is_err() {
            // On a full disk the room is needed.
            let _ = files::remove_if_there(&temporary);
        }
        written.map(|()| path)
    }

    /// Writes the files; answers how many bytes they have.
    fn write(&self, folder: &Path) -> Result<usize> {
        let generator = self.generator.to_bytes(&folder.join(GENERATOR))?;
        let discriminator = self.discriminator.to_bytes(&folder.join(DISCRIMINATOR))?;
        let state = self.state_bytes(folder, &generator, &discriminator)?;
        files::write_synced(&folder.join(GENERATOR), &generator)?;
        files::write_synced(&folder.join(DISCRIMINATOR), &discriminator)?;
        files::write_synced(&folder.join(STATE), &state)?;
        Ok(generator.len() + discriminator.len() + state.len())
    }

    fn state_bytes(
        &self,
        folder: &Path,
        generator: &[u8],
        discriminator: &[u8],
    ) -> Result<Vec<u8>> {
        let mut state = self.state.clone();
        let words = [
            (VERSION.0, VERSION.1.to_owned()),
            (GENERATOR_SUM, checksum(generator)),
            (DISCRIMINATOR_SUM, checksum(discriminator)),
            (STATE_SUM, NO_SUM.to_owned()),
        ];
        state.metadata.extend(words.map(|(key, word)| (key.to_owned(), word)));
        let mut bytes = state.to_bytes(&folder.join(STATE))?;
        let sum = checksum(&bytes);
        if let Some(place) = state_sum(&mut bytes) {
            place.copy_from_slice(sum.as_bytes());
        }
        Ok(bytes)
    }

    /// Whether a folder, by whatever name, is a checkpoint's, be it whole or not.
    pub fn is_at(folder: &Path) -> bool {
        FILES.iter().any(|name| folder.join(name).is_file())
    }

    /// Whether a folder has all of a checkpoint's files.
    pub fn is_complete_at(folder: &Path) -> bool {
        FILES.iter().all(|name| folder.join(name).is_file())
    }

    /// Reads a checkpoint folder and makes sure that every byte is as it was saved.
    ///
    /// # Errors
    /// [`CheckpointProblem::Damaged`] names the file, and the run's older checkpoints;
    /// [`CheckpointProblem::Version`]; I/O.
    pub fn load(folder: &Path) -> Result<Checkpoint> {
        let begun = Instant::now();
        let mut state = read_state(&folder.join(STATE))?;
        let generator = read_network(&folder.join(GENERATOR), &state, GENERATOR_SUM)?;
        let discriminator = read_network(&folder.join(DISCRIMINATOR), &state, DISCRIMINATOR_SUM)?;
        for key in [VERSION.0, GENERATOR_SUM, DISCRIMINATOR_SUM, STATE_SUM] {
            state.metadata.remove(key);
        }
        debug!(path = %folder.display(), elapsed = ?begun.elapsed(), "read a checkpoint");
        Ok(Checkpoint { generator, discriminator, state })
    }
}

/// Renames the new folder to its name. An old one of that name steps aside first and goes last, so
/// that at any moment one of the two is whole; [`RunDir::clean`] ends what a kill leaves half-done.
fn put_in_place(temporary: &Path, path: &Path) -> Result<()> {
    let old = replaced(path);
    if path.exists() {
        files::remove_if_there(&old)?;
        fs::rename(path, &old).map_err(Error::io("rename", path))?;
    }
    fs::rename(temporary, path).map_err(Error::io("rename", temporary))?;
    files::sync_folder(files::folder_of(path))?;
    files::remove_if_there(&old)
}

fn read_state(path: &Path) -> Result<TensorFile> {
    let mut bytes = read(path)?;
    let damaged = || damaged(path, "its checksum does not match");
    let place = state_sum(&mut bytes).ok_or_else(damaged)?;
    let stored = place.to_vec();
    place.copy_from_slice(NO_SUM.as_bytes());
    if checksum(&bytes).as_bytes() != stored {
        return Err(damaged());
    }
    let state = TensorFile::from_bytes(path, &bytes)?;
    match state.word(VERSION.0)? {
        version if version == VERSION.1 => Ok(state),
        other => {
            Err(CheckpointProblem::Version { path: path.to_owned(), version: other.to_owned() }
                .into())
        }
    }
}

fn read_network(path: &Path, state: &TensorFile, sum: &str) -> Result<TensorFile> {
    let bytes = read(path)?;
    if checksum(&bytes) != state.word(sum)? {
        return Err(damaged(path, "its checksum does not match state.safetensors"));
    }
    TensorFile::from_bytes(path, &bytes)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    match fs::read(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(damaged(path, "the file is missing"))
        }
        other => other.map_err(Error::io("read", path)),
    }
}

fn damaged(path: &Path, problem: &'static str) -> Error {
    let older = older_than(files::folder_of(path)).unwrap_or_default();
    CheckpointProblem::Damaged { path: path.to_owned(), problem, older }.into()
}

/// The complete checkpoints of the same run before the one at `folder`.
fn older_than(folder: &Path) -> Result<Vec<PathBuf>> {
    let (run, this) = RunDir::open(folder)?;
    let mut iterations = run.checkpoints()?;
    iterations.retain(|&iteration| this.is_some_and(|this| iteration < this));
    Ok(iterations.into_iter().map(|iteration| run.checkpoint(iteration)).collect())
}

/// CRC-32 as eight lower-case hexadecimal digits.
fn checksum(bytes: &[u8]) -> String {
    format!("{:08x}", crc32fast::hash(bytes))
}

/// Where a state file keeps its own checksum. The text cannot occur earlier: JSON escapes the
/// quotes of any word, and tensors come after the metadata.
fn state_sum(bytes: &mut [u8]) -> Option<&mut [u8]> {
    let key = format!("\"{STATE_SUM}\":\"");
    let start = bytes.windows(key.len()).position(|window| window == key.as_bytes())? + key.len();
    bytes.get_mut(start..start + NO_SUM.len())
}
