//! Errors of downloads.

use std::path::PathBuf;
use std::time::Duration;

use super::Mismatch;
use crate::text::grouped;

/// Why a data set could not be downloaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchProblem {
    /// There is no target folder.
    #[error("cannot determine the home folder, where data sets are cached")]
    NoHomeFolder,

    /// Every mirror failed.
    #[error(
        "cannot fetch {file} of {dataset}; every mirror failed:\n{}\n\
         check the network connection (HTTPS_PROXY sets a proxy), or put the file into {folder} yourself{}",
        listed(failures),
        resume_hint(part.as_ref())
    )]
    NoMirror {
        /// The data set's name.
        dataset: String,
        /// The file's name.
        file: String,
        /// The failures, in order.
        failures: Vec<Failure>,
        /// The target folder.
        folder: PathBuf,
        /// The partial download, if there is one.
        part: Option<PathBuf>,
    },
}

/// A failed attempt to download a file from a mirror.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{url}: {reason}")]
pub struct Failure {
    /// The URL of the file.
    pub url: String,
    /// The reason.
    pub reason: Reason,
}

/// Why a download from a mirror failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// The name was not resolved, or no connection was established, in time.
    #[error("no connection within {0:?}")]
    ConnectTimeout(Duration),
    /// The server sent nothing for too long.
    #[error("no data received for {0:?}")]
    ReadTimeout(Duration),
    /// The response is not the file.
    #[error("the server answered with HTTP status {0}")]
    Status(u16),
    /// The redirects do not end.
    #[error("too many redirects")]
    TooManyRedirects,
    /// The connection was closed before the end of the file.
    #[error("the connection was closed after {} bytes{}", grouped(*received), of_total(*total))]
    ConnectionClosed {
        /// Bytes received until then, earlier attempts included.
        received: u64,
        /// Size of the file, if the server told it.
        total: Option<u64>,
    },
    /// The content of the downloaded file is wrong.
    #[error("{0}")]
    Content(Mismatch),
    /// Any other error, with the message of the system or of the protocol.
    #[error("{0}")]
    Other(String),
}

impl Reason {
    /// Whether another attempt may succeed.
    pub(super) fn is_transient(&self) -> bool {
        match self {
            Reason::Status(status) => matches!(status, 408 | 429 | 500..),
            Reason::TooManyRedirects | Reason::Content(_) => false,
            _ => true,
        }
    }
}

/// One failure per line; repeated ones are listed once.
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

fn resume_hint(part: Option<&PathBuf>) -> String {
    match part {
        Some(path) => format!("; the next fetch resumes from {}", path.display()),
        None => String::new(),
    }
}

fn of_total(total: Option<u64>) -> String {
    total.map_or_else(String::new, |total| format!(" of {}", grouped(total)))
}
