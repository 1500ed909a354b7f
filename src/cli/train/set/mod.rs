//! Sets of runs: `--seeds`, `--sweep`, and `--resume` of a set.
//!
//! | module | holds |
//! |---|---|
//! | this one | what is to be trained: new runs, or those of a set that are not complete |
//! | `variants` | the settings of each run, from the flags |
//! | `data_sets` | the data sets, each loaded once |
//! | `plans`, `start` | the runs before they are trained; how many train at the same time |
//! | `workers` | the threads that train them |
//! | `banner`, `display`, `report` | what is printed before, during and after the training |

mod banner;
mod data_sets;
mod display;
mod plans;
mod report;
mod start;
mod variants;
mod workers;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::flags::Args;
use super::{data, open};
use crate::cli::display::{check_output, print_wrapped};
use crate::cli::error::{Result, refuse};
use crate::device::cpu::Cpu;
use crate::run::checkpoint::Checkpoint;
use crate::run::config::Config;
use crate::run::dir::{RunDir, default_name};
use crate::run::overview::{Overview, State};
use crate::run::set::{RunSet, label};
use crate::run::{self, initial_weights, snapshot};
use crate::text::counted;
use crate::train::trainer::{expect_same_training, schedule};
use data_sets::DataSets;
use plans::{Origin, Plans, Run};
use workers::Start;

/// Trains the runs of `--seeds` and `--sweep`, and returns the exit code. `arguments` are the command
/// line that was parsed to `args`.
pub fn begin(args: &Args, arguments: &[OsString]) -> Result<u8> {
    let (keys, variants) = variants::all(args, arguments)?;
    let (mut runs, mut data_sets) = (Vec::new(), DataSets::default());
    for variant in &variants {
        let name = label(&keys, &variant.values);
        let config = new_config(variant).map_err(|error| error.of_run(&name))?;
        let values = variant.values.clone();
        runs.push(Run { name, values, config, data: 0, completed: 0, folder: None });
    }
    if !args.dry_run {
        RunDir::check_creatable(&args.output.runs_dir)?;
    }
    // Decoding images may take hours, so everything else is checked first.
    let device = Some(open(args, &runs[0].config, None)?);
    for (run, variant) in runs.iter_mut().zip(&variants) {
        let find = |config: &mut Config| data::find(&variant.args, config);
        let found = data_sets.index_of(&mut run.config, find);
        run.data = found.map_err(|error| error.of_run(&run.name))?;
    }
    let name =
        default_name(&format!("{}-{}", runs[0].config.preset, runs[0].config.dataset()?.name()));
    let name = args.output.name.clone().unwrap_or(name);
    Plans { args, runs, data_sets, origin: Origin::New { name, keys }, device }.start()
}

/// The configuration of a new run.
fn new_config(variant: &variants::Variant) -> Result<Config> {
    let mut config = variant.config()?;
    data::fit(&variant.args, &mut config)?;
    variant.args.check_classes(&config)?;
    initial_weights::check::<Cpu<f32>>(&config)?;
    Ok(config)
}

/// The set that `--resume` means, if it means one.
pub fn resumed(args: &Args) -> Result<Option<PathBuf>> {
    let path = match &args.output.resume {
        None => return Ok(None),
        Some(Some(path)) => path.clone(),
        Some(None) => RunDir::newest_or_set(&args.output.runs_dir)?.path().to_owned(),
    };
    Ok(RunSet::is_at(&path).then_some(path))
}

/// Resumes all runs of a set that are not finished, and returns the exit code.
pub fn resume(args: &Args, path: &Path) -> Result<u8> {
    for (given, flag) in [(args.output.name.is_some(), "--name"), (args.output.branch, "--branch")]
    {
        if given {
            return refuse(
                flag,
                format!("is not for all runs of {}; name one of them", path.display()),
            );
        }
    }
    let set = RunSet::open(path)?;
    let lock = if args.dry_run { None } else { Some(set.lock()?) };
    let (mut runs, mut data_sets, mut complete) = (Vec::new(), DataSets::default(), 0);
    for member in set.members() {
        let name = set.label(member);
        let run =
            resumed_run(args, &member.run, &mut data_sets).map_err(|error| error.of_run(&name))?;
        match run {
            None => complete += 1,
            Some(run) => runs.push(Run { name, values: member.values.clone(), ..run }),
        }
    }
    if runs.is_empty() {
        print_wrapped(&format!(
            "nothing to do: {} of {} are complete; raise --epochs or --iterations to train longer",
            counted(complete, "run"),
            path.display()
        ));
        return check_output().map(|()| 0);
    }
    expect_one_device(&runs)?;
    let origin = Origin::Resumed { set, lock, complete };
    Plans { args, runs, data_sets, origin, device: None }.start()
}

/// All runs train on one device; a run that was resumed alone may have had other flags.
fn expect_one_device(runs: &[Run]) -> Result<()> {
    let settings = |run: &Run| {
        let Config { device, precision, gemm, conv, .. } = &run.config;
        [
            ("--device", device.to_string()),
            ("--precision", precision.to_string()),
            ("--gemm", gemm.to_string()),
            ("--conv", conv.to_string()),
        ]
    };
    let first = &runs[0];
    for run in runs {
        for ((flag, value), (_, of_first)) in settings(run).into_iter().zip(settings(first)) {
            if value != of_first {
                let (run, first) = (&run.name, &first.name);
                return refuse(
                    flag,
                    format!("is {of_first} in {first} but {value} in {run}; give it for all runs"),
                );
            }
        }
    }
    Ok(())
}

/// A run of a set, without its name; `None` if it is complete.
fn resumed_run(args: &Args, run: &RunDir, data_sets: &mut DataSets) -> Result<Option<Run>> {
    let previous = Config::read(&run.config())?;
    let mut config = args.config_of_run(&previous)?;
    args.check_classes(&config)?;
    if !args.dry_run {
        let _lock = run.lock()?;
        run.clean()?;
    }
    let data =
        data_sets.index_of(&mut config, |config| data::find_again(args, config, &previous))?;
    // A run that cannot be resumed does not keep the others from it.
    let (completed, start) =
        progress(run, &config).unwrap_or_else(|error| (0, Start::Failed(error)));
    let schedule = schedule(&config.model()?, data_sets.get(data))?;
    let folder = Some((run.clone(), start));
    let run = Run { name: String::new(), values: Vec::new(), config, data, completed, folder };
    Ok((completed < run.config.total(schedule)).then_some(run))
}

/// The completed iterations of a run, and where it starts.
fn progress(run: &RunDir, config: &Config) -> Result<(u32, Start)> {
    let newest = match run.newest_checkpoint() {
        Err(run::Error::NoCheckpoint { .. }) => return Ok(progress_without_checkpoint(run)),
        newest => newest?,
    };
    let checkpoint = Checkpoint::load(&run.checkpoint(newest))?;
    expect_same_training(&checkpoint, config)?;
    Ok((snapshot::iteration(&checkpoint)?, Start::Checkpoint))
}

/// The same for a run without a checkpoint. It begins anew, unless it has finished, and its checkpoints
/// were deleted: then it can only be complete.
fn progress_without_checkpoint(run: &RunDir) -> (u32, Start) {
    let Overview { state, iteration, .. } = Overview::of(run);
    match state {
        State::Finished => {
            let missing = run::Error::NoCheckpoint { path: run.path().to_owned() };
            (u32::try_from(iteration).unwrap_or(u32::MAX), Start::Failed(missing.into()))
        }
        _ => (0, Start::New),
    }
}
