//! The images of a run, and what is said while they are read.

use gan_cuda::data::{
    self, ClassOrder, Dataset, FolderProblem, Origin, Requirements, Source, cache_folder,
};
use gan_cuda::gan::rewrite::Rewrite;
use gan_cuda::ranges::CLASSES;
use gan_cuda::run::config::Config;

use super::flags::Args;
use super::resolve::absolute;
use crate::cli::display::{Verbosity, is_terminal, warn};
use crate::cli::error::{Error, Result, refuse};
use crate::cli::{layers, stages};

/// Gives a new run's networks the classes of its data set; those of a `--config` file must have
/// them. Opens no image.
pub(super) fn fit(args: &Args, config: &mut Config) -> Result<()> {
    match &args.config {
        Some(file) if config.gan.classes.is_some() => {
            Ok(config.expect_classes(classes(config)?, file)?)
        }
        Some(_) => Ok(()),
        None => fit_classes(config),
    }
}

/// The images of a new run, which say what the configuration leaves open: where they were found,
/// and what their classes are called. Those of a `--config` file are where its run found them.
pub(super) fn find(args: &Args, config: &mut Config) -> Result<Dataset> {
    let given = args.data.dataset.is_some() || args.data.data_dir.is_some();
    match args.config.is_some() && !given && config.data_dir.is_some() {
        true => load(args, config, ClassOrder::Natural),
        false => search(args, config, ClassOrder::Natural),
    }
}

/// The images that a run goes on with: from where it had them, or from where flags say, which the
/// configuration then remembers. A run that does not know what its classes are called is older than
/// their order.
pub(super) fn find_again(args: &Args, config: &mut Config, was: &Config) -> Result<Dataset> {
    let moved = (&config.dataset, &config.data_dir) != (&was.dataset, &was.data_dir);
    if let Some(expected) = config.gan.classes.filter(|_| moved) {
        let classes = classes(config)?;
        if classes != expected {
            let problem = format!("has {classes} classes; the networks that go on have {expected}");
            return refuse("--dataset", problem);
        }
    }
    let look = |config: &mut Config, order| match moved {
        true => search(args, config, order),
        false => load(args, config, order),
    };
    match look(config, ClassOrder::Bytewise) {
        // A branch may learn other classes, if they are as many.
        Err(error) if args.output.branch && is_of_other_classes(&error) => {
            config.class_names.clear();
            look(config, ClassOrder::Natural)
        }
        found => found,
    }
}

fn is_of_other_classes(error: &Error) -> bool {
    let Error::Engine(error) = error else { return false };
    let other = |problem: &data::Error| {
        matches!(problem, data::Error::Folder(FolderProblem::ClassesDiffer { .. }))
    };
    matches!(&**error, gan_cuda::Error::Data(problem) if other(problem))
}

/// The images, from the first place of this machine that has them.
fn search(args: &Args, config: &mut Config, order: ClassOrder) -> Result<Dataset> {
    let places = match config.dataset()? {
        Source::Folder(_) => return load(args, config, order),
        named => named.search_paths(config.data_dir.as_deref()),
    };
    let data = Requirements { search_paths: places, ..config.data_requirements(None)? }
        .load(&|_, _| ())?;
    config.data_dir = match &data.origin {
        Origin::Folder(folder) => Some(absolute(folder)?),
        _ => None,
    };
    Ok(noted(args, config, data))
}

/// The images, after what is to be known of them was noted and said.
fn noted(args: &Args, config: &mut Config, data: Dataset) -> Dataset {
    // The same images at another place may come without the names; those of a branch may be others.
    let known = !data.class_names.is_empty() || args.output.branch;
    if config.gan.classes.is_some() && known {
        config.class_names.clone_from(&data.class_names);
    }
    if args.verbosity() > Verbosity::Quiet {
        warn(data.warnings.iter().cloned().chain(data.quality_warnings()));
    }
    data
}

fn classes(config: &Config) -> Result<usize> {
    let source = config.dataset()?;
    Ok(source.classes(&source.search_paths(config.data_dir.as_deref()))?)
}

/// Gives a preset's networks the classes of the data set.
fn fit_classes(config: &mut Config) -> Result<()> {
    if config.gan.classes.is_none() {
        return Ok(());
    }
    let classes = classes(config)?;
    if !CLASSES.holds(classes as u64) {
        return refuse("--dataset", format!("has {classes} classes; there must be {CLASSES}"));
    }
    let given = [("--dataset", Rewrite { classes: Some(classes), ..Rewrite::default() })];
    layers::apply(&given, &config.preset, &mut config.gan)
}

/// The images of a run whose configuration says where they are, their classes in its order, or in
/// this where it has none.
fn load(args: &Args, config: &mut Config, order: ClassOrder) -> Result<Dataset> {
    let spoken = args.verbosity() > Verbosity::Quiet;
    if let Source::Folder(folder) = config.dataset()?
        && spoken
        && !is_terminal()
        && !args.dry_run
    {
        say!("reading the images in {}", folder.display());
    }
    let mut wanted =
        Requirements { write_cache: !args.dry_run, ..config.data_requirements(cache_folder())? };
    if config.class_names.is_empty() {
        wanted.class_order = order;
    }
    let data = stages::load(&wanted, spoken && is_terminal());
    Ok(noted(args, config, data?))
}
