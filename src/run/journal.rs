//! The two files of a run that only grow, `log.txt` and `stats.jsonl`.
//!
//! Every line is one write, so `tail -f` shows it at once and a kill costs at most the last line.
//! A checkpoint remembers how long both files were; a run that goes on from it cuts them there,
//! so they read as if it had never stopped. Nothing that is learnt depends on them: one that was
//! deleted, emptied or rotated begins again, with a warning.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Seek, SeekFrom, Write};
use std::path::PathBuf;

use serde::Serialize;

use crate::file_error::FileError;
use crate::formats::records::{Scores, iteration_of_record, to_line};
use crate::formats::tensor_file::{TensorFile, TensorWriter};
use crate::gan::Metrics;
use crate::gan::dataset::Progress;
use crate::run::dir::RunDir;
use crate::run::{Error, Result};
use crate::text::significant;

/// What a line of `log.txt` begins with that says why the run ended.
pub(crate) const ERROR: &str = "error: ";

const LOG_BYTES: &str = "log_bytes";
const STATS_BYTES: &str = "stats_bytes";

/// The lengths of both files in bytes, as a checkpoint keeps them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Positions {
    /// Length of `log.txt`.
    pub log: u64,
    /// Length of `stats.jsonl`.
    pub stats: u64,
}

impl Positions {
    /// Puts the lengths into a state file's metadata.
    pub fn store(self, state: &mut TensorWriter<'_, Error>) {
        state.metadata.insert(LOG_BYTES.to_owned(), self.log.to_string());
        state.metadata.insert(STATS_BYTES.to_owned(), self.stats.to_string());
    }

    /// Takes the lengths from a state file's metadata.
    ///
    /// # Errors
    /// [`TensorProblem::Metadata`](crate::formats::tensor_file::TensorProblem::Metadata) when they are
    /// missing or not numbers.
    pub fn load(state: &TensorFile) -> Result<Positions> {
        Ok(Positions { log: state.parse(LOG_BYTES)?, stats: state.parse(STATS_BYTES)? })
    }
}

/// A line of losses in `log.txt`: `[Epoch 3/200] [Batch 12/938] [D loss: 0.2388] …`
pub fn loss_line(progress: Progress, metrics: &Metrics) -> String {
    let ((epoch, epochs), (batch, batches)) = (progress.epoch, progress.batch);
    let Metrics { d_loss, g_loss, d_real, d_fake } = metrics;
    format!(
        "[Epoch {epoch}/{epochs}] [Batch {batch}/{batches}] [D loss: {d_loss:.4}] \
         [G loss: {g_loss:.4}] [D(x): {d_real:.2}] [D(G(z)): {d_fake:.2}]"
    )
}

/// A line of scores in `log.txt`: `scores after iteration 938: FCD 12.30, KID 0.01012 ± 0.00110, …`
pub fn score_line(iteration: u32, scores: &Scores) -> String {
    let fcd = scores.fcd.map(|fcd| format!("FCD {}", significant(fcd)));
    let (kid, error) = (significant(scores.kid), significant(scores.kid_error));
    let fidelity =
        scores.class_fidelity.map(|share| format!("class fidelity {:.2} %", share * 100.0));
    let scores = [fcd, Some(format!("KID {kid} ± {error}")), fidelity];
    let scores: Vec<_> = scores.into_iter().flatten().collect();
    format!("scores after iteration {iteration}: {}", scores.join(", "))
}

/// How many batches an epoch has, by such a line.
pub(crate) fn batches_of(line: &str) -> Option<u32> {
    let (_, rest) = line.strip_prefix("[Epoch ")?.split_once("] [Batch ")?;
    let (_, batches) = rest.split_once(']')?.0.split_once('/')?;
    batches.parse().ok()
}

/// The iteration that such a line is of.
fn iteration_of(line: &str) -> Option<u64> {
    let (epoch, rest) = line.strip_prefix("[Epoch ")?.split_once('/')?;
    let (batch, _) = rest.split_once("] [Batch ")?.1.split_once('/')?;
    let before = epoch.parse::<u64>().ok()?.checked_sub(1)? * u64::from(batches_of(line)?);
    Some(before + batch.parse::<u64>().ok()?)
}

/// Writes a run's log and statistics.
#[derive(Debug)]
pub struct Journal {
    log: Growing,
    stats: Growing,
}

impl Journal {
    /// Starts the files of a new run.
    ///
    /// # Errors
    /// When one cannot be made, or is there already.
    pub fn create(run: &RunDir) -> Result<Journal> {
        let (log, stats) = (Growing::create(run.log())?, Growing::create(run.stats())?);
        Ok(Journal { log, stats })
    }

    /// Opens both files of a run that goes on after an iteration, when they had these lengths;
    /// [`Journal::cut`] must come next. Of a file that is not as it was then, what is left of
    /// earlier iterations stays; the answer says what is missing.
    ///
    /// # Errors
    /// I/O.
    pub fn open(
        run: &RunDir,
        positions: Positions,
        iteration: u32,
    ) -> Result<(Journal, Vec<String>)> {
        let is_later = |of: Option<u64>| of.is_some_and(|of| of > u64::from(iteration));
        let (log, log_lost) =
            Growing::open(run.log(), positions.log, |line| is_later(iteration_of(line)))?;
        let (stats, stats_lost) = Growing::open(run.stats(), positions.stats, |line| {
            is_later(iteration_of_record(line))
        })?;
        let stats_lost = stats_lost.map(|lost| format!("{lost}, and so does loss.png"));
        Ok((Journal { log, stats }, log_lost.into_iter().chain(stats_lost).collect()))
    }

    /// Cuts off what came later.
    ///
    /// # Errors
    /// I/O.
    pub fn cut(&mut self) -> Result<()> {
        self.log.cut()?;
        self.stats.cut()
    }

    /// Adds one line to `log.txt`; `text` comes without its newline.
    ///
    /// # Errors
    /// When the disk is full, and the like.
    pub fn line(&mut self, text: &str) -> Result<()> {
        self.log.append(text)
    }

    /// Adds a line to `stats.jsonl`: losses, scores, or what is known of a grid of samples.
    ///
    /// # Errors
    /// When the disk is full, and the like.
    pub fn record(&mut self, record: &impl Serialize) -> Result<()> {
        self.stats.append(&to_line(record, &self.stats.path)?)
    }

    /// Waits until all that was written is on the disk, and tells where that ends: what a
    /// checkpoint must do before it remembers the lengths.
    ///
    /// # Errors
    /// When the disk is full, and the like.
    pub fn sync(&mut self) -> Result<Positions> {
        self.log.sync()?;
        self.stats.sync()?;
        Ok(Positions { log: self.log.length, stats: self.stats.length })
    }
}

/// A file that lines are added to, and its length.
#[derive(Debug)]
struct Growing {
    path: PathBuf,
    file: File,
    length: u64,
}

impl Growing {
    fn create(path: PathBuf) -> Result<Growing> {
        let file = File::create_new(&path).map_err(FileError::at("create", &path))?;
        Ok(Growing { path, file, length: 0 })
    }

    /// Opens the file, which had `length` bytes. Of one that is not as it was, the lines before the
    /// first later one stay, and the answer says that others are missing.
    fn open(
        path: PathBuf,
        length: u64,
        is_later: impl Fn(&str) -> bool,
    ) -> Result<(Growing, Option<String>)> {
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            read => Some(read.map_err(FileError::at("read", &path))?),
        };
        let options = OpenOptions::new().write(true).create(true).truncate(false).open(&path);
        let file = options.map_err(FileError::at("open", &path))?;
        let (found, bytes) = (bytes.is_some(), bytes.unwrap_or_default());
        if ends_line_at(&bytes, length) {
            return Ok((Growing { path, file, length }, None));
        }
        let whole =
            bytes.split_inclusive(|&byte| byte == b'\n').filter(|line| line.ends_with(b"\n"));
        let kept = whole.take_while(|line| !is_later(&String::from_utf8_lossy(line)));
        let kept: u64 = kept.map(|line| line.len() as u64).sum();
        let what = if found { "was cut or replaced after the checkpoint" } else { "is gone" };
        let begins = if kept == 0 { "begins anew" } else { "has a gap" };
        let lost = format!("{} {what}: it {begins} here", path.display());
        Ok((Growing { path, file, length: kept }, Some(lost)))
    }

    fn cut(&mut self) -> Result<()> {
        self.file.set_len(self.length).map_err(FileError::at("cut", &self.path))?;
        self.file.seek(SeekFrom::Start(self.length)).map_err(FileError::at("write", &self.path))?;
        Ok(())
    }

    fn append(&mut self, line: &str) -> Result<()> {
        let line = format!("{line}\n");
        // Somebody may have emptied it meanwhile, as log rotation does.
        let end = self.file.seek(SeekFrom::End(0)).map_err(FileError::at("write", &self.path))?;
        self.length = end;
        if let Err(error) = self.file.write_all(line.as_bytes()) {
            // Half a line would be one with the next, if there is to be one.
            let _ = self.cut();
            return Err(FileError::at("write", &self.path)(error).into());
        }
        self.length += line.len() as u64;
        Ok(())
    }

    fn sync(&mut self) -> Result<(), FileError> {
        self.file.sync_data().map_err(FileError::at("write", &self.path))
    }
}

/// Whether a file has so many bytes or more, and a line ends there.
fn ends_line_at(bytes: &[u8], length: u64) -> bool {
    let before = usize::try_from(length).ok().and_then(|length| bytes.get(..length));
    before.is_some_and(|before| before.is_empty() || before.ends_with(b"\n"))
}
