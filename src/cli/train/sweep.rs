//! The values of `--seeds` and `--sweep`.

use std::str::FromStr;

use crate::ranges::{self, SET_RUNS};

/// The seeds of `--seeds`: `0-7` or `1,5,8-9`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seeds(pub Vec<u64>);

/// A setting and its values: `lr=1e-4,2e-4`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sweep {
    /// The name of a flag with underscores, or a key of `config.toml`.
    pub key: String,
    /// Its values, as they were given.
    pub values: Vec<String>,
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

/// Checks the number of runs of a set.
pub fn expect_few(runs: u64) -> Result<(), String> {
    match SET_RUNS.contains(runs) {
        true => Ok(()),
        false => Err(format!("are {runs} runs; the number of runs must be {SET_RUNS}")),
    }
}

/// Checks that no value is there twice.
pub fn expect_different<T: PartialEq>(values: &[T]) -> Result<(), String> {
    match (1..values.len()).any(|i| values[..i].contains(&values[i])) {
        true => Err("has a value twice".to_owned()),
        false => Ok(()),
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
