//! Resolves the flags to a configuration: the values of a preset or a file, overridden by flags.

use std::path::{Path, PathBuf};

use super::flags::{Args, DataArgs, ValueArgs};
use crate::cli::display::Verbosity;
use crate::cli::error::{Error, Result, refuse, refuse_value};
use crate::cli::layers::{self, LayerFlag};
use crate::cli::value_parsers::Optional;
use crate::data::{DatasetKind, Source};
use crate::device::DeviceChoice;
use crate::eval::evaluate::has_score;
use crate::file_error::FileError;
use crate::formats::stats::Measure;
use crate::gan::preset;
use crate::gan::rewrite::Rewrite;
use crate::gan::settings::Settings;
use crate::run::config::{Config, ConfigProblem};

impl Args {
    /// The same with nothing printed but errors.
    pub fn quiet(mut self) -> Self {
        self.output.quiet = true;
        self
    }

    /// Whether several runs are asked for.
    pub(super) fn is_set(&self) -> bool {
        self.seeds.is_some() || !self.sweep.is_empty()
    }

    pub(super) fn verbosity(&self) -> Verbosity {
        match (self.output.quiet, self.output.verbose) {
            (true, _) => Verbosity::Quiet,
            (false, true) => Verbosity::Verbose,
            (false, false) => Verbosity::Normal,
        }
    }

    /// The configuration of a new run: that of a file or a preset, overridden by flags.
    pub(super) fn config(&self) -> Result<Config> {
        let mut config = match &self.config {
            Some(path) => self.config_of_file(path)?,
            None => self.config_of_preset()?,
        };
        self.apply(&mut config)?;
        if self.config.is_none() {
            layers::apply(&self.layers(), &config.preset, &mut config.gan)?;
        }
        self.checked(config)
    }

    /// The configuration, if it is valid.
    pub(super) fn checked(&self, config: Config) -> Result<Config> {
        self.check_data(&config)?;
        check_scores(&config)?;
        match config.check() {
            Err(ConfigProblem::Value(problem)) => refuse_value(flag(problem.key), problem),
            Err(ConfigProblem::Model(problem)) => Err(problem.into()),
            Ok(()) => Ok(config),
        }
    }

    fn config_of_file(&self, path: &Path) -> Result<Config> {
        layers::expect_none(&self.layers(), &path.display().to_string())?;
        let mut config = Config { branched_from: None, ..Config::read(path)? };
        if self.preset.as_ref().is_some_and(|preset| *preset != config.preset) {
            let problem = format!(
                "differs from the preset of {}, which is {}; give one of --preset and --config",
                path.display(),
                config.preset
            );
            return refuse("--preset", problem);
        }
        if self.data.dataset.is_some() {
            // Folder and classes belong to the previous data set.
            config.data_dir = None;
            config.class_names = Vec::new();
        }
        Ok(config)
    }

    fn config_of_preset(&self) -> Result<Config> {
        let name = self.preset.as_deref().unwrap_or("cgan");
        let preset = preset::find(name).ok_or(Error::NoSuchPreset { name: name.to_owned() })?;
        Ok(Config::of_preset(preset)?)
    }

    /// The configuration of a resumed run or a branch: the previous one, overridden by flags.
    ///
    /// # Errors
    /// If a flag would change the networks or, without `--branch`, the training.
    pub(super) fn config_of_run(&self, previous: &Config) -> Result<Config> {
        let mut config = previous.clone();
        config.preset = self.preset.clone().unwrap_or(config.preset);
        self.apply(&mut config)?;
        if config.dataset != previous.dataset && self.data.data_dir.is_none() {
            // The folder belongs to the previous data set.
            config.data_dir = None;
        }
        for (flag, rewrite) in self.layers() {
            let mut gan = config.gan.clone();
            let same = rewrite.apply(&config.preset, &mut gan).is_ok() && gan == config.gan;
            if !same {
                return refuse(flag, OTHER_NETWORKS);
            }
        }
        if let Some(key) = config.network_difference(previous)? {
            return refuse(flag(&key), OTHER_NETWORKS);
        }
        if self.output.branch {
            return self.checked(config);
        }
        match config.training_difference(previous)? {
            Some(key) => refuse(flag(&key), OTHER_TRAINING),
            None => self.checked(config),
        }
    }

    /// Overrides the configuration by the given flags.
    fn apply(&self, config: &mut Config) -> Result<()> {
        let (length, values, output) = (&self.length, &self.values, &self.output);
        set(&mut config.dataset, self.data.dataset.clone().map(Some));
        set(&mut config.data_dir, self.data.data_dir.clone().map(Some));
        config.skip_bad_images |= self.data.skip_bad_images;
        set(&mut config.seed, self.seed);
        if length.epochs.is_some() || length.iterations.is_some() {
            // A limit in a flag replaces all limits of the preset or of the previous run.
            (config.epochs, config.iterations) = (length.epochs, length.iterations);
        }
        let cpu = (length.ngpu == Some(0)).then_some(DeviceChoice::Cpu);
        set(&mut config.device, length.device.or(cpu));
        set(&mut config.precision, length.precision);
        set(&mut config.gemm, length.gemm);
        set(&mut config.threads, length.threads);
        set(&mut config.conv, length.conv);
        set(&mut config.sample_interval, output.sample_interval);
        set(&mut config.log_interval, output.log_interval);
        set(&mut config.checkpoint_interval, output.checkpoint_interval.map(Some));
        set(&mut config.keep, output.keep);
        if let Some(Optional(interval)) = output.evaluate_interval {
            config.evaluate_interval = interval;
            // Without scores there is no best checkpoint.
            config.keep_best = config.keep_best.filter(|_| interval.is_some());
        }
        set(&mut config.keep_best, output.keep_best.map(|given| given.0));
        config.tensorboard = (config.tensorboard || output.tensorboard) && !output.no_tensorboard;
        set(&mut config.init_generator, given_file(&values.init_generator)?.map(Some));
        set(&mut config.init_discriminator, given_file(&values.init_discriminator)?.map(Some));
        if values
            .augment
            .as_ref()
            .is_some_and(|list| list.len() > 1 && list.contains(&Optional(None)))
        {
            return refuse("--augment", "'none' cannot be combined with others");
        }
        self.apply_settings(&mut config.gan);
        Ok(())
    }

    fn apply_settings(&self, settings: &mut Settings) {
        let values = &self.values;
        values.sizes.apply(settings);
        set(&mut settings.lr, values.lr);
        set(&mut settings.lr_g, values.lr_g.map(Some));
        set(&mut settings.lr_d, values.lr_d.map(Some));
        set(&mut settings.lr_decay, values.lr_decay);
        set(&mut settings.b1, values.b1);
        set(&mut settings.b2, values.b2);
        set(&mut settings.latent, values.latent);
        if let Some(loss) = values.loss {
            settings.set_loss(loss);
        }
        set(&mut settings.d_loss_scale, values.d_loss_scale);
        set(&mut settings.real_label, values.real_label);
        set(&mut settings.n_critic, values.n_critic);
        set(&mut settings.r1, values.r1);
        set(&mut settings.r2, values.r2);
        set(&mut settings.gp, values.gp);
        set(&mut settings.penalty_interval, values.penalty_interval);
        if let Some(decay) = values.ema {
            settings.set_average(decay);
        }
        settings.spectral_norm |= values.spectral_norm;
        settings.local_batch_norm |= self.ranks.local_batch_norm;
        let list = values.augment.as_ref();
        set(&mut settings.augment, list.map(|list| list.iter().filter_map(|one| one.0).collect()));
        set(&mut settings.order, values.order);
        set(&mut settings.fakes, values.fakes);
        set(&mut settings.init, values.init);
        // What flags have made meaningless, unless it is given, too.
        if values.penalty_interval.is_none() && !settings.is_penalized() {
            settings.penalty_interval = 1;
        }
        if values.real_label.is_none() && !settings.loss.has_targets() {
            settings.real_label = 1.0;
        }
    }

    /// The given flags that change layers.
    fn layers(&self) -> Vec<LayerFlag> {
        let ValueArgs { leaky_slope, dropout, bn_eps, bn_momentum, d_final_relu, pack, .. } =
            self.values;
        let DataArgs { image_size, channels, .. } = self.data;
        let none = Rewrite::default;
        let mut given = layers::given([
            ("--image-size", Rewrite { image_size, ..none() }),
            ("--channels", Rewrite { channels, ..none() }),
            ("--pack", Rewrite { pack, ..none() }),
            ("--leaky-slope", Rewrite { leaky_slope, ..none() }),
            ("--dropout", Rewrite { dropout, ..none() }),
            ("--bn-eps", Rewrite { bn_eps, ..none() }),
            ("--bn-momentum", Rewrite { bn_momentum, ..none() }),
            ("--d-final-relu", Rewrite { d_final_relu, ..none() }),
        ]);
        // Sizes come last: fewer hidden layers may remove all layers that another flag changes.
        given.extend(self.values.sizes.layers());
        given
    }

    /// Checks that `--n-classes`, which is optional, equals the number of classes.
    pub(super) fn check_classes(&self, config: &Config) -> Result<()> {
        let Some(given) = self.data.n_classes else { return Ok(()) };
        match config.gan.classes {
            Some(classes) if classes == given => Ok(()),
            Some(classes) => refuse(
                "--n-classes",
                format!("is {given}, but the data set has {classes} classes; omit it"),
            ),
            None => refuse(
                "--n-classes",
                format!("does not apply: preset {} has no classes; omit it", config.preset),
            ),
        }
    }

    /// Checks that the data flags fit the data set.
    fn check_data(&self, config: &Config) -> Result<()> {
        match &config.dataset {
            None => refuse(
                "--dataset",
                format!(
                    "is required: preset {} has no default data set; give a folder of images with \
                     --dataset DIR",
                    config.preset
                ),
            ),
            Some(Source::Folder(_)) if self.data.data_dir.is_some() => refuse(
                "--data-dir",
                "is for the files of a data set known by name, but --dataset is a folder of images; \
                 omit it",
            ),
            Some(Source::Named(kind @ DatasetKind::StackedMnist))
                if self.data.channels == Some(1) =>
            {
                let problem = format!("must be 3: {kind} has a digit in each channel; omit it");
                refuse("--channels", problem)
            }
            Some(Source::Named(kind)) if self.data.skip_bad_images => refuse(
                "--skip-bad-images",
                format!("is for folders of images, and {kind} is not one; omit it"),
            ),
            _ => Ok(()),
        }
    }
}

/// Checks that the run has the scores that `--keep-best` needs.
fn check_scores(config: &Config) -> Result<()> {
    let Some(measure) = config.keep_best else { return Ok(()) };
    if config.evaluate_interval.is_none() {
        let problem = "needs scores; give --evaluate-interval, too";
        return refuse("--keep-best", problem);
    }
    match has_score(config, measure) {
        true => Ok(()),
        false => refuse(
            "--keep-best",
            format!(
                "is {measure}, but {} needs a classifier, and the images have no classes; use \
                 --keep-best {}",
                measure.name(),
                Measure::Kid
            ),
        ),
    }
}

const OTHER_TRAINING: &str = "would change the training of the resumed run; omit it, or add \
                              --branch to start a new run from the checkpoint";
const OTHER_NETWORKS: &str = "would change the networks, which must match the checkpoint's \
                              weights; omit it, or start a new run without --resume";

/// Replaces a value if a new one was given.
fn set<T>(value: &mut T, given: Option<T>) {
    if let Some(given) = given {
        *value = given;
    }
}

/// The flag of a configuration's key.
fn flag(key: &str) -> String {
    let name = match key {
        "gan.image.height" | "gan.image.width" => "image-size",
        // Flags that change layers are checked one by one; here only the loss can have added or
        // removed the final Sigmoid.
        "gan.discriminator.sequences" => "loss",
        _ => key.rsplit('.').next().unwrap_or(key),
    };
    format!("--{}", name.replace('_', "-"))
}

fn given_file(path: &Option<PathBuf>) -> Result<Option<PathBuf>, FileError> {
    path.as_deref().map(absolute).transpose()
}

/// The absolute path: paths in a configuration must not depend on the working directory.
pub(super) fn absolute(path: &Path) -> Result<PathBuf, FileError> {
    std::path::absolute(path).map_err(FileError::at("find", path))
}
