//! Requirements for the images of a source.

use std::path::PathBuf;

use super::{ImageShape, SearchPaths, Source};

/// Which images to load, from where, and in what shape.
#[derive(Clone, Debug)]
pub struct Requirements {
    /// The source: a data set known by name, a folder of images, or IDX files.
    pub source: Source,
    /// Where the files of a named data set are searched.
    pub search_paths: SearchPaths,
    /// The shape of each image: a square.
    pub shape: ImageShape,
    /// Whether images must have this size already; otherwise they are cropped and resized.
    pub exact_size: bool,
    /// Whether images need classes: the sub-folders of a folder, or the labels of IDX files.
    pub classes: bool,
    /// The numbering of the classes of a folder, its sub-folders.
    pub class_order: ClassOrder,
    /// Whether unreadable images of a folder are skipped; otherwise the first one is an error.
    pub skip_bad: bool,
    /// Number of decoding threads.
    pub threads: usize,
    /// The program's cache folder, if decoded images are to be read from there.
    pub cache: Option<PathBuf>,
    /// Whether newly decoded images are written to the cache.
    pub write_cache: bool,
}

/// The numbering of the classes of a folder, its sub-folders.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ClassOrder {
    /// Natural sort order: by name, with numbers compared as numbers (2 before 10).
    #[default]
    Natural,
    /// Bytewise order (10 before 2), which runs have whose configuration has no class names.
    Bytewise,
    /// Exactly these classes, in this order.
    Named(Vec<String>),
}

/// Called for each decoded image of a folder with the number of images done and the total. Called
/// from several threads, so numbers may arrive out of order.
pub type ProgressCallback<'a> = &'a (dyn Fn(u64, u64) + Sync);
