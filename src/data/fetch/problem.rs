//! What can go wrong with a download.

use std::path::PathBuf;
use std::time::Duration;

use super::Mismatch;
use crate::text::grouped;

/// Why a data set could not be downloaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchProblem {
    /// There is no folder for it.
    #[error("no home folder is known to keep data sets in")]
    NoFolder,

    /// Every mirror failed.
    #[error(
        "cannot fetch {file} of {dataset}; every mirror failed:\n{}\n\
         look at the network connection (a proxy is taken from HTTPS_PROXY), or put the file into {folder} yourself{}",
        listed(failures),
        kept(part.as_ref())
    )]
    NoMirror {
        /// The data set's name.
        dataset: String,
        /// The file's name.
        file: String,
        /// The mirrors and their reasons, in the order of the tries.
        failures: Vec<Failure>,
        /// The folder that the file should go to.
        folder: PathBuf,
        /// What has come of it, if anything.
        part: Option<PathBuf>,
    },
}

/// A mirror that could not give a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{url}: {reason}")]
pub struct Failure {
    /// The URL of the file.
    pub url: String,
    /// Why not.
    pub reason: Reason,
}

/// Why a mirror could not give a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// Its name was not resolved, or no connection stood, in time.
    #[error("no connection within {0:?}")]
    NoConnection(Duration),
    /// It sent nothing for too long.
    #[error("nothing came for {0:?}")]
    Silent(Duration),
    /// It answered with something else than the file.
    #[error("the server answers with HTTP status {0}")]
    Status(u16),
    /// It redirects on and on.
    #[error("too many redirects")]
    Redirects,
    /// It closed the connection before the end.
    #[error("the connection ended after {} bytes{}", grouped(*received), of_total(*total))]
    CutOff {
        /// Bytes that were here then.
        received: u64,
        /// Bytes that there should have been, if it said.
        total: Option<u64>,
    },
    /// The file came, and is not what it should be.
    #[error("{0}")]
    Content(Mismatch),
    /// Anything else, in the words of the system or of the protocol.
    #[error("{0}")]
    Other(String),
}

impl Reason {
    /// Whether another try may do better.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Reason::Status(status) => matches!(status, 408 | 429 | 500..),
            Reason::Redirects | Reason::Content(_) => false,
            _ => true,
        }
    }
}

/// One line each; a reason that came again is said once.
fn listed(failures: &[Failure]) -> String {
    let mut lines: Vec<String> = Vec::new();
    for failure in failures {
        let line = format!("  {failure}");
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    lines.join("\n")
}

fn kept(part: Option<&PathBuf>) -> String {
    match part {
        Some(path) => format!("; the next fetch goes on from what is in {}", path.display()),
        None => String::new(),
    }
}

fn of_total(total: Option<u64>) -> String {
    total.map_or_else(String::new, |total| format!(" of {}", grouped(total)))
}
