//! The real images of an evaluation.

use std::path::{Path, PathBuf};

use super::flags::{Args, DataArgs, Reference};
use crate::cli::display::is_terminal;
use crate::cli::error::{Result, refuse};
use crate::cli::progress;
use crate::data::{
    ClassOrder, Dataset, DatasetKind, Requirements, SearchPaths, Source, cache_folder,
};
use crate::eval::evaluate::has_classes;
use crate::run::checkpoint::Checkpoint;
use crate::run::config::Config;
use crate::run::snapshot;

/// Real images in the generator's shape.
pub(super) struct Data {
    /// The training images of the run.
    pub(super) training: Dataset,
    /// The test set of the same data set, if it is on this machine.
    pub(super) test: Option<Dataset>,
    /// The images of a folder, if that is the reference.
    pub(super) others: Option<Dataset>,
    /// This program's cache folder.
    pub(super) cache: Option<PathBuf>,
}

/// The configuration of a run with the new location of its images from the flags.
///
/// # Errors
/// When the flags do not fit the data set of the run.
pub(super) fn with_data_flags(args: &DataArgs, mut config: Config) -> Result<Config> {
    config.skip_bad_images |= args.skip_bad_images;
    if let Some(source) = &args.dataset {
        (config.dataset, config.data_dir) = (Some(source.clone()), None);
    }
    if let Some(folder) = &args.data_dir {
        config.data_dir = Some(folder.clone());
    }
    if args.data_dir.is_some() && matches!(config.dataset()?, Source::Folder(_)) {
        let problem = "is the folder of the files of a data set known by name, but the run was trained \
                       on a folder of images, which --dataset gives";
        return refuse("--data-dir", problem);
    }
    if let (true, Source::Named(kind)) = (args.skip_bad_images, config.dataset()?) {
        let problem = format!("is for folders of images, and {kind} is not one; omit it");
        return refuse("--skip-bad-images", problem);
    }
    if let (Some(expected), Some(_)) = (config.gan.classes, &args.dataset) {
        let classes = config.dataset()?.classes(&search_paths(&config)?)?;
        if classes != expected {
            let problem = format!("has {classes} classes; the generator has {expected}");
            return refuse("--dataset", problem);
        }
    }
    Ok(config)
}

/// The search paths of a named data set.
fn search_paths(config: &Config) -> Result<SearchPaths> {
    Ok(config.dataset()?.search_paths(config.data_dir.as_deref()))
}

impl Data {
    pub(super) fn load(
        args: &Args,
        checkpoint: &Checkpoint,
        config: &Config,
        warn: &mut dyn FnMut(String),
    ) -> Result<Data> {
        let mut requirements = requirements(config)?;
        if args.data.dataset.is_some() {
            requirements.search_paths = search_paths(config)?;
        }
        let shown = !args.json && is_terminal();
        let others = match &args.reference {
            Reference::Folder(folder) => Some(others(args, folder, &requirements)?),
            Reference::Test | Reference::Train => None,
        };
        let training = progress::load_dataset(&requirements, shown)?;
        let known = [training.checksum(), training.checksum_without_classes()];
        if !known.contains(&snapshot::data_checksum(checkpoint)?) {
            let origin = &training.origin;
            warn(format!("the images {origin} differ from the training images of the run"));
        }
        let test = match requirements.source {
            Source::Named(kind) => test_of(kind, config, &requirements)?,
            Source::Folder(_) => requirements.load_test()?,
        };
        Ok(Data { training, test, others, cache: cache_folder() })
    }
}

/// The images of a run, with their classes if they have any, even if its generator is not
/// conditional.
fn requirements(config: &Config) -> Result<Requirements> {
    let mut requirements = config.data_requirements(cache_folder())?;
    if !requirements.classes {
        requirements.classes = has_classes(&requirements.source, &requirements.search_paths);
    } else if config.class_names.is_empty() {
        // A run of an older version, whose configuration has no class names.
        requirements.class_order = ClassOrder::Bytewise;
    }
    Ok(requirements)
}

/// The test set of a named data set: from the folder of the run's images, or else from the search
/// paths of this machine.
fn test_of(
    kind: DatasetKind,
    config: &Config,
    requirements: &Requirements,
) -> Result<Option<Dataset>> {
    let folders = [config.data_dir.as_deref(), None];
    for folder in &folders[usize::from(config.data_dir.is_none())..] {
        let search_paths = SearchPaths::for_dataset(kind, *folder);
        let test = Requirements { search_paths, ..requirements.clone() }.load_test()?;
        if test.is_some() {
            return Ok(test);
        }
    }
    Ok(None)
}

/// The images of a reference folder, which must have the generator's size; with classes if
/// `--labels` selects some.
fn others(args: &Args, folder: &Path, requirements: &Requirements) -> Result<Dataset> {
    let text = folder.to_string_lossy();
    let source = Source::from_argument(&text)
        .or_else(|problem| refuse("--reference", format!("{text} is {problem}")))?;
    let search_paths = source.search_paths(None);
    let classes = requirements.classes && args.noise.has_labels();
    let others = Requirements {
        source,
        search_paths,
        exact_size: true,
        classes,
        cache: None,
        ..requirements.clone()
    };
    Ok(others.load(&|_, _| ())?)
}
