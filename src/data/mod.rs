//! Images to learn from: a data set is resident `u8` pixels and, where it has them, labels.
//!
//! Owns where images come from and how they are brought into the shape a network takes. It ends at
//! bytes in memory: scaling to [-1, 1], the order of images and their way to the device belong to
//! the rooms above.
//!
//! | to | go to |
//! |---|---|
//! | load a data set or a folder of images or IDX files in some shape | [`Wanted::load`] |
//! | load a data set by its name, as it is stored | [`DatasetKind::load`] |
//! | resize it, repeat grey as red, green, blue | [`Dataset::with_shape`], [`reshape`] |
//! | make one up | [`Dataset::synthetic`] |
//! | read an IDX file | [`idx`] |
//! | download a data set | [`fetch`] |

mod doubts;
mod embedded;
mod error;
#[cfg(feature = "fetch")]
pub mod fetch;
#[cfg(feature = "images")]
pub mod folder;
#[cfg(not(feature = "images"))]
#[path = "no_folder.rs"]
mod folder;
mod gzip;
pub mod idx;
mod kind;
mod labels;
mod load;
mod locate;
mod other;
mod resize;
mod source;
mod synthetic;
mod wanted;

use std::fmt;
use std::path::PathBuf;

use crate::text::counted;

pub use error::{Error, Result};
#[cfg(feature = "fetch")]
pub use fetch::FetchProblem;
#[cfg(feature = "images")]
pub use folder::FolderProblem;
pub use kind::DatasetKind;
pub use locate::{DatasetProblem, Places, cache_folder};
pub use resize::reshape;
pub use source::Source;
pub use wanted::{ClassOrder, Progress, Wanted};

/// Names of classes in a summary.
const CLASSES_NAMED: usize = 8;

/// The shape of one image; pixels are stored plane by plane (channel, row, column).
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
    /// Numbers in one image: channels · height · width.
    pub fn pixels(self) -> usize {
        self.channels * self.height * self.width
    }
}

/// `28×28 grey`, `128×128 rgb`: rows × columns, as all messages have it.
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

/// Where a data set's images were found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// In the program itself.
    Embedded,
    /// In this folder.
    Folder(PathBuf),
    /// Nowhere: made up from this seed.
    Synthetic {
        /// What the random numbers were started from.
        seed: u64,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Embedded => f.write_str("embedded in this program"),
            Origin::Folder(folder) => write!(f, "from {}", folder.display()),
            Origin::Synthetic { seed } => write!(f, "made up from seed {seed}"),
        }
    }
}

/// A data set in memory.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// Its name, for messages: "mnist", "fashion-mnist", "synthetic", a folder's last name.
    pub name: String,
    /// (count, channels, height, width), 0 to 255.
    pub images: Vec<u8>,
    /// (count), each in 0..classes.
    pub labels: Vec<u32>,
    /// Number of classes; 1 where images have none.
    pub classes: usize,
    /// What the classes are called; empty where they are only numbered.
    pub class_names: Vec<String>,
    /// The shape of each image.
    pub shape: ImageShape,
    /// Where the images were found.
    pub origin: Origin,
    /// What was wrong and has been got over, each in one line.
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

    /// A checksum of all pixels and labels, to tell whether a run goes on with what it began with.
    pub fn checksum(&self) -> u32 {
        checksum(&self.images, self.labels.iter().copied())
    }

    /// The checksum of the same images loaded without their classes.
    pub fn checksum_without_classes(&self) -> u32 {
        checksum(&self.images, self.labels.iter().map(|_| 0))
    }

    /// What this is and where it was found, in one line for the start of a run.
    pub fn summary(&self) -> String {
        format!(
            "{name}: {count} of {shape}, {classes}{origin}",
            name = self.name,
            count = counted(self.len(), "image"),
            shape = self.shape,
            classes = self.classes_in_words(),
            origin = self.origin,
        )
    }

    fn classes_in_words(&self) -> String {
        let named = self.class_names.iter().take(CLASSES_NAMED);
        let mut names: Vec<_> = named.map(String::as_str).collect();
        if self.class_names.len() > CLASSES_NAMED {
            names.push("…");
        }
        match (self.classes, names.len()) {
            (1, 0) => String::new(),
            (classes, 0) => format!("{classes} classes, "),
            (1, _) => format!("1 class ({}), ", names[0]),
            (classes, _) => format!("{classes} classes ({}), ", names.join(", ")),
        }
    }
}
