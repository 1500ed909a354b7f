//! The training images of a run.

use super::flags::Args;
use super::resolve::absolute;
use crate::cli::display::{Verbosity, is_terminal};
use crate::cli::error::{Error, Result, refuse};
use crate::cli::{layers, progress};
use crate::data::{
    self, ClassOrder, Dataset, FolderProblem, Origin, Requirements, Source, cache_folder,
};
use crate::gan::rewrite::Rewrite;
use crate::ranges::CLASSES;
use crate::run::config::Config;

/// Sets the number of classes of a new run's networks to that of the data set, and the channels of
/// its images to three where grey ones have no meaning. The networks of a `--config` file must
/// already match. Opens no image.
pub(super) fn fit(args: &Args, config: &mut Config) -> Result<()> {
    match &args.config {
        Some(file) if config.gan.classes.is_some() => {
            Ok(config.expect_classes(classes(config)?, file)?)
        }
        Some(_) => Ok(()),
        None => {
            fit_channels(config)?;
            fit_classes(config)
        }
    }
}

/// The images of a new run. Stores their location and class names in the configuration. A
/// `--config` file already has the location.
pub(super) fn find(args: &Args, config: &mut Config) -> Result<Dataset> {
    let given = args.data.dataset.is_some() || args.data.data_dir.is_some();
    match args.config.is_some() && !given && config.data_dir.is_some() {
        true => load(args, config, ClassOrder::Natural),
        false => search(args, config, ClassOrder::Natural),
    }
}

/// The images of a resumed run: from their previous location, or from the one in the flags, which
/// is stored in the configuration. A configuration without class names is from a version that
/// sorted classes byte by byte.
pub(super) fn find_again(args: &Args, config: &mut Config, previous: &Config) -> Result<Dataset> {
    let moved = (&config.dataset, &config.data_dir) != (&previous.dataset, &previous.data_dir);
    if let Some(expected) = config.gan.classes.filter(|_| moved) {
        let classes = classes(config)?;
        if classes != expected {
            let problem = format!("has {classes} classes; the networks of the run have {expected}");
            return refuse("--dataset", problem);
        }
    }
    let find = |config: &mut Config, order| match moved {
        true => search(args, config, order),
        false => load(args, config, order),
    };
    match find(config, ClassOrder::Bytewise) {
        // A branch may use other classes, if their number is the same.
        Err(error) if args.output.branch && has_other_classes(&error) => {
            config.class_names.clear();
            find(config, ClassOrder::Natural)
        }
        found => found,
    }
}

fn has_other_classes(error: &Error) -> bool {
    let Error::Engine(error) = error else { return false };
    let other = |problem: &data::Error| {
        matches!(problem, data::Error::Folder(FolderProblem::ClassesDiffer { .. }))
    };
    matches!(&**error, crate::Error::Data(problem) if other(problem))
}

/// Loads the images from the first search path that has them.
fn search(args: &Args, config: &mut Config, order: ClassOrder) -> Result<Dataset> {
    let search_paths = match config.dataset()? {
        Source::Folder(_) => return load(args, config, order),
        named => named.search_paths(config.data_dir.as_deref()),
    };
    let data = Requirements { search_paths, ..config.data_requirements(None)? }.load(&|_, _| ())?;
    config.data_dir = match &data.origin {
        Origin::Folder(folder) => Some(absolute(folder)?),
        _ => None,
    };
    Ok(with_names(args, config, data))
}

/// Stores the class names in the configuration, and returns the images.
fn with_names(args: &Args, config: &mut Config, data: Dataset) -> Dataset {
    // The same images in another folder may have no names; a branch may have other classes.
    let known = !data.class_names.is_empty() || args.output.branch;
    if config.gan.classes.is_some() && known {
        config.class_names.clone_from(&data.class_names);
    }
    data
}

fn classes(config: &Config) -> Result<usize> {
    let source = config.dataset()?;
    Ok(source.classes(&source.search_paths(config.data_dir.as_deref()))?)
}

/// Sets the channels of a preset's networks to those of the data set, if it needs all of them.
fn fit_channels(config: &mut Config) -> Result<()> {
    match config.dataset()? {
        Source::Named(kind) if kind.channels() > config.gan.image.channels => {
            let channels = Some(kind.channels());
            let given = [("--dataset", Rewrite { channels, ..Rewrite::default() })];
            layers::apply(&given, &config.preset, &mut config.gan)
        }
        _ => Ok(()),
    }
}

/// Sets the number of classes of a preset's networks to that of the data set.
fn fit_classes(config: &mut Config) -> Result<()> {
    if config.gan.classes.is_none() {
        return Ok(());
    }
    let classes = classes(config)?;
    if !CLASSES.contains(classes as u64) {
        return refuse("--dataset", format!("has {classes} classes; the number must be {CLASSES}"));
    }
    let given = [("--dataset", Rewrite { classes: Some(classes), ..Rewrite::default() })];
    layers::apply(&given, &config.preset, &mut config.gan)
}

/// Loads the images from the location in the configuration, with the classes in its order, or in
/// `order` if it has no class names.
fn load(args: &Args, config: &mut Config, order: ClassOrder) -> Result<Dataset> {
    let verbose = args.verbosity() > Verbosity::Quiet;
    if let Source::Folder(folder) = config.dataset()?
        && verbose
        && !is_terminal()
        && !args.dry_run
    {
        print_line!("reading the images in {}", folder.display());
    }
    let mut requirements =
        Requirements { write_cache: !args.dry_run, ..config.data_requirements(cache_folder())? };
    if config.class_names.is_empty() {
        requirements.class_order = order;
    }
    let data = progress::load_dataset(&requirements, verbose && is_terminal());
    Ok(with_names(args, config, data?))
}
