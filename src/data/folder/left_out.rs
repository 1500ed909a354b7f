//! What lies in a folder of images and is not read, counted, so that nobody misses it unawares.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};

use crate::text::{counted, grouped};

/// Kinds that are named.
const KINDS: usize = 6;

/// What is left out.
#[derive(Clone, Debug, Default)]
pub(super) struct LeftOut {
    /// Files that are no images, by the endings of their names.
    kinds: BTreeMap<String, usize>,
    /// The topmost sub-folders, whether they have images or not.
    sub_folders: BTreeSet<OsString>,
    /// Those that have runs, or pictures of ours.
    with_ours: BTreeSet<OsString>,
    /// Pictures that this program wrote, by their paths below the top.
    ours: Vec<PathBuf>,
    /// Folders that may not be listed, and why the first may not.
    closed: Vec<PathBuf>,
    why_closed: Option<(io::ErrorKind, String)>,
}

impl LeftOut {
    pub fn add_file(&mut self, name: &Path) {
        let ending = name.extension().map(|ending| ending.to_string_lossy().to_lowercase());
        let kind = ending.map_or("without an ending".to_owned(), |ending| format!(".{ending}"));
        *self.kinds.entry(kind).or_default() += 1;
    }

    /// A folder just below the top.
    pub fn add_sub_folder(&mut self, name: &OsStr) {
        self.sub_folders.insert(name.to_owned());
    }

    /// A run's folder, by its path below the top.
    pub fn add_run(&mut self, path: &Path) {
        self.with_ours.extend(path.iter().next().map(OsStr::to_owned));
    }

    /// A picture that this program wrote.
    pub fn add_ours(&mut self, path: PathBuf) {
        self.with_ours.extend(path.iter().next().map(OsStr::to_owned));
        self.ours.push(path);
    }

    /// Pictures that this program wrote.
    pub fn ours(&self) -> &[PathBuf] {
        &self.ours
    }

    /// A folder that may not be listed: `name` is its path below the top.
    pub fn add_closed(&mut self, path: PathBuf, name: &Path, error: io::Error) {
        self.sub_folders.remove(name.as_os_str());
        self.closed.push(path);
        self.why_closed.get_or_insert_with(|| (error.kind(), error.to_string()));
    }

    /// The first folder that may not be listed, and why.
    pub fn closed(&self) -> Option<(&Path, io::Error)> {
        let (kind, words) = self.why_closed.as_ref()?;
        Some((self.closed.first()?, io::Error::new(*kind, words.clone())))
    }

    /// `12 .heic, 3 .txt`; `none`.
    pub fn kinds_in_words(&self) -> String {
        let mut kinds: Vec<_> = self.kinds.iter().collect();
        kinds.sort_by_key(|&(kind, count)| (std::cmp::Reverse(*count), kind));
        let mut words: Vec<_> = kinds
            .iter()
            .take(KINDS)
            .map(|(kind, count)| format!("{} {kind}", grouped(**count as u64)))
            .collect();
        if kinds.len() > KINDS {
            words.push("…".to_owned());
        }
        if words.is_empty() { "none".to_owned() } else { words.join(", ") }
    }

    /// Sub-folders that ended up without an image, though not because all they have is ours, or may
    /// not be listed.
    pub fn empty<'a>(&'a self, classes: &'a [String]) -> impl Iterator<Item = String> + 'a {
        let unexplained = self.sub_folders.difference(&self.with_ours);
        let names = unexplained.map(|name| name.to_string_lossy().into_owned());
        names.filter(|name| !classes.contains(name))
    }

    /// Warnings for whoever did not mean to leave that out.
    pub fn warnings(&self) -> Vec<String> {
        let files: usize = self.kinds.values().sum();
        let files = (files > 0).then(|| {
            let kinds = self.kinds_in_words();
            format!("left out {} of kinds that are not read: {kinds}", counted(files, "file"))
        });
        let closed = self.closed().map(|(first, error)| {
            let (count, first) = (counted(self.closed.len(), "folder"), first.display());
            format!("left out {count} that cannot be listed; the first is {first}: {error}")
        });
        files.into_iter().chain(closed).collect()
    }
}
