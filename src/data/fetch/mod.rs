//! Data sets from the network: the one place of this program that opens a connection, and only
//! when it is asked to (`gan-cuda fetch`).
//!
//! Owns the mirrors and checksums of the known data sets, the download and what happens to files
//! that are there already. What counts is the SHA-256 of the decompressed content, not what a
//! server says: a file is installed under the name that readers look for when its content is right,
//! and all files of a data set one right after the other, when all of them are here; what an
//! interrupted process had not installed, the next one does.
//!
//! What has come so far lies in `NAME.gz.part`. The next try, of this process or of a later one, on
//! this mirror or another, asks for the rest; if the joined file is wrong, it is downloaded anew.
//! No file is deleted but such a part: what stands in the way is moved aside.

mod content;
mod download;
mod folder;
mod known;
mod problem;

use std::path::{Path, PathBuf};
use std::time::Duration;

pub use content::Mismatch;
pub use problem::{Failure, FetchProblem, Reason};

use super::{DatasetKind, cache_folder};
use crate::data::Result;
use download::Downloader;
use folder::Folder;

/// What to download, and whence and where to.
#[derive(Clone, Debug)]
pub struct Order {
    /// The data set's name, for messages.
    pub dataset: String,
    /// Its files.
    pub files: Vec<RemoteFile>,
    /// URLs of folders that have the files, each with a slash at its end, the first one first.
    pub mirrors: Vec<String>,
    /// The folder the files go to; it is made if it is not there.
    pub folder: PathBuf,
    /// How patient to be.
    pub network: Network,
}

/// A file of a data set, which mirrors have as `NAME.gz`.
#[derive(Clone, Debug)]
pub struct RemoteFile {
    /// Its name without `.gz`, as `train-images-idx3-ubyte`.
    pub name: &'static str,
    /// The length of its decompressed content in bytes.
    pub length: u64,
    /// The SHA-256 of its decompressed content, in lower case.
    pub sha256: String,
}

/// How long to wait for what, and which way to go.
#[derive(Clone, Debug)]
pub struct Network {
    /// For a name to be resolved, and for a connection to stand, with TLS.
    pub connect: Duration,
    /// For an answer, and for the next bytes of a file. There is no limit to the whole: a line may
    /// be slow, as long as it is not dead.
    pub silence: Duration,
    /// Before mirrors that failed are tried again.
    pub pause: Duration,
    /// Whether to go through the proxy that `ALL_PROXY`, `HTTPS_PROXY` or `HTTP_PROXY` names, but
    /// for hosts in `NO_PROXY`.
    pub proxy: bool,
}

impl Default for Network {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Network { connect: seconds(10), silence: seconds(30), pause: seconds(1), proxy: true }
    }
}

/// What happens during a download, for whoever tells a person.
#[derive(Debug)]
pub enum Event<'a> {
    /// Another process downloads into the same folder; this one waits for it.
    Waiting,
    /// A file is there already, and right.
    Present(&'a Path),
    /// A file is there already, and wrong.
    Wrong(&'a Path, &'a Mismatch),
    /// A file begins to come, or goes on.
    Begin {
        /// From here.
        url: &'a str,
        /// Bytes that are here already.
        from: u64,
        /// Bytes of the whole, if the server says.
        total: Option<u64>,
    },
    /// So many bytes of it are here.
    Received(u64),
    /// A mirror failed; the next one is tried, if there is one.
    Failed(&'a Failure),
    /// A file's content is right.
    Checked(&'a RemoteFile),
    /// A wrong file stood in the way and has another name now.
    Aside(&'a Path, &'a Path),
}

impl Order {
    /// All of a known data set, into `data_dir` or else into the folder where `train` looks for it;
    /// `mirrors` are tried before those that this program knows.
    ///
    /// # Errors
    /// [`FetchProblem::NoFolder`] without `data_dir` where no home folder is known.
    pub fn known(kind: DatasetKind, mirrors: &[String], data_dir: Option<&Path>) -> Result<Order> {
        let cache = || cache_folder().map(|folder| folder.join(kind.name()));
        let folder = data_dir.map(Path::to_owned).or_else(cache);
        let known = known::mirrors(kind).iter().map(|&url| url.to_owned());
        Ok(Order {
            dataset: kind.name().to_owned(),
            files: known::files(kind),
            mirrors: mirrors.iter().cloned().chain(known).collect(),
            folder: folder.ok_or(FetchProblem::NoFolder)?,
            network: Network::default(),
        })
    }
}

/// Downloads what is not there yet, or is there and wrong. Files are installed when all of them are
/// here and right; until then, and if that fails, those that were there stay as they are.
///
/// # Errors
/// [`FetchProblem::NoMirror`] if no mirror has a file, [`Error::File`](crate::data::Error) if the
/// folder cannot be written or is full.
pub fn fetch(order: &Order, report: &mut dyn FnMut(Event)) -> Result<()> {
    let folder = Folder::take(&order.folder, report)?;
    let mut downloader = Downloader::new(order);
    let mut found = Vec::new();
    for file in &order.files {
        let copies = folder.look_for(file, report)?;
        if !copies.right {
            downloader.download(file, &folder.part(file), report)?;
            report(Event::Checked(file));
        }
        found.push(copies);
    }
    for (file, copies) in order.files.iter().zip(&found) {
        folder.install(file, copies, report)?;
    }
    Ok(())
}
