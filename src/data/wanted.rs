//! What is wanted of a source of images.

use std::path::PathBuf;

use super::{ImageShape, Places, Source};

/// The images that are wanted: which, from where, in what shape.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// A data set known by its name, a folder of images, or one of IDX files.
    pub source: Source,
    /// Where the files of a named data set are looked for.
    pub places: Places,
    /// The shape of each image: a square.
    pub shape: ImageShape,
    /// Whether they must have its rows and columns already; else they are cropped and resized.
    pub exact: bool,
    /// Whether images need classes: a folder's sub-folders, or the labels of IDX files.
    pub classes: bool,
    /// Which number each class of a folder has.
    pub class_order: ClassOrder,
    /// Whether images of a folder that cannot be read are left out; else the first is an error.
    pub skip_bad: bool,
    /// Threads that decode a folder.
    pub threads: usize,
    /// This program's cache folder, if what was decoded before shall be taken from there.
    pub cache: Option<PathBuf>,
    /// Whether what is decoded is kept there.
    pub keep: bool,
}

/// How the classes of a folder, its sub-folders, are numbered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ClassOrder {
    /// By their names, byte by byte, but numbers in them as numbers: 2 comes before 10.
    #[default]
    Natural,
    /// Byte by byte: 10 comes before 2. Runs that do not know the names of their classes have them
    /// in this order.
    Bytewise,
    /// These, in this order; there must be no others.
    Named(Vec<String>),
}

/// Hears of each image of a folder that is decoded: how many are, and how many there are. Threads
/// call it, so numbers may come out of order.
pub type Progress<'a> = &'a (dyn Fn(u64, u64) + Sync);
