//! How often something is done in a run.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ranges;

/// How often something is done: in files, a number of iterations or the word "epoch".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    rename_all = "lowercase",
    expecting = "expected a whole number of iterations from 1, or \"epoch\""
)]
pub enum Interval {
    /// At the end of each epoch.
    Epoch,
    /// Every this many iterations.
    #[serde(untagged)]
    Iterations(NonZeroU32),
}

impl FromStr for Interval {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.parse()) {
            ("epoch", _) => Ok(Interval::Epoch),
            (_, Ok(every)) => Ok(Interval::Iterations(every)),
            _ => Err(format!("must be {} (of iterations), or 'epoch'", ranges::ITERATIONS)),
        }
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Interval::Iterations(every) => write!(f, "{every} iterations"),
            Interval::Epoch => f.write_str("epoch"),
        }
    }
}
