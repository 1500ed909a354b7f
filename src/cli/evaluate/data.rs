//! The real images that a generator is compared with.

use std::path::{Path, PathBuf};

use gan_cuda::data::{
    ClassOrder, Dataset, DatasetKind, Requirements, SearchPaths, Source, cache_folder,
};
use gan_cuda::eval::trend::has_classes;
use gan_cuda::run::checkpoint::Checkpoint;
use gan_cuda::run::config::Config;
use gan_cuda::run::snapshot;

use super::flags::{Args, DataArgs, Reference};
use crate::cli::display::{is_terminal, warn};
use crate::cli::error::{Result, refuse};
use crate::cli::stages;

/// Images in the generator's shape.
pub(super) struct Data {
    /// Those that it has learnt from.
    pub(super) training: Dataset,
    /// The test set beside them, if it is on this machine.
    pub(super) test: Option<Dataset>,
    /// Those of a folder, where that is the reference.
    pub(super) others: Option<Dataset>,
    /// This program's cache folder.
    pub(super) cache: Option<PathBuf>,
}

/// The configuration of a run, with its images where flags say that they are now.
///
/// # Errors
/// When these cannot be the images of the run.
pub(super) fn placed(args: &DataArgs, mut config: Config) -> Result<Config> {
    config.skip_bad_images |= args.skip_bad_images;
    if let Some(source) = &args.dataset {
        (config.dataset, config.data_dir) = (Some(source.clone()), None);
    }
    if let Some(folder) = &args.data_dir {
        config.data_dir = Some(folder.clone());
    }
    if args.data_dir.is_some() && matches!(config.dataset()?, Source::Folder(_)) {
        let problem = "is where the files of mnist or fashion-mnist are, and the run has learnt from \
                       a folder of images, which --dataset names";
        return refuse("--data-dir", problem);
    }
    if let (true, Source::Named(kind)) = (args.skip_bad_images, config.dataset()?) {
        let problem = format!("is for folders of images, and {kind} is none; leave it out");
        return refuse("--skip-bad-images", problem);
    }
    if let (Some(expected), Some(_)) = (config.gan.classes, &args.dataset) {
        let classes = config.dataset()?.classes(&places(&config)?)?;
        if classes != expected {
            let problem = format!("has {classes} classes; the generator has {expected}");
            return refuse("--dataset", problem);
        }
    }
    Ok(config)
}

/// Where the files of a named data set are looked for.
fn places(config: &Config) -> Result<SearchPaths> {
    Ok(config.dataset()?.search_paths(config.data_dir.as_deref()))
}

impl Data {
    pub(super) fn load(args: &Args, checkpoint: &Checkpoint, config: &Config) -> Result<Data> {
        let mut wanted = wanted(config)?;
        if args.data.dataset.is_some() {
            wanted.search_paths = places(config)?;
        }
        let shown = !args.json && is_terminal();
        let others = match &args.reference {
            Reference::Folder(folder) => Some(others(args, folder, &wanted)?),
            Reference::Test | Reference::Train => None,
        };
        let training = stages::load(&wanted, shown)?;
        let known = [training.checksum(), training.checksum_without_classes()];
        if !known.contains(&snapshot::data_checksum(checkpoint)?) {
            let origin = &training.origin;
            warn([format!("the images {origin} are not those that the run learnt from")]);
        }
        let test = match wanted.source {
            Source::Named(kind) => test_of(kind, config, &wanted)?,
            Source::Folder(_) => wanted.load_test()?,
        };
        Ok(Data { training, test, others, cache: cache_folder() })
    }
}

/// The images of a run, with their classes where they have any, though its generator may not ask for
/// one.
fn wanted(config: &Config) -> Result<Requirements> {
    let mut wanted = config.data_requirements(cache_folder())?;
    if !wanted.classes {
        wanted.classes = has_classes(&wanted.source, &wanted.search_paths);
    } else if config.class_names.is_empty() {
        // An older run, which does not know what its classes are called.
        wanted.class_order = ClassOrder::Bytewise;
    }
    Ok(wanted)
}

/// The test set of a data set known by name, beside the run's images or where this machine has it.
fn test_of(kind: DatasetKind, config: &Config, wanted: &Requirements) -> Result<Option<Dataset>> {
    let folders = [config.data_dir.as_deref(), None];
    for folder in &folders[usize::from(config.data_dir.is_none())..] {
        let places = SearchPaths::for_dataset(kind, *folder);
        let test = Requirements { search_paths: places, ..wanted.clone() }.load_test()?;
        if test.is_some() {
            return Ok(test);
        }
    }
    Ok(None)
}

/// The images of a folder, of the very size of the generator's; with classes where some are asked
/// for.
fn others(args: &Args, folder: &Path, wanted: &Requirements) -> Result<Dataset> {
    let text = folder.to_string_lossy();
    let source = Source::from_argument(&text)
        .or_else(|problem| refuse("--reference", format!("{text} is {problem}")))?;
    let places = source.search_paths(None);
    let classes = wanted.classes && args.noise.asks_for_classes();
    let others = Requirements {
        source,
        search_paths: places,
        exact_size: true,
        classes,
        cache: None,
        ..wanted.clone()
    };
    Ok(others.load(&|_, _| ())?)
}
