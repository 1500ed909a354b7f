//! Counts files in a folder of images that are skipped, so that they can be reported.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};

use crate::text::{counted, grouped};

/// Kinds listed in a message.
const MAX_KINDS: usize = 6;

/// Skipped files and folders.
#[derive(Clone, Debug, Default)]
pub(super) struct SkippedFiles {
    /// Files that are not images, by file extension.
    kinds: BTreeMap<String, usize>,
    /// The topmost sub-folders, with or without images.
    sub_folders: BTreeSet<OsString>,
    /// Topmost sub-folders that contain runs or own output.
    with_own_output: BTreeSet<OsString>,
    /// Image files that this program wrote, by path relative to the top.
    own_output: Vec<PathBuf>,
    /// Folders that cannot be listed, and the reason for the first one.
    unreadable: Vec<PathBuf>,
    reason: Option<(io::ErrorKind, String)>,
}

impl SkippedFiles {
    pub fn add_file(&mut self, name: &Path) {
        let extension =
            name.extension().map(|extension| extension.to_string_lossy().to_lowercase());
        let kind = extension
            .map_or("without an extension".to_owned(), |extension| format!(".{extension}"));
        *self.kinds.entry(kind).or_default() += 1;
    }

    /// Adds a topmost sub-folder.
    pub fn add_sub_folder(&mut self, name: &OsStr) {
        self.sub_folders.insert(name.to_owned());
    }

    /// Adds a run's folder, by its path relative to the top.
    pub fn add_run(&mut self, path: &Path) {
        self.with_own_output.extend(path.iter().next().map(OsStr::to_owned));
    }

    /// Adds an image file that this program wrote.
    pub fn add_own_output(&mut self, path: PathBuf) {
        self.with_own_output.extend(path.iter().next().map(OsStr::to_owned));
        self.own_output.push(path);
    }

    /// Image files that this program wrote.
    pub fn own_output(&self) -> &[PathBuf] {
        &self.own_output
    }

    /// Adds a folder that cannot be listed; `name` is its path relative to the top.
    pub fn add_unreadable(&mut self, path: PathBuf, name: &Path, error: io::Error) {
        self.sub_folders.remove(name.as_os_str());
        self.unreadable.push(path);
        self.reason.get_or_insert_with(|| (error.kind(), error.to_string()));
    }

    /// The first folder that cannot be listed, and why.
    pub fn unreadable(&self) -> Option<(&Path, io::Error)> {
        let (kind, message) = self.reason.as_ref()?;
        Some((self.unreadable.first()?, io::Error::new(*kind, message.clone())))
    }

    /// The kinds of skipped files: `12 .heic, 3 .txt`, or `none`.
    pub fn describe_kinds(&self) -> String {
        let mut kinds: Vec<_> = self.kinds.iter().collect();
        kinds.sort_by_key(|&(kind, count)| (std::cmp::Reverse(*count), kind));
        let mut parts: Vec<_> = kinds
            .iter()
            .take(MAX_KINDS)
            .map(|(kind, count)| format!("{} {kind}", grouped(**count as u64)))
            .collect();
        if kinds.len() > MAX_KINDS {
            parts.push("…".to_owned());
        }
        if parts.is_empty() { "none".to_owned() } else { parts.join(", ") }
    }

    /// Sub-folders without images, apart from those that contain only own output or cannot be
    /// listed.
    pub fn empty<'a>(&'a self, classes: &'a [String]) -> impl Iterator<Item = String> + 'a {
        let unexplained = self.sub_folders.difference(&self.with_own_output);
        let names = unexplained.map(|name| name.to_string_lossy().into_owned());
        names.filter(|name| !classes.contains(name))
    }

    /// Warnings about skipped files and folders.
    pub fn warnings(&self) -> Vec<String> {
        let files: usize = self.kinds.values().sum();
        let files = (files > 0).then(|| {
            let kinds = self.describe_kinds();
            format!("skipped {} of unsupported kinds: {kinds}", counted(files, "file"))
        });
        let unreadable = self.unreadable().map(|(first, error)| {
            let (count, first) = (counted(self.unreadable.len(), "folder"), first.display());
            format!("skipped {count} that cannot be listed; the first is {first}: {error}")
        });
        files.into_iter().chain(unreadable).collect()
    }
}
