//! The one error type: what went wrong, where, and what to do about it.
//!
//! A message is lower case and names the file, flag or value at fault; causes are chained through
//! [`std::error::Error::source`] and printed once, by the binary.

use std::io;
use std::path::{Path, PathBuf};

use crate::data::idx::IdxProblem;
use crate::data::{DatasetProblem, ImageShape, words};
use crate::device::cuda::CudaProblem;
use crate::gan::model::ModelProblem;
use crate::memory::OutOfMemory;
use crate::train::checkpoint::CheckpointProblem;
use crate::train::config::ConfigProblem;
use crate::train::picture_problem::PictureProblem;
use crate::train::run_dir::RunProblem;
use crate::train::tensor_file::TensorProblem;

/// Everything that can go wrong outside the program's own code.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder could not be read, written or made.
    #[error("cannot {action} {path}", path = path.display())]
    Io {
        /// What was tried: "read", "write", "create", …
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The operating system's word.
        source: io::Error,
    },

    /// A run folder is not what was asked for.
    #[error(transparent)]
    Run(#[from] RunProblem),

    /// Samples cannot be joined.
    #[cfg(feature = "plot")]
    #[error(transparent)]
    Replay(#[from] crate::train::replay::ReplayProblem),

    /// A checkpoint cannot be taken.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointProblem),

    /// Training ended before its time.
    #[error("training ended after iteration {iteration}; {}", left_behind(checkpoint.as_deref()))]
    TrainingEnded {
        /// Completed iterations.
        iteration: u32,
        /// The run's newest checkpoint, which is whole and finite.
        checkpoint: Option<PathBuf>,
        /// Why.
        source: Box<Error>,
    },

    /// A number of a run is NaN or infinite.
    #[error(
        "the {what} is {value} at iteration {iteration}; going on from a checkpoint would end \
         the same: begin a new run with a lower --lr, another --seed or --init"
    )]
    NotFinite {
        /// The number.
        what: String,
        /// What it is.
        value: f64,
        /// The iteration, from 1.
        iteration: u32,
    },

    /// The system does not let this process hear of Ctrl-C.
    #[error("cannot listen for Ctrl-C and SIGTERM")]
    Signals {
        /// The operating system's word.
        source: io::Error,
    },

    /// A file that only grows is shorter than its checkpoint remembers.
    #[error(
        "{path} has {length} bytes, but {expected} when the checkpoint was saved: it was cut or \
         replaced; put it back, or go on from an older checkpoint",
        path = path.display()
    )]
    JournalCut {
        /// `log.txt` or `stats.jsonl`.
        path: PathBuf,
        /// Its length now, in bytes.
        length: u64,
        /// Its length then, in bytes.
        expected: u64,
    },

    /// A whole line of `stats.jsonl` is no record.
    #[error("line {line} of {path} is not a record of losses; delete the line", path = path.display())]
    Record {
        /// The `stats.jsonl`.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The JSON reader's word.
        source: serde_json::Error,
    },

    /// A file of tensors cannot be read or written.
    #[error(transparent)]
    Tensors(#[from] TensorProblem),

    /// A generator is too large for ONNX.
    #[error(
        "the generator's weights have {size}, but an ONNX file holds at most 2 GiB; --safetensors \
         holds them",
        size = words::bytes(*bytes)
    )]
    OnnxTooLarge {
        /// Bytes of its weights.
        bytes: usize,
    },

    /// A folder that images would go into has something in it.
    #[error("{path} is not empty; name a new folder, or an empty one", path = path.display())]
    FolderNotEmpty {
        /// The folder.
        path: PathBuf,
    },

    /// A set-up was named that is not in the table.
    #[error("no preset {name:?}; there are {}", crate::gan::preset::names())]
    NoSuchPreset {
        /// What was given.
        name: String,
    },

    /// Something was named to draw that is neither in the table nor on the disk.
    #[error(
        "no preset, run or checkpoint {name:?}; presets are {}, a run is a folder such as \
         runs/00000-cgan-mnist",
        crate::gan::preset::names()
    )]
    NothingToDraw {
        /// What was given.
        name: String,
    },

    /// A configuration leaves open on which images it trains.
    #[error("{name} has no data set of its own: name a folder of images")]
    NoDataset {
        /// Name of the GAN.
        name: String,
    },

    /// A `config.toml` cannot be understood.
    #[error("{path} is not a run's configuration", path = path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// The TOML reader's word.
        source: toml::de::Error,
    },

    /// A `config.toml` has a value that no run can have.
    #[error("cannot use {path}", path = path.display())]
    ConfigValue {
        /// The file.
        path: PathBuf,
        /// Which, and what may stand there.
        source: ConfigProblem,
    },

    /// Networks cannot be trained.
    #[error(transparent)]
    Model(#[from] ModelProblem),

    /// A configuration cannot be written as TOML.
    #[error("cannot write the configuration as TOML: {problem}")]
    ConfigText {
        /// The TOML writer's word.
        problem: String,
    },

    /// A run's `config.toml` is not what its checkpoint was trained with.
    #[error(
        "the run's config.toml has another {key} than its checkpoint; put back what was there, or \
         begin a new run with --config"
    )]
    ConfigChanged {
        /// The value's key, as `gan.lr`.
        key: String,
    },

    /// A data set is smaller than a batch.
    #[error(
        "{images} images are too few for batches of {batch_size}; ask for a smaller --batch-size"
    )]
    TooFewImages {
        /// Images in the data set.
        images: usize,
        /// Images in a batch.
        batch_size: usize,
    },

    /// A run would go on with other images than it began with.
    #[error(
        "the images {origin} are not those that the run began with; put those back, or begin a \
         new run"
    )]
    DataChanged {
        /// Where the images were found, in words.
        origin: String,
    },

    /// A flag was given that the set-up or the command cannot honour.
    #[error("{flag} {problem}")]
    Flag {
        /// The flag, as `--dropout`.
        flag: &'static str,
        /// Why not, and what to do.
        problem: String,
    },

    /// A flag was given that would change what a run that goes on learns.
    #[error(
        "{flag} would change the training of a run that goes on; leave it out, or begin a new run"
    )]
    OtherTraining {
        /// The flag, as `--lr`.
        flag: String,
    },

    /// A flag has a value that the set-up cannot have, or not with the others.
    #[error("{flag} is {value}, but must be {expected}")]
    FlagValue {
        /// The flag, as `--dropout`.
        flag: String,
        /// What was given.
        value: String,
        /// What may be given, in words.
        expected: String,
    },

    /// A GPU was asked for that cannot be used, or it failed.
    #[error(transparent)]
    Cuda(#[from] CudaProblem),

    /// A device has not enough memory.
    #[error(transparent)]
    OutOfMemory(#[from] OutOfMemory),

    /// An IDX file is not what it should be.
    #[error("cannot use {path}", path = path.display())]
    Idx {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        problem: IdxProblem,
    },

    /// A data set's files are not found.
    #[error(transparent)]
    Dataset(#[from] DatasetProblem),

    /// A data set could not be downloaded.
    #[cfg(feature = "fetch")]
    #[error(transparent)]
    Fetch(#[from] crate::data::FetchProblem),

    /// A folder of images cannot be learnt from.
    #[cfg(feature = "images")]
    #[error(transparent)]
    Folder(#[from] crate::data::FolderProblem),

    /// Images cannot be brought into the shape asked for.
    #[error("cannot turn images of {from} into {to}: {reason}")]
    Reshape {
        /// The data set's shape.
        from: ImageShape,
        /// The shape asked for.
        to: ImageShape,
        /// Why not.
        reason: String,
    },

    /// A picture could not be made.
    #[error(transparent)]
    Picture(#[from] PictureProblem),
}

/// What a run that ended too soon leaves.
fn left_behind(checkpoint: Option<&Path>) -> String {
    match checkpoint {
        Some(path) => format!("its newest checkpoint, {}, is good", path.display()),
        None => "it has no checkpoint yet".to_owned(),
    }
}

impl Error {
    /// For `map_err`: wraps an [`io::Error`] with what was tried, and where.
    pub fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
        move |source| Error::Io { action, path: path.to_owned(), source }
    }

    /// The message and those of all causes, on one line.
    pub fn with_causes(&self) -> String {
        let mut text = self.to_string();
        let mut next = std::error::Error::source(self);
        while let Some(cause) = next {
            text = format!("{text}: {cause}");
            next = cause.source();
        }
        text
    }
}

/// A result whose error is [`enum@Error`] unless another is named.
pub type Result<T, E = Error> = std::result::Result<T, E>;
