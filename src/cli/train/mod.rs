//! `gan-cuda train`.

mod data;
mod flags;
mod resolve;

use std::path::{Path, PathBuf};

use gan_cuda::data::Dataset;
use gan_cuda::device::Device;
use gan_cuda::train::config::Config;
use gan_cuda::train::display::Verbosity;
use gan_cuda::train::run_dir::RunDir;
use gan_cuda::train::trainer::Trainer;
use gan_cuda::{Error, Result};

use super::device::{AnyDevice, open_device};
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
    let chosen = open_device(config.device, config.threads, !args.length.no_graph)?;
    let data = data::find(args, &mut config)?;
    let job = Job { args, config, data, reason: chosen.reason };
    match chosen.device {
        AnyDevice::Cpu(cpu) => job.begin(cpu),
        AnyDevice::Cuda(cuda) => job.begin(*cuda),
    }
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
    let chosen = open_device(config.device, config.threads, !args.length.no_graph)?;
    let data = data::load(args, &config)?;
    let job = Job { args, config, data, reason: chosen.reason };
    match chosen.device {
        AnyDevice::Cpu(cpu) => job.resume(cpu, run, iteration),
        AnyDevice::Cuda(cuda) => job.resume(*cuda, run, iteration),
    }
}

fn absolute(folder: &Path) -> Result<PathBuf> {
    std::path::absolute(folder).map_err(Error::io("find", folder))
}

/// A run about to be trained, on whatever device.
struct Job<'a> {
    args: &'a Args,
    config: Config,
    data: Dataset,
    /// Why it is this device.
    reason: Option<String>,
}

impl Job<'_> {
    fn begin(self, device: impl Device) -> Result<()> {
        let (config, output) = (self.config.clone(), &self.args.output);
        let name = format!("{}-{}", config.preset, config.dataset.name());
        let name = output.name.clone().unwrap_or(name);
        let trainer = Trainer::begin(config, device, &self.data, &output.runs_dir, &name)?;
        self.train(trainer)
    }

    fn resume(self, device: impl Device, run: RunDir, iteration: u64) -> Result<()> {
        let trainer = Trainer::resume(self.config.clone(), device, &self.data, run, iteration)?;
        self.train(trainer)
    }

    fn train(self, mut trainer: Trainer<impl Device>) -> Result<()> {
        let verbosity = self.args.verbosity();
        if verbosity > Verbosity::Quiet {
            self.banner(&trainer);
        }
        // The device has its own copy.
        drop(self.data);
        let begun = trainer.gan().completed();
        trainer.train(verbosity)?;
        if verbosity > Verbosity::Quiet {
            farewell(&trainer, begun);
        }
        Ok(())
    }

    fn banner(&self, trainer: &Trainer<impl Device>) {
        let (config, data) = (&self.config, &self.data);
        let (gan, schedule) = (trainer.gan(), trainer.schedule());
        let [g, d] = [gan.generator(), gan.discriminator()].map(|network| network.params().len());
        say!(
            "gan-cuda {}, preset {}, seed {}",
            env!("CARGO_PKG_VERSION"),
            config.preset,
            config.seed
        );
        say!("device    {}", gan.device().describe());
        if let Some(reason) = &self.reason {
            say!("          {reason}");
        }
        say!("data      {}", data.summary());
        if let Some(hint) = &data.hint {
            say!("          {hint}");
        }
        say!("memory    {}", trainer.plan());
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
}

fn farewell(trainer: &Trainer<impl Device>, begun: u32) {
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
