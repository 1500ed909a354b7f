//! A small data set with checksums of its own, and a folder to download it into.

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
/// For tests that no server should keep waiting.
const PATIENT: Duration = Duration::from_secs(60);

/// What a file holds before it is packed: 40 images of 28 × 28 that gzip cannot make smaller, or
/// their labels.
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

/// A file as mirrors have it.
pub fn packed(name: &str) -> Vec<u8> {
    gzip(&content(name))
}

/// A mirror that has everything.
pub fn good_mirror() -> Mirror {
    Mirror::start(|asked| good(&packed(asked.name.strip_suffix(".gz").unwrap()), asked))
}

pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A folder to download into.
pub struct Target {
    folder: TempDir,
    /// How long a server may say nothing.
    pub read_timeout: Duration,
}

/// What happened in a download.
#[derive(Debug, Default)]
pub struct Seen {
    pub failures: Vec<Failure>,
    /// Where each transfer went on from.
    pub begun: Vec<u64>,
    /// The files that were said to be there, wrong, or moved aside.
    pub present: Vec<String>,
    pub wrong: Vec<String>,
    pub moved: Vec<String>,
    pub checked: Vec<String>,
    /// The error, if there was one.
    pub error: Option<String>,
}

impl Target {
    pub fn new() -> Self {
        Target { folder: tempfile::tempdir().unwrap(), read_timeout: PATIENT }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Puts a file there before the download.
    pub fn put(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path(name), bytes).unwrap();
    }

    /// All files there but the lock.
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let names = names.filter(|name| name != ".fetch.lock");
        names.map(|name| (name.clone(), fs::read(self.path(&name)).unwrap())).collect()
    }

    /// Whether there is this one file, and with the bytes that the mirrors have.
    #[track_caller]
    pub fn has_only(&self, name: &str) {
        let expected = BTreeMap::from([(format!("{name}.gz"), packed(name))]);
        assert!(self.files() == expected, "{:?}", self.files().keys());
    }

    /// Downloads the images, which must come after these failures of mirrors; nothing else is left.
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
            dataset: "stand-in".to_owned(),
            files: names.iter().copied().map(file).collect(),
            mirrors: mirrors.iter().map(|mirror| mirror.url()).collect(),
            folder: self.folder.path().to_owned(),
            network: NetworkOptions {
                connect_timeout: PATIENT,
                read_timeout: self.read_timeout,
                retry_delay: Duration::ZERO,
                use_proxy: false,
            },
        }
    }

    /// Downloads the images.
    pub fn fetch(&self, mirrors: &[&Mirror]) -> Seen {
        seen(&self.request(&[IMAGES], mirrors))
    }
}

/// Downloads, and tells what happened.
pub fn seen(request: &FetchRequest) -> Seen {
    let mut seen = Seen::default();
    let name = |path: &std::path::Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    let result = fetch(request, &mut |event| match event {
        Event::Waiting | Event::Received(_) => {}
        Event::AlreadyPresent(path) => seen.present.push(name(path)),
        Event::Invalid(path, mismatch) => seen.wrong.push(format!("{}: {mismatch}", name(path))),
        Event::Started { from, .. } => seen.begun.push(from),
        Event::Failed(failure) => seen.failures.push(failure.clone()),
        Event::Verified(file) => seen.checked.push(file.name.to_owned()),
        Event::MovedAside(path, aside) => {
            seen.moved.push(format!("{} to {}", name(path), name(aside)))
        }
    });
    seen.error = result.err().map(|error| with_causes(&error));
    seen
}

impl Seen {
    /// That the download went well, after these failures of mirrors.
    #[track_caller]
    pub fn succeeds_after(&self, failures: &[&str]) {
        assert_eq!(self.error, None, "{self:#?}");
        let said: Vec<_> = self.failures.iter().map(|failure| failure.reason.to_string()).collect();
        assert_eq!(said.len(), failures.len(), "{self:#?}");
        for (said, expected) in said.iter().zip(failures) {
            assert!(said.contains(expected), "no {expected:?} in {said:?}");
        }
    }

    /// The words of the error.
    #[track_caller]
    pub fn fails(&self) -> &str {
        self.error.as_deref().unwrap_or_else(|| panic!("this must fail: {self:#?}"))
    }
}
