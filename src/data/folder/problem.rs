//! Errors of folders of images and of single images.

use std::io;
use std::path::PathBuf;

use crate::data::ImageShape;
use crate::text::{counted, grouped};

/// Largest width and height of an image, in pixels.
pub const MAX_SIDE: u32 = 16_384;
/// Largest number of pixels in an image, 8,192²: decoding takes up to 16 bytes per pixel.
pub const MAX_PIXELS: u64 = 1 << 26;
/// Largest file, and largest decoded image, in bytes: 512 MiB.
pub const MAX_BYTES: u64 = 512 << 20;

/// Names listed in a message.
const MAX_LISTED: usize = 5;

/// Why a folder of images cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FolderProblem {
    /// The folder does not exist.
    #[error("the image folder {folder} does not exist; restore it, or put a link in its place")]
    Missing {
        /// The folder.
        folder: PathBuf,
    },

    /// The folder has no images.
    #[error(
        "no images in {folder}: searched it and its sub-folders for .png, .jpg, .webp, .bmp, \
         .gif, .tif, .ppm, .tga and .qoi (other files: {others})"
    )]
    NoImages {
        /// The folder.
        folder: PathBuf,
        /// Files that are not images, by extension: how many of which kind.
        others: String,
    },

    /// Classes are required, but there are no sub-folders.
    #[error(
        "{folder} has no sub-folders with images, but this preset needs classes, which are named by \
         sub-folders; put the images of each class into a sub-folder, or use a preset without \
         classes, such as mlp-dropout"
    )]
    NoClasses {
        /// The folder.
        folder: PathBuf,
    },

    /// Classes are required, but some images are not in a sub-folder.
    #[error(
        "{} in {folder} without a class, because they are not in a sub-folder (the first is \
         {first}); put them into a sub-folder, or use a preset without classes, \
         such as mlp-dropout",
        counted(*count, "image")
    )]
    ImagesOutsideClasses {
        /// The folder.
        folder: PathBuf,
        /// Number of these images.
        count: usize,
        /// The first of them, relative to the folder.
        first: PathBuf,
    },

    /// Classes are required, but all images are in sub-folders of one sub-folder.
    #[error(
        "all images of {folder} are in {}, whose sub-folders may be the classes ({}); name that \
         folder",
        inner.display(),
        listed(sub_folders)
    )]
    Nested {
        /// The folder.
        folder: PathBuf,
        /// The sub-folder that is probably meant.
        inner: PathBuf,
        /// The sub-folders of that folder.
        sub_folders: Vec<String>,
    },

    /// Classes are required, but the sub-folders are splits of a data set, such as train and test.
    #[error(
        "the sub-folders of {folder} are splits of a data set, not classes: {}; name one of them, \
         such as {}",
        splits.join(", "),
        folder.join(training_split(splits)).display()
    )]
    Splits {
        /// The folder.
        folder: PathBuf,
        /// Its sub-folders.
        splits: Vec<String>,
    },

    /// The classes of the folder differ from those of the configuration.
    #[error(
        "the classes in {folder} differ from those of the configuration (missing: {}; new: {})",
        listed(missing),
        listed(new)
    )]
    ClassesDiffer {
        /// The folder.
        folder: PathBuf,
        /// Classes of the configuration that the folder does not have.
        missing: Vec<String>,
        /// Classes of the folder that the configuration does not have.
        new: Vec<String>,
    },

    /// All images were written by this program.
    #[error(
        "all images in {folder} were written by gan-cuda and are not used for training; name the \
         folder with your images"
    )]
    AllOwnOutput {
        /// The folder.
        folder: PathBuf,
    },

    /// A sub-folder, which may contain images, cannot be listed.
    #[error("cannot list {path}")]
    UnreadableFolder {
        /// The sub-folder.
        path: PathBuf,
        /// The error of the operating system.
        #[source]
        source: io::Error,
    },

    /// An image cannot be read.
    #[error("cannot use image {path}")]
    BadImage {
        /// The file.
        path: PathBuf,
        /// The reason.
        #[source]
        problem: ImageProblem,
    },

    /// Unreadable images are skipped, and no image is left.
    #[error("none of the {} in {folder} can be read", counted(*count, "image"))]
    AllBad {
        /// The folder, or the sub-folder of a class.
        folder: PathBuf,
        /// Number of images.
        count: usize,
    },

    /// The images do not fit into memory.
    #[error("cannot hold the images of {folder} as {shape}: {reason}")]
    TooMany {
        /// The folder.
        folder: PathBuf,
        /// The shape of each image.
        shape: ImageShape,
        /// The reason, and what to do.
        reason: String,
    },
}

/// Why an image cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageProblem {
    /// The operating system cannot read the file.
    #[error(transparent)]
    Read(#[from] io::Error),

    /// It would take too much memory: by mistake, or as a decompression bomb.
    #[error(
        "it exceeds the limits: {side} pixels per side, {pixels} pixels in \
         all, {mib} MiB",
        side = grouped(MAX_SIDE.into()),
        pixels = grouped(MAX_PIXELS),
        mib = MAX_BYTES >> 20
    )]
    TooLarge,

    /// Its first bytes are not those of an image.
    #[error("it is not a PNG, JPEG, WebP, BMP, GIF, TIFF, PNM, TGA or QOI image")]
    UnknownFormat,

    /// It is in a known but unsupported format.
    #[error("it is {0}, which is not supported; convert it to PNG or JPEG")]
    UnsupportedFormat(&'static str),

    /// This program wrote it, so it is skipped and not an error.
    #[error("gan-cuda wrote it")]
    OwnOutput,

    /// It is an empty file.
    #[error("it is empty")]
    Empty,

    /// It is truncated.
    #[error("it is truncated")]
    CutOff,

    /// It does not have the required size.
    #[error("it is {}×{} pixels, and must be {}×{}", got[0], got[1], want[0], want[1])]
    OtherSize {
        /// Its height and width.
        got: [usize; 2],
        /// The required height and width.
        want: [usize; 2],
    },

    /// The decoder's message.
    #[error("{0}")]
    Damaged(String),
}

/// The training split, or the first one.
pub(super) fn training_split(splits: &[String]) -> &str {
    let train = splits.iter().find(|split| split.to_lowercase().starts_with("train"));
    train.or(splits.first()).map_or("", String::as_str)
}

/// The first few names.
pub(super) fn listed(names: &[String]) -> String {
    let mut few: Vec<&str> = names.iter().take(MAX_LISTED).map(String::as_str).collect();
    if names.len() > MAX_LISTED {
        few.push("…");
    }
    if few.is_empty() { "none".to_owned() } else { few.join(", ") }
}
