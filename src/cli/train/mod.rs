//! `gan-cuda train`.

mod flags;
mod resolve;

use std::path::{Path, PathBuf};

use gan_cuda::data::{Dataset, Origin};
use gan_cuda::device::Device;
use gan_cuda::train::config::Config;
use gan_cuda::train::display::Verbosity;
use gan_cuda::train::run_dir::RunDir;
use gan_cuda::train::trainer::Trainer;
use gan_cuda::{Error, Result};

use super::open_device;
pub use flags::Args;

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
    let name = format!("{}-{}", config.preset, config.dataset);
    let name = args.output.name.clone().unwrap_or(name);
    let trainer = Trainer::begin(config.clone(), device, &data, &args.output.runs_dir, &name)?;
    finish(args, &config, trainer, data)
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
    let trainer = Trainer::resume(config.clone(), device, &data, run, iteration)?;
    finish(args, &config, trainer, data)
}

fn absolute(folder: &Path) -> Result<PathBuf> {
    std::path::absolute(folder).map_err(Error::io("find", folder))
}

fn finish(
    args: &Args,
    config: &Config,
    mut trainer: Trainer<impl Device>,
    data: Dataset,
) -> Result<()> {
    let verbosity = args.verbosity();
    if verbosity > Verbosity::Quiet {
        banner(config, &trainer, &data);
    }
    // The device has its own copy.
    drop(data);
    let begun = trainer.gan().completed();
    trainer.train(verbosity)?;
    if verbosity > Verbosity::Quiet {
        let (done, run) = (trainer.gan().completed(), trainer.run());
        match begun < done {
            true => say!(
                "done: {done} iterations; samples, losses and checkpoints are in {}",
                run.path().display()
            ),
            false => say!(
                "nothing to do: the run has its {done} iterations; give more with --epochs or --iterations"
            ),
        }
    }
    Ok(())
}

fn banner(config: &Config, trainer: &Trainer<impl Device>, data: &Dataset) {
    let (gan, schedule) = (trainer.gan(), trainer.schedule());
    let [g, d] = [gan.generator(), gan.discriminator()].map(|network| network.params().len());
    say!("gan-cuda {}, preset {}, seed {}", env!("CARGO_PKG_VERSION"), config.preset, config.seed);
    say!("device    {}", gan.device().describe());
    say!("data      {}", data.summary());
    if let Some(hint) = &data.hint {
        say!("          {hint}");
    }
    say!("networks  generator {g} parameters, discriminator {d}");
    say!(
        "length    {} iterations, {} an epoch, batches of {}",
        trainer.total(),
        schedule.iterations(),
        schedule.batch_size
    );
    if let Some(dropped) = schedule.dropped() {
        say!(
            "          the last {dropped} images of an epoch's order make no whole batch and are left out"
        );
    }
    let begun = gan.completed();
    match begun {
        0 => say!("run       {}", trainer.run().path().display()),
        _ => say!("run       {}, from iteration {begun}", trainer.run().path().display()),
    }
}
