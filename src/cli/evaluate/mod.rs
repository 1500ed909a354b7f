//! `gan-cuda evaluate`.

mod data;
mod flags;
mod table;

use std::path::PathBuf;

use super::device::AnyDevice;
use super::display::{is_terminal, warn};
use super::json::{print_json, to_json};
use super::progress::EvaluationBar;
use crate::cli::error::Result;
use crate::data::{DatasetKind, Source};
use crate::device::Device;
use crate::eval::evaluation::{Evaluation, Reference, Task, evaluate};
use crate::gan::sampler::Statistics;
use crate::run::checkpoint::Checkpoint;
use crate::run::config::Config;
use crate::run::snapshot;
use data::Data;
pub use flags::Args;

/// Scores a generator and prints the scores.
pub fn run(args: &Args) -> Result<()> {
    let print = |job: &Job, evaluation: &Evaluation| match args.json {
        true => print_json(&job.report(evaluation)?),
        false => {
            job.print(evaluation);
            Ok(())
        }
    };
    score(args, &mut |warning| warn([warning]), print)
}

/// Scores a generator, prints nothing and returns the JSON.
pub fn report(args: Args, warn: &mut dyn FnMut(String)) -> Result<String> {
    let json = |job: &Job, evaluation: &Evaluation| to_json(&job.report(evaluation)?);
    score(&Args { json: true, ..args }, warn, json)
}

/// Scores a generator and passes the scores to `answer`.
fn score<T>(
    args: &Args,
    warn: &mut dyn FnMut(String),
    answer: impl FnOnce(&Job, &Evaluation) -> Result<T>,
) -> Result<T> {
    let (folder, checkpoint) = args.checkpoint.load()?;
    let config = data::with_data_flags(&args.data, snapshot::config(&checkpoint)?)?;
    let classes = args.noise.classes(&config)?;
    let statistics = args.noise.statistics(&config, args.count)?;
    let chosen = args.device.open(config.conv)?;
    let data = Data::load(args, &checkpoint, &config, warn)?;
    let job =
        Job { args, folder, checkpoint, config, classes, statistics, data, reason: chosen.reason };
    let evaluation = match chosen.device {
        AnyDevice::Cpu(cpu) => job.run(cpu)?,
        AnyDevice::Cuda(cuda) => job.run(*cuda)?,
    };
    evaluation.warning().into_iter().for_each(warn);
    answer(&job, &evaluation)
}

/// An evaluation, ready to run on any device.
struct Job<'a> {
    args: &'a Args,
    folder: PathBuf,
    checkpoint: Checkpoint,
    config: Config,
    classes: Vec<u32>,
    statistics: Statistics,
    data: Data,
    /// Why this device was chosen.
    reason: Option<String>,
}

impl Job<'_> {
    fn run(&self, device: impl Device) -> Result<Evaluation> {
        self.banner(&device);
        let batch_size = match self.statistics {
            Statistics::Running => self.config.gan.batch_size.min(self.args.count),
            Statistics::Batch => self.args.count,
        };
        let feature_device = device.new_stream().map_err(crate::Error::from)?;
        let mut sampler = snapshot::sampler(device, &self.checkpoint, &self.config, batch_size)?;
        let bar = EvaluationBar::new(!self.args.json && is_terminal());
        let evaluation =
            evaluate(&mut sampler, &feature_device, &self.task(), &mut |stage, done, all| {
                bar.show(stage, done, all);
            });
        bar.finish();
        Ok(evaluation?)
    }

    fn task(&self) -> Task<'_> {
        Task {
            data: &self.data.training,
            test: self.data.test.as_ref(),
            kind: self.kind(),
            reference: match (&self.args.reference, &self.data.others) {
                (_, Some(others)) => Reference::Others(others),
                (flags::Reference::Train, _) => Reference::Training,
                _ => Reference::HeldOut,
            },
            count: self.args.count,
            seed: self.seed(),
            statistics: self.statistics,
            classes: &self.classes,
            threads: self.args.device.threads(),
            cache: self.data.cache.as_deref(),
        }
    }

    fn kind(&self) -> Option<DatasetKind> {
        match self.config.dataset {
            Some(Source::Named(kind)) => Some(kind),
            _ => None,
        }
    }
}
