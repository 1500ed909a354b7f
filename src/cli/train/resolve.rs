//! What the flags mean: a preset's values with the given ones in their places.

use std::path::Path;

use gan_cuda::data::Source;
use gan_cuda::device::DeviceChoice;
use gan_cuda::gan::preset::{self, Preset};
use gan_cuda::gan::settings::Settings;
use gan_cuda::train::config::Config;
use gan_cuda::train::display::Verbosity;
use gan_cuda::{Error, Result};

use super::absolute;
use super::flags::Args;
use crate::cli::default_threads;

impl Args {
    pub(super) fn verbosity(&self) -> Verbosity {
        match (self.output.quiet, self.output.verbose) {
            (true, _) => Verbosity::Quiet,
            (false, true) => Verbosity::Verbose,
            (false, false) => Verbosity::Normal,
        }
    }

    /// The configuration of a new run.
    pub(super) fn config(&self) -> Result<Config> {
        let name = self.preset.as_deref().unwrap_or("cgan");
        let preset = preset::find(name).ok_or(Error::NoSuchPreset { name: name.to_owned() })?;
        let dataset = self.dataset(preset)?;
        let mut config = Config {
            preset: name.to_owned(),
            dataset,
            data_dir: None,
            skip_bad_images: self.data.skip_bad_images,
            seed: self.seed.unwrap_or(0),
            epochs: preset.epochs,
            iterations: None,
            sample_interval: preset.sample_interval,
            log_interval: 50,
            checkpoint_interval: None,
            keep: 3,
            device: DeviceChoice::Auto,
            threads: default_threads(),
            gan: self.settings(preset)?,
        };
        if let Some(classes) = &mut config.gan.classes {
            *classes = config.dataset.classes()?;
        }
        self.apply_to_run(&mut config);
        Ok(config)
    }

    /// The preset's data set, or the given one with the flags that fit it.
    fn dataset(&self, preset: &Preset) -> Result<Source> {
        let data = &self.data;
        let own = preset.dataset.map(Source::Named);
        let refused = |flag, problem: String| Err(Error::Flag { flag, problem });
        match data.dataset.clone().or(own) {
            None => refused(
                "--dataset",
                format!(
                    "is missing: preset {} has no data set of its own; give a folder of images, as \
                     --dataset DIR",
                    preset.name
                ),
            ),
            Some(Source::Folder(_)) if data.data_dir.is_some() => refused(
                "--data-dir",
                "is where the files of mnist or fashion-mnist are; leave it out, as --dataset \
                 names a folder of images"
                    .to_owned(),
            ),
            Some(Source::Named(kind)) if data.skip_bad_images => refused(
                "--skip-bad-images",
                format!("is for folders of images, and {kind} is none; leave it out"),
            ),
            Some(source) => Ok(source),
        }
    }

    /// Flags that change how long a run goes on and what it writes, but not what it learns.
    pub(super) fn apply_to_run(&self, config: &mut Config) {
        let (length, output) = (&self.length, &self.output);
        set(&mut config.epochs, length.epochs);
        config.iterations = length.iterations.or(match self.output.resume {
            // A run that was told to stop early goes on to its epochs' end.
            Some(_) if length.epochs.is_some() => None,
            _ => config.iterations,
        });
        set(&mut config.device, length.device);
        set(&mut config.threads, length.threads);
        set(&mut config.sample_interval, output.sample_interval);
        set(&mut config.log_interval, output.log_interval);
        config.checkpoint_interval = output.checkpoint_interval.or(config.checkpoint_interval);
        set(&mut config.keep, output.keep);
    }

    /// The preset's values, each replaced where a flag was given.
    fn settings(&self, preset: &Preset) -> Result<Settings> {
        let mut settings = preset.settings.clone();
        let values = &self.values;
        set(&mut settings.batch_size, values.batch_size);
        set(&mut settings.lr, values.lr);
        set(&mut settings.b1, values.b1);
        set(&mut settings.b2, values.b2);
        set(&mut settings.latent_dim, values.latent_dim);
        set(&mut settings.latent, values.latent);
        set(&mut settings.g_hidden, values.g_hidden.clone());
        set(&mut settings.d_hidden, values.d_hidden.clone());
        set(&mut settings.loss, values.loss);
        set(&mut settings.d_loss_scale, values.d_loss_scale);
        set(&mut settings.order, values.order);
        set(&mut settings.fakes, values.fakes);
        set(&mut settings.init, values.init);
        settings.d_final_relu |= values.d_final_relu;
        set(&mut settings.image.height, self.data.image_size);
        set(&mut settings.image.width, self.data.image_size);
        set(&mut settings.image.channels, self.data.channels);
        let name = preset.name;
        replace(&mut settings.leaky_slope, values.leaky_slope, "--leaky-slope", name, "LeakyReLU")?;
        replace(&mut settings.dropout, values.dropout, "--dropout", name, "dropout")?;
        replace(&mut settings.bn_eps, values.bn_eps, "--bn-eps", name, "BatchNorm")?;
        replace(&mut settings.bn_momentum, values.bn_momentum, "--bn-momentum", name, "BatchNorm")?;
        if settings.bn_eps.is_some() && settings.batch_size == 1 {
            let problem = format!("must be 2 or more: preset {name} has BatchNorm");
            return Err(Error::Flag { flag: "--batch-size", problem });
        }
        Ok(settings)
    }

    /// A run that goes on keeps what it learns and how.
    pub(super) fn refuse_changes(&self, config: &Config) -> Result<()> {
        let fixed = [
            ("--preset", self.preset.as_ref().is_some_and(|p| *p != config.preset)),
            ("--dataset", self.data.dataset.as_ref().is_some_and(|d| *d != config.dataset)),
            ("--skip-bad-images", self.data.skip_bad_images && !config.skip_bad_images),
            ("--seed", self.seed.is_some_and(|s| s != config.seed)),
        ];
        let values = self.changed_values(config);
        let changed = fixed.into_iter().chain(values).find(|(_, changed)| *changed);
        match changed {
            None => Ok(()),
            Some((flag, _)) => Err(Error::Flag {
                flag,
                problem: "would change the training of a run that goes on; leave it out, or begin \
                          a new run"
                    .to_owned(),
            }),
        }
    }

    fn changed_values(&self, config: &Config) -> [(&'static str, bool); 21] {
        fn other<T: PartialEq>(given: Option<&T>, is: &T) -> bool {
            given.is_some_and(|given| given != is)
        }
        let (values, gan) = (&self.values, &config.gan);
        [
            ("--data-dir", self.data.data_dir.as_ref().is_some_and(|given| !holds(given, config))),
            ("--image-size", other(self.data.image_size.as_ref(), &gan.image.height)),
            ("--channels", other(self.data.channels.as_ref(), &gan.image.channels)),
            ("--batch-size", other(values.batch_size.as_ref(), &gan.batch_size)),
            ("--lr", other(values.lr.as_ref(), &gan.lr)),
            ("--b1", other(values.b1.as_ref(), &gan.b1)),
            ("--b2", other(values.b2.as_ref(), &gan.b2)),
            ("--latent-dim", other(values.latent_dim.as_ref(), &gan.latent_dim)),
            ("--latent", other(values.latent.as_ref(), &gan.latent)),
            ("--g-hidden", other(values.g_hidden.as_ref(), &gan.g_hidden)),
            ("--d-hidden", other(values.d_hidden.as_ref(), &gan.d_hidden)),
            ("--loss", other(values.loss.as_ref(), &gan.loss)),
            ("--d-loss-scale", other(values.d_loss_scale.as_ref(), &gan.d_loss_scale)),
            ("--order", other(values.order.as_ref(), &gan.order)),
            ("--fakes", other(values.fakes.as_ref(), &gan.fakes)),
            (
                "--leaky-slope",
                values.leaky_slope.is_some() && values.leaky_slope != gan.leaky_slope,
            ),
            ("--dropout", values.dropout.is_some() && values.dropout != gan.dropout),
            ("--bn-eps", values.bn_eps.is_some() && values.bn_eps != gan.bn_eps),
            (
                "--bn-momentum",
                values.bn_momentum.is_some() && values.bn_momentum != gan.bn_momentum,
            ),
            ("--init", other(values.init.as_ref(), &gan.init)),
            ("--d-final-relu", values.d_final_relu && !gan.d_final_relu),
        ]
    }
}

/// Replaces a value where a flag was given.
fn set<T>(value: &mut T, given: Option<T>) {
    if let Some(given) = given {
        *value = given;
    }
}

/// Replaces a value that not every preset has.
fn replace(
    value: &mut Option<f64>,
    given: Option<f64>,
    flag: &'static str,
    preset: &str,
    what: &str,
) -> Result<()> {
    match (value, given) {
        (_, None) => Ok(()),
        (Some(value), Some(given)) => {
            *value = given;
            Ok(())
        }
        (None, Some(_)) => Err(Error::Flag {
            flag,
            problem: format!("does not fit: preset {preset} has no {what}; leave it out"),
        }),
    }
}

/// Whether the images of a run came from this folder, or from one in it.
fn holds(folder: &Path, config: &Config) -> bool {
    let from = |folder| config.data_dir.as_ref().is_some_and(|data| data.starts_with(folder));
    absolute(folder).is_ok_and(from)
}
