//! A small data set with its own checksums, and a folder for downloads.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use gan_cuda::data::fetch::{Event, Failure, FetchRequest, NetworkOptions, RemoteFile, fetch};
use gan_cuda::text::with_causes;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

pub use crate::idx::gzip;
use crate::idx::idx;
use crate::mirror::{Mirror, good};

pub const IMAGES: &str = "train-images-idx3-ubyte";
pub const LABELS: &str = "train-labels-idx1-ubyte";
/// Timeout of tests that must not time out.
const LONG_TIMEOUT: Duration = Duration::from_secs(60);

/// The uncompressed content of a file: 40 incompressible images of 28 × 28, or their labels.
pub fn content(name: &str) -> Vec<u8> {
    if name.contains("labels") {
        return idx(&[40], &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9].repeat(4));
    }
    let mut state = 1_u32;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    idx(&[40, 28, 28], &(0..40 * 28 * 28).map(|_| noise()).collect::<Vec<_>>())
}

/// A file as mirrors serve it.
pub fn gzipped(name: &str) -> Vec<u8> {
    gzip(&content(name))
}

/// A mirror that serves all files correctly.
pub fn good_mirror() -> Mirror {
    Mirror::start(|request| good(&gzipped(request.name.strip_suffix(".gz").unwrap()), request))
}

pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A folder for downloads.
pub struct Target {
    folder: TempDir,
    /// The read timeout.
    pub read_timeout: Duration,
}

/// The events of a download.
#[derive(Debug, Default)]
pub struct Events {
    pub failures: Vec<Failure>,
    /// Offsets at which transfers started.
    pub started: Vec<u64>,
    /// Files reported as present, invalid, or moved aside.
    pub present: Vec<String>,
    pub wrong: Vec<String>,
    pub moved: Vec<String>,
    pub checked: Vec<String>,
    /// The error, if there was one.
    pub error: Option<String>,
}

impl Target {
    pub fn new() -> Self {
        Target { folder: tempfile::tempdir().unwrap(), read_timeout: LONG_TIMEOUT }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file into the folder before the download.
    pub fn put(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path(name), bytes).unwrap();
    }

    /// All files in the folder except the lock.
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let names = names.filter(|name| name != ".fetch.lock");
        names.map(|name| (name.clone(), fs::read(self.path(&name)).unwrap())).collect()
    }

    /// Asserts that the folder has only this file, with the bytes of the mirrors.
    #[track_caller]
    pub fn has_only(&self, name: &str) {
        let expected = BTreeMap::from([(format!("{name}.gz"), gzipped(name))]);
        assert!(self.files() == expected, "{:?}", self.files().keys());
    }

    /// Downloads the images; asserts that exactly these failures precede the success and nothing
    /// else is left in the folder.
    #[track_caller]
    pub fn gets(&self, mirrors: &[&Mirror], failures: &[&str]) {
        self.fetch(mirrors).succeeds_after(failures);
        self.has_only(IMAGES);
    }

    pub fn request(&self, names: &[&'static str], mirrors: &[&Mirror]) -> FetchRequest {
        let file = |name: &'static str| RemoteFile {
            name,
            length: content(name).len() as u64,
            sha256: sha256(&content(name)),
        };
        FetchRequest {
            dataset: "test-dataset".to_owned(),
            files: names.iter().copied().map(file).collect(),
            mirrors: mirrors.iter().map(|mirror| mirror.url()).collect(),
            folder: self.folder.path().to_owned(),
            network: NetworkOptions {
                connect_timeout: LONG_TIMEOUT,
                read_timeout: self.read_timeout,
                retry_delay: Duration::ZERO,
                use_proxy: false,
            },
        }
    }

    /// Downloads the images.
    pub fn fetch(&self, mirrors: &[&Mirror]) -> Events {
        fetch_events(&self.request(&[IMAGES], mirrors))
    }
}

/// Downloads and records the events.
pub fn fetch_events(request: &FetchRequest) -> Events {
    let mut events = Events::default();
    let name = |path: &std::path::Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    let result = fetch(request, &mut |event| match event {
        Event::Waiting | Event::Received(_) => {}
        Event::AlreadyPresent(path) => events.present.push(name(path)),
        Event::Invalid(path, mismatch) => events.wrong.push(format!("{}: {mismatch}", name(path))),
        Event::Started { from, .. } => events.started.push(from),
        Event::Failed(failure) => events.failures.push(failure.clone()),
        Event::Verified(file) => events.checked.push(file.name.to_owned()),
        Event::MovedAside(path, aside) => {
            events.moved.push(format!("{} to {}", name(path), name(aside)))
        }
    });
    events.error = result.err().map(|error| with_causes(&error));
    events
}

impl Events {
    /// Asserts that the download succeeded after these failures of mirrors.
    #[track_caller]
    pub fn succeeds_after(&self, failures: &[&str]) {
        assert_eq!(self.error, None, "{self:#?}");
        let reasons: Vec<_> =
            self.failures.iter().map(|failure| failure.reason.to_string()).collect();
        assert_eq!(reasons.len(), failures.len(), "{self:#?}");
        for (reason, expected) in reasons.iter().zip(failures) {
            assert!(reason.contains(expected), "no {expected:?} in {reason:?}");
        }
    }

    /// The error message.
    #[track_caller]
    pub fn fails(&self) -> &str {
        self.error.as_deref().unwrap_or_else(|| panic!("the download succeeded: {self:#?}"))
    }
}
