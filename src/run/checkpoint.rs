//! Checkpoint folders: everything needed to resume a run as if it had never stopped.
//!
//! `generator.safetensors` and `discriminator.safetensors` hold the `state_dict`s, and
//! `generator_ema.safetensors` the moving average of the generator's, if there is one;
//! `state.safetensors` holds the rest (optimizer moments, counters) and, in its metadata, checksums
//! of all files. The folder is written as `checkpoint-000938.tmp`, synced and renamed, so a
//! folder without that suffix is complete. The trainer interprets the state.

mod problem;

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Instant;

use safetensors::SafeTensorError;
use tracing::debug;

use crate::file_error::FileError;
use crate::formats::files::{self, TEMPORARY, with_suffix};
use crate::formats::tensor_file::{TensorFile, TensorWriter, UnsupportedFile, first_bytes};
use crate::gan::Role;
use crate::run::dir::{RunDir, replaced};
use crate::run::{Error, Result};
pub use problem::CheckpointProblem;

const GENERATOR: &str = "generator.safetensors";
const AVERAGE: &str = "generator_ema.safetensors";
const DISCRIMINATOR: &str = "discriminator.safetensors";
const STATE: &str = "state.safetensors";
const FILES: [&str; 3] = [GENERATOR, DISCRIMINATOR, STATE];

/// The format version that is written, and read.
const VERSION: &str = "3";
/// Also read: a format without the networks' layers, and with one step count for both optimizers.
const OLDER_VERSION: &str = "2";
const VERSION_KEY: &str = "format_version";
const GENERATOR_SUM: &str = "crc32_generator";
const AVERAGE_SUM: &str = "crc32_generator_ema";
const DISCRIMINATOR_SUM: &str = "crc32_discriminator";
const STATE_SUM: &str = "crc32_state";
/// Placeholder for the checksum of the state file while it is computed.
const PLACEHOLDER: &str = "00000000";

/// Two networks and their training state, to be written.
pub struct CheckpointWriter<'a> {
    /// The generator's `state_dict`.
    pub generator: TensorWriter<'a, Error>,
    /// The moving average of the generator's, if there is one.
    pub average: Option<TensorWriter<'a, Error>>,
    /// The discriminator's `state_dict`.
    pub discriminator: TensorWriter<'a, Error>,
    /// Everything else.
    pub state: TensorWriter<'a, Error>,
}

impl CheckpointWriter<'_> {
    /// Writes `checkpoint-<iteration>` in `run`, replacing one of the same iteration, and returns
    /// its path. On return the checkpoint is synced; after an error or a kill before that, the run
    /// still has its previous checkpoints (after [`RunDir::clean`]).
    ///
    /// # Errors
    /// I/O, such as a full disk; the first error of a tensor's numbers.
    pub fn save(self, run: &RunDir, iteration: u64) -> Result<PathBuf> {
        let start = Instant::now();
        let path = run.checkpoint(iteration);
        let temporary = with_suffix(&path, TEMPORARY);
        files::remove_if_exists(&temporary)?;
        fs::create_dir(&temporary).map_err(FileError::at("create", &temporary))?;
        let written = self.write(&temporary).and_then(|bytes| {
            files::sync_folder(&temporary)?;
            replace_folder(&temporary, &path)?;
            debug!(path = %path.display(), bytes, elapsed = ?start.elapsed(), "wrote a checkpoint");
            Ok(())
        });
        if written.is_err() {
            // Frees the space on a full disk.
            let _ = files::remove_if_exists(&temporary);
        }
        written.map(|()| path)
    }

    /// Writes the files; returns their total size in bytes.
    fn write(self, folder: &Path) -> Result<u64> {
        let generator = WrittenFile::new(folder.join(GENERATOR), self.generator)?;
        let discriminator = WrittenFile::new(folder.join(DISCRIMINATOR), self.discriminator)?;
        let average = self.average.map(|file| WrittenFile::new(folder.join(AVERAGE), file));
        let average = average.transpose()?;
        let mut state = self.state;
        let average_sum = average.as_ref().map(|file| (AVERAGE_SUM, &*file.sum));
        let metadata = [
            (VERSION_KEY, VERSION),
            (GENERATOR_SUM, &*generator.sum),
            (DISCRIMINATOR_SUM, &discriminator.sum),
            (STATE_SUM, PLACEHOLDER),
        ];
        let metadata = metadata.into_iter().chain(average_sum);
        let metadata = metadata.map(|(key, value)| (key.to_owned(), value.to_owned()));
        state.metadata.extend(metadata);
        let mut state = WrittenFile::new(folder.join(STATE), state)?;
        state.store_sum().map_err(FileError::at("write", &state.path))?;
        Ok([generator, discriminator, state]
            .into_iter()
            .chain(average)
            .map(WrittenFile::sync)
            .sum::<Result<_, _>>()?)
    }
}

/// A written file and its checksum.
struct WrittenFile {
    path: PathBuf,
    file: File,
    sum: String,
}

impl WrittenFile {
    fn new(path: PathBuf, tensors: TensorWriter<'_, Error>) -> Result<Self> {
        let file = File::options().read(true).write(true).create_new(true).open(&path);
        let mut file = ChecksumWriter::new(file.map_err(FileError::at("create", &path))?);
        tensors.write(&path, &mut file)?;
        Ok(Self { path, sum: file.sum(), file: file.inner })
    }

    /// Writes the checksum of a state file over its placeholder.
    fn store_sum(&mut self) -> io::Result<()> {
        let first = first_bytes(&mut self.file).map_err(io::Error::other)?;
        let range = checksum_range(&first).ok_or(io::ErrorKind::InvalidData)?;
        self.file.seek(SeekFrom::Start(range.start as u64))?;
        self.file.write_all(self.sum.as_bytes())
    }

    /// Syncs the file; returns its size in bytes.
    fn sync(self) -> Result<u64, FileError> {
        let synced = self.file.sync_all().and_then(|()| self.file.metadata());
        synced.map(|metadata| metadata.len()).map_err(FileError::at("write", &self.path))
    }
}

/// Two networks and their training state, open: tensors are read on demand.
#[derive(Debug)]
pub struct Checkpoint {
    /// The generator's `state_dict`.
    pub generator: TensorFile,
    /// The moving average of the generator's, if there is one.
    pub average: Option<TensorFile>,
    /// The discriminator's `state_dict`.
    pub discriminator: TensorFile,
    /// Everything else.
    pub state: TensorFile,
}

impl Checkpoint {
    /// Whether a folder, whatever its name, is a checkpoint, complete or not.
    pub fn is_at(folder: &Path) -> bool {
        FILES.iter().any(|name| folder.join(name).is_file())
    }

    /// Whether a folder has all files of a checkpoint.
    pub fn is_complete_at(folder: &Path) -> bool {
        FILES.iter().all(|name| folder.join(name).is_file())
    }

    /// A network's `state_dict`.
    pub fn network(&self, role: Role) -> &TensorFile {
        match role {
            Role::Generator => &self.generator,
            Role::Discriminator => &self.discriminator,
        }
    }

    /// The `state_dict` of the generator that makes samples: the moving average, if there is one.
    pub fn sampled(&self) -> &TensorFile {
        self.average.as_ref().unwrap_or(&self.generator)
    }

    /// The name of the file of [`Checkpoint::sampled`] in a checkpoint folder.
    pub fn sampled_name(&self) -> &'static str {
        if self.average.is_some() { AVERAGE } else { GENERATOR }
    }

    /// Opens a checkpoint folder and verifies the checksums of all files.
    ///
    /// # Errors
    /// [`CheckpointProblem::Damaged`] names the file, and the run's older checkpoints;
    /// [`CheckpointProblem::Version`]; I/O.
    pub fn load(folder: &Path) -> Result<Checkpoint> {
        let start = Instant::now();
        let state = open_state(&folder.join(STATE))?;
        let generator = open_network(&folder.join(GENERATOR), &state, GENERATOR_SUM)?;
        let discriminator = open_network(&folder.join(DISCRIMINATOR), &state, DISCRIMINATOR_SUM)?;
        let has_average = state.metadata().contains_key(AVERAGE_SUM);
        let average = || open_network(&folder.join(AVERAGE), &state, AVERAGE_SUM);
        let average = has_average.then(average).transpose()?;
        debug!(path = %folder.display(), elapsed = ?start.elapsed(), "checked a checkpoint");
        Ok(Checkpoint { generator, average, discriminator, state })
    }
}

/// Renames the new folder to its final name. An old one of that name is first renamed and deleted
/// last, so that one of the two is complete at any moment; [`RunDir::clean`] finishes what a killed
/// process leaves.
fn replace_folder(temporary: &Path, path: &Path) -> Result<(), FileError> {
    let old = replaced(path);
    if path.exists() {
        files::remove_if_exists(&old)?;
        fs::rename(path, &old).map_err(FileError::at("rename", path))?;
    }
    fs::rename(temporary, path).map_err(FileError::at("rename", temporary))?;
    files::sync_folder(files::folder_of(path))?;
    files::remove_if_exists(&old)
}

fn open_state(path: &Path) -> Result<TensorFile> {
    let mut file = open(path)?;
    let damaged = || damaged(path, "its checksum does not match");
    let mut first = match first_bytes(&mut file) {
        Err(SafeTensorError::IoError(source)) => {
            return Err(FileError::at("read", path)(source).into());
        }
        other => other.map_err(|_| damaged())?,
    };
    let range = checksum_range(&first).ok_or_else(damaged)?;
    let stored = first[range.clone()].to_vec();
    first[range].copy_from_slice(PLACEHOLDER.as_bytes());
    if checksum((&*first).chain(&file)).map_err(FileError::at("read", path))?.as_bytes() != stored {
        return Err(damaged());
    }
    let state = TensorFile::from_source(path, file)?;
    match state.metadata_value(VERSION_KEY)? {
        VERSION | OLDER_VERSION => Ok(state),
        other => {
            Err(CheckpointProblem::Version { path: path.to_owned(), version: other.to_owned() }
                .into())
        }
    }
}

fn open_network(path: &Path, state: &TensorFile, sum: &str) -> Result<TensorFile> {
    let file = open(path)?;
    if checksum(&file).map_err(FileError::at("read", path))? != state.metadata_value(sum)? {
        return Err(damaged(path, "its checksum does not match state.safetensors"));
    }
    Ok(TensorFile::from_source(path, file)?)
}

fn open(path: &Path) -> Result<File> {
    match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(damaged(path, "the file is missing"))
        }
        other => Ok(other.map_err(FileError::at("read", path))?),
    }
}

fn damaged(path: &Path, problem: &str) -> Error {
    // For example a repository without its Git LFS files.
    let foreign = File::open(path).ok().and_then(|mut file| UnsupportedFile::of(path, &mut file));
    let problem = foreign.map_or_else(|| problem.to_owned(), |kind| format!("it is {kind}"));
    let older = older_than(files::folder_of(path)).unwrap_or_default();
    CheckpointProblem::Damaged { path: path.to_owned(), problem, older }.into()
}

/// The complete checkpoints of the same run that are older than `folder`.
fn older_than(folder: &Path) -> Result<Vec<PathBuf>> {
    let (run, this) = RunDir::open(folder)?;
    let mut iterations = run.checkpoints()?;
    iterations.retain(|&iteration| this.is_some_and(|this| iteration < this));
    Ok(iterations.into_iter().map(|iteration| run.checkpoint(iteration)).collect())
}

/// The checksum of the rest of a file.
fn checksum(mut file: impl Read) -> io::Result<String> {
    let mut sum = ChecksumWriter::new(io::sink());
    io::copy(&mut file, &mut sum)?;
    Ok(sum.sum())
}

/// Computes the checksum of the bytes written through it.
struct ChecksumWriter<W> {
    inner: W,
    hasher: crc32fast::Hasher,
}

impl<W> ChecksumWriter<W> {
    fn new(inner: W) -> Self {
        Self { inner, hasher: crc32fast::Hasher::new() }
    }

    /// CRC-32 as eight lower-case hexadecimal digits.
    fn sum(&self) -> String {
        format!("{:08x}", self.hasher.clone().finalize())
    }
}

impl<W: Write> Write for ChecksumWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// The position of a state file's own checksum in its first bytes. The key cannot occur earlier:
/// JSON escapes quotes in values, and tensors come after the metadata.
fn checksum_range(first: &[u8]) -> Option<Range<usize>> {
    let key = format!("\"{STATE_SUM}\":\"");
    let start = first.windows(key.len()).position(|window| window == key.as_bytes())? + key.len();
    (start + PLACEHOLDER.len() <= first.len()).then_some(start..start + PLACEHOLDER.len())
}
