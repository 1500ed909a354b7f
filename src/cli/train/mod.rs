//! `gan-cuda train`.

mod banner;
mod data;
mod flags;
mod front_end;
mod peers;
mod ranks;
mod resolve;
mod resume;
mod set;
mod sweep;
mod terminal;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::device::{AnyDevice, ChosenDevice, CpuOptions, open_device};
use super::display::{Verbosity, is_terminal, print_lines};
use super::progress::EvaluationBar;
use crate::cli::error::{Result, refuse};
use crate::data::{Dataset, Source};
use crate::device::Device;
use crate::device::cpu::Cpu;
use crate::device::cuda::CudaOptions;
use crate::eval::Evaluator;
use crate::eval::evaluation::Stage;
use crate::gan::Gan;
use crate::gan::dataset::Schedule;
use crate::gan::plan::Plan;
use crate::run::config::Config;
use crate::run::dir::{RunDir, default_name};
use crate::run::initial_weights::{self, initialize};
use crate::train::trainer::{
    Trainer, TrainingImages, build, expect_same_images, restore, restore_to_branch,
};
pub use flags::Args;
pub use front_end::{Beginning, FrontEnd, Trained};
use peers::Peers;
use resume::{ResumePoint, Start, describe};
pub use terminal::run;

/// Trains from scratch or from a checkpoint. A dry run trains nothing.
pub fn train(args: &Args, front_end: &mut dyn FrontEnd) -> Result<Option<Trained>> {
    if args.is_set() {
        return refuse("--seeds", "and --sweep train several runs, which the command line can do");
    }
    if args.ranks.are_given() {
        return refuse(
            "--rank",
            "and --world-size train on several GPUs, which the command line can do",
        );
    }
    train_with(args, front_end, None)
}

/// The same, as rank 0 of several if there are others.
fn train_with(
    args: &Args,
    front_end: &mut dyn FrontEnd,
    peers: Option<&Peers>,
) -> Result<Option<Trained>> {
    match &args.output.resume {
        None => begin(args, front_end, peers),
        Some(path) => resume(args, path.as_deref(), front_end, peers),
    }
}

fn begin(
    args: &Args,
    front_end: &mut dyn FrontEnd,
    peers: Option<&Peers>,
) -> Result<Option<Trained>> {
    let mut config = args.config()?;
    // Without other ranks, whether the device can be used is known before the classes are counted.
    let alone = peers.is_none().then(|| open(args, &config, None)).transpose()?;
    data::fit(args, &mut config)?;
    args.check_classes(&config)?;
    let chosen = match (alone, peers) {
        (Some(chosen), _) => chosen,
        (None, peers) => {
            peers.map_or(Ok(()), |peers| peers.announce(&config, false))?;
            open(args, &config, peers)?
        }
    };
    // Decoding images may take hours, so everything else is checked first.
    initial_weights::check::<Cpu<f32>>(&config)?;
    check_space(args, &config, &chosen.device, true)?;
    let data = data::find(args, &mut config)?;
    Job { args, config, data, reason: chosen.reason, front_end, peers }
        .start(chosen.device, Start::New)
}

fn resume(
    args: &Args,
    path: Option<&Path>,
    front_end: &mut dyn FrontEnd,
    peers: Option<&Peers>,
) -> Result<Option<Trained>> {
    let point = ResumePoint::find(args, path)?;
    let previous = point.config()?;
    let mut config = args.config_of_run(&previous)?;
    args.check_classes(&config)?;
    let start = point.start(args, &mut config)?;
    peers.map_or(Ok(()), |peers| peers.announce(&config, true))?;
    let chosen = open(args, &config, peers)?;
    check_space(args, &config, &chosen.device, matches!(start, Start::Branch { .. }))?;
    let data = data::find_again(args, &mut config, &previous)?;
    if let Start::Branch { checkpoint, .. } = &start
        && !args.output.branch
    {
        expect_same_images(checkpoint, &data)?;
    }
    Job { args, config, data, reason: chosen.reason, front_end, peers }.start(chosen.device, start)
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

fn open(args: &Args, config: &Config, peers: Option<&Peers>) -> Result<ChosenDevice> {
    let cpu = CpuOptions { threads: config.threads, conv: config.conv };
    let &Config { precision, gemm, .. } = config;
    let cuda = CudaOptions { precision, gemm, graphs: !args.length.no_graph };
    match peers {
        None => open_device(config.device, cuda, cpu)?.supporting(config.conv),
        Some(peers) => peers.open(config, cuda),
    }
}

/// A run, ready to train on any device.
struct Job<'a> {
    args: &'a Args,
    config: Config,
    data: Dataset,
    /// Why this device was chosen.
    reason: Option<String>,
    front_end: &'a mut dyn FrontEnd,
    /// The other ranks, if there are any.
    peers: Option<&'a Peers>,
}

impl Job<'_> {
    fn start(mut self, device: AnyDevice, start: Start) -> Result<Option<Trained>> {
        self.peers.map_or(Ok(()), |peers| peers.check_images(&self.data))?;
        self.warn_of_images();
        match device {
            AnyDevice::Cpu(cpu) => self.start_on(cpu, start),
            AnyDevice::Cuda(cuda) => self.start_on(*cuda, start),
        }
    }

    fn warn_of_images(&mut self) {
        let warnings = self.data.warnings.iter().cloned().chain(self.data.quality_warnings());
        warnings.for_each(|warning| self.front_end.warn(warning));
    }

    fn start_on(mut self, device: impl Device, start: Start) -> Result<Option<Trained>> {
        if self.args.dry_run {
            self.dry_run(device, &start)?;
            return Ok(None);
        }
        let evaluator = self.evaluator(&device)?;
        let (config, data) = (self.config.clone(), TrainingImages::of(&self.data));
        let runs_dir = &self.args.output.runs_dir;
        let name = default_name(&format!("{}-{}", config.preset, config.dataset()?.name()));
        let name = self.args.output.name.clone().unwrap_or(name);
        let remarks = remarks(&start, false);
        let stop = self.front_end.stop_flag()?;
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
        if let Some(peers) = self.peers {
            peers.begin(trainer.run());
            trainer.lead(Arc::clone(&peers.group))?;
        }
        self.train(trainer, &stop, &remarks).map(Some)
    }

    /// The evaluator of the generator, if scores are requested.
    fn evaluator<D: Device>(&mut self, device: &D) -> Result<Option<Evaluator<D>>> {
        if self.config.evaluate_interval.is_none() {
            return Ok(None);
        }
        let bar = EvaluationBar::new(self.args.verbosity() > Verbosity::Quiet && is_terminal());
        let learning = &mut |done, all| bar.show(Stage::TrainingClassifier, done, all);
        let evaluator = Evaluator::new(device, &self.config, &self.data, learning);
        bar.finish();
        let evaluator = evaluator?;
        evaluator.warning().into_iter().for_each(|warning| self.front_end.warn(warning));
        Ok(Some(evaluator))
    }

    fn train(
        self,
        mut trainer: Trainer<impl Device>,
        stop: &AtomicBool,
        remarks: &[String],
    ) -> Result<Trained> {
        let (completed, total) = (trainer.gan().completed(), trainer.total());
        let banner = self.banner(trainer.gan(), trainer.schedule());
        // The device has its own copy.
        drop(self.data);
        let run = trainer.run().clone();
        let beginning = Beginning { banner, run: run.path(), remarks, completed, total };
        let outcome = trainer.train(self.front_end.begin(&beginning), stop)?;
        Ok(Trained {
            outcome,
            iterations: [completed, trainer.gan().completed()],
            diverged: trainer.has_diverged(),
            best: trainer.best()?,
            run,
        })
    }

    /// Prints the `config.toml` of a run with the banner as comments.
    fn dry_run(&self, device: impl Device, start: &Start) -> Result<()> {
        let (config, data) = (&self.config, &self.data);
        let (mut gan, images) = build(config, device, TrainingImages::of(data))?;
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
        Ok(())
    }

    /// The first lines of a run: device, data, memory, networks, length.
    fn banner<D: Device>(&self, gan: &Gan<D>, schedule: Schedule) -> Vec<String> {
        let (config, data, model) = (&self.config, &self.data, gan.model());
        let (version, preset, seed) = (env!("CARGO_PKG_VERSION"), &config.preset, config.seed);
        let ranks = gan.device().ranks();
        let plan = Plan::new::<D>(&model.of_rank(ranks), data.len());
        let mut lines = vec![format!("gan-cuda {version}, preset {preset}, seed {seed}")];
        lines.extend(banner::device(&gan.device().describe(), self.reason.as_deref()));
        lines.extend(self.peers.map(Peers::describe));
        lines.extend(banner::data(config, data));
        lines.push(format!("memory    {}", plan.describe::<D>(gan.completed() > 0)));
        lines.push(banner::networks(model));
        lines.extend(banner::length(config, schedule));
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
