//! The errors of all rooms in one, for programs that do not tell them apart.
//!
//! A message is lower case and names the file or value at fault; causes are chained through
//! [`std::error::Error::source`].

use crate::file_error::FileError;
use crate::gan::model::ModelProblem;
use crate::{data, device, eval, export, formats, picture, run, train};

/// Everything that can go wrong outside the library's own code.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub enum Error {
    /// The system refuses a file or folder.
    File(#[from] FileError),
    /// A device does not compute.
    Device(#[from] device::Error),
    /// There are no images to learn from.
    Data(#[from] data::Error),
    /// Networks cannot be trained.
    Model(#[from] ModelProblem),
    /// A file is not what it should be.
    Format(#[from] formats::Error),
    /// A run cannot be begun, found, read or gone on with.
    Run(#[from] run::Error),
    /// A picture cannot be made.
    Picture(#[from] picture::Error),
    /// A generator is not scored.
    Eval(#[from] eval::Error),
    /// A run does not train.
    Train(#[from] train::Error),
    /// A generator cannot be written for other programs.
    Export(#[from] export::Error),
}
