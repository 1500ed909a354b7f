//! Differences between two configurations, for resumed and branched runs.

use super::{Config, config_text};
use crate::run::Result;

/// Keys that may change when a run is resumed. Whether images at another path are the same is
/// checked by their checksum.
const CHANGEABLE: [&str; 23] = [
    "branched_from",
    "checkpoint_interval",
    // The data checksum detects another order; older runs have no names.
    "class_names",
    "conv",
    "data_dir",
    "dataset",
    "device",
    "epochs",
    "evaluate_interval",
    "gemm",
    "iterations",
    "keep",
    "keep_best",
    "log_interval",
    "notes",
    "precision",
    "sample_grid",
    "sample_interval",
    "skip_bad_images",
    "source",
    "summary",
    "tensorboard",
    "threads",
];

/// Keys that may differ between the ranks of a run: what is known to one host only.
const OF_A_HOST: [&str; 6] =
    ["branched_from", "class_names", "data_dir", "dataset", "device", "threads"];

/// Keys, or prefixes of keys, that define the networks, which a branch shares with its origin.
const NETWORKS: [&str; 9] = [
    "gan.classes",
    "gan.discriminator.",
    "gan.generator.",
    "gan.image.",
    "gan.init",
    "gan.latent_dim",
    "gan.pack",
    "gan.spectral_norm",
    "preset",
];

impl Config {
    /// The first key, such as `gan.lr`, whose value makes this configuration train differently from
    /// another; `None` if they differ only in duration, device and outputs, or not at all.
    ///
    /// # Errors
    /// As [`Config::to_text`].
    pub fn training_difference(&self, other: &Config) -> Result<Option<String>> {
        self.difference(other, |key| !CHANGEABLE.contains(&key))
    }

    /// The same for everything that must be the same on all ranks of a run.
    ///
    /// # Errors
    /// As [`Config::to_text`].
    pub fn rank_difference(&self, other: &Config) -> Result<Option<String>> {
        self.difference(other, |key| !OF_A_HOST.contains(&key))
    }

    /// The same for values that define the networks and their initialization.
    ///
    /// # Errors
    /// As [`Config::to_text`].
    pub fn network_difference(&self, other: &Config) -> Result<Option<String>> {
        self.difference(other, |key| NETWORKS.iter().any(|prefix| key.starts_with(prefix)))
    }

    /// The first key that differs, of those that count.
    fn difference(&self, other: &Config, counts: impl Fn(&str) -> bool) -> Result<Option<String>> {
        let [own, theirs] = [self.values()?, other.values()?];
        let new = own.iter().filter(|value| !theirs.contains(value));
        let gone = theirs.iter().filter(|value| !own.contains(value));
        let differ = new.chain(gone).map(|(key, _)| key).filter(|key| counts(key));
        // Reported last: layers, which may differ because of another value, and values of `gan`,
        // which differ between presets.
        let last = |key: &str| (key.ends_with(".sequences"), key.starts_with("gan."));
        Ok(differ.min_by_key(|key| (last(key), *key)).cloned())
    }

    /// All values with their keys.
    fn values(&self) -> Result<Vec<(String, toml::Value)>> {
        let mut values = Vec::new();
        flatten("", toml::Value::try_from(self).map_err(config_text)?, &mut values);
        Ok(values)
    }
}

fn flatten(key: &str, value: toml::Value, values: &mut Vec<(String, toml::Value)>) {
    match value {
        toml::Value::Table(table) => {
            for (name, value) in table {
                let key = if key.is_empty() { name } else { format!("{key}.{name}") };
                flatten(&key, value, values);
            }
        }
        value => values.push((key.to_owned(), value)),
    }
}
