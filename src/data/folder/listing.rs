//! Which images a folder has: their names, sizes and times, in an order that depends on nothing
//! else. Opens none of them.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use walkdir::{DirEntry, WalkDir};

use super::FolderProblem;
use crate::data::{Error, Result};
use crate::file_error::FileError;

const ENDINGS: [&str; 6] = ["png", "jpg", "jpeg", "webp", "bmp", "gif"];

/// A folder of images, and of folders of images, whose names may serve as classes.
///
/// Files count as images by the endings of their names. Names that begin with a dot are passed
/// over, as systems and editors leave such files and folders everywhere. Links are followed.
#[derive(Clone, Debug)]
pub struct ImageFolder {
    pub(super) path: PathBuf,
    /// Sorted by their paths' names, byte by byte.
    pub(super) files: Vec<ImageFile>,
}

/// A file as it was found.
#[derive(Clone, Debug)]
pub(super) struct ImageFile {
    /// Relative to the folder.
    pub name: PathBuf,
    /// In bytes.
    pub size: u64,
    /// When it was last written, in nanoseconds since 1970.
    pub modified: u128,
}

impl ImageFolder {
    /// Lists the images below `path`.
    ///
    /// # Errors
    /// [`FileError`] where a folder cannot be listed, [`FolderProblem::NoImages`].
    pub fn list(path: &Path) -> Result<ImageFolder> {
        let mut folder = ImageFolder { path: path.to_owned(), files: Vec::new() };
        if !path.is_dir() {
            return Err(FolderProblem::Missing { folder: folder.path }.into());
        }
        let walk = WalkDir::new(path).follow_links(true).sort_by_file_name().min_depth(1);
        let mut others = 0;
        for entry in walk.into_iter().filter_entry(|entry| !is_hidden(entry)) {
            match entry {
                Ok(entry) if entry.file_type().is_dir() => {}
                Ok(entry) if is_image(entry.path()) && entry.file_type().is_file() => {
                    folder.files.push(ImageFile::new(path, &entry)?);
                }
                Ok(_) => others += 1,
                // The images of a link that leads back are met on the direct way.
                Err(error) if error.loop_ancestor().is_some() => {}
                Err(error) if is_dangling(&error) => match error.path() {
                    Some(link) if is_image(link) => {
                        folder.files.push(ImageFile::dangling(path, link))
                    }
                    _ => others += 1,
                },
                Err(error) => return Err(listing_error(path, error)),
            }
        }
        if folder.files.is_empty() {
            return Err(FolderProblem::NoImages { folder: folder.path, others }.into());
        }
        Ok(folder)
    }

    /// The names of the classes, which are the sub-folders that have images, and each image's
    /// class. Whatever lies deeper belongs to the topmost sub-folder.
    ///
    /// # Errors
    /// [`FolderProblem::NoClasses`], and [`FolderProblem::NoClass`] for images beside sub-folders.
    pub fn classes(&self) -> Result<(Vec<String>, Vec<u32>)> {
        let mut names: Vec<&OsStr> = Vec::new();
        let mut labels = Vec::with_capacity(self.files.len());
        for file in &self.files {
            let Some(class) = file.class() else { continue };
            if names.last() != Some(&class) {
                names.push(class);
            }
            labels.push((names.len() - 1) as u32);
        }
        if names.is_empty() {
            return Err(FolderProblem::NoClasses { folder: self.path.clone() }.into());
        }
        if labels.len() < self.files.len() {
            return Err(self.without_class().into());
        }
        let names = names.iter().map(|name| name.to_string_lossy().into_owned()).collect();
        Ok((names, labels))
    }

    fn without_class(&self) -> FolderProblem {
        let mut files = self.files.iter().filter(|file| file.class().is_none());
        let first = files.next().map(|file| file.name.clone()).unwrap_or_default();
        FolderProblem::NoClass { folder: self.path.clone(), count: 1 + files.count(), first }
    }
}

impl ImageFile {
    fn new(folder: &Path, entry: &DirEntry) -> Result<ImageFile> {
        let metadata = entry.metadata().map_err(|error| listing_error(folder, error))?;
        let modified = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        let modified = modified.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        Ok(ImageFile { name: relative(folder, entry.path()), size: metadata.len(), modified })
    }

    /// A link to nothing: an image that cannot be read.
    fn dangling(folder: &Path, link: &Path) -> ImageFile {
        ImageFile { name: relative(folder, link), size: 0, modified: 0 }
    }

    /// The topmost sub-folder that it is in.
    fn class(&self) -> Option<&OsStr> {
        let mut parts = self.name.iter();
        let first = parts.next();
        parts.next().and(first)
    }
}

fn is_hidden(entry: &DirEntry) -> bool {
    entry.depth() > 0 && entry.file_name().as_encoded_bytes().starts_with(b".")
}

fn is_image(path: &Path) -> bool {
    let ending = path.extension().unwrap_or_default();
    ENDINGS.iter().any(|known| ending.eq_ignore_ascii_case(known))
}

/// Whether there is nothing where a link leads, or no end to where it leads; or a file has gone
/// since its folder was listed.
fn is_dangling(error: &walkdir::Error) -> bool {
    match error.io_error().map(io::Error::kind) {
        Some(io::ErrorKind::NotFound) => true,
        Some(io::ErrorKind::PermissionDenied) | None => false,
        Some(_) => error.path().is_some_and(Path::is_symlink),
    }
}

fn relative(folder: &Path, path: &Path) -> PathBuf {
    path.strip_prefix(folder).unwrap_or(path).to_owned()
}

fn listing_error(folder: &Path, error: walkdir::Error) -> Error {
    let path = error.path().unwrap_or(folder).to_owned();
    let source = error.into_io_error().unwrap_or_else(|| io::ErrorKind::Other.into());
    FileError { action: "list", path, source }.into()
}
