//! What can be wrong with a folder of images, and with one image.

use std::io;
use std::path::PathBuf;

use crate::data::ImageShape;
use crate::text::grouped;

/// The most pixels on a side of an image.
pub const MAX_SIDE: u32 = 16_384;
/// The most pixels of an image, 8,192²: what becomes of them on the way takes 16 bytes for each.
pub const MAX_PIXELS: u64 = 1 << 26;
/// The most bytes of a file, and of what it decodes to: 512 MiB.
pub const MAX_BYTES: u64 = 512 << 20;

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
        "no images in {folder}: looked there and in its sub-folders for .png, .jpg, .jpeg, .webp, \
         .bmp and .gif (files of other kinds: {others})"
    )]
    NoImages {
        /// The folder.
        folder: PathBuf,
        /// Files that are no images, going by their names.
        others: usize,
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
        "{count} images lie in {folder} itself, beside its sub-folders, and so have no class \
         (the first is {first}); put them into a sub-folder, or take a preset without classes, \
         such as mlp-dropout"
    )]
    NoClass {
        /// The folder.
        folder: PathBuf,
        /// How many they are.
        count: usize,
        /// One of them, relative to the folder.
        first: PathBuf,
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
    #[error("none of the {count} images in {folder} can be read")]
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
    #[error("it is none of PNG, JPEG, WebP, BMP and GIF")]
    Unknown,

    /// Its last part is missing.
    #[error("it is cut off")]
    CutOff,

    /// The decoder's word.
    #[error("{0}")]
    Damaged(String),
}
