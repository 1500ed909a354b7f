//! Which images a folder has: their names, and what tells that they have not changed, in an order
//! that depends on nothing else. Opens no file but those without an ending, whose first bytes tell
//! what they are.

use std::ffi::OsStr;
use std::fs::{self, File, Metadata};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use walkdir::{DirEntry, WalkDir};

use super::FolderProblem;
use super::format::{has_images_ending, looks_like_an_image};
use super::left_out::LeftOut;
use crate::data::{Error, Result};
use crate::file_error::FileError;

/// Folders that systems, storage boxes and unpackers leave behind: previews of pictures, deleted
/// ones, and what is no picture.
const LEFT_BEHIND: [&str; 24] = [
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
/// Files of the same kind.
const FILES_LEFT_BEHIND: [&str; 4] = ["Thumbs.db", "ehthumbs.db", "desktop.ini", "Icon\r"];

/// How the `config.toml` of a run begins.
const RUN_CONFIG: &[u8] = b"preset = ";

/// A folder of images, and of folders of images, whose names may serve as classes.
///
/// Files count as images by the endings of their names, those without an ending by their content.
/// Names that begin with a dot are passed over, as systems and editors leave such files and folders
/// everywhere, and so are folders known to be left behind by them, and folders of runs. Links are
/// followed.
#[derive(Clone, Debug)]
pub struct ImageFolder {
    pub(super) path: PathBuf,
    /// Sorted by their paths' names, byte by byte.
    pub(super) files: Vec<ImageFile>,
    pub(super) left_out: LeftOut,
}

/// A file as it was found.
#[derive(Clone, Debug)]
pub(super) struct ImageFile {
    /// Relative to the folder.
    pub name: PathBuf,
    pub stamp: Stamp,
}

/// What tells, without opening a file, that its content is what it was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Stamp {
    /// In bytes.
    pub size: u64,
    /// When it was last written, in nanoseconds since 1970. Programs can set that at will.
    pub modified: u64,
    /// When its content, name or times were last changed, which only the system sets; where it does
    /// not tell, when it was last written.
    pub changed: u64,
    /// Its number on the disk: another file in the same place has another one.
    pub inode: u64,
}

impl ImageFolder {
    /// Lists the images below `path`.
    ///
    /// # Errors
    /// [`FileError`] where the folder cannot be listed, [`FolderProblem::NoImages`].
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
                    if is_passed_over(&entry) {
                        walk.skip_current_dir();
                    } else if is_run(entry.path()) {
                        folder.left_out.add_run(&relative(path, entry.path()));
                        walk.skip_current_dir();
                    } else if entry.depth() == 1 {
                        folder.left_out.add_sub_folder(entry.file_name());
                    }
                }
                Ok(entry) if is_passed_over(&entry) => {}
                Ok(entry) => folder.add_file(&entry)?,
                // The images of a link that leads back are met on the direct way.
                Err(error) if error.loop_ancestor().is_some() => {}
                Err(error) if error.depth() == 0 => return Err(listing_error(path, error)),
                Err(error) => folder.add_unlisted(error),
            }
        }
        folder.expect_images()?;
        Ok(folder)
    }

    pub(super) fn empty(path: &Path) -> ImageFolder {
        ImageFolder { path: path.to_owned(), files: Vec::new(), left_out: LeftOut::default() }
    }

    /// Makes sure that there are images, or may be some in folders that cannot be listed.
    pub(super) fn expect_images(&self) -> Result<(), FolderProblem> {
        let (folder, others) = (self.path.clone(), self.left_out.kinds_in_words());
        match (self.files.is_empty(), self.left_out.closed()) {
            (false, _) | (_, Some(_)) => Ok(()),
            _ if !self.left_out.ours().is_empty() => Err(FolderProblem::AllOurs { folder }),
            _ => Err(FolderProblem::NoImages { folder, others }),
        }
    }

    fn add_file(&mut self, entry: &DirEntry) -> Result<()> {
        let (name, is_file) = (relative(&self.path, entry.path()), entry.file_type().is_file());
        if is_file && is_image(entry.path()) {
            let metadata = entry.metadata().map_err(|error| listing_error(&self.path, error))?;
            self.files.push(ImageFile { name, stamp: Stamp::of(&metadata) });
        } else {
            self.left_out.add_file(&name);
        }
        Ok(())
    }

    /// A link to nothing is an image that cannot be read, if its name is an image's; a folder that
    /// may not be listed could have images.
    fn add_unlisted(&mut self, error: walkdir::Error) {
        let Some(path) = error.path().map(Path::to_owned) else { return };
        let name = relative(&self.path, &path);
        if !is_dangling(&error) {
            self.left_out.add_closed(path, &name, into_io(error));
        } else if is_image(&path) {
            self.files.push(ImageFile { name, stamp: Stamp::default() });
        } else {
            self.left_out.add_file(&name);
        }
    }
}

impl ImageFile {
    /// The topmost sub-folder that it is in.
    pub(super) fn class(&self) -> Option<&OsStr> {
        let mut parts = self.name.iter();
        let first = parts.next();
        parts.next().and(first)
    }
}

impl Stamp {
    fn of(metadata: &Metadata) -> Stamp {
        let modified = metadata.modified().map_or(0, nanoseconds);
        let [changed, inode] = changed_and_inode(metadata);
        Stamp { size: metadata.len(), modified, changed, inode }
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

/// Since 1970.
pub(super) fn nanoseconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
}

/// Whether it is nothing that anybody put there to be learnt from.
fn is_passed_over(entry: &DirEntry) -> bool {
    let name = entry.file_name();
    let known = match entry.file_type().is_dir() {
        true => &LEFT_BEHIND[..],
        false => &FILES_LEFT_BEHIND[..],
    };
    name.as_encoded_bytes().starts_with(b".")
        || known.iter().any(|known| name.eq_ignore_ascii_case(known))
}

/// Whether a folder is a run's: its samples are no images to learn from. A copy of a run's
/// configuration makes none.
fn is_run(folder: &Path) -> bool {
    let config = folder.join("config.toml");
    config.is_file()
        && folder.join("samples").is_dir()
        && first_bytes(&config, RUN_CONFIG.len()).is_ok_and(|first| first == RUN_CONFIG)
}

fn is_image(path: &Path) -> bool {
    // One without an ending that cannot be read is no image until it can be.
    let by_content = || first_bytes(path, 32).is_ok_and(|bytes| looks_like_an_image(&bytes));
    has_images_ending(path).unwrap_or_else(by_content)
}

/// The first bytes of a file, at most `count`.
pub(super) fn first_bytes(path: &Path, count: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(count);
    File::open(path)?.take(count as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Whether there is nothing where a link leads, or no end to where it leads; or a file has gone
/// since its folder was listed.
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
