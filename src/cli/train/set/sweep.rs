//! `--seeds` and `--sweep`: the settings of each run of a set.
//!
//! A value of a setting means what its flag means: the command line is parsed again for each run, with
//! the flag appended. Settings without a flag are values of `config.toml`.

use std::ffi::OsString;
use std::str::FromStr;

use clap::{Arg, ArgAction, Command, Parser};

use super::super::flags::Args;
use crate::cli::error::{Error, Result, refuse};
use crate::cli::{Cli, Command as Given};
use crate::ranges::{self, SET_RUNS};
use crate::run::config::Config;
use crate::run::set::SEED;

/// Flags that concern the command or the device and not a single run.
const OF_THE_SET: [&str; 16] = [
    "branch",
    "config",
    "conv",
    "device",
    "dry-run",
    "force",
    "name",
    "ngpu",
    "no-graph",
    "precision",
    "quiet",
    "resume",
    "runs-dir",
    "seeds",
    "sweep",
    "threads",
];

/// The seeds of `--seeds`: `0-7` or `1,5,8-9`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seeds(Vec<u64>);

/// A setting and its values: `lr=1e-4,2e-4`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sweep {
    key: String,
    values: Vec<String>,
}

/// A run of a set.
pub struct Variant {
    /// The values of the settings that differ.
    pub values: Vec<String>,
    /// Its command line.
    pub args: Args,
    /// Settings that have no flag.
    others: Vec<[String; 2]>,
}

impl FromStr for Seeds {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let invalid = || format!("must be seeds such as 0-7 or 1,5,8-9, each {}", ranges::SEED);
        let seed = |text: &str| {
            text.parse::<u64>().ok().filter(|&seed| ranges::SEED.contains(seed)).ok_or_else(invalid)
        };
        let mut seeds = Vec::new();
        for part in text.split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last) = (seed(first)?, seed(last)?);
            if last < first {
                return Err(invalid());
            }
            expect_few(last - first + 1 + seeds.len() as u64)?;
            seeds.extend(first..=last);
        }
        expect_different(&seeds)?;
        Ok(Seeds(seeds))
    }
}

impl FromStr for Sweep {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let invalid = || "must be a setting with its values, such as lr=1e-4,2e-4".to_owned();
        let (key, values) = text.split_once('=').ok_or_else(invalid)?;
        let values: Vec<_> = values.split(',').map(|value| value.trim().to_owned()).collect();
        if key.is_empty() || values.iter().any(String::is_empty) {
            return Err(invalid());
        }
        expect_different(&values)?;
        let key = key.trim().trim_start_matches("--").replace('-', "_");
        Ok(Sweep { key: key.strip_prefix("gan.").unwrap_or(&key).to_owned(), values })
    }
}

fn expect_few(runs: u64) -> Result<(), String> {
    match SET_RUNS.contains(runs) {
        true => Ok(()),
        false => Err(format!("are {runs} runs; the number of runs must be {SET_RUNS}")),
    }
}

fn expect_different<T: PartialEq>(values: &[T]) -> Result<(), String> {
    match (1..values.len()).any(|i| values[..i].contains(&values[i])) {
        true => Err("has a value twice".to_owned()),
        false => Ok(()),
    }
}

/// The settings that differ, and all runs: each value of the first setting with each of the next, the
/// seeds last. `arguments` are the command line that was parsed to `args`.
pub fn variants(args: &Args, arguments: &[OsString]) -> Result<(Vec<String>, Vec<Variant>)> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_ranges_and_numbers() {
        let seeds = |text: &str| text.parse::<Seeds>().map(|Seeds(seeds)| seeds);
        assert_eq!(seeds("0-3"), Ok(vec![0, 1, 2, 3]));
        assert_eq!(seeds("5,1,8-9"), Ok(vec![5, 1, 8, 9]));
        for wrong in ["", "3-1", "a", "1,", "-3", "1-", "1,0-2", "0-18446744073709551615", "0-1000"]
        {
            assert!(seeds(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn sweeps_are_a_setting_with_different_values() {
        let sweep = |text: &str| text.parse::<Sweep>().map(|of| (of.key, of.values));
        let values = |values: &[&str]| values.iter().map(|&value| value.to_owned()).collect();
        assert_eq!(sweep("lr=1e-4,2e-4"), Ok(("lr".to_owned(), values(&["1e-4", "2e-4"]))));
        assert_eq!(sweep("gan.batch-size=64"), Ok(("batch_size".to_owned(), values(&["64"]))));
        for wrong in ["lr", "=1", "lr=", "lr=1,,2", "lr=1,1"] {
            assert!(sweep(wrong).is_err(), "{wrong:?}");
        }
    }
}
