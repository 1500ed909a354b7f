//! The runs of a set: each combination of the values of `--seeds` and `--sweep`.
//!
//! A value of a setting means what its flag means: the command line is parsed again for each run, with
//! the flag appended. Settings without a flag are values of `config.toml`.

use std::ffi::OsString;

use clap::{Arg, ArgAction, Command, Parser};

use super::super::flags::Args;
use super::super::sweep::{Seeds, Sweep, expect_different, expect_few};
use crate::cli::error::{Error, Result, refuse};
use crate::cli::{Cli, Command as Given};
use crate::run::config::Config;
use crate::run::set::SEED;

/// Flags that concern the command or the device and not a single run.
const OF_THE_SET: [&str; 24] = [
    "branch",
    "config",
    "conv",
    "device",
    "dry-run",
    "force",
    "gemm",
    "join-timeout",
    "local-rank",
    "master-addr",
    "master-port",
    "name",
    "ngpu",
    "no-graph",
    "precision",
    "quiet",
    "rank",
    "resume",
    "runs-dir",
    "seeds",
    "sweep",
    "threads",
    "verbose",
    "world-size",
];

/// A run of a set.
pub struct Variant {
    /// The values of the settings that differ.
    pub values: Vec<String>,
    /// Its command line.
    pub args: Args,
    /// Settings that have no flag.
    others: Vec<[String; 2]>,
}

/// The settings that differ, and all runs: each value of the first setting with each of the next, the
/// seeds last. `arguments` are the command line that was parsed to `args`.
pub fn all(args: &Args, arguments: &[OsString]) -> Result<(Vec<String>, Vec<Variant>)> {
    let mut sweeps = args.sweep.clone();
    if let Some(Seeds(seeds)) = &args.seeds {
        if args.seed.is_some() {
            return refuse("--seed", "is one seed, and --seeds has several; omit one of them");
        }
        let values = seeds.iter().map(u64::to_string).collect();
        sweeps.push(Sweep { key: SEED.to_owned(), values });
    }
    let keys: Vec<_> = sweeps.iter().map(|sweep| sweep.key.clone()).collect();
    if let Err(problem) = expect_different(&keys) {
        return refuse("--sweep", format!("{problem}: each setting can be given once"));
    }
    let runs =
        sweeps.iter().fold(1u64, |runs, sweep| runs.saturating_mul(sweep.values.len() as u64));
    if let Err(problem) = expect_few(runs) {
        return refuse("--sweep", problem);
    }
    let settings = keys.iter().map(|key| Setting::of(key)).collect::<Result<Vec<_>>>()?;
    let mut variants = vec![Vec::new()];
    for Sweep { values, .. } in &sweeps {
        let with = |before: &Vec<String>| {
            let before = before.clone();
            values.iter().map(move |value| [before.clone(), vec![value.clone()]].concat())
        };
        variants = variants.iter().flat_map(with).collect();
    }
    let variants = variants.into_iter().map(|values| variant(arguments, &settings, values));
    Ok((keys, variants.collect::<Result<_>>()?))
}

/// How a setting is given.
enum Setting {
    /// By a flag with a value.
    Flag(String),
    /// By a flag that is present or not.
    Switch(String),
    /// By a key of `config.toml`.
    Key(String),
}

impl Setting {
    fn of(key: &str) -> Result<Setting> {
        let name = key.replace('_', "-");
        let command = <Args as clap::Args>::augment_args(Command::new("train"));
        let flag = command.get_arguments().find(|flag| flag.get_long() == Some(&name));
        if OF_THE_SET.contains(&name.as_str()) {
            return refuse(
                "--sweep",
                format!("cannot vary {key}: it is the same for all runs of a set"),
            );
        }
        let is_switch = |flag: &Arg| matches!(flag.get_action(), ArgAction::SetTrue);
        Ok(match flag {
            Some(flag) if is_switch(flag) => Setting::Switch(format!("--{name}")),
            Some(_) => Setting::Flag(format!("--{name}")),
            None => Setting::Key(key.to_owned()),
        })
    }
}

/// A run with these values of the settings.
fn variant(arguments: &[OsString], settings: &[Setting], values: Vec<String>) -> Result<Variant> {
    let (mut arguments, mut others) = (arguments.to_vec(), Vec::new());
    for (setting, value) in settings.iter().zip(&values) {
        match setting {
            Setting::Flag(flag) => arguments.push(format!("{flag}={value}").into()),
            Setting::Switch(flag) => match value.as_str() {
                "true" if !arguments.iter().any(|given| *given == **flag) => {
                    arguments.push(flag.into());
                }
                "false" if !arguments.iter().any(|given| *given == **flag) => {}
                "true" | "false" => {
                    return refuse(flag, "is given, and --sweep varies it; omit it");
                }
                _ => return refuse("--sweep", format!("varies {flag}, which is true or false")),
            },
            Setting::Key(key) => others.push([key.clone(), value.clone()]),
        }
    }
    match Cli::try_parse_from(arguments)?.command {
        Given::Train(args) => Ok(Variant { values, args: *args, others }),
        _ => refuse("--sweep", "is a flag of train"),
    }
}

impl Variant {
    /// The configuration of the run.
    pub fn config(&self) -> Result<Config> {
        let mut config = self.args.config()?;
        for [key, value] in &self.others {
            config = config.with(key, value).map_err(|problem| Error::Flag {
                flag: "--sweep".to_owned(),
                problem: format!("cannot set {key} to {value}: {problem}"),
            })?;
        }
        if let (false, Err(problem)) = (self.others.is_empty(), config.check()) {
            return refuse("--sweep", format!("does not fit: {problem}"));
        }
        self.args.checked(config)
    }
}
