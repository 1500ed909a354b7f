//! The state of a run, read from its folder: whether it is training, how far it is, how it ended.
//!
//! Read-only, for a run in any state, at any moment. What cannot be read is reported in
//! [`Overview::problems`]; the rest is returned as usual.
//!
//! | state | condition |
//! |---|---|
//! | running | another process holds the lock |
//! | killed | the lock is free, but still has a process ID, which a regular end removes |
//! | waiting | it belongs to a set of runs and has no `log.txt` yet |
//! | failed | the last line of `log.txt` is an error |
//! | damaged | `config.toml` cannot be read |
//! | finished | all iterations are in the log or in a checkpoint |
//! | stopped | it was asked to stop, and a checkpoint has its last iteration |
//! | failed | none of the above: it could not even write the error |
//!
//! The first matching row counts.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Serialize, Serializer};

use crate::data::Source;
use crate::file_error::FileError;
use crate::formats::stats::{LossEntry, Measure, SampleEntry, ScoreEntry, best, read_scores};
use crate::run::Result;
use crate::run::config::Config;
use crate::run::dir::RunDir;
use crate::run::journal::{ERROR, batches_of};
use crate::run::lock::LockState;
use crate::text::{folder_name, with_causes};

/// Number of bytes at the end of a file in which its newest lines are searched.
const TAIL: u64 = 64 << 10;

/// The state of a run.
#[derive(Clone, Debug, Serialize)]
pub struct Overview {
    /// The name of its folder.
    pub name: String,
    /// The name of the set of runs that it belongs to.
    pub set: Option<String>,
    /// The folder.
    #[serde(serialize_with = "as_text")]
    pub path: PathBuf,
    /// Whether it is training, or how it ended.
    pub state: State,
    /// ID of the process that is training it, or was killed.
    pub process: Option<u32>,
    /// Name of the preset or GAN.
    pub preset: Option<String>,
    /// Its data set: a known name, or the path of a folder.
    pub dataset: Option<Source>,
    /// Class names; empty where classes are just numbers.
    pub class_names: Vec<String>,
    /// The checkpoint of another run from which it was branched.
    pub branched_from: Option<PathBuf>,
    /// Completed iterations, as of the newest log entry or checkpoint.
    pub iteration: u64,
    /// Total number of iterations; unknown before the first line of its log.
    pub total: Option<u64>,
    /// The newest losses in `stats.jsonl`.
    #[serde(rename = "record")]
    pub losses: Option<LossEntry>,
    /// Whether these losses have exploded.
    pub diverged: bool,
    /// The newest scores in `stats.jsonl`, if the run is evaluated.
    pub scores: Option<ScoreEntry>,
    /// The best scores, by the measure that [is displayed](Measure::displayed) for the run.
    pub best_scores: Option<ScoreEntry>,
    /// Iteration of the newest checkpoint.
    pub checkpoint: Option<u64>,
    /// Start time in seconds since 1970: the modification time of `reals.png`.
    pub started: Option<u64>,
    /// Newest modification time of its files, in the same unit.
    pub changed: Option<u64>,
    /// Total size of its files in bytes.
    pub bytes: u64,
    /// The error with which it ended, and problems with the folder.
    pub problems: Vec<String>,
}

/// Whether a run is training, or how it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// A process is training it.
    Running,
    /// It has not begun.
    Waiting,
    /// Its process was killed: by a second Ctrl-C, `kill -9`, or a crash of the machine.
    Killed,
    /// It ended with an error.
    Failed,
    /// Its configuration cannot be read.
    Damaged,
    /// All iterations are completed.
    Finished,
    /// It was asked to stop, and saved a checkpoint.
    Stopped,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// The overviews of all runs in `runs_dir`, by number, with those of a set of runs in its place.
///
/// # Errors
/// If the folder does not exist or cannot be listed. Problems of single runs are not errors.
pub fn overviews(runs_dir: &Path) -> Result<Vec<Overview>> {
    let mut all = Vec::new();
    for run in RunDir::all(runs_dir)? {
        match run.is_set() {
            false => all.push(Overview::of(&run)),
            true => all.extend(RunDir::all(run.path())?.iter().map(Overview::of)),
        }
    }
    Ok(all)
}

impl Overview {
    /// Reads the current state of a run.
    pub fn of(run: &RunDir) -> Overview {
        // The lock first: if the run ends meanwhile, everything read later is complete.
        let lock = run.lock_state();
        let mut problems = Vec::new();
        let config = ok_or_note(&mut problems, Config::read(&run.config()));
        let set = run.set();
        let waiting = set.is_some() && lock == LockState::Free && !run.log().exists();
        let mut tail_of = |path: &Path| match waiting {
            true => String::new(),
            false => ok_or_note(&mut problems, tail(path)).unwrap_or_default(),
        };
        let [log, stats] = [run.log(), run.stats()].map(|path| tail_of(&path));
        let checkpoint =
            ok_or_note(&mut problems, run.checkpoints()).and_then(|all| all.last().copied());
        let losses = newest_losses(&stats);
        if losses.is_none() && !stats.is_empty() && !stats.lines().any(is_of_samples) {
            problems.push(format!("no losses at the end of {}", run.stats().display()));
        }
        // A read error was noted above.
        let scores = scores(run, config.as_ref()).unwrap_or_default();
        let error = log.lines().next_back().filter(|line| line.starts_with(ERROR));
        problems.extend(error.map(str::to_owned));
        let iteration = losses.map_or(0, |losses| losses.iteration).max(checkpoint.unwrap_or(0));
        let total = config.as_ref().and_then(|config| total(config, &log));
        let exploded = config.as_ref().map(|config| config.gan.loss.explosion_threshold());
        let diverged = losses.zip(exploded).is_some_and(|(losses, exploded)| {
            f64::from(losses.d_loss.abs().max(losses.g_loss.abs())) > exploded
        });
        let (bytes, changed) = size_and_time(run.path());
        Overview {
            name: folder_name(run.path()),
            set: set.as_deref().map(folder_name),
            path: run.path().to_owned(),
            state: match lock {
                LockState::Held(_) => State::Running,
                LockState::Stale(_) => State::Killed,
                LockState::Free if error.is_some() => State::Failed,
                LockState::Free if config.is_none() => State::Damaged,
                LockState::Free if waiting => State::Waiting,
                LockState::Free if total.is_some_and(|total| iteration >= total) => State::Finished,
                LockState::Free if checkpoint.is_none_or(|saved| saved < iteration) => {
                    State::Failed
                }
                LockState::Free => State::Stopped,
            },
            process: lock.process(),
            preset: config.as_ref().map(|config| config.preset.clone()),
            dataset: config.as_ref().and_then(|config| config.dataset.clone()),
            branched_from: config.as_ref().and_then(|config| config.branched_from.clone()),
            class_names: config.map_or(Vec::new(), |config| config.class_names),
            iteration,
            total,
            losses,
            diverged,
            scores: scores.last().copied(),
            best_scores: best(&scores, Measure::displayed(&scores)).copied(),
            checkpoint,
            started: fs::metadata(run.real_images()).ok().and_then(|data| seconds(&data)),
            changed,
            bytes,
            problems,
        }
    }
}

/// The result, if there is one; an error is added to the problems.
fn ok_or_note<T>(problems: &mut Vec<String>, read: Result<T>) -> Option<T> {
    read.map_err(|error| problems.push(with_causes(&error))).ok()
}

/// The complete lines among the last bytes of a file.
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
    // The last line may be incomplete, and the first one truncated.
    let whole = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
    Ok(String::from_utf8_lossy(&bytes[..whole]).into_owned())
}

fn newest_losses(stats: &str) -> Option<LossEntry> {
    stats.lines().rev().find_map(|line| serde_json::from_str(line).ok())
}

/// Whether a line is about samples or scores, which may precede the first losses.
fn is_of_samples(line: &str) -> bool {
    serde_json::from_str::<SampleEntry>(line).is_ok()
        || serde_json::from_str::<ScoreEntry>(line).is_ok()
}

/// All scores of a run. This reads the whole file, so it is skipped for runs without evaluation.
fn scores(run: &RunDir, config: Option<&Config>) -> Result<Vec<ScoreEntry>> {
    match config.and_then(|config| config.evaluate_interval) {
        Some(_) => Ok(read_scores(&run.stats())?),
        None => Ok(Vec::new()),
    }
}

/// The total number of iterations, if the configuration or the log tells it.
fn total(config: &Config, log: &str) -> Option<u64> {
    let iterations = config.iterations.map(u64::from);
    let Some(epochs) = config.epochs else { return iterations };
    let batches = log.lines().rev().find_map(batches_of)?;
    let by_epochs = u64::from(epochs) * u64::from(batches);
    Some(by_epochs.min(iterations.unwrap_or(u64::MAX)))
}

/// Total size and newest modification time of the files in a folder, which may change meanwhile.
fn size_and_time(folder: &Path) -> (u64, Option<u64>) {
    let of_entry = |entry: fs::DirEntry| match entry.metadata().ok()? {
        data if data.is_dir() => Some(size_and_time(&entry.path())),
        data => data.is_file().then(|| (data.len(), seconds(&data))),
    };
    let parts = fs::read_dir(folder).into_iter().flatten().flatten().filter_map(of_entry);
    parts.fold((0, None), |(bytes, newest), part| (bytes + part.0, newest.max(part.1)))
}

/// Modification time of a file in seconds since 1970.
fn seconds(data: &fs::Metadata) -> Option<u64> {
    let since = data.modified().unwrap_or(SystemTime::UNIX_EPOCH).duration_since(UNIX_EPOCH);
    since.ok().map(|since| since.as_secs())
}

/// Serializes any path, even if it is not UTF-8.
fn as_text<S: Serializer>(path: &Path, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    path.to_string_lossy().serialize(serializer)
}
