//! Training images: a data set is `u8` pixels in memory and, where it has them, labels.
//!
//! Owns the sources of images and their conversion to the shape a network takes. It ends at bytes
//! in memory: scaling to [-1, 1], shuffling and uploading belong to the modules above.
//!
//! | task | function |
//! |---|---|
//! | load a data set or a folder of images or IDX files in some shape | [`Requirements::load`] |
//! | load a data set by its name, as it is stored | [`DatasetKind::load`] |
//! | resize it, repeat grey as red, green, blue | [`Dataset::with_shape`], [`reshape`] |
//! | generate a synthetic one | [`Dataset::synthetic`] |
//! | read an IDX file | [`idx`] |
//! | download a data set | [`fetch`] |

mod embedded;
mod error;
#[cfg(feature = "fetch")]
pub mod fetch;
#[cfg(feature = "images")]
pub mod folder;
#[cfg(not(feature = "images"))]
#[path = "folder_stub.rs"]
mod folder;
mod gzip;
pub mod idx;
mod kind;
mod labels;
mod load;
mod locate;
mod requirements;
mod resize;
mod source;
mod stacked;
mod synthetic;
mod unsupported;
mod warnings;

use std::fmt;
use std::path::PathBuf;

use crate::text::{counted, grouped};

pub use error::{Error, Result};
#[cfg(feature = "fetch")]
pub use fetch::FetchProblem;
#[cfg(feature = "images")]
pub use folder::FolderProblem;
pub use kind::DatasetKind;
pub use locate::{DatasetProblem, SearchPaths, cache_folder};
pub use requirements::{ClassOrder, ProgressCallback, Requirements};
pub use resize::reshape;
pub use source::Source;
pub use stacked::{StackedSet, stacked_class};

/// Class names listed in a summary.
const CLASSES_NAMED: usize = 8;

/// The shape of one image; pixels are stored plane by plane: (channel, row, column).
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageShape {
    /// 1 (grey) or 3 (red, green, blue).
    pub channels: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

impl ImageShape {
    /// Values in one image: channels · height · width.
    pub fn pixels(self) -> usize {
        self.channels * self.height * self.width
    }
}

/// `28×28 grey`, `128×128 rgb`: rows × columns, as in all messages.
impl fmt::Display for ImageShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ImageShape { channels, height, width } = *self;
        match channels {
            1 => write!(f, "{height}×{width} grey"),
            3 => write!(f, "{height}×{width} rgb"),
            _ => write!(f, "{height}×{width} with {channels} channels"),
        }
    }
}

/// Where a data set's images come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Embedded in the program.
    Embedded,
    /// Read from this folder.
    Folder(PathBuf),
    /// Generated from this seed.
    Synthetic {
        /// The seed.
        seed: u64,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Embedded => f.write_str("embedded in this program"),
            Origin::Folder(folder) => write!(f, "from {}", folder.display()),
            Origin::Synthetic { seed } => write!(f, "generated from seed {seed}"),
        }
    }
}

/// A data set in memory.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// Its name, for messages: "mnist", "fashion-mnist", "stacked-mnist", "synthetic", or the
    /// folder's name.
    pub name: String,
    /// (count, channels, height, width), 0 to 255.
    pub images: Vec<u8>,
    /// (count), each in 0..classes.
    pub labels: Vec<u32>,
    /// Number of classes; 1 where images have none.
    pub classes: usize,
    /// Class names; empty where classes are just numbers.
    pub class_names: Vec<String>,
    /// The shape of each image.
    pub shape: ImageShape,
    /// Where the images come from.
    pub origin: Origin,
    /// Problems that did not stop the loading, one line each.
    pub warnings: Vec<String>,
}

fn checksum(images: &[u8], labels: impl Iterator<Item = u32>) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(images);
    labels.for_each(|label| hasher.update(&label.to_le_bytes()));
    hasher.finalize()
}

impl Dataset {
    /// Number of images.
    pub fn len(&self) -> usize {
        self.images.len() / self.shape.pixels()
    }

    /// Whether there are no images; a loaded data set has at least one.
    pub fn is_empty(&self) -> bool {
        self.images.is_empty()
    }

    /// The pixels of one image: (channels, height, width).
    pub fn image(&self, index: usize) -> &[u8] {
        let pixels = self.shape.pixels();
        &self.images[index * pixels..][..pixels]
    }

    /// Checksum of all pixels and labels, which tells whether a resumed run has the same data.
    pub fn checksum(&self) -> u32 {
        checksum(&self.images, self.labels.iter().copied())
    }

    /// The checksum that the same images have when loaded without classes.
    pub fn checksum_without_classes(&self) -> u32 {
        checksum(&self.images, self.labels.iter().map(|_| 0))
    }

    /// A one-line description for the start of a run.
    pub fn summary(&self) -> String {
        format!(
            "{name}: {count} of {shape}, {classes}{origin}",
            name = self.name,
            count = counted(self.len(), "image"),
            shape = self.shape,
            classes = self.describe_classes(),
            origin = self.origin,
        )
    }

    fn describe_classes(&self) -> String {
        let named = self.class_names.iter().take(CLASSES_NAMED);
        let mut names: Vec<_> = named.map(String::as_str).collect();
        if self.class_names.len() > CLASSES_NAMED {
            names.push("…");
        }
        match (self.classes, names.len()) {
            (1, 0) => String::new(),
            (classes, 0) => format!("{} classes, ", grouped(classes as u64)),
            (1, _) => format!("1 class ({}), ", names[0]),
            (classes, _) => format!("{classes} classes ({}), ", names.join(", ")),
        }
    }
}
