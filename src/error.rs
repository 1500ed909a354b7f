//! One error type for the whole library.
//!
//! A message is lower case and names the file or value at fault; causes are chained through
//! [`std::error::Error::source`].

use crate::file_error::FileError;
use crate::gan::model::ModelProblem;
use crate::{data, device, eval, export, formats, group, import, picture, run, train};

/// Everything that can go wrong outside the library's own code.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub enum Error {
    /// The operating system denied access to a file or folder.
    File(#[from] FileError),
    /// A device failed or is unavailable.
    Device(#[from] device::Error),
    /// A data set cannot be found, read or downloaded.
    Data(#[from] data::Error),
    /// The networks of a GAN do not fit together.
    Model(#[from] ModelProblem),
    /// A file has an invalid format.
    Format(#[from] formats::Error),
    /// The processes of a run do not find each other, or one of them is lost.
    Group(#[from] group::GroupError),
    /// The place of this process among those of a run is not known.
    Launch(#[from] group::LaunchProblem),
    /// A run cannot be created, found, read or resumed.
    Run(#[from] run::Error),
    /// A picture cannot be made.
    Picture(#[from] picture::Error),
    /// A generator cannot be scored.
    Eval(#[from] eval::Error),
    /// A run cannot be trained, or training failed.
    Train(#[from] train::Error),
    /// A generator cannot be exported.
    Export(#[from] export::Error),
    /// Printed modules are not a GAN.
    Import(#[from] import::Error),
}
