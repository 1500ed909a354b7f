//! Lists the images of a folder and their metadata, sorted by name. Opens only files without a file
//! extension, whose magic number tells what they are.

use std::ffi::OsStr;
use std::fs::{self, File, Metadata};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use walkdir::{DirEntry, WalkDir};

use super::FolderProblem;
use super::format::{has_image_extension, looks_like_an_image};
use super::skipped::SkippedFiles;
use crate::data::{Error, Result};
use crate::file_error::FileError;

/// Folders created by operating systems, NAS devices and archivers: thumbnails, deleted files, and
/// files that are not images.
const SYSTEM_FOLDERS: [&str; 24] = [
    "__MACOSX",
    "__pycache__",
    "lost+found",
    "System Volume Information",
    "$RECYCLE.BIN",
    "RECYCLER",
    "@eaDir",
    "#recycle",
    "#snapshot",
    "~snapshot",
    "@Recycle",
    "@Recently-Snapshot",
    "@sharebin",
    "@tmp",
    "@SynoResource",
    "@SynoEAStream",
    "LOST.DIR",
    "found.000",
    "Recycled",
    "Network Trash Folder",
    "Temporary Items",
    "DfsrPrivate",
    "_gsdata_",
    "WindowsImageBackup",
];
/// Files of this kind.
const SYSTEM_FILES: [&str; 4] = ["Thumbs.db", "ehthumbs.db", "desktop.ini", "Icon\r"];

/// The first bytes of a run's `config.toml`.
const RUN_CONFIG: &[u8] = b"preset = ";

/// A folder of images and sub-folders, whose names may serve as classes.
///
/// Files count as images by their extension, files without one by their content. Hidden files and
/// folders (names that start with a dot), system folders and run folders are ignored. Symbolic
/// links are followed.
#[derive(Clone, Debug)]
pub struct ImageFolder {
    pub(super) path: PathBuf,
    /// Sorted by path, component by component, bytewise.
    pub(super) files: Vec<ImageFile>,
    pub(super) skipped: SkippedFiles,
}

/// A listed file.
#[derive(Clone, Debug)]
pub(super) struct ImageFile {
    /// Relative to the folder.
    pub name: PathBuf,
    pub stat: FileStat,
}

/// Metadata that detects changes of a file without opening it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct FileStat {
    /// In bytes.
    pub size: u64,
    /// Modification time (mtime) in nanoseconds since 1970, which programs can set.
    pub modified: u64,
    /// Status change time (ctime), which only the system sets; the modification time where the
    /// system has none.
    pub changed: u64,
    /// Inode number: another file under the same name has another one.
    pub inode: u64,
}

impl ImageFolder {
    /// Lists the images below `path`.
    ///
    /// # Errors
    /// [`FileError`] if the folder cannot be listed, [`FolderProblem::Missing`],
    /// [`FolderProblem::NoImages`], [`FolderProblem::AllOwnOutput`].
    pub fn list(path: &Path) -> Result<ImageFolder> {
        let mut folder = ImageFolder::empty(path);
        if !path.is_dir() {
            return Err(FolderProblem::Missing { folder: folder.path }.into());
        }
        let mut walk =
            WalkDir::new(path).follow_links(true).sort_by_file_name().min_depth(1).into_iter();
        while let Some(entry) = walk.next() {
            match entry {
                Ok(entry) if entry.file_type().is_dir() => {
                    if is_ignored(&entry) {
                        walk.skip_current_dir();
                    } else if is_run(entry.path()) {
                        folder.skipped.add_run(&relative(path, entry.path()));
                        walk.skip_current_dir();
                    } else if entry.depth() == 1 {
                        folder.skipped.add_sub_folder(entry.file_name());
                    }
                }
                Ok(entry) if is_ignored(&entry) => {}
                Ok(entry) => folder.add_file(&entry)?,
                // A link to one of its ancestors: its images are listed anyway.
                Err(error) if error.loop_ancestor().is_some() => {}
                Err(error) if error.depth() == 0 => return Err(listing_error(path, error)),
                Err(error) => folder.add_walk_error(error),
            }
        }
        folder.expect_images()?;
        Ok(folder)
    }

    pub(super) fn empty(path: &Path) -> ImageFolder {
        ImageFolder { path: path.to_owned(), files: Vec::new(), skipped: SkippedFiles::default() }
    }

    /// Checks that there are images, or may be some in folders that cannot be listed.
    pub(super) fn expect_images(&self) -> Result<(), FolderProblem> {
        let (folder, others) = (self.path.clone(), self.skipped.describe_kinds());
        match (self.files.is_empty(), self.skipped.unreadable()) {
            (false, _) | (_, Some(_)) => Ok(()),
            _ if !self.skipped.own_output().is_empty() => {
                Err(FolderProblem::AllOwnOutput { folder })
            }
            _ => Err(FolderProblem::NoImages { folder, others }),
        }
    }

    fn add_file(&mut self, entry: &DirEntry) -> Result<()> {
        let (name, is_file) = (relative(&self.path, entry.path()), entry.file_type().is_file());
        if is_file && is_image(entry.path()) {
            let metadata = entry.metadata().map_err(|error| listing_error(&self.path, error))?;
            self.files.push(ImageFile { name, stat: FileStat::of(&metadata) });
        } else {
            self.skipped.add_file(&name);
        }
        Ok(())
    }

    /// Handles an entry that cannot be read. A dangling link counts as a bad image if it has an
    /// image's extension; a folder that cannot be listed may contain images.
    fn add_walk_error(&mut self, error: walkdir::Error) {
        let Some(path) = error.path().map(Path::to_owned) else { return };
        let name = relative(&self.path, &path);
        if !is_dangling(&error) {
            self.skipped.add_unreadable(path, &name, into_io(error));
        } else if is_image(&path) {
            self.files.push(ImageFile { name, stat: FileStat::default() });
        } else {
            self.skipped.add_file(&name);
        }
    }
}

impl ImageFile {
    /// The topmost sub-folder that contains it.
    pub(super) fn class(&self) -> Option<&OsStr> {
        let mut parts = self.name.iter();
        let first = parts.next();
        parts.next().and(first)
    }
}

impl FileStat {
    fn of(metadata: &Metadata) -> FileStat {
        let modified = metadata.modified().map_or(0, nanoseconds);
        let [changed, inode] = changed_and_inode(metadata);
        FileStat { size: metadata.len(), modified, changed, inode }
    }
}

#[cfg(unix)]
fn changed_and_inode(metadata: &Metadata) -> [u64; 2] {
    use std::os::unix::fs::MetadataExt;
    let changed = metadata.ctime().saturating_mul(1_000_000_000) + metadata.ctime_nsec();
    [u64::try_from(changed).unwrap_or(0), metadata.ino()]
}

#[cfg(not(unix))]
fn changed_and_inode(metadata: &Metadata) -> [u64; 2] {
    [metadata.modified().map_or(0, nanoseconds), 0]
}

/// Nanoseconds since 1970.
pub(super) fn nanoseconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
}

/// Whether the entry is hidden or a known system file or folder.
fn is_ignored(entry: &DirEntry) -> bool {
    let name = entry.file_name();
    let known = match entry.file_type().is_dir() {
        true => &SYSTEM_FOLDERS[..],
        false => &SYSTEM_FILES[..],
    };
    name.as_encoded_bytes().starts_with(b".")
        || known.iter().any(|known| name.eq_ignore_ascii_case(known))
}

/// Whether a folder is a run's, whose samples are not training data. A copy of a `config.toml`
/// alone does not make a run.
fn is_run(folder: &Path) -> bool {
    let config = folder.join("config.toml");
    config.is_file()
        && folder.join("samples").is_dir()
        && first_bytes(&config, RUN_CONFIG.len()).is_ok_and(|first| first == RUN_CONFIG)
}

fn is_image(path: &Path) -> bool {
    // A file without an extension that cannot be read is not an image.
    let by_content = || first_bytes(path, 32).is_ok_and(|bytes| looks_like_an_image(&bytes));
    has_image_extension(path).unwrap_or_else(by_content)
}

/// The first bytes of a file, at most `count`.
pub(super) fn first_bytes(path: &Path, count: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(count);
    File::open(path)?.take(count as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Whether a link is dangling or circular, or a file was deleted after its folder was listed.
fn is_dangling(error: &walkdir::Error) -> bool {
    match error.io_error().map(io::Error::kind) {
        Some(io::ErrorKind::NotFound) => true,
        Some(io::ErrorKind::PermissionDenied) | None => false,
        Some(_) => {
            error.path().is_some_and(|path| path.is_symlink() && fs::metadata(path).is_err())
        }
    }
}

fn relative(folder: &Path, path: &Path) -> PathBuf {
    path.strip_prefix(folder).unwrap_or(path).to_owned()
}

fn listing_error(folder: &Path, error: walkdir::Error) -> Error {
    let path = error.path().unwrap_or(folder).to_owned();
    FileError { action: "list", path, source: into_io(error) }.into()
}

fn into_io(error: walkdir::Error) -> io::Error {
    error.into_io_error().unwrap_or_else(|| io::ErrorKind::Other.into())
}
