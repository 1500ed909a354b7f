//! Errors of a group of ranks.

use std::fmt::{self, Display, Formatter};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::launcher::Launcher;
use crate::text::bytes;

/// What can go wrong with the ranks of a run and the connections between them.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GroupError {
    /// A rank says that it failed.
    #[error("rank {rank} failed: {reason}")]
    Failed {
        /// The rank.
        rank: usize,
        /// Its message, which may have several lines.
        reason: String,
    },

    /// A rank is gone without a word.
    #[error("rank {rank} is lost: {how}")]
    Lost {
        /// The rank.
        rank: usize,
        /// How that was noticed.
        how: Loss,
    },

    /// Rank 0 cannot listen for the others.
    #[error(
        "cannot listen for other ranks on {address}: MASTER_ADDR (or --master-addr) must name the \
         host of rank 0, MASTER_PORT (or --master-port) a free port"
    )]
    Listen {
        /// Host and port.
        address: String,
        /// The error of the operating system.
        source: Arc<io::Error>,
    },

    /// Rank 0 cannot be found.
    #[error("rank 0 cannot be reached at {address} within {}", seconds(*limit))]
    Unreachable {
        /// Host and port of rank 0.
        address: String,
        /// The time in which all ranks must join.
        limit: Duration,
        /// Why the last attempt failed.
        source: Arc<io::Error>,
    },

    /// Another program answers where rank 0 should.
    #[error("something other than gan-cuda listens on {address}, where rank 0 should")]
    Foreign {
        /// Host and port of rank 0.
        address: String,
    },

    /// Ranks have not joined in time.
    #[error("{} did not join within {}", listed(ranks), seconds(*limit))]
    Missing {
        /// The ranks, of which there is at least one.
        ranks: Vec<usize>,
        /// The time in which all ranks must join.
        limit: Duration,
    },

    /// A process with a rank that another process has.
    #[error("rank {rank} has joined already; it was started twice")]
    Twice {
        /// The rank.
        rank: usize,
    },

    /// Two ranks disagree on the number of ranks.
    #[error("rank {rank} counts {size} ranks, rank 0 counts {size_of_rank_0}")]
    OtherSize {
        /// The rank that joins.
        rank: usize,
        /// Its number of ranks.
        size: usize,
        /// The number of ranks according to rank 0.
        size_of_rank_0: usize,
    },

    /// Two ranks are different programs.
    #[error("rank {rank} is gan-cuda {version}, rank 0 is {version_of_rank_0}")]
    OtherVersion {
        /// The rank that joins.
        rank: usize,
        /// Its version and build.
        version: String,
        /// Version and build of rank 0.
        version_of_rank_0: String,
    },

    /// Two programs are so different that they cannot even tell each other their versions.
    #[error("{who} is another version of gan-cuda: it speaks protocol {protocol} instead of {own}")]
    OtherProtocol {
        /// The other program.
        who: String,
        /// Its version of the protocol.
        protocol: u32,
        /// This program's version of it.
        own: u32,
    },

    /// A message is too large to be sent.
    #[error("a message of {} to other ranks, more than {}", bytes(*size), bytes(*limit))]
    TooLarge {
        /// Its bytes.
        size: usize,
        /// The bytes that it may have.
        limit: usize,
    },

    /// The operating system refuses what a connection needs.
    #[error("cannot {action} for the connection to another rank")]
    System {
        /// What was tried: "start a thread", …
        action: &'static str,
        /// The error of the operating system.
        source: Arc<io::Error>,
    },
}

impl GroupError {
    /// For `map_err`: adds what was tried to an [`io::Error`].
    pub(super) fn system(action: &'static str) -> impl FnOnce(io::Error) -> GroupError {
        move |source| GroupError::System { action, source: Arc::new(source) }
    }
}

/// How the loss of a rank was noticed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Loss {
    /// Its connection was closed, as happens when its process dies.
    Closed,
    /// Nothing came for this long: its process stands still, or its host or the network is gone.
    Silent(Duration),
    /// It left the group while others waited for a message from it.
    Left,
    /// It sent something that is no message; the text says what.
    Garbled(String),
}

impl Display for Loss {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Loss::Closed => f.write_str("its connection was closed"),
            Loss::Silent(time) => write!(f, "it has been silent for {}", seconds(*time)),
            Loss::Left => f.write_str("it left before the others"),
            Loss::Garbled(what) => write!(f, "it sent {what}"),
        }
    }
}

/// `20 s`, `0.25 s`.
fn seconds(time: Duration) -> String {
    format!("{} s", time.as_secs_f64())
}

/// `rank 3`, `ranks 1, 2 and 5`.
fn listed(ranks: &[usize]) -> String {
    let mut ranks: Vec<_> = ranks.iter().map(usize::to_string).collect();
    match ranks.pop() {
        Some(last) if !ranks.is_empty() => format!("ranks {} and {last}", ranks.join(", ")),
        last => format!("rank {}", last.unwrap_or_default()),
    }
}

/// Why the place of this process among the ranks is not known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LaunchProblem {
    /// A launcher sets some variables, but not all that are needed.
    #[error("{variable} is not set, but other variables of {launcher} are: set it, or pass {flag}")]
    NoVariable {
        /// The launcher.
        launcher: Launcher,
        /// The missing variable.
        variable: &'static str,
        /// The flag with the same meaning.
        flag: &'static str,
    },

    /// Without a launcher, some flags are given, but not all that are needed.
    #[error("{flag} is missing: without a launcher, --rank and --world-size are both needed")]
    NoFlag {
        /// The missing flag.
        flag: &'static str,
    },

    /// A variable is not a number.
    #[error("{name} is {value:?}, which is not a whole number")]
    NotANumber {
        /// The variable.
        name: &'static str,
        /// Its value.
        value: String,
    },

    /// The number of ranks is zero.
    #[error("{name} is 0: a run has at least one rank")]
    NoRanks {
        /// The variable or flag.
        name: &'static str,
    },

    /// The rank does not exist.
    #[error("{name} is {rank}, which is not below the number of ranks, {size}")]
    Rank {
        /// The variable or flag.
        name: &'static str,
        /// Its value.
        rank: usize,
        /// The number of ranks.
        size: usize,
    },

    /// A port is not one.
    #[error("{name} is {value:?}, which is not a port from 1 to 65535")]
    Port {
        /// The variable or flag.
        name: &'static str,
        /// Its value.
        value: String,
    },

    /// Slurm's list of hosts has no first host.
    #[error("{name} is {value:?}, in which there is no first host: pass --master-addr HOST")]
    NodeList {
        /// The variable.
        name: &'static str,
        /// Its value.
        value: String,
    },

    /// mpirun started ranks on several hosts and does not tell where rank 0 is.
    #[error(
        "mpirun does not tell the ranks on other hosts where rank 0 is: pass --master-addr HOST, \
         or start them with mpirun -x MASTER_ADDR=HOST"
    )]
    NoAddress,
}
