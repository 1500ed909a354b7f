//! How often something is done in a run.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ranges;

/// How often something is done: in files a number of iterations or the word "epoch".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "IntervalText", into = "IntervalText")]
pub enum Interval {
    /// Every so many iterations.
    Iterations(NonZeroU32),
    /// At the end of each epoch.
    Epoch,
}

/// An [`Interval`] as TOML has it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a whole number of iterations from 1, or \"epoch\"")]
enum IntervalText {
    Number(NonZeroU32),
    Word(EpochWord),
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum EpochWord {
    Epoch,
}

impl From<IntervalText> for Interval {
    fn from(text: IntervalText) -> Self {
        match text {
            IntervalText::Number(every) => Interval::Iterations(every),
            IntervalText::Word(EpochWord::Epoch) => Interval::Epoch,
        }
    }
}

impl From<Interval> for IntervalText {
    fn from(interval: Interval) -> Self {
        match interval {
            Interval::Iterations(every) => IntervalText::Number(every),
            Interval::Epoch => IntervalText::Word(EpochWord::Epoch),
        }
    }
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
