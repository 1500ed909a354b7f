//! In what one configuration differs from another, for a run that goes on.

use super::{Config, config_text};
use crate::run::Result;

/// What may change when a run goes on. That images at another place are the same is seen by their
/// checksum.
const CHANGEABLE: [&str; 22] = [
    "branched_from",
    "checkpoint_interval",
    // The checksum of the labels tells whether it is another order; older runs have no names.
    "class_names",
    "conv",
    "data_dir",
    "dataset",
    "device",
    "epochs",
    "evaluate_interval",
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

/// What the networks are, which a branch of a run has in common with it: keys, or what they begin
/// with.
const NETWORKS: [&str; 7] = [
    "gan.classes",
    "gan.discriminator.",
    "gan.generator.",
    "gan.image.",
    "gan.init",
    "gan.latent_dim",
    "preset",
];

impl Config {
    /// The key of a value, as `gan.lr`, by which this configuration would train otherwise than
    /// another; nothing where they differ in how long, where, and what is written, or not at all.
    ///
    /// # Errors
    /// As [`Config::to_text`].
    pub fn other_training(&self, other: &Config) -> Result<Option<String>> {
        self.difference(other, |key| !CHANGEABLE.contains(&key))
    }

    /// The same of values that decide what the networks are, and how they begin.
    ///
    /// # Errors
    /// As [`Config::to_text`].
    pub fn other_networks(&self, other: &Config) -> Result<Option<String>> {
        self.difference(other, |key| {
            NETWORKS.iter().any(|of_networks| key.starts_with(of_networks))
        })
    }

    /// The first key that counts of values that differ.
    fn difference(&self, other: &Config, counts: impl Fn(&str) -> bool) -> Result<Option<String>> {
        let [ours, theirs] = [self.values()?, other.values()?];
        let new = ours.iter().filter(|value| !theirs.contains(value));
        let gone = theirs.iter().filter(|value| !ours.contains(value));
        let differ = new.chain(gone).map(|(key, _)| key).filter(|key| counts(key));
        // Another preset has other values, and layers may differ because of another value.
        let last = |key: &str| (key.ends_with(".sequences"), key.starts_with("gan."));
        Ok(differ.min_by_key(|key| (last(key), *key)).cloned())
    }

    /// All values, by their keys.
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
