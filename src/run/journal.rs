//! The journal of a run: `log.txt` and `stats.jsonl`, which are only appended to.
//!
//! Every line is one write, so `tail -f` shows it at once and a killed process loses at most the
//! last line. A checkpoint stores the lengths of both files; a run resumed from it truncates them
//! to these lengths, so they read as if it had never stopped. Training does not depend on them: a
//! file that was deleted, emptied or rotated is started again, with a warning.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Seek, SeekFrom, Write};
use std::path::PathBuf;

use serde::Serialize;

use crate::file_error::FileError;
use crate::formats::stats::{Scores, iteration_of_entry, to_line};
use crate::formats::tensor_file::{TensorFile, TensorWriter};
use crate::gan::Metrics;
use crate::gan::dataset::Progress;
use crate::run::dir::RunDir;
use crate::run::{Error, Result};
use crate::text::{grouped, significant};

/// Prefix of the line in `log.txt` that says why the run failed.
pub(crate) const ERROR: &str = "error: ";

const LOG_BYTES: &str = "log_bytes";
const STATS_BYTES: &str = "stats_bytes";

/// The lengths of both files in bytes, which a checkpoint stores.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JournalLengths {
    /// Length of `log.txt`.
    pub log: u64,
    /// Length of `stats.jsonl`.
    pub stats: u64,
}

impl JournalLengths {
    /// Adds the lengths to the metadata of a state file.
    pub fn store(self, state: &mut TensorWriter<'_, Error>) {
        state.metadata.insert(LOG_BYTES.to_owned(), self.log.to_string());
        state.metadata.insert(STATS_BYTES.to_owned(), self.stats.to_string());
    }

    /// Reads the lengths from the metadata of a state file.
    ///
    /// # Errors
    /// [`TensorProblem::Metadata`](crate::formats::tensor_file::TensorProblem::Metadata) if they
    /// are missing or not numbers.
    pub fn load(state: &TensorFile) -> Result<JournalLengths> {
        Ok(JournalLengths {
            log: state.parse_metadata(LOG_BYTES)?,
            stats: state.parse_metadata(STATS_BYTES)?,
        })
    }
}

/// A line of losses in `log.txt`: `[Epoch 3/200] [Batch 12/938] [D loss: 0.2388] …`
pub fn loss_line(progress: Progress, metrics: &Metrics) -> String {
    let ((epoch, epochs), (batch, batches)) = (progress.epoch, progress.batch);
    let &Metrics { d_loss, g_loss, penalty, d_real, d_fake } = metrics;
    // Without penalties it is exactly zero.
    let penalty = if penalty == 0.0 { String::new() } else { format!(" [penalty: {penalty:.4}]") };
    format!(
        "[Epoch {epoch}/{epochs}] [Batch {batch}/{batches}] [D loss: {d_loss:.4}] \
         [G loss: {g_loss:.4}]{penalty} [D(x): {d_real:.2}] [D(G(z)): {d_fake:.2}]"
    )
}

/// A line of scores in `log.txt`: `scores after iteration 938: FCD 12.30, KID 0.01012 ± 0.00110, …`
pub fn score_line(iteration: u32, scores: &Scores) -> String {
    let fcd = scores.fcd.map(|fcd| format!("FCD {}", significant(fcd)));
    let (kid, error) = (significant(scores.kid), significant(scores.kid_error));
    let fidelity =
        scores.class_fidelity.map(|fraction| format!("class fidelity {:.2} %", fraction * 100.0));
    let modes = scores.modes.map(|modes| format!("modes {}", grouped(modes as u64)));
    let modes_kl = scores.modes_kl.map(|kl| format!("modes KL {}", significant(kl)));
    let scores = [fcd, Some(format!("KID {kid} ± {error}")), fidelity, modes, modes_kl];
    let scores: Vec<_> = scores.into_iter().flatten().collect();
    format!("scores after iteration {iteration}: {}", scores.join(", "))
}

/// The number of batches per epoch, parsed from a line of losses.
pub(crate) fn batches_of(line: &str) -> Option<u32> {
    let (_, rest) = line.strip_prefix("[Epoch ")?.split_once("] [Batch ")?;
    let (_, batches) = rest.split_once(']')?.0.split_once('/')?;
    batches.parse().ok()
}

/// The iteration of a line of losses.
fn iteration_of(line: &str) -> Option<u64> {
    let (epoch, rest) = line.strip_prefix("[Epoch ")?.split_once('/')?;
    let (batch, _) = rest.split_once("] [Batch ")?.1.split_once('/')?;
    let before = epoch.parse::<u64>().ok()?.checked_sub(1)? * u64::from(batches_of(line)?);
    Some(before + batch.parse::<u64>().ok()?)
}

/// Writes the log and the statistics of a run.
#[derive(Debug)]
pub struct Journal {
    log: AppendFile,
    stats: AppendFile,
}

impl Journal {
    /// Creates the files of a new run.
    ///
    /// # Errors
    /// If a file cannot be created or exists already.
    pub fn create(run: &RunDir) -> Result<Journal> {
        let (log, stats) = (AppendFile::create(run.log())?, AppendFile::create(run.stats())?);
        Ok(Journal { log, stats })
    }

    /// Opens both files of a run that is resumed after an iteration, when they had these lengths;
    /// [`Journal::truncate`] must be called next. If a file has changed since, its lines of earlier
    /// iterations are kept, and a warning about missing lines is returned.
    ///
    /// # Errors
    /// I/O.
    pub fn open(
        run: &RunDir,
        lengths: JournalLengths,
        iteration: u32,
    ) -> Result<(Journal, Vec<String>)> {
        let is_later = |of: Option<u64>| of.is_some_and(|of| of > u64::from(iteration));
        let (log, log_lost) =
            AppendFile::open(run.log(), lengths.log, |line| is_later(iteration_of(line)))?;
        let (stats, stats_lost) = AppendFile::open(run.stats(), lengths.stats, |line| {
            is_later(iteration_of_entry(line))
        })?;
        let stats_lost = stats_lost.map(|lost| format!("{lost}, and so does loss.png"));
        Ok((Journal { log, stats }, log_lost.into_iter().chain(stats_lost).collect()))
    }

    /// Truncates the files to the lengths they had at the checkpoint.
    ///
    /// # Errors
    /// I/O.
    pub fn truncate(&mut self) -> Result<()> {
        self.log.truncate()?;
        self.stats.truncate()
    }

    /// Appends a line to `log.txt`; `text` has no newline.
    ///
    /// # Errors
    /// I/O, such as a full disk.
    pub fn append_log(&mut self, text: &str) -> Result<()> {
        self.log.append(text)
    }

    /// Appends a log entry to `stats.jsonl`: losses, scores, or statistics of samples.
    ///
    /// # Errors
    /// I/O, such as a full disk.
    pub fn append_stats(&mut self, entry: &impl Serialize) -> Result<()> {
        self.stats.append(&to_line(entry, &self.stats.path)?)
    }

    /// Syncs both files and returns their lengths. Must be called before a checkpoint stores the
    /// lengths.
    ///
    /// # Errors
    /// I/O, such as a full disk.
    pub fn sync(&mut self) -> Result<JournalLengths> {
        self.log.sync()?;
        self.stats.sync()?;
        Ok(JournalLengths { log: self.log.length, stats: self.stats.length })
    }
}

/// A file to which lines are appended, and its length.
#[derive(Debug)]
struct AppendFile {
    path: PathBuf,
    file: File,
    length: u64,
}

impl AppendFile {
    fn create(path: PathBuf) -> Result<AppendFile> {
        let file = File::create_new(&path).map_err(FileError::at("create", &path))?;
        Ok(AppendFile { path, file, length: 0 })
    }

    /// Opens the file, which had `length` bytes. If it has changed since, the lines before the
    /// first later one are kept, and a warning about missing lines is returned.
    fn open(
        path: PathBuf,
        length: u64,
        is_later: impl Fn(&str) -> bool,
    ) -> Result<(AppendFile, Option<String>)> {
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            read => Some(read.map_err(FileError::at("read", &path))?),
        };
        let options = OpenOptions::new().write(true).create(true).truncate(false).open(&path);
        let file = options.map_err(FileError::at("open", &path))?;
        let (found, bytes) = (bytes.is_some(), bytes.unwrap_or_default());
        if ends_line_at(&bytes, length) {
            return Ok((AppendFile { path, file, length }, None));
        }
        let whole =
            bytes.split_inclusive(|&byte| byte == b'\n').filter(|line| line.ends_with(b"\n"));
        let kept = whole.take_while(|line| !is_later(&String::from_utf8_lossy(line)));
        let kept: u64 = kept.map(|line| line.len() as u64).sum();
        let what =
            if found { "was truncated or replaced after the checkpoint" } else { "is missing" };
        let consequence = if kept == 0 { "starts again" } else { "has a gap" };
        let lost = format!("{} {what}: it {consequence} here", path.display());
        Ok((AppendFile { path, file, length: kept }, Some(lost)))
    }

    fn truncate(&mut self) -> Result<()> {
        self.file.set_len(self.length).map_err(FileError::at("cut", &self.path))?;
        self.file.seek(SeekFrom::Start(self.length)).map_err(FileError::at("write", &self.path))?;
        Ok(())
    }

    fn append(&mut self, line: &str) -> Result<()> {
        let line = format!("{line}\n");
        // It may have been emptied meanwhile, as log rotation does.
        let end = self.file.seek(SeekFrom::End(0)).map_err(FileError::at("write", &self.path))?;
        self.length = end;
        if let Err(error) = self.file.write_all(line.as_bytes()) {
            // A partial line would be joined with the next one.
            let _ = self.truncate();
            return Err(FileError::at("write", &self.path)(error).into());
        }
        self.length += line.len() as u64;
        Ok(())
    }

    fn sync(&mut self) -> Result<(), FileError> {
        self.file.sync_data().map_err(FileError::at("write", &self.path))
    }
}

/// Whether a file has at least `length` bytes and a line ends there.
fn ends_line_at(bytes: &[u8], length: u64) -> bool {
    let before = usize::try_from(length).ok().and_then(|length| bytes.get(..length));
    before.is_some_and(|before| before.is_empty() || before.ends_with(b"\n"))
}
