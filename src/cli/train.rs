//! `gan-cuda train`.

use std::path::{Path, PathBuf};

use clap::ArgAction;
use gan_cuda::data::{Dataset, DatasetKind, Origin};
use gan_cuda::device::DeviceChoice;
use gan_cuda::device::Memory;
use gan_cuda::device::ops::Latent;
use gan_cuda::gan::preset::{self, Interval, Preset};
use gan_cuda::gan::settings::{Fakes, Loss, Order, Settings};
use gan_cuda::nn::Init;
use gan_cuda::train::config::Config;
use gan_cuda::train::display::Verbosity;
use gan_cuda::train::run_dir::RunDir;
use gan_cuda::train::trainer::Trainer;
use gan_cuda::{Error, Result};

use super::ranges::{channels, extent, image_size, positive, positive_share, share};
use super::{default_threads, open_device};

/// Flags of `train`, as they were given.
#[derive(clap::Args)]
pub struct Args {
    /// Set-up to train (see `gan-cuda presets`) [default: cgan]
    #[arg(long, value_name = "NAME")]
    preset: Option<String>,
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    length: LengthArgs,
    #[command(flatten)]
    values: ValueArgs,
    /// Seed of weights, noise, labels, dropout and the order of images [default: 0]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(clap::Args)]
#[command(next_help_heading = "Data")]
struct DataArgs {
    /// Images to learn from [default: the preset's]
    #[arg(long, value_name = "NAME")]
    dataset: Option<DatasetKind>,
    /// Folder that holds the data set's files; then no other place is searched
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Side of an image in pixels; images of other sizes are resized
    #[arg(long, value_name = "N", value_parser = image_size)]
    image_size: Option<usize>,
    /// 1 (grey) or 3 (colour; grey is repeated)
    #[arg(long, value_name = "1|3", value_parser = channels)]
    channels: Option<usize>,
}

#[derive(clap::Args)]
#[command(next_help_heading = "Length and place")]
struct LengthArgs {
    /// Epochs in all, from the run's beginning [default: the preset's]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    epochs: Option<u32>,
    /// Iterations in all; of the two the first reached ends the run
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    iterations: Option<u32>,
    /// Where to compute: auto, cpu, cuda or cuda:N [default: auto]
    #[arg(long, value_name = "DEVICE")]
    device: Option<DeviceChoice>,
    /// CPU threads; results do not depend on it [default: all physical cores]
    #[arg(long, value_name = "N", value_parser = extent)]
    threads: Option<usize>,
}

#[derive(clap::Args)]
#[command(next_help_heading = "Values of the set-up [default: the preset's]")]
struct ValueArgs {
    /// Images in a batch
    #[arg(long, value_name = "N", value_parser = extent)]
    batch_size: Option<usize>,
    /// Adam's learning rate
    #[arg(long, value_name = "RATE", value_parser = positive)]
    lr: Option<f64>,
    /// Adam's decay of the mean of gradients
    #[arg(long, value_name = "B1", value_parser = share)]
    b1: Option<f64>,
    /// Adam's decay of the mean of squared gradients
    #[arg(long, value_name = "B2", value_parser = share)]
    b2: Option<f64>,
    /// Numbers in a row of noise
    #[arg(long, value_name = "N", value_parser = extent)]
    latent_dim: Option<usize>,
    /// Distribution of the noise
    #[arg(long)]
    latent: Option<Latent>,
    /// Widths of the generator's hidden layers, as 128,256
    #[arg(long, value_name = "N,N,…", value_delimiter = ',', value_parser = extent)]
    g_hidden: Option<Vec<usize>>,
    /// Widths of the discriminator's hidden layers
    #[arg(long, value_name = "N,N,…", value_delimiter = ',', value_parser = extent)]
    d_hidden: Option<Vec<usize>>,
    /// Formula of the losses
    #[arg(long)]
    loss: Option<Loss>,
    /// Factor of the discriminator's loss (real + fake)
    #[arg(long, value_name = "X", value_parser = positive)]
    d_loss_scale: Option<f64>,
    /// Network that is updated first
    #[arg(long)]
    order: Option<Order>,
    /// Generated images of the second update: the first's, or fresh ones
    #[arg(long)]
    fakes: Option<Fakes>,
    /// Slope of LeakyReLU for negative numbers
    #[arg(long, value_name = "X", value_parser = positive_share)]
    leaky_slope: Option<f64>,
    /// Share of the discriminator's activations that dropout sets to zero
    #[arg(long, value_name = "P", value_parser = share)]
    dropout: Option<f64>,
    /// Number that BatchNorm adds to the variance
    #[arg(long, value_name = "X", value_parser = positive)]
    bn_eps: Option<f64>,
    /// Share of the new batch in BatchNorm's running statistics
    #[arg(long, value_name = "X", value_parser = positive_share)]
    bn_momentum: Option<f64>,
    /// How weights begin: default (as PyTorch) or normal:STD
    #[arg(long, value_name = "INIT")]
    init: Option<Init>,
    /// Put one more ReLU behind the discriminator's last layer
    #[arg(long)]
    d_final_relu: bool,
}

#[derive(clap::Args)]
#[command(next_help_heading = "Output")]
struct OutputArgs {
    /// Sample grid every N iterations, or every 'epoch' [default: the preset's]
    #[arg(long, value_name = "N|epoch")]
    sample_interval: Option<Interval>,
    /// Iterations from one record of losses to the next [default: 50]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    log_interval: Option<u32>,
    /// Checkpoint every N iterations, or every 'epoch' [default: epoch, at most one a minute]
    #[arg(long, value_name = "N|epoch")]
    checkpoint_interval: Option<Interval>,
    /// Checkpoints that are kept [default: 3]
    #[arg(long, value_name = "N", value_parser = extent)]
    keep: Option<usize>,
    /// Folder of run folders
    #[arg(long, value_name = "DIR", default_value = "runs")]
    runs_dir: PathBuf,
    /// Name of the run, behind its number [default: PRESET-DATASET]
    #[arg(long, value_name = "NAME", conflicts_with = "resume")]
    name: Option<String>,
    /// Go on with a run: the newest, or that of a run folder or checkpoint
    #[arg(long, value_name = "PATH", num_args = 0..=1)]
    resume: Option<Option<PathBuf>>,
    /// Say nothing but errors
    #[arg(short, long, conflicts_with = "verbose")]
    quiet: bool,
    /// Say more: every file that is written
    #[arg(short, long, action = ArgAction::SetTrue)]
    verbose: bool,
}

/// Trains, from the beginning or from a checkpoint.
pub fn run(args: Args) -> Result<()> {
    match &args.output.resume {
        None => begin(&args),
        Some(path) => resume(&args, path.clone()),
    }
}

fn begin(args: &Args) -> Result<()> {
    let mut config = args.config()?;
    let device = open_device(config.device, config.threads)?;
    let data = config.dataset.load(args.data.data_dir.as_deref())?;
    config.data_dir = match &data.origin {
        Origin::Folder(folder) => Some(absolute(folder)?),
        _ => None,
    };
    let image = config.gan.image;
    let data = data.with_shape(image.height, image.channels)?;
    let place = device.describe();
    let name = format!("{}-{}", config.preset, config.dataset);
    let name = args.output.name.clone().unwrap_or(name);
    let trainer = Trainer::begin(config.clone(), device, &data, &args.output.runs_dir, &name)?;
    finish(args, &config, trainer, data, &place)
}

fn resume(args: &Args, path: Option<PathBuf>) -> Result<()> {
    let (run, checkpoint) = match path {
        Some(path) => RunDir::open(&path)?,
        None => (RunDir::newest(&args.output.runs_dir)?, None),
    };
    let iteration = match checkpoint {
        Some(iteration) => iteration,
        None => run.newest_checkpoint()?,
    };
    let mut config = Config::read(&run.config())?;
    args.refuse_changes(&config)?;
    args.apply_to_run(&mut config);
    let device = open_device(config.device, config.threads)?;
    let data = config.load_data()?;
    let place = device.describe();
    let trainer = Trainer::resume(config.clone(), device, &data, run, iteration)?;
    finish(args, &config, trainer, data, &place)
}

/// Whether the images of a run came from this folder, or from one in it.
fn holds(folder: &Path, config: &Config) -> bool {
    let from = |folder| config.data_dir.as_ref().is_some_and(|data| data.starts_with(folder));
    absolute(folder).is_ok_and(from)
}

fn absolute(folder: &Path) -> Result<PathBuf> {
    std::path::absolute(folder).map_err(Error::io("find", folder))
}

fn finish(
    args: &Args,
    config: &Config,
    mut trainer: Trainer<impl gan_cuda::device::Device>,
    data: Dataset,
    place: &str,
) -> Result<()> {
    let verbosity = args.verbosity();
    if verbosity > Verbosity::Quiet {
        banner(config, &trainer, &data, place);
    }
    // The device has its own copy.
    drop(data);
    let begun = trainer.gan().completed();
    trainer.train(verbosity)?;
    if verbosity > Verbosity::Quiet {
        let (done, run) = (trainer.gan().completed(), trainer.run());
        match begun < done {
            true => println!(
                "done: {done} iterations; samples, losses and checkpoints are in {}",
                run.path().display()
            ),
            false => println!(
                "nothing to do: the run has its {done} iterations; give more with --epochs or --iterations"
            ),
        }
    }
    Ok(())
}

fn banner(
    config: &Config,
    trainer: &Trainer<impl gan_cuda::device::Device>,
    data: &Dataset,
    place: &str,
) {
    let (gan, schedule) = (trainer.gan(), trainer.schedule());
    let [g, d] = [gan.generator(), gan.discriminator()].map(|network| network.params().len());
    println!(
        "gan-cuda {}, preset {}, seed {}",
        env!("CARGO_PKG_VERSION"),
        config.preset,
        config.seed
    );
    println!("device    {place}");
    println!("data      {}", data.summary());
    if let Some(hint) = &data.hint {
        println!("          {hint}");
    }
    println!("networks  generator {g} parameters, discriminator {d}");
    println!(
        "length    {} iterations, {} an epoch, batches of {}",
        trainer.total(),
        schedule.iterations(),
        schedule.batch_size
    );
    if let Some(dropped) = schedule.dropped() {
        println!(
            "          the last {dropped} images of an epoch's order make no whole batch and are left out"
        );
    }
    let begun = gan.completed();
    match begun {
        0 => println!("run       {}", trainer.run().path().display()),
        _ => println!("run       {}, from iteration {begun}", trainer.run().path().display()),
    }
}

impl Args {
    fn verbosity(&self) -> Verbosity {
        match (self.output.quiet, self.output.verbose) {
            (true, _) => Verbosity::Quiet,
            (false, true) => Verbosity::Verbose,
            (false, false) => Verbosity::Normal,
        }
    }

    /// The configuration of a new run.
    fn config(&self) -> Result<Config> {
        let name = self.preset.as_deref().unwrap_or("cgan");
        let preset = preset::find(name).ok_or(Error::NoSuchPreset { name: name.to_owned() })?;
        let dataset = self.data.dataset.or(preset.dataset).ok_or_else(|| Error::Flag {
            flag: "--dataset",
            problem: format!("is missing: preset {name} has no data set of its own"),
        })?;
        let mut config = Config {
            preset: name.to_owned(),
            dataset,
            data_dir: None,
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
            *classes = dataset.classes();
        }
        self.apply_to_run(&mut config);
        Ok(config)
    }

    /// Flags that change how long a run goes on and what it writes, but not what it learns.
    fn apply_to_run(&self, config: &mut Config) {
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
    fn refuse_changes(&self, config: &Config) -> Result<()> {
        let fixed = [
            ("--preset", self.preset.as_ref().is_some_and(|p| *p != config.preset)),
            ("--dataset", self.data.dataset.is_some_and(|d| d != config.dataset)),
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
