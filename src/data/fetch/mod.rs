//! Downloads data sets: the only part of the program that connects to the internet, and only for
//! `gan-cuda fetch`.
//!
//! Owns the mirrors and checksums of the known data sets, the download, and the handling of
//! existing files. A file is verified by the SHA-256 of its decompressed content, not by what a
//! server says. All files of a data set are installed under their final names once all of them are
//! complete; if a process is interrupted before that, the next one installs them.
//!
//! Partial downloads are kept as `NAME.gz.part`. The next attempt, by this process or a later one,
//! from this mirror or another, requests the rest; if the joined file is wrong, it is downloaded
//! from the beginning. Only partial files are ever deleted: other files in the way are moved aside.

mod catalog;
mod download;
mod folder;
mod problem;
mod verify;

use std::path::{Path, PathBuf};
use std::time::Duration;

pub use problem::{Failure, FetchProblem, Reason};
pub use verify::Mismatch;

use super::{DatasetKind, cache_folder};
use crate::data::Result;
use download::Downloader;
use folder::DownloadFolder;

/// What to download, from where, and where to.
#[derive(Clone, Debug)]
pub struct FetchRequest {
    /// The data set's name, for messages.
    pub dataset: String,
    /// Its files.
    pub files: Vec<RemoteFile>,
    /// URLs of folders that have the files, in order of preference; each ends with a slash.
    pub mirrors: Vec<String>,
    /// The target folder, which is created if it does not exist.
    pub folder: PathBuf,
    /// Timeouts and proxy.
    pub network: NetworkOptions,
}

/// A file of a data set; mirrors have it as `NAME.gz`.
#[derive(Clone, Debug)]
pub struct RemoteFile {
    /// Its name without `.gz`, such as `train-images-idx3-ubyte`.
    pub name: &'static str,
    /// The length of its decompressed content in bytes.
    pub length: u64,
    /// The SHA-256 of its decompressed content, in lower case.
    pub sha256: String,
}

/// Timeouts and proxy of a download.
#[derive(Clone, Debug)]
pub struct NetworkOptions {
    /// Timeout for name resolution and for connecting, TLS included.
    pub connect_timeout: Duration,
    /// Timeout for a response and for the next bytes of a file. The whole download has no timeout:
    /// a connection may be slow, as long as it is alive.
    pub read_timeout: Duration,
    /// Delay before mirrors that failed are tried again.
    pub retry_delay: Duration,
    /// Whether to use the proxy in `ALL_PROXY`, `HTTPS_PROXY` or `HTTP_PROXY`, except for hosts in
    /// `NO_PROXY`.
    pub use_proxy: bool,
}

impl Default for NetworkOptions {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        NetworkOptions {
            connect_timeout: seconds(10),
            read_timeout: seconds(30),
            retry_delay: seconds(1),
            use_proxy: true,
        }
    }
}

/// Progress of a download, for display.
#[derive(Debug)]
pub enum Event<'a> {
    /// Another process is downloading into the same folder; this one waits for it.
    Waiting,
    /// A file exists already and is valid.
    AlreadyPresent(&'a Path),
    /// A file exists already and is invalid.
    Invalid(&'a Path, &'a Mismatch),
    /// A transfer starts or resumes.
    Started {
        /// The URL.
        url: &'a str,
        /// Bytes that were downloaded before.
        from: u64,
        /// Size of the whole file, if the server tells it.
        total: Option<u64>,
    },
    /// Number of bytes received so far.
    Received(u64),
    /// A mirror failed; the next one is tried if there is one.
    Failed(&'a Failure),
    /// A file was downloaded and its content is valid.
    Verified(&'a RemoteFile),
    /// An invalid file was in the way and was renamed (old name, new name).
    MovedAside(&'a Path, &'a Path),
}

impl FetchRequest {
    /// All files of a known data set, into `data_dir` or else into the folder where `train` looks
    /// for it; `mirrors` are tried before the known ones.
    ///
    /// # Errors
    /// [`FetchProblem::NoHomeFolder`] without `data_dir` if the home folder is unknown.
    pub fn for_dataset(
        kind: DatasetKind,
        mirrors: &[String],
        data_dir: Option<&Path>,
    ) -> Result<FetchRequest> {
        let cache = || cache_folder().map(|folder| folder.join(kind.stored_as().name()));
        let folder = data_dir.map(Path::to_owned).or_else(cache);
        let known = catalog::mirrors(kind).iter().map(|&url| url.to_owned());
        Ok(FetchRequest {
            dataset: kind.stored_as().name().to_owned(),
            files: catalog::files(kind),
            mirrors: mirrors.iter().cloned().chain(known).collect(),
            folder: folder.ok_or(FetchProblem::NoHomeFolder)?,
            network: NetworkOptions::default(),
        })
    }
}

/// Downloads the files that are missing or invalid. Files are installed once all of them are
/// complete and valid; until then, and on failure, existing files stay as they are.
///
/// # Errors
/// [`FetchProblem::NoMirror`] if every mirror fails, [`Error::File`](crate::data::Error) if the
/// folder cannot be written or is full.
pub fn fetch(request: &FetchRequest, report: &mut dyn FnMut(Event)) -> Result<()> {
    let folder = DownloadFolder::lock(&request.folder, report)?;
    let mut downloader = Downloader::new(request);
    let mut found = Vec::new();
    for file in &request.files {
        let copies = folder.find_copies(file, report)?;
        if !copies.valid {
            downloader.download(file, &folder.part(file), report)?;
            report(Event::Verified(file));
        }
        found.push(copies);
    }
    for (file, copies) in request.files.iter().zip(&found) {
        folder.install(file, copies, report)?;
    }
    Ok(())
}
