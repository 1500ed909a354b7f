//! A checkpoint folder: all that a run needs to go on as if it had never stopped.
//!
//! `generator.safetensors` and `discriminator.safetensors` hold what a `state_dict` holds;
//! `state.safetensors` holds the rest (optimizer moments, counters) and, in its metadata, checksums
//! of all three. The folder is written as `checkpoint-000938.tmp`, synced and renamed: one without
//! that ending is whole. What the state means is the trainer's business.

mod problem;

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Instant;

use safetensors::SafeTensorError;
use tracing::debug;

use crate::file_error::FileError;
use crate::formats::files::{self, TEMPORARY, with_ending};
use crate::formats::tensor_file::{Foreign, TensorFile, TensorWriter, first_bytes};
use crate::gan::Role;
use crate::run::dir::{RunDir, replaced};
use crate::run::{Error, Result};
pub use problem::CheckpointProblem;

const GENERATOR: &str = "generator.safetensors";
const DISCRIMINATOR: &str = "discriminator.safetensors";
const STATE: &str = "state.safetensors";
const FILES: [&str; 3] = [GENERATOR, DISCRIMINATOR, STATE];

/// The format that is written, and the one that is read.
const VERSION: &str = "3";
/// Without the networks' layers, and with one count of steps for both optimisers.
const OLDER_VERSION: &str = "2";
const VERSION_KEY: &str = "format_version";
const GENERATOR_SUM: &str = "crc32_generator";
const DISCRIMINATOR_SUM: &str = "crc32_discriminator";
const STATE_SUM: &str = "crc32_state";
/// Stands in the checksum's place while the checksum is taken.
const NO_SUM: &str = "00000000";

/// Two networks and the state of their training, to be written.
pub struct CheckpointWriter<'a> {
    /// The generator's `state_dict`.
    pub generator: TensorWriter<'a, Error>,
    /// The discriminator's `state_dict`.
    pub discriminator: TensorWriter<'a, Error>,
    /// All else.
    pub state: TensorWriter<'a, Error>,
}

impl CheckpointWriter<'_> {
    /// Writes `checkpoint-<iteration>` in `run`, replacing one of the same iteration, and returns
    /// its path. When it returns, the checkpoint is on the disk; an error or a kill before that
    /// leaves the run with the checkpoints it had (after [`RunDir::clean`]).
    ///
    /// # Errors
    /// When the disk is full, and the like; the first error of a tensor's numbers.
    pub fn save(self, run: &RunDir, iteration: u64) -> Result<PathBuf> {
        let begun = Instant::now();
        let path = run.checkpoint(iteration);
        let temporary = with_ending(&path, TEMPORARY);
        files::remove_if_there(&temporary)?;
        fs::create_dir(&temporary).map_err(FileError::at("create", &temporary))?;
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
    fn write(self, folder: &Path) -> Result<u64> {
        let generator = Written::new(folder.join(GENERATOR), self.generator)?;
        let discriminator = Written::new(folder.join(DISCRIMINATOR), self.discriminator)?;
        let mut state = self.state;
        let words = [
            (VERSION_KEY, VERSION),
            (GENERATOR_SUM, &generator.sum),
            (DISCRIMINATOR_SUM, &discriminator.sum),
            (STATE_SUM, NO_SUM),
        ];
        state.metadata.extend(words.map(|(key, word)| (key.to_owned(), word.to_owned())));
        let mut state = Written::new(folder.join(STATE), state)?;
        state.store_sum().map_err(FileError::at("write", &state.path))?;
        Ok([generator, discriminator, state]
            .into_iter()
            .map(Written::sync)
            .sum::<Result<_, _>>()?)
    }
}

/// A file that was written, and its checksum.
struct Written {
    path: PathBuf,
    file: File,
    sum: String,
}

impl Written {
    fn new(path: PathBuf, tensors: TensorWriter<'_, Error>) -> Result<Self> {
        let file = File::options().read(true).write(true).create_new(true).open(&path);
        let mut file = Summed::new(file.map_err(FileError::at("create", &path))?);
        tensors.write(&path, &mut file)?;
        Ok(Self { path, sum: file.sum(), file: file.inner })
    }

    /// Puts a state file's checksum where it keeps it.
    fn store_sum(&mut self) -> io::Result<()> {
        let first = first_bytes(&mut self.file).map_err(io::Error::other)?;
        let place = sum_place(&first).ok_or(io::ErrorKind::InvalidData)?;
        self.file.seek(SeekFrom::Start(place.start as u64))?;
        self.file.write_all(self.sum.as_bytes())
    }

    /// Waits until the file is on the disk; answers how many bytes it has.
    fn sync(self) -> Result<u64, FileError> {
        let synced = self.file.sync_all().and_then(|()| self.file.metadata());
        synced.map(|metadata| metadata.len()).map_err(FileError::at("write", &self.path))
    }
}

/// Two networks and the state of their training, open: tensors are read when they are asked for.
#[derive(Debug)]
pub struct Checkpoint {
    /// The generator's `state_dict`.
    pub generator: TensorFile,
    /// The discriminator's `state_dict`.
    pub discriminator: TensorFile,
    /// All else.
    pub state: TensorFile,
}

impl Checkpoint {
    /// Whether a folder, by whatever name, is a checkpoint's, be it whole or not.
    pub fn is_at(folder: &Path) -> bool {
        FILES.iter().any(|name| folder.join(name).is_file())
    }

    /// Whether a folder has all of a checkpoint's files.
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

    /// Opens a checkpoint folder and makes sure that every byte is as it was saved.
    ///
    /// # Errors
    /// [`CheckpointProblem::Damaged`] names the file, and the run's older checkpoints;
    /// [`CheckpointProblem::Version`]; I/O.
    pub fn load(folder: &Path) -> Result<Checkpoint> {
        let begun = Instant::now();
        let state = open_state(&folder.join(STATE))?;
        let generator = open_network(&folder.join(GENERATOR), &state, GENERATOR_SUM)?;
        let discriminator = open_network(&folder.join(DISCRIMINATOR), &state, DISCRIMINATOR_SUM)?;
        debug!(path = %folder.display(), elapsed = ?begun.elapsed(), "checked a checkpoint");
        Ok(Checkpoint { generator, discriminator, state })
    }
}

/// Renames the new folder to its name. An old one of that name steps aside first and goes last, so
/// that at any moment one of the two is whole; [`RunDir::clean`] ends what a kill leaves half-done.
fn put_in_place(temporary: &Path, path: &Path) -> Result<(), FileError> {
    let old = replaced(path);
    if path.exists() {
        files::remove_if_there(&old)?;
        fs::rename(path, &old).map_err(FileError::at("rename", path))?;
    }
    fs::rename(temporary, path).map_err(FileError::at("rename", temporary))?;
    files::sync_folder(files::folder_of(path))?;
    files::remove_if_there(&old)
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
    let place = sum_place(&first).ok_or_else(damaged)?;
    let stored = first[place.clone()].to_vec();
    first[place].copy_from_slice(NO_SUM.as_bytes());
    if checksum((&*first).chain(&file)).map_err(FileError::at("read", path))?.as_bytes() != stored {
        return Err(damaged());
    }
    let state = TensorFile::from_source(path, file)?;
    match state.word(VERSION_KEY)? {
        VERSION | OLDER_VERSION => Ok(state),
        other => {
            Err(CheckpointProblem::Version { path: path.to_owned(), version: other.to_owned() }
                .into())
        }
    }
}

fn open_network(path: &Path, state: &TensorFile, sum: &str) -> Result<TensorFile> {
    let file = open(path)?;
    if checksum(&file).map_err(FileError::at("read", path))? != state.word(sum)? {
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
    // A repository without its large files, for one.
    let foreign = File::open(path).ok().and_then(|mut file| Foreign::of(path, &mut file));
    let problem = foreign.map_or_else(|| problem.to_owned(), |kind| format!("it is {kind}"));
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

/// The checksum of all that is left to read.
fn checksum(mut file: impl Read) -> io::Result<String> {
    let mut sum = Summed::new(io::sink());
    io::copy(&mut file, &mut sum)?;
    Ok(sum.sum())
}

/// Takes the checksum of what passes through it.
struct Summed<W> {
    inner: W,
    hasher: crc32fast::Hasher,
}

impl<W> Summed<W> {
    fn new(inner: W) -> Self {
        Self { inner, hasher: crc32fast::Hasher::new() }
    }

    /// CRC-32 as eight lower-case hexadecimal digits.
    fn sum(&self) -> String {
        format!("{:08x}", self.hasher.clone().finalize())
    }
}

impl<W: Write> Write for Summed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Where a state file keeps its own checksum, in its first bytes. The text cannot occur earlier:
/// JSON escapes the quotes of any word, and tensors come after the metadata.
fn sum_place(first: &[u8]) -> Option<Range<usize>> {
    let key = format!("\"{STATE_SUM}\":\"");
    let start = first.windows(key.len()).position(|window| window == key.as_bytes())? + key.len();
    (start + NO_SUM.len() <= first.len()).then_some(start..start + NO_SUM.len())
}
