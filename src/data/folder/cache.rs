//! What a folder's images were decoded to, kept so that the next start need not do it again.
//!
//! One file for each folder and shape, replaced when the folder has changed. It holds the pixels,
//! then which images were left out, then what all of this was made from: the folder and each file's
//! name, size and time. It is taken only if that is so to the last byte, and if its checksum is
//! right. It is a convenience: whatever goes wrong here costs time and nothing else.
//!
//! ```text
//! pixels ‖ index of each image left out (u32) ‖ key ‖ number of indices (u32) ‖ CRC-32 of all before
//! ```
//!
//! Numbers are little-endian. Pixels come first so that they need not be moved when read.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use byteorder::{ByteOrder, LittleEndian, WriteBytesExt};
use tempfile::Builder;
use tracing::debug;

use super::ImageFolder;
use crate::data::ImageShape;

/// To be raised whenever images are decoded, cropped or resized in another way.
const VERSION: &str = "gan-cuda images 1";

/// What the name of an entry begins with until it is whole.
const UNFINISHED: &str = ".unfinished-";

/// The place of one folder's images in one shape.
pub(super) struct Entry {
    path: PathBuf,
    /// What the images were made from.
    key: Vec<u8>,
    /// Images that were listed, and numbers in each.
    images: usize,
    pixels: usize,
}

/// The images of a folder in one shape.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Decoded {
    /// (images, channels, height, width), without those left out.
    pub images: Vec<u8>,
    /// Indices, ascending, of the listed images that cannot be read.
    pub bad: Vec<u32>,
}

impl Entry {
    /// The entry below `cache`, whether it is there or not.
    pub fn new(cache: &Path, folder: &ImageFolder, shape: ImageShape) -> Entry {
        let ImageShape { channels, height, width } = shape;
        let place = folder.path.as_os_str().as_encoded_bytes();
        let name = format!("{:08x}-{channels}x{height}x{width}", crc32fast::hash(place));
        Entry {
            path: cache.join("folders").join(name),
            key: key(folder, shape),
            images: folder.files.len(),
            pixels: shape.pixels(),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What was kept, if it is whole and was made from the folder as it is now.
    pub fn load(&self) -> Option<Decoded> {
        let most = self.images * (self.pixels + 4) + self.key.len() + 8;
        let length = fs::metadata(&self.path).ok()?.len();
        let bytes = if length <= most as u64 { fs::read(&self.path).ok()? } else { return None };
        let (rest, sum) = bytes.split_last_chunk::<4>()?;
        let (rest, count) = rest.split_last_chunk::<4>()?;
        let rest = rest.strip_suffix(&self.key[..])?;
        let bad = u32::from_le_bytes(*count) as usize;
        let images = self.images.checked_sub(bad)? * self.pixels;
        let sound = rest.len() == images + 4 * bad
            && crc32fast::hash(&bytes[..bytes.len() - 4]) == u32::from_le_bytes(*sum);
        let bad = rest.get(images..)?.chunks_exact(4).map(LittleEndian::read_u32).collect();
        sound.then(|| {
            let mut bytes = bytes;
            bytes.truncate(images);
            Decoded { images: bytes, bad }
        })
    }

    /// Keeps what was decoded, whole or not at all. Of processes that do this at once the last one
    /// wins.
    pub fn store(&self, decoded: &Decoded) -> io::Result<()> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        let mut tail = Vec::new();
        for &index in &decoded.bad {
            tail.write_u32::<LittleEndian>(index)?;
        }
        tail.extend(&self.key);
        tail.write_u32::<LittleEndian>(decoded.bad.len() as u32)?;
        let mut sum = crc32fast::Hasher::new();
        sum.update(&decoded.images);
        sum.update(&tail);
        tail.write_u32::<LittleEndian>(sum.finalize())?;
        remove_abandoned(folder);
        let mut file = Builder::new().prefix(UNFINISHED).tempfile_in(folder)?;
        file.write_all(&decoded.images)?;
        file.write_all(&tail)?;
        file.persist(&self.path)?;
        debug!(path = %self.path.display(), images = decoded.images.len() / self.pixels, "kept");
        Ok(())
    }
}

/// Removes what processes that were killed left half-written, however long that takes them.
fn remove_abandoned(folder: &Path) {
    let day = Duration::from_secs(24 * 60 * 60);
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let unfinished = entry.file_name().to_string_lossy().starts_with(UNFINISHED);
        let changed = entry.metadata().and_then(|data| data.modified());
        let old = changed.is_ok_and(|time| time.elapsed().is_ok_and(|age| age > day));
        if unfinished && old {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// All that decides what the images become: names hold no zero byte, so no two folders are alike.
fn key(folder: &ImageFolder, shape: ImageShape) -> Vec<u8> {
    let mut key = format!("{VERSION}, {shape}").into_bytes();
    let mut part = |bytes: &[u8]| {
        key.push(0);
        key.extend(bytes);
    };
    part(folder.path.as_os_str().as_encoded_bytes());
    for file in &folder.files {
        part(file.name.as_os_str().as_encoded_bytes());
        part(&file.size.to_le_bytes());
        part(&file.modified.to_le_bytes());
    }
    key
}
