//! `gan-cuda train`.

mod flags;
mod resolve;

use std::path::PathBuf;

use gan_cuda::Result;
use gan_cuda::data::Dataset;
use gan_cuda::device::Device;
use gan_cuda::gan::Gan;
use gan_cuda::gan::draws::Schedule;
use gan_cuda::gan::plan::Plan;
use gan_cuda::train::config::Config;
use gan_cuda::train::display::Verbosity;
use gan_cuda::train::run_dir::RunDir;
use gan_cuda::train::snapshot::initialize;
use gan_cuda::train::trainer::{Trainer, build};

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
    let data = args.load_data(&mut config)?;
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
    let config = args.config_of_run(&Config::read(&run.config())?)?;
    let chosen = open_device(config.device, config.threads, !args.length.no_graph)?;
    let data = config.load_data()?;
    let job = Job { args, config, data, reason: chosen.reason };
    match chosen.device {
        AnyDevice::Cpu(cpu) => job.resume(cpu, run, iteration),
        AnyDevice::Cuda(cuda) => job.resume(*cuda, run, iteration),
    }
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
        if self.args.dry_run {
            let (mut gan, images) = build(&self.config, device, &self.data)?;
            initialize(&mut gan, &self.config)?;
            return self.foresee(&gan, images.schedule());
        }
        let (config, output) = (self.config.clone(), &self.args.output);
        let name = format!("{}-{}", config.preset, config.dataset);
        let name = output.name.clone().unwrap_or(name);
        let trainer = Trainer::begin(config, device, &self.data, &output.runs_dir, &name)?;
        self.train(trainer)
    }

    fn resume(self, device: impl Device, run: RunDir, iteration: u64) -> Result<()> {
        if self.args.dry_run {
            let (gan, images) = build(&self.config, device, &self.data)?;
            return self.foresee(&gan, images.schedule());
        }
        let trainer = Trainer::resume(self.config.clone(), device, &self.data, run, iteration)?;
        self.train(trainer)
    }

    fn train(self, mut trainer: Trainer<impl Device>) -> Result<()> {
        let verbosity = self.args.verbosity();
        let begun = trainer.gan().completed();
        if verbosity > Verbosity::Quiet {
            say!("{}", self.banner(trainer.gan(), trainer.schedule()).join("\n"));
            let run = trainer.run().path().display();
            match begun {
                0 => say!("run       {run}"),
                _ => say!("run       {run}, from iteration {begun}"),
            }
        }
        // The device has its own copy.
        drop(self.data);
        trainer.train(verbosity)?;
        if verbosity > Verbosity::Quiet {
            farewell(&trainer, begun);
        }
        Ok(())
    }

    /// Prints what a run would be: its `config.toml`, and the rest as comments of it.
    fn foresee(&self, gan: &Gan<impl Device>, schedule: Schedule) -> Result<()> {
        let text = self.config.to_text()?;
        if self.args.verbosity() > Verbosity::Quiet {
            for line in self.banner(gan, schedule) {
                say!("# {line}");
            }
            say!("# a dry run: nothing was written\n\n{}", text.trim_end());
        }
        Ok(())
    }

    /// What is trained on what, for how long.
    fn banner<D: Device>(&self, gan: &Gan<D>, schedule: Schedule) -> Vec<String> {
        let (config, data) = (&self.config, &self.data);
        let [g, d] = [gan.generator(), gan.discriminator()].map(|network| network.params().len());
        let (version, preset, seed) = (env!("CARGO_PKG_VERSION"), &config.preset, config.seed);
        let mut lines = vec![
            format!("gan-cuda {version}, preset {preset}, seed {seed}"),
            format!("device    {}", gan.device().describe()),
        ];
        lines.extend(self.reason.iter().map(|reason| format!("          {reason}")));
        lines.push(format!("data      {}", data.summary()));
        lines.extend(data.hint.iter().map(|hint| format!("          {hint}")));
        lines.extend([
            format!("memory    {}", Plan::new::<D>(gan.preset(), gan.settings(), data.len())),
            format!("networks  generator {g} parameters, discriminator {d}"),
            format!(
                "length    {} iterations, {} an epoch, batches of {}",
                config.total(schedule),
                schedule.iterations(),
                schedule.batch_size
            ),
        ]);
        lines.extend(schedule.dropped().map(|dropped| {
            format!(
                "          the last {dropped} images of an epoch's order make no whole batch and \
                 are left out"
            )
        }));
        lines
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
