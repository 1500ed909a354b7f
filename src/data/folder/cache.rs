//! What a folder's images were decoded to, kept so that the next start need not do it again.
//!
//! One file for each folder and shape. It holds the pixels of all images, then for each file its
//! name, what tells that it has not changed ([`Stamp`]), and what became of it. Files that have not
//! changed are taken from it, if the checksum of their pixels is right; the others are decoded, and
//! the file is written anew. It is a convenience: whatever goes wrong here costs time and nothing
//! else.
//!
//! ```text
//! pixels of each image ‖ table ‖ length of the table (u64) ‖ CRC-32 of the table (u32)
//! table: version, shape and folder ‖ for each file: length of its name (u32), name, size, time of
//!        writing, time of change, inode (u64 each), 0 for an image, 1 for a bad one or 2 for one of
//!        ours (u8), CRC-32 of its pixels (u32)
//! ```
//!
//! Numbers are little-endian. A file that was changed so shortly before it was read that another
//! change would have left the same time is not kept, as with git's index.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use byteorder::{LittleEndian, ReadBytesExt, WriteBytesExt};
use tempfile::Builder;
use tracing::debug;

use super::ImageFolder;
use super::listing::{Stamp, nanoseconds};
use crate::data::ImageShape;

/// To be raised whenever images are decoded, cropped or resized in another way.
const VERSION: &str = "gan-cuda images 2";

/// What the name of an entry begins with until it is whole.
const UNFINISHED: &str = ".unfinished-";

/// Bytes behind the table.
const TAIL: u64 = 12;

/// File systems tell times to 10 ms at worst, or to two seconds, which shows: no fractions.
const FINE: u64 = 20_000_000;
const COARSE: u64 = 2_000_000_000;

/// What became of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It is an image.
    Good = 0,
    /// It cannot be read.
    Bad = 1,
    /// This program wrote it.
    Ours = 2,
}

/// The place of one folder's images in one shape.
pub(super) struct Entry<'a> {
    path: PathBuf,
    folder: &'a ImageFolder,
    shape: ImageShape,
    begun: u64,
}

/// What is kept of a file.
struct Kept {
    stamp: Stamp,
    outcome: Outcome,
    /// Where its pixels begin, and their checksum.
    place: u64,
    sum: u32,
}

impl<'a> Entry<'a> {
    /// The entry below `cache`, whether it is there or not. From now on the folder's files are read.
    pub fn new(cache: &Path, folder: &'a ImageFolder, shape: ImageShape) -> Entry<'a> {
        let ImageShape { channels, height, width } = shape;
        let place = folder.path.as_os_str().as_encoded_bytes();
        let name = format!("{:08x}-{channels}x{height}x{width}", crc32fast::hash(place));
        let path = cache.join("folders").join(name);
        Entry { path, folder, shape, begun: nanoseconds(SystemTime::now()) }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What became of the files that have not changed; the images among them go to their places in
    /// `images`, one for each file.
    pub fn restore(&self, images: &mut [u8]) -> Vec<Option<Outcome>> {
        let mut outcomes = vec![None; self.folder.files.len()];
        // Whatever cannot be read is decoded.
        if let Ok(mut file) = File::open(&self.path)
            && let Some(kept) = self.read_table(&mut file)
        {
            let _ = self.restore_from(file, &kept, images, &mut outcomes);
        }
        outcomes
    }

    fn restore_from(
        &self,
        file: File,
        kept: &HashMap<Vec<u8>, Kept>,
        images: &mut [u8],
        outcomes: &mut [Option<Outcome>],
    ) -> io::Result<()> {
        let mut file = BufReader::new(file);
        let mut position = file.seek(SeekFrom::Start(0))?;
        let slots = images.chunks_exact_mut(self.shape.pixels());
        for ((listed, slot), outcome) in self.folder.files.iter().zip(slots).zip(outcomes) {
            let kept = kept.get(listed.name.as_os_str().as_encoded_bytes());
            let Some(kept) = kept.filter(|kept| kept.stamp == listed.stamp) else { continue };
            if kept.outcome == Outcome::Good {
                file.seek_relative(kept.place.wrapping_sub(position) as i64)?;
                file.read_exact(slot)?;
                position = kept.place + slot.len() as u64;
            }
            let sound = kept.outcome != Outcome::Good || crc32fast::hash(slot) == kept.sum;
            *outcome = sound.then_some(kept.outcome);
        }
        Ok(())
    }

    /// The table of a sound entry of this folder in this shape, by the names of the files.
    fn read_table(&self, file: &mut File) -> Option<HashMap<Vec<u8>, Kept>> {
        let length = file.metadata().ok()?.len();
        file.seek(SeekFrom::Start(length.checked_sub(TAIL)?)).ok()?;
        let table_length = file.read_u64::<LittleEndian>().ok()?;
        let sum = file.read_u32::<LittleEndian>().ok()?;
        let pixels = length.checked_sub(TAIL)?.checked_sub(table_length)?;
        file.seek(SeekFrom::Start(pixels)).ok()?;
        let mut table = Vec::new();
        file.take(table_length).read_to_end(&mut table).ok()?;
        let rest = table.strip_prefix(&self.title()[..])?;
        let (kept, end) = self.parse(rest)?;
        (crc32fast::hash(&table) == sum && end == pixels).then_some(kept)
    }

    /// The files of a table, and where the pixels end.
    fn parse(&self, mut table: &[u8]) -> Option<(HashMap<Vec<u8>, Kept>, u64)> {
        let (mut files, mut place) = (HashMap::new(), 0_u64);
        while !table.is_empty() {
            let length = table.read_u32::<LittleEndian>().ok()? as usize;
            let (name, rest) = table.split_at_checked(length)?;
            table = rest;
            let mut number = || table.read_u64::<LittleEndian>().ok();
            let (size, modified, changed, inode) = (number()?, number()?, number()?, number()?);
            let outcome = match table.read_u8().ok()? {
                0 => Outcome::Good,
                1 => Outcome::Bad,
                _ => Outcome::Ours,
            };
            let sum = table.read_u32::<LittleEndian>().ok()?;
            let stamp = Stamp { size, modified, changed, inode };
            files.insert(name.to_vec(), Kept { stamp, outcome, place, sum });
            if outcome == Outcome::Good {
                place = place.checked_add(self.shape.pixels() as u64)?;
            }
        }
        Some((files, place))
    }

    /// Keeps what was decoded, whole or not at all; `images` has a place for each file. Of processes
    /// that do this at once the last one wins.
    pub fn store(&self, images: &[u8], outcomes: &[Option<Outcome>]) -> io::Result<()> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        remove_abandoned(folder);
        let mut file = Builder::new().prefix(UNFINISHED).tempfile_in(folder)?;
        let mut table = self.title();
        let slots = images.chunks_exact(self.shape.pixels());
        for ((listed, slot), outcome) in self.folder.files.iter().zip(slots).zip(outcomes) {
            let Some(outcome) = outcome.filter(|_| self.is_settled(listed.stamp)) else { continue };
            if outcome == Outcome::Good {
                file.write_all(slot)?;
            }
            let name = listed.name.as_os_str().as_encoded_bytes();
            table.write_u32::<LittleEndian>(name.len() as u32)?;
            table.extend(name);
            let Stamp { size, modified, changed, inode } = listed.stamp;
            for number in [size, modified, changed, inode] {
                table.write_u64::<LittleEndian>(number)?;
            }
            table.write_u8(outcome as u8)?;
            let sum = if outcome == Outcome::Good { crc32fast::hash(slot) } else { 0 };
            table.write_u32::<LittleEndian>(sum)?;
        }
        let sum = crc32fast::hash(&table);
        file.write_all(&table)?;
        file.write_u64::<LittleEndian>(table.len() as u64)?;
        file.write_u32::<LittleEndian>(sum)?;
        file.persist(&self.path)?;
        debug!(path = %self.path.display(), files = self.folder.files.len(), "kept");
        Ok(())
    }

    /// Whether a file that is changed from now on will show it.
    fn is_settled(&self, stamp: Stamp) -> bool {
        let least = if stamp.changed.is_multiple_of(1_000_000_000) { COARSE } else { FINE };
        stamp.changed.saturating_add(least) < self.begun
    }

    /// How a table begins: all that decides what the images become, but for their files.
    fn title(&self) -> Vec<u8> {
        let mut title = format!("{VERSION}, {}\0", self.shape).into_bytes();
        title.extend(self.folder.path.as_os_str().as_encoded_bytes());
        title.push(0);
        title
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
