//! How a run stands, seen from outside: whether it trains, how far it is, how it ended.
//!
//! Only looks, at a run of any state, at any moment. What cannot be read is told in
//! [`Overview::problems`], beside all that can.
//!
//! | state | is known by |
//! |---|---|
//! | running | another process holds the lock |
//! | killed | the lock is free, but still has the number of a process, which had no time to take it out |
//! | failed | the last line of `log.txt` is an error |
//! | damaged | `config.toml` cannot be read |
//! | finished | all iterations are recorded |
//! | stopped | it was asked to stop, and saved what is recorded |
//! | failed | none of the above: it could not even write why |
//!
//! The first that fits is taken.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Serialize, Serializer};

use crate::data::Source;
use crate::file_error::FileError;
use crate::formats::records::{ImageRecord, Measure, Record, ScoreRecord, best, read_scores};
use crate::run::Result;
use crate::run::config::Config;
use crate::run::dir::RunDir;
use crate::run::journal::{ERROR, batches_of};
use crate::run::lock::Holder;
use crate::text::{folder_name, with_causes};

/// Bytes at a file's end in which its newest lines are looked for.
const TAIL: u64 = 64 << 10;

/// A run from outside.
#[derive(Clone, Debug, Serialize)]
pub struct Overview {
    /// The last name of its folder.
    pub name: String,
    /// The folder.
    #[serde(serialize_with = "as_text")]
    pub path: PathBuf,
    /// What it is doing, or how it ended.
    pub state: State,
    /// The number of the process that trains it, or was killed.
    pub process: Option<u32>,
    /// Name of the set-up.
    pub preset: Option<String>,
    /// What it learns from: a known name, or the path of a folder.
    pub dataset: Option<Source>,
    /// What its classes are called; empty where they are only numbered.
    pub class_names: Vec<String>,
    /// The checkpoint of another run that it began from, if it did.
    pub branched_from: Option<PathBuf>,
    /// Iterations that are known to be done: those of the newest record or checkpoint.
    pub iteration: u64,
    /// Iterations after which it ends; not known before the first line of its log.
    pub total: Option<u64>,
    /// The newest losses of `stats.jsonl`.
    pub record: Option<Record>,
    /// Whether these have exploded.
    pub diverged: bool,
    /// The newest scores of `stats.jsonl`, where the run is told to be scored.
    pub scores: Option<ScoreRecord>,
    /// Of all its scores those of the best generator, by what the run [is shown by](Measure::shown).
    pub best_scores: Option<ScoreRecord>,
    /// Iteration of the newest checkpoint.
    pub checkpoint: Option<u64>,
    /// When it began, in seconds since 1970: the time of `reals.png`.
    pub started: Option<u64>,
    /// When a file of it was last written, in the same unit.
    pub changed: Option<u64>,
    /// Bytes of all its files.
    pub bytes: u64,
    /// The error that it ended with, and whatever is wrong with the folder.
    pub problems: Vec<String>,
}

/// What a run is doing, or how it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// A process trains it.
    Running,
    /// Its process ended without a word: by a second Ctrl-C, `kill -9`, or the machine's end.
    Killed,
    /// It ended with an error.
    Failed,
    /// It has no configuration that can be read.
    Damaged,
    /// It has all its iterations.
    Finished,
    /// It was asked to stop, and saved.
    Stopped,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// All runs below `runs_dir`, by their numbers.
///
/// # Errors
/// When the folder is not there or cannot be listed; nothing that is wrong with a single run.
pub fn overviews(runs_dir: &Path) -> Result<Vec<Overview>> {
    Ok(RunDir::all(runs_dir)?.iter().map(Overview::of).collect())
}

impl Overview {
    /// How a run stands now.
    pub fn of(run: &RunDir) -> Overview {
        // The lock first: a run that ends meanwhile has written all that is read later.
        let holder = run.holder();
        let mut problems = Vec::new();
        let config = noted(&mut problems, Config::read(&run.config()));
        let log = noted(&mut problems, tail(&run.log())).unwrap_or_default();
        let stats = noted(&mut problems, tail(&run.stats())).unwrap_or_default();
        let checkpoint =
            noted(&mut problems, run.checkpoints()).and_then(|all| all.last().copied());
        let record = newest_record(&stats);
        if record.is_none() && !stats.is_empty() && !stats.lines().any(is_of_samples) {
            problems.push(format!("no records of losses at the end of {}", run.stats().display()));
        }
        // That the file cannot be read was noted above.
        let scores = scores(run, config.as_ref()).unwrap_or_default();
        let error = log.lines().next_back().filter(|line| line.starts_with(ERROR));
        problems.extend(error.map(str::to_owned));
        let iteration = record.map_or(0, |record| record.iteration).max(checkpoint.unwrap_or(0));
        let total = config.as_ref().and_then(|config| total(config, &log));
        let exploded = config.as_ref().map(|config| config.gan.loss.explosion_threshold());
        let diverged = record.zip(exploded).is_some_and(|(record, exploded)| {
            f64::from(record.d_loss.max(record.g_loss)) > exploded
        });
        let (bytes, changed) = size_and_time(run.path());
        Overview {
            name: folder_name(run.path()),
            path: run.path().to_owned(),
            state: match holder {
                Holder::Living(_) => State::Running,
                Holder::Dead(_) => State::Killed,
                Holder::None if error.is_some() => State::Failed,
                Holder::None if config.is_none() => State::Damaged,
                Holder::None if total.is_some_and(|total| iteration >= total) => State::Finished,
                Holder::None if checkpoint.is_none_or(|saved| saved < iteration) => State::Failed,
                Holder::None => State::Stopped,
            },
            process: holder.process(),
            preset: config.as_ref().map(|config| config.preset.clone()),
            dataset: config.as_ref().and_then(|config| config.dataset.clone()),
            branched_from: config.as_ref().and_then(|config| config.branched_from.clone()),
            class_names: config.map_or(Vec::new(), |config| config.class_names),
            iteration,
            total,
            record,
            diverged,
            scores: scores.last().copied(),
            best_scores: best(&scores, Measure::shown(&scores)).copied(),
            checkpoint,
            started: fs::metadata(run.reals()).ok().and_then(|data| seconds(&data)),
            changed,
            bytes,
            problems,
        }
    }
}

/// What was read; why not is noted.
fn noted<T>(problems: &mut Vec<String>, read: Result<T>) -> Option<T> {
    read.map_err(|error| problems.push(with_causes(&error))).ok()
}

/// The whole lines among a file's last bytes.
fn tail(path: &Path) -> Result<String> {
    let read = || -> io::Result<Vec<u8>> {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
        let mut bytes = Vec::new();
        file.take(TAIL).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().map_err(FileError::at("read", path))?;
    // The last line may be in the making, and the first is cut.
    let whole = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
    Ok(String::from_utf8_lossy(&bytes[..whole]).into_owned())
}

fn newest_record(stats: &str) -> Option<Record> {
    stats.lines().rev().find_map(|line| serde_json::from_str(line).ok())
}

/// Whether a line is of samples, or of their scores: all that there is before the first losses.
fn is_of_samples(line: &str) -> bool {
    serde_json::from_str::<ImageRecord>(line).is_ok()
        || serde_json::from_str::<ScoreRecord>(line).is_ok()
}

/// All scores of a run. The file is read to its beginning, so only where it has any.
fn scores(run: &RunDir, config: Option<&Config>) -> Result<Vec<ScoreRecord>> {
    match config.and_then(|config| config.evaluate_interval) {
        Some(_) => Ok(read_scores(&run.stats())?),
        None => Ok(Vec::new()),
    }
}

/// Iterations after which a run ends, if iterations alone decide, or its log tells how many an epoch
/// has.
fn total(config: &Config, log: &str) -> Option<u64> {
    let iterations = config.iterations.map(u64::from);
    let Some(epochs) = config.epochs else { return iterations };
    let batches = log.lines().rev().find_map(batches_of)?;
    let by_epochs = u64::from(epochs) * u64::from(batches);
    Some(by_epochs.min(iterations.unwrap_or(u64::MAX)))
}

/// Bytes of all files of a folder, and when the newest was written. Files come and go meanwhile.
fn size_and_time(folder: &Path) -> (u64, Option<u64>) {
    let of_entry = |entry: fs::DirEntry| match entry.metadata().ok()? {
        data if data.is_dir() => Some(size_and_time(&entry.path())),
        data => data.is_file().then(|| (data.len(), seconds(&data))),
    };
    let parts = fs::read_dir(folder).into_iter().flatten().flatten().filter_map(of_entry);
    parts.fold((0, None), |(bytes, newest), part| (bytes + part.0, newest.max(part.1)))
}

/// When a file was last written, in seconds since 1970.
fn seconds(data: &fs::Metadata) -> Option<u64> {
    let since = data.modified().unwrap_or(SystemTime::UNIX_EPOCH).duration_since(UNIX_EPOCH);
    since.ok().map(|since| since.as_secs())
}

/// Any path, also one that is no UTF-8.
fn as_text<S: Serializer>(path: &Path, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    path.to_string_lossy().serialize(serializer)
}
