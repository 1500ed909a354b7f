//! `gan-cuda train`.

mod data;
mod flags;
mod resolve;
mod resume;

use std::path::Path;
use std::process::ExitCode;

use super::advice::how_to_get;
use super::device::{AnyDevice, ChosenDevice, CpuOptions, open_device};
use super::display::{
    Display, Verbosity, check_output, is_terminal, print_lines, print_wrapped, warn,
};
use super::progress::EvaluationBar;
use super::signals::Signals;
use crate::cli::error::Result;
use crate::data::{Dataset, DatasetKind, Origin, Source};
use crate::device::Device;
use crate::device::cpu::Cpu;
use crate::eval::Evaluator;
use crate::eval::evaluation::Stage;
use crate::formats::stats::ScoreEntry;
use crate::gan::dataset::Schedule;
use crate::gan::plan::Plan;
use crate::gan::{Gan, Role};
use crate::run::config::Config;
use crate::run::dir::{RunDir, default_name};
use crate::run::initial_weights::{self, initialize};
use crate::text::{counted, grouped, significant};
use crate::train::trainer::{
    Outcome, Trainer, build, expect_same_images, restore, restore_to_branch,
};
pub use flags::Args;
use resume::{ResumePoint, Start, describe};

/// Trains from scratch or from a checkpoint, and returns the exit code.
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
    // Decoding images may take hours, so everything else is checked first.
    initial_weights::check::<Cpu<f32>>(&config)?;
    check_space(args, &config, &chosen.device, true)?;
    let data = data::find(args, &mut config)?;
    Job { args, config, data, reason: chosen.reason }.start(chosen.device, Start::New)
}

fn resume(args: &Args, path: Option<&Path>) -> Result<ExitCode> {
    let point = ResumePoint::find(args, path)?;
    let previous = point.config()?;
    let mut config = args.config_of_run(&previous)?;
    args.check_classes(&config)?;
    let start = point.start(args, &mut config)?;
    let chosen = open(args, &config)?;
    check_space(args, &config, &chosen.device, matches!(start, Start::Branch { .. }))?;
    let data = data::find_again(args, &mut config, &previous)?;
    if let Start::Branch { checkpoint, .. } = &start
        && !args.output.branch
    {
        expect_same_images(checkpoint, &data)?;
    }
    Job { args, config, data, reason: chosen.reason }.start(chosen.device, start)
}

/// Checks that a new run's folder can be created and, before images are decoded, that the networks
/// fit into memory.
fn check_space(args: &Args, config: &Config, device: &AnyDevice, new: bool) -> Result<()> {
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

fn open(args: &Args, config: &Config) -> Result<ChosenDevice> {
    let cpu = CpuOptions { threads: config.threads, conv: config.conv };
    open_device(config.device, config.precision, cpu, !args.length.no_graph)?
        .supporting(config.conv)
}

/// A run, ready to train on any device.
struct Job<'a> {
    args: &'a Args,
    config: Config,
    data: Dataset,
    /// Why this device was chosen.
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
            return self.dry_run(device, &start);
        }
        let (config, data, runs_dir) =
            (self.config.clone(), &self.data, &self.args.output.runs_dir);
        let name = default_name(&format!("{}-{}", config.preset, config.dataset()?.name()));
        let name = self.args.output.name.clone().unwrap_or(name);
        let remarks = remarks(&start, false);
        let evaluator = self.evaluator(&device)?;
        // Before this point there is nothing to save, and a signal ends the process.
        let signals = Signals::listen()?;
        let mut trainer = match start {
            Start::New => Trainer::begin(config, device, data, runs_dir, &name)?,
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

    /// The evaluator of the generator, if scores are requested.
    fn evaluator<D: Device>(&self, device: &D) -> Result<Option<Evaluator<D>>> {
        if self.config.evaluate_interval.is_none() {
            return Ok(None);
        }
        let bar = EvaluationBar::new(self.args.verbosity() > Verbosity::Quiet && is_terminal());
        let learning = &mut |done, all| bar.show(Stage::TrainingClassifier, done, all);
        let evaluator = Evaluator::new(device, &self.config, &self.data, learning);
        bar.finish();
        let evaluator = evaluator?;
        if self.args.verbosity() > Verbosity::Quiet {
            warn(evaluator.warning());
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
        let first = trainer.gan().completed();
        if verbosity > Verbosity::Quiet {
            self.banner(trainer.gan(), trainer.schedule())
                .iter()
                .for_each(|line| print_wrapped(line));
            let run = trainer.run().path().display();
            match first {
                0 => print_line!("run       {run}"),
                _ => print_line!("run       {run}, from iteration {first}"),
            }
            if first < trainer.total() {
                remarks.iter().for_each(|line| print_wrapped(line));
            }
        }
        // The device has its own copy.
        drop(self.data);
        let mut display = Display::new(verbosity, first, trainer.total());
        let end = trainer.train(&mut display, &signals.received);
        display.finish();
        let end = end?;
        let (signal, code) = match end {
            Outcome::Finished => ("", ExitCode::SUCCESS),
            Outcome::Stopped => signals.last(),
        };
        match end {
            // With --quiet, too, a diverged run must not look successful.
            _ if verbosity == Verbosity::Quiet => {
                if trainer.has_diverged() {
                    warn([DIVERGED.to_owned()]);
                }
            }
            Outcome::Finished => print_summary(&trainer, first)?,
            Outcome::Stopped => print_stopped(&trainer, signal)?,
        }
        if end == Outcome::Finished {
            check_output()?;
        }
        Ok(code)
    }

    /// Prints the `config.toml` of a run with the banner as comments.
    fn dry_run(&self, device: impl Device, start: &Start) -> Result<ExitCode> {
        let (config, data) = (&self.config, &self.data);
        let (mut gan, images) = build(config, device, data)?;
        match start {
            Start::New => initialize(&mut gan, config)?,
            Start::Run { checkpoint, .. } => drop(restore(&mut gan, checkpoint, config, data)?),
            Start::Branch { checkpoint, .. } => {
                restore_to_branch(&mut gan, checkpoint, config, images.schedule())?;
            }
        }
        let text = self.config.to_text()?;
        if self.args.verbosity() > Verbosity::Quiet {
            for line in self.banner(&gan, images.schedule()).iter().chain(&remarks(start, true)) {
                print_line!("# {line}");
            }
            print_line!("# dry run: nothing was written");
            print_line!("");
            print_lines(&text);
        }
        check_output()?;
        Ok(ExitCode::SUCCESS)
    }

    /// The first lines of a run: device, data, memory, networks, length.
    fn banner<D: Device>(&self, gan: &Gan<D>, schedule: Schedule) -> Vec<String> {
        let (config, data) = (&self.config, &self.data);
        let [g, d] = Role::BOTH
            .map(|role| grouped(gan.trained_network(role).network.params().count() as u64));
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
            format!("memory    {}", plan.describe::<D>(gan.completed() > 0)),
            format!("networks  generator {g} parameters, discriminator {d}"),
            format!(
                "length    {} iterations, {} per epoch, batch size {}",
                config.total(schedule),
                schedule.iterations(),
                schedule.batch_size
            ),
        ]);
        if schedule.images < schedule.batch_size {
            let images = counted(schedule.images, "image");
            lines.push(format!(
                "          only {images}, fewer than the batch size: each batch has all of them"
            ));
        }
        lines.extend(schedule.dropped().map(|dropped| {
            format!(
                "          the last {dropped} images of each shuffled epoch are dropped \
                 (incomplete batch)"
            )
        }));
        lines
    }
}

/// Lines about the start of a resumed run or a branch.
fn remarks(start: &Start, dry_run: bool) -> Vec<String> {
    match start {
        Start::Run { later, .. } if !later.checkpoints.is_empty() => {
            let removed = if dry_run { "removes " } else { "removed " };
            vec![format!("{removed}  {}", describe(later))]
        }
        Start::Branch { folder, standalone, .. } => {
            let folder = folder.display();
            let mut lines = vec![format!("branch    of {folder}, which stays unchanged")];
            if *standalone {
                lines.push(
                    "          not in a run folder: log, samples and plots start with this run"
                        .to_owned(),
                );
            }
            lines
        }
        _ => Vec::new(),
    }
}

/// Prints the summary of a run that a signal stopped.
fn print_stopped(trainer: &Trainer<impl Device>, signal: &str) -> Result<()> {
    print_best(trainer)?;
    let (done, run) = (trainer.gan().completed(), quoted(trainer.run().path()));
    print_wrapped(&format!(
        "{signal}: stopped after iteration {done}; to resume: gan-cuda train --resume {run}"
    ));
    Ok(())
}

/// Prints the best score of the run and its iteration, if there are scores.
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

/// A path, quoted for a shell.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || "/._-+=:,@%".contains(c);
    match text.chars().all(plain) {
        true => text,
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

const DIVERGED: &str = "diverged: the losses exploded and did not recover";

/// Prints the summary of a finished run.
fn print_summary(trainer: &Trainer<impl Device>, first: u32) -> Result<()> {
    let (done, run) = (trainer.gan().completed(), trainer.run());
    let outcome = match trainer.has_diverged() {
        true => format!("{DIVERGED};"),
        false => "done:".to_owned(),
    };
    print_best(trainer)?;
    match first < done {
        true => print_line!(
            "{outcome} {done} iterations; samples, losses and checkpoints are in {}",
            run.path().display()
        ),
        false => print_line!(
            "nothing to do: all {done} iterations are complete; raise --epochs or --iterations to \
             train longer"
        ),
    }
    Ok(())
}
