//! `gan-cuda train`.

mod data;
mod flags;
mod resolve;
mod resume;

use std::path::Path;
use std::process::ExitCode;

use gan_cuda::data::{Dataset, DatasetKind, Origin, Source};
use gan_cuda::device::Device;
use gan_cuda::device::cpu::Cpu;
use gan_cuda::eval::Evaluator;
use gan_cuda::eval::evaluation::Stage;
use gan_cuda::formats::stats::ScoreEntry;
use gan_cuda::gan::dataset::Schedule;
use gan_cuda::gan::plan::Plan;
use gan_cuda::gan::{Gan, Role};
use gan_cuda::run::config::Config;
use gan_cuda::run::dir::{RunDir, default_name};
use gan_cuda::run::initial_weights::{self, initialize};
use gan_cuda::text::{counted, grouped, significant};
use gan_cuda::train::trainer::{
    End, Trainer, build, expect_same_images, restore, restore_to_branch,
};

use super::advice::how_to_get;
use super::device::{AnyDevice, Chosen, CpuChoice, open_device};
use super::display::{
    Display, Verbosity, check_output, is_terminal, print_lines, print_wrapped, warn,
};
use super::signals::Signals;
use super::stages::Bar;
use crate::cli::error::Result;
pub use flags::Args;
use resume::{Found, Start, in_words};

/// Trains, from the beginning or from a checkpoint, and says with which code to exit.
pub fn run(args: Args) -> Result<ExitCode> {
    match &args.output.resume {
        None => begin(&args),
        Some(path) => resume(&args, path.as_deref()),
    }
}

fn begin(args: &Args) -> Result<ExitCode> {
    let mut config = args.config()?;
    let chosen = open(args, &config)?;
    data::fit(args, &mut config)?;
    args.check_classes(&config)?;
    // Images may take hours to decode: what else may be wrong comes first.
    initial_weights::check::<Cpu<f32>>(&config)?;
    check_room(args, &config, &chosen.device, true)?;
    let data = data::find(args, &mut config)?;
    Job { args, config, data, reason: chosen.reason }.start(chosen.device, Start::Anew)
}

fn resume(args: &Args, path: Option<&Path>) -> Result<ExitCode> {
    let found = Found::find(args, path)?;
    let was = found.config()?;
    let mut config = args.config_of_run(&was)?;
    args.check_classes(&config)?;
    let start = found.start(args, &mut config)?;
    let chosen = open(args, &config)?;
    check_room(args, &config, &chosen.device, matches!(start, Start::Branch { .. }))?;
    let data = data::find_again(args, &mut config, &was)?;
    if let Start::Branch { checkpoint, .. } = &start
        && !args.output.branch
    {
        expect_same_images(checkpoint, &data)?;
    }
    Job { args, config, data, reason: chosen.reason }.start(chosen.device, start)
}

/// Makes sure of a place for a new run's folder, and where images are to be decoded of memory, as far
/// as it does not depend on their number.
fn check_room(args: &Args, config: &Config, device: &AnyDevice, new: bool) -> Result<()> {
    if let Source::Folder(_) = config.dataset()? {
        let model = config.model()?;
        match device {
            AnyDevice::Cpu(cpu) => Plan::fitting(cpu, &model, 0)?,
            AnyDevice::Cuda(cuda) => Plan::fitting(&**cuda, &model, 0)?,
        };
    }
    match new && !args.dry_run {
        true => Ok(RunDir::check_creatable(&args.output.runs_dir)?),
        false => Ok(()),
    }
}

fn open(args: &Args, config: &Config) -> Result<Chosen> {
    let cpu = CpuChoice { threads: config.threads, conv: config.conv };
    open_device(config.device, config.precision, cpu, !args.length.no_graph)?.honouring(config.conv)
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
    fn start(self, device: AnyDevice, start: Start) -> Result<ExitCode> {
        match device {
            AnyDevice::Cpu(cpu) => self.start_on(cpu, start),
            AnyDevice::Cuda(cuda) => self.start_on(*cuda, start),
        }
    }

    fn start_on(self, device: impl Device, start: Start) -> Result<ExitCode> {
        if self.args.dry_run {
            return self.foresee(device, &start);
        }
        let (config, data, runs_dir) =
            (self.config.clone(), &self.data, &self.args.output.runs_dir);
        let name = default_name(&format!("{}-{}", config.preset, config.dataset()?.name()));
        let name = self.args.output.name.clone().unwrap_or(name);
        let remarks = remarks(&start, false);
        let evaluator = self.evaluator(&device)?;
        // Until here there is nothing to save, and a signal ends the process.
        let signals = Signals::listen()?;
        let mut trainer = match start {
            Start::Anew => Trainer::begin(config, device, data, runs_dir, &name)?,
            Start::Run { run, lock, checkpoint, .. } => {
                let lock = lock.map_or_else(|| run.lock(), Ok)?;
                Trainer::resume(config, device, data, (run, lock), &checkpoint)?
            }
            Start::Branch { checkpoint, .. } => {
                Trainer::branch(config, device, data, &checkpoint, (runs_dir, &name))?
            }
        };
        if let Some(evaluator) = evaluator {
            trainer.evaluate_with(evaluator);
        }
        self.train(trainer, &signals, &remarks)
    }

    /// What scores the generator, if that is wanted.
    fn evaluator<D: Device>(&self, device: &D) -> Result<Option<Evaluator<D>>> {
        if self.config.evaluate_interval.is_none() {
            return Ok(None);
        }
        let bar = Bar::new(self.args.verbosity() > Verbosity::Quiet && is_terminal());
        let learning = &mut |done, all| bar.show(Stage::Learning, done, all);
        let evaluator = Evaluator::new(device, &self.config, &self.data, learning);
        bar.finish();
        let evaluator = evaluator?;
        if self.args.verbosity() > Verbosity::Quiet {
            warn(evaluator.doubt());
        }
        Ok(Some(evaluator))
    }

    fn train(
        self,
        mut trainer: Trainer<impl Device>,
        signals: &Signals,
        remarks: &[String],
    ) -> Result<ExitCode> {
        let verbosity = self.args.verbosity();
        let begun = trainer.gan().completed();
        if verbosity > Verbosity::Quiet {
            self.banner(trainer.gan(), trainer.schedule())
                .iter()
                .for_each(|line| print_wrapped(line));
            let run = trainer.run().path().display();
            match begun {
                0 => say!("run       {run}"),
                _ => say!("run       {run}, from iteration {begun}"),
            }
            if begun < trainer.total() {
                remarks.iter().for_each(|line| print_wrapped(line));
            }
        }
        // The device has its own copy.
        drop(self.data);
        let mut display = Display::new(verbosity, begun, trainer.total());
        let end = trainer.train(&mut display, &signals.heard);
        display.finish();
        let end = end?;
        let (signal, code) = match end {
            End::Finished => ("", ExitCode::SUCCESS),
            End::Stopped => signals.last(),
        };
        match end {
            // Whoever hears of errors alone must not take it for a good one.
            _ if verbosity == Verbosity::Quiet => {
                if trainer.has_diverged() {
                    warn([DIVERGED.to_owned()]);
                }
            }
            End::Finished => farewell(&trainer, begun)?,
            End::Stopped => stopped(&trainer, signal)?,
        }
        if end == End::Finished {
            check_output()?;
        }
        Ok(code)
    }

    /// Prints what a run would be: its `config.toml`, and the rest as comments of it.
    fn foresee(&self, device: impl Device, start: &Start) -> Result<ExitCode> {
        let (config, data) = (&self.config, &self.data);
        let (mut gan, images) = build(config, device, data)?;
        match start {
            Start::Anew => initialize(&mut gan, config)?,
            Start::Run { checkpoint, .. } => drop(restore(&mut gan, checkpoint, config, data)?),
            Start::Branch { checkpoint, .. } => {
                restore_to_branch(&mut gan, checkpoint, config, images.schedule())?;
            }
        }
        let text = self.config.to_text()?;
        if self.args.verbosity() > Verbosity::Quiet {
            for line in self.banner(&gan, images.schedule()).iter().chain(&remarks(start, true)) {
                say!("# {line}");
            }
            say!("# a dry run: nothing was written");
            say!("");
            print_lines(&text);
        }
        check_output()?;
        Ok(ExitCode::SUCCESS)
    }

    /// What is trained on what, for how long.
    fn banner<D: Device>(&self, gan: &Gan<D>, schedule: Schedule) -> Vec<String> {
        let (config, data) = (&self.config, &self.data);
        let [g, d] =
            Role::BOTH.map(|role| grouped(gan.player(role).network.params().count() as u64));
        let (version, preset, seed) = (env!("CARGO_PKG_VERSION"), &config.preset, config.seed);
        let plan = Plan::new::<D>(gan.model(), data.len());
        let mut lines = vec![
            format!("gan-cuda {version}, preset {preset}, seed {seed}"),
            format!("device    {}", gan.device().describe()),
        ];
        lines.extend(self.reason.iter().map(|reason| format!("          {reason}")));
        lines.push(format!("data      {}", data.summary()));
        if data.origin == Origin::Embedded {
            lines.push(format!("          {}", how_to_get(DatasetKind::Mnist)));
        }
        lines.extend([
            format!("memory    {}", plan.in_words::<D>(gan.completed() > 0)),
            format!("networks  generator {g} parameters, discriminator {d}"),
            format!(
                "length    {} iterations, {} an epoch, batches of {}",
                config.total(schedule),
                schedule.iterations(),
                schedule.batch_size
            ),
        ]);
        if schedule.images < schedule.batch_size {
            let images = counted(schedule.images, "image");
            lines
                .push(format!("          {images} in all, fewer than a batch: each sees them all"));
        }
        lines.extend(schedule.dropped().map(|dropped| {
            format!(
                "          the last {dropped} images of an epoch's order make no whole batch and \
                 are left out"
            )
        }));
        lines
    }
}

/// What to say of what a run begins from.
fn remarks(start: &Start, dry_run: bool) -> Vec<String> {
    match start {
        Start::Run { later, .. } if !later.checkpoints.is_empty() => {
            let removed = if dry_run { "removes " } else { "removed " };
            vec![format!("{removed}  {}", in_words(later))]
        }
        Start::Branch { folder, alone, .. } => {
            let folder = folder.display();
            let mut lines = vec![format!("branch    of {folder}, which stays as it is")];
            if *alone {
                lines.push(
                    "          it lies in no run's folder: log, samples and plots begin with this \
                     run"
                    .to_owned(),
                );
            }
            lines
        }
        _ => Vec::new(),
    }
}

/// What to say of a run that was asked to stop.
fn stopped(trainer: &Trainer<impl Device>, signal: &str) -> Result<()> {
    print_best(trainer)?;
    let (done, run) = (trainer.gan().completed(), quoted(trainer.run().path()));
    print_wrapped(&format!(
        "{signal}: stopped after iteration {done}; to go on: gan-cuda train --resume {run}"
    ));
    Ok(())
}

/// Says after which iteration the run's generator was at its best, if it was ever scored.
fn print_best(trainer: &Trainer<impl Device>) -> Result<()> {
    let Some((measure, ScoreEntry { iteration, scores })) = trainer.best()? else {
        return Ok(());
    };
    let score = scores.by(measure).map_or_else(String::new, significant);
    let folder = trainer.run().checkpoint(iteration);
    let kept = if folder.is_dir() { format!(": {}", folder.display()) } else { String::new() };
    print_wrapped(&format!(
        "best      {} {score}, after iteration {iteration}{kept}",
        measure.name()
    ));
    Ok(())
}

/// A path as a shell takes it.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || "/._-+=:,@%".contains(c);
    match text.chars().all(plain) {
        true => text,
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

const DIVERGED: &str = "diverged: the losses exploded and stayed so";

fn farewell(trainer: &Trainer<impl Device>, begun: u32) -> Result<()> {
    let (done, run) = (trainer.gan().completed(), trainer.run());
    let how = match trainer.has_diverged() {
        true => format!("{DIVERGED};"),
        false => "done:".to_owned(),
    };
    print_best(trainer)?;
    match begun < done {
        true => say!(
            "{how} {done} iterations; samples, losses and checkpoints are in {}",
            run.path().display()
        ),
        false => say!(
            "nothing to do: the run has its {done} iterations; give more with --epochs or --iterations"
        ),
    }
    Ok(())
}
