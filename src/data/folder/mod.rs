//! Folders of images: what is in one, and how it becomes a data set.
//!
//! Owns the listing, the decoding on several threads, and the cache of what was decoded. An image
//! is read whole, decoded, cropped to a square in the middle and resized, once; only that is kept.

mod cache;
mod decode;
mod listing;
mod problem;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;
use std::{fs, io};

use rayon::ThreadPoolBuilder;
use rayon::prelude::*;
use tracing::debug;

use self::cache::{Decoded, Entry};
use self::listing::ImageFile;
use super::wanted::{Progress, Wanted};
use super::{Dataset, ImageShape, Origin, resize};
use crate::data::Result;
use crate::file_error::FileError;
use crate::text::{folder_name, grouped};
pub use decode::decode_image;
pub use listing::ImageFolder;
pub use problem::{FolderProblem, ImageProblem, MAX_BYTES, MAX_PIXELS, MAX_SIDE};

/// Names of bad images in a warning.
const NAMED: usize = 5;

impl ImageFolder {
    /// Decodes the images, or takes them from the cache.
    pub(super) fn load(&self, wanted: &Wanted, progress: Progress<'_>) -> Result<Dataset> {
        let (class_names, labels) = match wanted.classes {
            true => self.classes()?,
            false => (Vec::new(), vec![0; self.files.len()]),
        };
        let entry = wanted.cache.as_ref().map(|cache| Entry::new(cache, self, wanted.shape));
        let kept = entry.as_ref().and_then(Entry::load);
        // Without leave to skip them, bad images are looked at again, for the error's words.
        let kept = kept.filter(|kept| wanted.skip_bad || kept.bad.is_empty());
        let mut warnings = Vec::new();
        let decoded = match kept {
            Some(kept) => {
                let (images, folder) = (self.files.len(), self.path.display());
                debug!(images, %folder, "taken from the cache");
                kept
            }
            None => self.decode_and_keep(wanted, progress, entry.as_ref(), &mut warnings)?,
        };
        let labels = self.good_labels(labels, &class_names, &decoded.bad)?;
        warnings.extend(self.skipped(&decoded.bad));
        Ok(Dataset {
            name: folder_name(&self.path),
            images: decoded.images,
            labels,
            classes: class_names.len().max(1),
            class_names,
            shape: wanted.shape,
            origin: Origin::Folder(self.path.clone()),
            warnings,
        })
    }

    fn decode_and_keep(
        &self,
        wanted: &Wanted,
        progress: Progress<'_>,
        entry: Option<&Entry>,
        warnings: &mut Vec<String>,
    ) -> Result<Decoded> {
        let begun = Instant::now();
        let (decoded, lasting) = self.decode(wanted, progress)?;
        let (images, bad, elapsed) = (self.files.len(), decoded.bad.len(), begun.elapsed());
        debug!(images, bad, ?elapsed, folder = %self.path.display(), "decoded");
        if let Some(entry) = entry.filter(|_| lasting)
            && let Err(error) = entry.store(&decoded)
        {
            warnings.push(format!(
                "the decoded images could not be kept for the next start, which will take as \
                 long: {}: {error}",
                entry.path().display()
            ));
        }
        Ok(decoded)
    }

    /// All images, and whether that will stay so: a file that the system does not hand out today
    /// it may tomorrow.
    fn decode(&self, wanted: &Wanted, progress: Progress<'_>) -> Result<(Decoded, bool)> {
        let mut images = self.room(wanted.shape)?;
        let (done, all) = (AtomicU64::new(0), self.files.len() as u64);
        let slots = images.par_chunks_exact_mut(wanted.shape.pixels());
        let problems = slots.zip(&self.files).enumerate().filter_map(|(index, (slot, file))| {
            let decoded = self.read(file, wanted.shape);
            progress(done.fetch_add(1, Ordering::Relaxed) + 1, all);
            let stored = decoded.map(|image| slot.copy_from_slice(&image));
            stored.err().map(|problem| (index, problem))
        });
        let pool = ThreadPoolBuilder::new().num_threads(threads(wanted.threads)).build();
        let pool = pool.map_err(|error| {
            FileError::at("start the threads that decode", &self.path)(io::Error::other(error))
        })?;
        if !wanted.skip_bad {
            // In the order of the files; once one is found, later ones are not looked at.
            return match pool.install(|| problems.find_first(|_| true)) {
                Some((index, problem)) => Err(self.bad_image(index, problem).into()),
                None => Ok((Decoded { images, bad: Vec::new() }, true)),
            };
        }
        let problems: Vec<_> = pool.install(|| problems.collect());
        let lasting = !problems.iter().any(|(_, problem)| matches!(problem, ImageProblem::Read(_)));
        let bad: Vec<_> = problems.iter().map(|&(index, _)| index as u32).collect();
        close_gaps(&mut images, wanted.shape.pixels(), &bad);
        Ok((Decoded { images, bad }, lasting))
    }

    fn room(&self, shape: ImageShape) -> Result<Vec<u8>, FolderProblem> {
        resize::zeros(self.files.len(), shape).map_err(|reason| {
            let folder = self.path.clone();
            FolderProblem::TooMany { folder, shape, reason }
        })
    }

    fn read(&self, file: &ImageFile, shape: ImageShape) -> Result<Vec<u8>, ImageProblem> {
        if file.size > MAX_BYTES {
            return Err(ImageProblem::TooLarge);
        }
        let bytes = fs::read(self.path.join(&file.name))?;
        decode_image(&bytes, shape)
    }

    fn bad_image(&self, index: usize, problem: ImageProblem) -> FolderProblem {
        FolderProblem::BadImage { path: self.path.join(&self.files[index].name), problem }
    }

    /// The labels of the images that are left, of which each class must have some.
    fn good_labels(
        &self,
        mut labels: Vec<u32>,
        class_names: &[String],
        bad: &[u32],
    ) -> Result<Vec<u32>, FolderProblem> {
        let all_bad = |folder, count| FolderProblem::AllBad { folder, count };
        if bad.len() == labels.len() {
            return Err(all_bad(self.path.clone(), labels.len()));
        }
        let listed = labels.clone();
        close_gaps(&mut labels, 1, bad);
        for (class, name) in (0..).zip(class_names) {
            if !labels.contains(&class) {
                let count = listed.iter().filter(|&&label| label == class).count();
                return Err(all_bad(self.path.join(name), count));
            }
        }
        Ok(labels)
    }

    /// A warning that names the first of the images that were left out.
    fn skipped(&self, bad: &[u32]) -> Option<String> {
        let name = |&index: &u32| self.files[index as usize].name.display().to_string();
        let mut names: Vec<_> = bad.iter().take(NAMED).map(name).collect();
        if bad.len() > NAMED {
            names.push("…".to_owned());
        }
        let [count, listed] = [bad.len(), self.files.len()].map(|count| grouped(count as u64));
        (!bad.is_empty()).then(|| {
            format!(
                "left out {count} of {listed} images, which cannot be read: {}",
                names.join(", ")
            )
        })
    }
}

/// Removes the parts with these indices (ascending), each `length` long.
fn close_gaps<T: Copy>(values: &mut Vec<T>, length: usize, gaps: &[u32]) {
    let mut gaps = gaps.iter().map(|&gap| gap as usize).peekable();
    let mut end = 0;
    for index in 0..values.len() / length {
        if gaps.next_if_eq(&index).is_none() {
            values.copy_within(index * length..(index + 1) * length, end);
            end += length;
        }
    }
    values.truncate(end);
}

/// More threads than the machine has would only wait for each other.
fn threads(wanted: usize) -> usize {
    wanted.min(std::thread::available_parallelism().map_or(1, usize::from))
}
