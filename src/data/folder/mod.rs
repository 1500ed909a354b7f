//! Folders of images as data sets.
//!
//! Owns listing, classes, multi-threaded decoding, and the cache of decoded images. Each image is
//! decoded, cropped to the central square and resized once; only the result is kept.

mod cache;
mod classes;
mod decode;
mod format;
mod jpeg;
mod listing;
mod png;
mod problem;
mod reader;
mod skipped;
mod webp;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;
use std::{fs, io};

use rayon::ThreadPoolBuilder;
use rayon::prelude::*;
use tracing::debug;

use self::cache::{CacheFile, Outcome};
use self::classes::Classes;
use self::listing::ImageFile;
use super::requirements::{ClassOrder, ProgressCallback, Requirements};
use super::{Dataset, ImageShape, Origin, resize};
use crate::data::Result;
use crate::file_error::FileError;
use crate::mark;
use crate::text::{folder_name, grouped};
use decode::decode;
pub use decode::decode_image;
pub use listing::ImageFolder;
pub use problem::{FolderProblem, ImageProblem, MAX_BYTES, MAX_PIXELS, MAX_SIDE};

/// Image names listed in a warning.
const MAX_LISTED: usize = 5;

/// The decoded images of a folder.
struct Decoded {
    /// (files, channels, height, width); slots of files that are not images are unused.
    images: Vec<u8>,
    /// The outcome of each file; `None` if the system could not read it.
    outcomes: Vec<Option<Outcome>>,
}

impl ImageFolder {
    /// Number of classes.
    ///
    /// # Errors
    /// As for loading a data set with classes.
    pub(super) fn count_classes(mut self) -> Result<usize> {
        Ok(self.classes(&ClassOrder::Natural)?.names.len())
    }

    /// Loads the images: decodes them, or reads them from the cache.
    pub(super) fn load(
        mut self,
        requirements: &Requirements,
        progress: ProgressCallback<'_>,
    ) -> Result<Dataset> {
        if let Some((path, source)) = self.skipped.unreadable().filter(|_| !requirements.skip_bad) {
            return Err(FolderProblem::UnreadableFolder { path: path.to_owned(), source }.into());
        }
        if self.files.is_empty() {
            let others = self.skipped.describe_kinds();
            return Err(FolderProblem::NoImages { folder: self.path, others }.into());
        }
        let Classes { names, labels, mut warnings } = match requirements.classes {
            true => self.classes(&requirements.class_order)?,
            false => self.without_classes(),
        };
        warnings.extend(self.skipped.warnings());
        let decoded = self.decode(requirements, progress, &mut warnings)?;
        self.expect_good(&decoded.outcomes, &labels, &names)?;
        warnings.extend(self.skip_warnings(&decoded.outcomes));
        let good = |index: usize| decoded.outcomes[index] == Some(Outcome::Good);
        let mut images = decoded.images;
        retain_chunks(&mut images, requirements.shape.pixels(), good);
        let mut labels = labels;
        retain_chunks(&mut labels, 1, good);
        Ok(Dataset {
            name: folder_name(&self.path),
            images,
            labels,
            classes: names.len().max(1),
            class_names: names,
            shape: requirements.shape,
            origin: Origin::Folder(self.path),
            warnings,
        })
    }

    fn without_classes(&self) -> Classes {
        let warnings = self.splits_warning().into_iter().collect();
        Classes { names: Vec::new(), labels: vec![0; self.files.len()], warnings }
    }

    /// Reads unchanged images from the cache, decodes the others, and caches them.
    fn decode(
        &self,
        requirements: &Requirements,
        progress: ProgressCallback<'_>,
        warnings: &mut Vec<String>,
    ) -> Result<Decoded> {
        let start = Instant::now();
        let mut images = self.allocate(requirements.shape)?;
        let cache_file = requirements
            .cache
            .as_ref()
            .map(|cache| CacheFile::new(cache, self, requirements.shape));
        let restored = cache_file.as_ref().map(|cache_file| cache_file.restore(&mut images));
        let mut outcomes = restored.unwrap_or_else(|| vec![None; self.files.len()]);
        if !requirements.skip_bad {
            // Bad images are decoded again for the error message.
            outcomes
                .iter_mut()
                .for_each(|outcome| *outcome = outcome.filter(|&x| x != Outcome::Bad));
        }
        let missing = outcomes.iter().filter(|outcome| outcome.is_none()).count();
        let mut decoded = Decoded { images, outcomes };
        if missing > 0 {
            let done = self.decode_missing(missing, &mut decoded, requirements, progress);
            let left = decoded.outcomes.iter().filter(|outcome| outcome.is_none()).count();
            // Also after a bad image, so that the next start need not decode the others again.
            if let Some(cache_file) =
                cache_file.filter(|_| requirements.write_cache && left < missing)
                && let Err(error) = cache_file.store(&decoded.images, &decoded.outcomes)
            {
                warnings.push(format!(
                    "cannot cache the decoded images, so the next start will take as long as this one: \
                     {}: {error}",
                    cache_file.path().display()
                ));
            }
            done?;
        }
        let (files, elapsed) = (self.files.len(), start.elapsed());
        debug!(files, decoded = missing, ?elapsed, folder = %self.path.display(), "decoded");
        Ok(decoded)
    }

    fn decode_missing(
        &self,
        missing: usize,
        decoded: &mut Decoded,
        requirements: &Requirements,
        progress: ProgressCallback<'_>,
    ) -> Result<()> {
        let (done, all) = (AtomicU64::new(0), missing as u64);
        let slots = decoded.images.par_chunks_exact_mut(requirements.shape.pixels());
        let pending = slots.zip(&mut decoded.outcomes).zip(&self.files);
        let pending = pending.filter(|((_, outcome), _)| outcome.is_none());
        let problems = pending.filter_map(|((slot, outcome), file)| {
            let read = self.read(file, requirements);
            progress(done.fetch_add(1, Ordering::Relaxed) + 1, all);
            *outcome = outcome_of(&read);
            read.map(|image| slot.copy_from_slice(&image)).err().map(|problem| (file, problem))
        });
        let problems = problems.filter(|(_, problem)| !matches!(problem, ImageProblem::OwnOutput));
        let pool = ThreadPoolBuilder::new().num_threads(threads(requirements.threads)).build();
        // If no threads can be started, the current one decodes.
        let pool =
            pool.or_else(|_| ThreadPoolBuilder::new().num_threads(1).use_current_thread().build());
        let pool = pool.map_err(|error| {
            FileError::at("start the threads that decode", &self.path)(io::Error::other(error))
        })?;
        if requirements.skip_bad {
            pool.install(|| problems.for_each(drop));
            return Ok(());
        }
        // The first in file order; later files are then not decoded.
        match pool.install(|| problems.find_first(|_| true)) {
            Some((file, problem)) => {
                let path = self.path.join(&file.name);
                Err(FolderProblem::BadImage { path, problem }.into())
            }
            None => Ok(()),
        }
    }

    fn allocate(&self, shape: ImageShape) -> Result<Vec<u8>, FolderProblem> {
        resize::zeros(self.files.len(), shape).map_err(|reason| {
            let folder = self.path.clone();
            FolderProblem::TooMany { folder, shape, reason }
        })
    }

    fn read(&self, file: &ImageFile, requirements: &Requirements) -> Result<Vec<u8>, ImageProblem> {
        if file.stat.size > MAX_BYTES {
            return Err(ImageProblem::TooLarge);
        }
        let bytes = fs::read(self.path.join(&file.name))?;
        match mark::is_own_output(&bytes) {
            true => Err(ImageProblem::OwnOutput),
            false => decode(&bytes, &file.name, requirements.shape, requirements.exact_size),
        }
    }

    /// Checks that at least one image, and one of each class, is good.
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
            return Err(
                match outcomes.iter().all(|outcome| *outcome == Some(Outcome::OwnOutput)) {
                    true => FolderProblem::AllOwnOutput { folder },
                    false => FolderProblem::AllBad { folder, count },
                },
            );
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

    /// Warnings about skipped images, with the first few names.
    fn skip_warnings(&self, outcomes: &[Option<Outcome>]) -> Vec<String> {
        let names = |keep: fn(Option<Outcome>) -> bool| {
            let files = self.files.iter().zip(outcomes).filter(move |(_, outcome)| keep(**outcome));
            files.map(|(file, _)| &file.name)
        };
        let own_output =
            self.skipped.own_output().iter().chain(names(|x| x == Some(Outcome::OwnOutput)));
        let bad = names(|outcome| matches!(outcome, None | Some(Outcome::Bad)));
        let all = grouped((self.files.len() + self.skipped.own_output().len()) as u64);
        let kinds: [(Vec<_>, _); 2] = [
            (own_output.collect(), "written by gan-cuda itself"),
            (bad.collect(), "which cannot be read"),
        ];
        let kinds = kinds.iter().filter(|(names, _)| !names.is_empty());
        let warning = |(names, why): &(Vec<_>, &str)| {
            let count = grouped(names.len() as u64);
            format!("skipped {count} of {all} images, {why}: {}", first_few(names))
        };
        kinds.map(warning).collect()
    }
}

fn first_few(names: &[&PathBuf]) -> String {
    let few = names.iter().take(MAX_LISTED).map(|name| name.display().to_string());
    let more = (names.len() > MAX_LISTED).then(|| "…".to_owned());
    few.chain(more).collect::<Vec<_>>().join(", ")
}

/// The outcome of reading a file; `None` after an I/O error, which may be temporary.
fn outcome_of(read: &Result<Vec<u8>, ImageProblem>) -> Option<Outcome> {
    match read {
        Ok(_) => Some(Outcome::Good),
        Err(ImageProblem::OwnOutput) => Some(Outcome::OwnOutput),
        Err(ImageProblem::Read(_)) => None,
        Err(_) => Some(Outcome::Bad),
    }
}

/// Retains the chunks of `length` values whose index satisfies `keep`.
fn retain_chunks<T: Copy>(values: &mut Vec<T>, length: usize, keep: impl Fn(usize) -> bool) {
    let mut end = 0;
    for index in (0..values.len() / length).filter(|&index| keep(index)) {
        values.copy_within(index * length..(index + 1) * length, end);
        end += length;
    }
    values.truncate(end);
}

/// At most as many threads as the machine has cores.
fn threads(requested: usize) -> usize {
    requested.min(std::thread::available_parallelism().map_or(1, usize::from))
}
