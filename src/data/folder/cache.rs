//! The cache of decoded images, which saves decoding them again at the next start.
//!
//! There is one cache file per folder and shape. It holds the pixels of all images, then for each
//! file its name, its metadata for change detection ([`FileStat`]) and its [`Outcome`]. Images of
//! unchanged files are read from the cache if the checksum of their pixels matches; the others are
//! decoded, and the cache file is written anew. The cache is optional: an error here costs only
//! time.
//!
//! ```text
//! pixels of each image ‖ table ‖ length of the table (u64) ‖ CRC-32 of the table (u32)
//! table: version, shape and folder ‖ for each file: length of its name (u32), name, size, time of
//!        writing, time of change, inode (u64 each), 0 for an image, 1 for a bad one or 2 for
//!        own output (u8), CRC-32 of its pixels (u32)
//! ```
//!
//! Numbers are little-endian. A file that changed just before it was read is not cached, because
//! another change could leave the same timestamp (the "racy git" problem).

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use byteorder::{LittleEndian, ReadBytesExt, WriteBytesExt};
use tempfile::Builder;
use tracing::debug;

use super::ImageFolder;
use super::listing::{FileStat, nanoseconds};
use crate::data::ImageShape;

/// Must change whenever decoding, cropping or resizing changes.
const VERSION: &str = "gan-cuda images 2";

/// Name prefix of a cache file that is still being written.
const UNFINISHED: &str = ".unfinished-";

/// Bytes after the table.
const FOOTER: u64 = 12;

/// File system timestamps have a resolution of 10 ms or better, or of two seconds; the latter have
/// no fractions. In nanoseconds, with a margin.
const FINE_RESOLUTION: u64 = 20_000_000;
const COARSE_RESOLUTION: u64 = 2_000_000_000;

/// The result of reading a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It is an image.
    Good = 0,
    /// It cannot be decoded.
    Bad = 1,
    /// This program wrote it.
    OwnOutput = 2,
}

/// The cache file of one folder and one shape.
pub(super) struct CacheFile<'a> {
    path: PathBuf,
    folder: &'a ImageFolder,
    shape: ImageShape,
    start: u64,
}

/// The entry of a file in the table.
struct CachedImage {
    stat: FileStat,
    outcome: Outcome,
    /// Offset of its pixels, and their checksum.
    offset: u64,
    sum: u32,
}

impl<'a> CacheFile<'a> {
    /// The cache file in the folder `cache`, which may not exist yet. Must be called before the
    /// folder's files are read.
    pub fn new(cache: &Path, folder: &'a ImageFolder, shape: ImageShape) -> CacheFile<'a> {
        let ImageShape { channels, height, width } = shape;
        let bytes = folder.path.as_os_str().as_encoded_bytes();
        let name = format!("{:08x}-{channels}x{height}x{width}", crc32fast::hash(bytes));
        let path = cache.join("folders").join(name);
        CacheFile { path, folder, shape, start: nanoseconds(SystemTime::now()) }
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The outcomes of the files that have not changed; their pixels are copied into `images`,
    /// which has one slot per file.
    pub fn restore(&self, images: &mut [u8]) -> Vec<Option<Outcome>> {
        let mut outcomes = vec![None; self.folder.files.len()];
        // Images that cannot be restored are decoded.
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
        kept: &HashMap<Vec<u8>, CachedImage>,
        images: &mut [u8],
        outcomes: &mut [Option<Outcome>],
    ) -> io::Result<()> {
        let mut file = BufReader::new(file);
        let mut position = file.seek(SeekFrom::Start(0))?;
        let slots = images.chunks_exact_mut(self.shape.pixels());
        for ((listed, slot), outcome) in self.folder.files.iter().zip(slots).zip(outcomes) {
            let kept = kept.get(listed.name.as_os_str().as_encoded_bytes());
            let Some(kept) = kept.filter(|kept| kept.stat == listed.stat) else { continue };
            if kept.outcome == Outcome::Good {
                file.seek_relative(kept.offset.wrapping_sub(position) as i64)?;
                file.read_exact(slot)?;
                position = kept.offset + slot.len() as u64;
            }
            let sound = kept.outcome != Outcome::Good || crc32fast::hash(slot) == kept.sum;
            *outcome = sound.then_some(kept.outcome);
        }
        Ok(())
    }

    /// The table of a valid cache file, by file name.
    fn read_table(&self, file: &mut File) -> Option<HashMap<Vec<u8>, CachedImage>> {
        let length = file.metadata().ok()?.len();
        file.seek(SeekFrom::Start(length.checked_sub(FOOTER)?)).ok()?;
        let table_length = file.read_u64::<LittleEndian>().ok()?;
        let sum = file.read_u32::<LittleEndian>().ok()?;
        let pixels = length.checked_sub(FOOTER)?.checked_sub(table_length)?;
        file.seek(SeekFrom::Start(pixels)).ok()?;
        let mut table = Vec::new();
        file.take(table_length).read_to_end(&mut table).ok()?;
        let rest = table.strip_prefix(&self.header()[..])?;
        let (kept, end) = self.parse(rest)?;
        (crc32fast::hash(&table) == sum && end == pixels).then_some(kept)
    }

    /// Parses a table: its files, and the end of the pixels.
    fn parse(&self, mut table: &[u8]) -> Option<(HashMap<Vec<u8>, CachedImage>, u64)> {
        let (mut files, mut offset) = (HashMap::new(), 0_u64);
        while !table.is_empty() {
            let length = table.read_u32::<LittleEndian>().ok()? as usize;
            let (name, rest) = table.split_at_checked(length)?;
            table = rest;
            let mut number = || table.read_u64::<LittleEndian>().ok();
            let (size, modified, changed, inode) = (number()?, number()?, number()?, number()?);
            let outcome = match table.read_u8().ok()? {
                0 => Outcome::Good,
                1 => Outcome::Bad,
                _ => Outcome::OwnOutput,
            };
            let sum = table.read_u32::<LittleEndian>().ok()?;
            let stat = FileStat { size, modified, changed, inode };
            files.insert(name.to_vec(), CachedImage { stat, outcome, offset, sum });
            if outcome == Outcome::Good {
                offset = offset.checked_add(self.shape.pixels() as u64)?;
            }
        }
        Some((files, offset))
    }

    /// Writes the cache file atomically; `images` has one slot per file. If several processes do
    /// this at once, the last one wins.
    pub fn store(&self, images: &[u8], outcomes: &[Option<Outcome>]) -> io::Result<()> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        remove_abandoned(folder);
        let mut file = Builder::new().prefix(UNFINISHED).tempfile_in(folder)?;
        let mut table = self.header();
        let slots = images.chunks_exact(self.shape.pixels());
        for ((listed, slot), outcome) in self.folder.files.iter().zip(slots).zip(outcomes) {
            let Some(outcome) = outcome.filter(|_| self.is_settled(listed.stat)) else { continue };
            if outcome == Outcome::Good {
                file.write_all(slot)?;
            }
            let name = listed.name.as_os_str().as_encoded_bytes();
            table.write_u32::<LittleEndian>(name.len() as u32)?;
            table.extend(name);
            let FileStat { size, modified, changed, inode } = listed.stat;
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
        debug!(path = %self.path.display(), files = self.folder.files.len(), "wrote the image cache");
        Ok(())
    }

    /// Whether a later change of the file would show in its timestamp.
    fn is_settled(&self, stat: FileStat) -> bool {
        let least = if stat.changed.is_multiple_of(1_000_000_000) {
            COARSE_RESOLUTION
        } else {
            FINE_RESOLUTION
        };
        stat.changed.saturating_add(least) < self.start
    }

    /// The beginning of a table: everything that determines the pixels, apart from the files.
    fn header(&self) -> Vec<u8> {
        let mut header = format!("{VERSION}, {}\0", self.shape).into_bytes();
        header.extend(self.folder.path.as_os_str().as_encoded_bytes());
        header.push(0);
        header
    }
}

/// Removes unfinished files of killed processes once they are a day old.
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
