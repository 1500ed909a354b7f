//! What can be wrong with a folder of images, and with one image.

use std::io;
use std::path::PathBuf;

use crate::data::ImageShape;
use crate::text::{counted, grouped};

/// The most pixels on a side of an image.
pub const MAX_SIDE: u32 = 16_384;
/// The most pixels of an image, 8,192²: what becomes of them on the way takes 16 bytes for each.
pub const MAX_PIXELS: u64 = 1 << 26;
/// The most bytes of a file, and of what it decodes to: 512 MiB.
pub const MAX_BYTES: u64 = 512 << 20;

/// Names that a message lists.
const NAMED: usize = 5;

/// Why a folder of images cannot be learnt from.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FolderProblem {
    /// It is not there.
    #[error("the folder of images {folder} is not there; put it back, or a link to it")]
    Missing {
        /// The folder.
        folder: PathBuf,
    },

    /// There are no images.
    #[error(
        "no images in {folder}: looked there and in its sub-folders for .png, .jpg, .webp, .bmp, \
         .gif, .tif, .ppm, .tga and .qoi (files of other kinds: {others})"
    )]
    NoImages {
        /// The folder.
        folder: PathBuf,
        /// Files that are no images, going by their names: how many of which kind.
        others: String,
    },

    /// Classes are wanted, and all images lie side by side.
    #[error(
        "{folder} has no sub-folders with images, whose names are the classes that this preset \
         needs; put the images of each class into a sub-folder, or take a preset without classes, \
         such as mlp-dropout"
    )]
    NoClasses {
        /// The folder.
        folder: PathBuf,
    },

    /// Classes are wanted, and some images have none.
    #[error(
        "{} in {folder} itself, beside its sub-folders, and so without a class (the first is \
         {first}); put them into a sub-folder, or take a preset without classes, \
         such as mlp-dropout",
        counted(*count, "image")
    )]
    NoClass {
        /// The folder.
        folder: PathBuf,
        /// How many they are.
        count: usize,
        /// One of them, relative to the folder.
        first: PathBuf,
    },

    /// Classes are wanted, and all images lie in sub-folders of one sub-folder.
    #[error(
        "all images of {folder} lie below {}, whose sub-folders may be the classes: {}; name that \
         folder",
        inner.display(),
        listed(sub_folders)
    )]
    Nested {
        /// The folder.
        folder: PathBuf,
        /// The one that is meant.
        inner: PathBuf,
        /// The sub-folders of that.
        sub_folders: Vec<String>,
    },

    /// Classes are wanted, and the sub-folders are parts of a data set, such as train and test.
    #[error(
        "the sub-folders of {folder} are parts of a data set and no classes: {}; name one of them, \
         as {}",
        parts.join(", "),
        folder.join(training_part(parts)).display()
    )]
    Parts {
        /// The folder.
        folder: PathBuf,
        /// Its sub-folders.
        parts: Vec<String>,
    },

    /// The sub-folders are not the classes that a configuration names.
    #[error(
        "the classes in {folder} are not those of the configuration (missing: {}; new: {})",
        listed(missing),
        listed(new)
    )]
    OtherClasses {
        /// The folder.
        folder: PathBuf,
        /// Named classes that are not there.
        missing: Vec<String>,
        /// Classes that are there and not named.
        new: Vec<String>,
    },

    /// All images were written by this program.
    #[error(
        "all images in {folder} were written by gan-cuda, which does not learn from its own; name \
         the folder that has yours"
    )]
    AllOurs {
        /// The folder.
        folder: PathBuf,
    },

    /// A sub-folder may not be listed: it could have images.
    #[error("cannot list {path}")]
    Closed {
        /// The sub-folder.
        path: PathBuf,
        /// The operating system's word.
        #[source]
        source: io::Error,
    },

    /// An image cannot be read.
    #[error("cannot use image {path}")]
    BadImage {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        problem: ImageProblem,
    },

    /// Images that cannot be read are left out, and nothing is left.
    #[error("none of the {} in {folder} can be read", counted(*count, "image"))]
    AllBad {
        /// The folder, or the sub-folder of a class.
        folder: PathBuf,
        /// How many they are.
        count: usize,
    },

    /// There is no room for the images.
    #[error("cannot hold the images of {folder} as {shape}: {reason}")]
    TooMany {
        /// The folder.
        folder: PathBuf,
        /// The shape of each.
        shape: ImageShape,
        /// Why not, and what to do.
        reason: String,
    },
}

/// Why an image cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageProblem {
    /// The operating system does not hand it out.
    #[error(transparent)]
    Read(#[from] io::Error),

    /// It would take too much memory: a mistake, or made to do harm.
    #[error(
        "it is larger than this program reads: {side} pixels a side, {pixels} in \
         all, {mib} MiB",
        side = grouped(MAX_SIDE.into()),
        pixels = grouped(MAX_PIXELS),
        mib = MAX_BYTES >> 20
    )]
    TooLarge,

    /// Its first bytes are those of no image.
    #[error("it is none of PNG, JPEG, WebP, BMP, GIF, TIFF, PNM, TGA and QOI")]
    Unknown,

    /// It is in a known format that is not read.
    #[error("it is {0}, which this program does not read; convert it to PNG or JPEG")]
    Foreign(&'static str),

    /// This program wrote it: it is no reason to stop, and nothing to learn from.
    #[error("gan-cuda wrote it")]
    Ours,

    /// There is nothing in it.
    #[error("it is empty")]
    Empty,

    /// Its last part is missing.
    #[error("it is cut off")]
    CutOff,

    /// It has not the rows and columns that it must have.
    #[error("it is {}×{} pixels, and must be {}×{}", got[0], got[1], want[0], want[1])]
    OtherSize {
        /// Its rows and columns.
        got: [usize; 2],
        /// Those that it must have.
        want: [usize; 2],
    },

    /// The decoder's word.
    #[error("{0}")]
    Damaged(String),
}

/// The part of a data set to learn from.
pub(super) fn training_part(parts: &[String]) -> &str {
    let train = parts.iter().find(|part| part.to_lowercase().starts_with("train"));
    train.or(parts.first()).map_or("", String::as_str)
}

/// The first few of some names.
pub(super) fn listed(names: &[String]) -> String {
    let mut few: Vec<&str> = names.iter().take(NAMED).map(String::as_str).collect();
    if names.len() > NAMED {
        few.push("…");
    }
    if few.is_empty() { "none".to_owned() } else { few.join(", ") }
}
