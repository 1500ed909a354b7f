//! Folders of images: what is in one, and how it becomes a data set.
//!
//! Owns the listing, the classes, the decoding on several threads, and the cache of what was
//! decoded. An image is read whole, decoded, cropped to a square in the middle and resized, once;
//! only that is kept.

mod cache;
mod classes;
mod decode;
mod format;
mod jpeg;
mod left_out;
mod listing;
mod png;
mod problem;
mod reader;
mod webp;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;
use std::{fs, io};

use rayon::ThreadPoolBuilder;
use rayon::prelude::*;
use tracing::debug;

use self::cache::{Entry, Outcome};
use self::classes::Classes;
use self::listing::ImageFile;
use super::wanted::{ClassOrder, Progress, Wanted};
use super::{Dataset, ImageShape, Origin, resize};
use crate::data::Result;
use crate::file_error::FileError;
use crate::mark;
use crate::text::{folder_name, grouped};
use decode::decode;
pub use decode::decode_image;
pub use listing::ImageFolder;
pub use problem::{FolderProblem, ImageProblem, MAX_BYTES, MAX_PIXELS, MAX_SIDE};

/// Names of images in a warning.
const NAMED: usize = 5;

/// The images of a folder in one shape.
struct Decoded {
    /// (files, channels, height, width), with gaps for files that are no images.
    images: Vec<u8>,
    /// What became of each file; none where the system did not hand it out.
    outcomes: Vec<Option<Outcome>>,
}

impl ImageFolder {
    /// Number of classes.
    ///
    /// # Errors
    /// As for a data set with classes.
    pub(super) fn count_classes(mut self) -> Result<usize> {
        Ok(self.classes(&ClassOrder::Natural)?.names.len())
    }

    /// Decodes the images, or takes them from the cache.
    pub(super) fn load(mut self, wanted: &Wanted, progress: Progress<'_>) -> Result<Dataset> {
        if let Some((path, source)) = self.left_out.closed().filter(|_| !wanted.skip_bad) {
            return Err(FolderProblem::Closed { path: path.to_owned(), source }.into());
        }
        if self.files.is_empty() {
            let others = self.left_out.kinds_in_words();
            return Err(FolderProblem::NoImages { folder: self.path, others }.into());
        }
        let Classes { names, labels, mut warnings } = match wanted.classes {
            true => self.classes(&wanted.class_order)?,
            false => self.without_classes(),
        };
        warnings.extend(self.left_out.warnings());
        let decoded = self.decode(wanted, progress, &mut warnings)?;
        self.expect_good(&decoded.outcomes, &labels, &names)?;
        warnings.extend(self.skipped(&decoded.outcomes));
        let good = |index: usize| decoded.outcomes[index] == Some(Outcome::Good);
        let mut images = decoded.images;
        keep_only(&mut images, wanted.shape.pixels(), good);
        let mut labels = labels;
        keep_only(&mut labels, 1, good);
        Ok(Dataset {
            name: folder_name(&self.path),
            images,
            labels,
            classes: names.len().max(1),
            class_names: names,
            shape: wanted.shape,
            origin: Origin::Folder(self.path),
            warnings,
        })
    }

    fn without_classes(&self) -> Classes {
        let warnings = self.parts_warning().into_iter().collect();
        Classes { names: Vec::new(), labels: vec![0; self.files.len()], warnings }
    }

    /// Takes from the cache what has not changed, decodes the rest and keeps it.
    fn decode(
        &self,
        wanted: &Wanted,
        progress: Progress<'_>,
        warnings: &mut Vec<String>,
    ) -> Result<Decoded> {
        let begun = Instant::now();
        let mut images = self.room(wanted.shape)?;
        let entry = wanted.cache.as_ref().map(|cache| Entry::new(cache, self, wanted.shape));
        let restored = entry.as_ref().map(|entry| entry.restore(&mut images));
        let mut outcomes = restored.unwrap_or_else(|| vec![None; self.files.len()]);
        if !wanted.skip_bad {
            // Bad images are looked at again, for the error's words.
            outcomes
                .iter_mut()
                .for_each(|outcome| *outcome = outcome.filter(|&x| x != Outcome::Bad));
        }
        let missing = outcomes.iter().filter(|outcome| outcome.is_none()).count();
        let mut decoded = Decoded { images, outcomes };
        if missing > 0 {
            let done = self.decode_missing(missing, &mut decoded, wanted, progress);
            let left = decoded.outcomes.iter().filter(|outcome| outcome.is_none()).count();
            // What was decoded before a bad image, too: the next start need not do it again.
            if let Some(entry) = entry.filter(|_| wanted.keep && left < missing)
                && let Err(error) = entry.store(&decoded.images, &decoded.outcomes)
            {
                warnings.push(format!(
                    "the decoded images could not be kept for the next start, which will take as \
                     long: {}: {error}",
                    entry.path().display()
                ));
            }
            done?;
        }
        let (files, elapsed) = (self.files.len(), begun.elapsed());
        debug!(files, decoded = missing, ?elapsed, folder = %self.path.display(), "decoded");
        Ok(decoded)
    }

    fn decode_missing(
        &self,
        missing: usize,
        decoded: &mut Decoded,
        wanted: &Wanted,
        progress: Progress<'_>,
    ) -> Result<()> {
        let (done, all) = (AtomicU64::new(0), missing as u64);
        let slots = decoded.images.par_chunks_exact_mut(wanted.shape.pixels());
        let places = slots.zip(&mut decoded.outcomes).zip(&self.files);
        let places = places.filter(|((_, outcome), _)| outcome.is_none());
        let problems = places.filter_map(|((slot, outcome), file)| {
            let read = self.read(file, wanted);
            progress(done.fetch_add(1, Ordering::Relaxed) + 1, all);
            *outcome = outcome_of(&read);
            read.map(|image| slot.copy_from_slice(&image)).err().map(|problem| (file, problem))
        });
        let problems = problems.filter(|(_, problem)| !matches!(problem, ImageProblem::Ours));
        let pool = ThreadPoolBuilder::new().num_threads(threads(wanted.threads)).build();
        // Where the system starts no more threads, this one does it alone.
        let pool =
            pool.or_else(|_| ThreadPoolBuilder::new().num_threads(1).use_current_thread().build());
        let pool = pool.map_err(|error| {
            FileError::at("start the threads that decode", &self.path)(io::Error::other(error))
        })?;
        if wanted.skip_bad {
            pool.install(|| problems.for_each(drop));
            return Ok(());
        }
        // In the order of the files; once one is found, later ones are not looked at.
        match pool.install(|| problems.find_first(|_| true)) {
            Some((file, problem)) => {
                let path = self.path.join(&file.name);
                Err(FolderProblem::BadImage { path, problem }.into())
            }
            None => Ok(()),
        }
    }

    fn room(&self, shape: ImageShape) -> Result<Vec<u8>, FolderProblem> {
        resize::zeros(self.files.len(), shape).map_err(|reason| {
            let folder = self.path.clone();
            FolderProblem::TooMany { folder, shape, reason }
        })
    }

    fn read(&self, file: &ImageFile, wanted: &Wanted) -> Result<Vec<u8>, ImageProblem> {
        if file.stamp.size > MAX_BYTES {
            return Err(ImageProblem::TooLarge);
        }
        let bytes = fs::read(self.path.join(&file.name))?;
        match mark::is_ours(&bytes) {
            true => Err(ImageProblem::Ours),
            false => decode(&bytes, &file.name, wanted.shape, wanted.exact),
        }
    }

    /// Makes sure that there are images, and of each class.
    fn expect_good(
        &self,
        outcomes: &[Option<Outcome>],
        labels: &[u32],
        names: &[String],
    ) -> Result<(), FolderProblem> {
        let is_good = |&index: &usize| outcomes[index] == Some(Outcome::Good);
        let files = 0..outcomes.len();
        if !files.clone().any(|index| is_good(&index)) {
            let (folder, count) = (self.path.clone(), outcomes.len());
            return Err(match outcomes.iter().all(|outcome| *outcome == Some(Outcome::Ours)) {
                true => FolderProblem::AllOurs { folder },
                false => FolderProblem::AllBad { folder, count },
            });
        }
        for (class, name) in (0..).zip(names) {
            let of_class = || files.clone().filter(|&index| labels[index] == class);
            if !of_class().any(|index| is_good(&index)) {
                let (folder, count) = (self.path.join(name), of_class().count());
                return Err(FolderProblem::AllBad { folder, count });
            }
        }
        Ok(())
    }

    /// Warnings that name the first of the images that were left out.
    fn skipped(&self, outcomes: &[Option<Outcome>]) -> Vec<String> {
        let such = |such: fn(Option<Outcome>) -> bool| {
            let files = self.files.iter().zip(outcomes).filter(move |(_, outcome)| such(**outcome));
            files.map(|(file, _)| &file.name)
        };
        let ours = self.left_out.ours().iter().chain(such(|x| x == Some(Outcome::Ours)));
        let bad = such(|outcome| matches!(outcome, None | Some(Outcome::Bad)));
        let all = grouped((self.files.len() + self.left_out.ours().len()) as u64);
        let kinds: [(Vec<_>, _); 2] = [
            (ours.collect(), "which gan-cuda wrote itself"),
            (bad.collect(), "which cannot be read"),
        ];
        let kinds = kinds.iter().filter(|(names, _)| !names.is_empty());
        let warning = |(names, why): &(Vec<_>, &str)| {
            let count = grouped(names.len() as u64);
            format!("left out {count} of {all} images, {why}: {}", first_few(names))
        };
        kinds.map(warning).collect()
    }
}

fn first_few(names: &[&PathBuf]) -> String {
    let few = names.iter().take(NAMED).map(|name| name.display().to_string());
    let more = (names.len() > NAMED).then(|| "…".to_owned());
    few.chain(more).collect::<Vec<_>>().join(", ")
}

/// What becomes of a file; nothing is known of one that the system withholds today.
fn outcome_of(read: &Result<Vec<u8>, ImageProblem>) -> Option<Outcome> {
    match read {
        Ok(_) => Some(Outcome::Good),
        Err(ImageProblem::Ours) => Some(Outcome::Ours),
        Err(ImageProblem::Read(_)) => None,
        Err(_) => Some(Outcome::Bad),
    }
}

/// Closes the gaps of all parts, each `length` long, but those that are to be kept.
fn keep_only<T: Copy>(values: &mut Vec<T>, length: usize, keep: impl Fn(usize) -> bool) {
    let mut end = 0;
    for index in (0..values.len() / length).filter(|&index| keep(index)) {
        values.copy_within(index * length..(index + 1) * length, end);
        end += length;
    }
    values.truncate(end);
}

/// More threads than the machine has would only wait for each other.
fn threads(wanted: usize) -> usize {
    wanted.min(std::thread::available_parallelism().map_or(1, usize::from))
}
