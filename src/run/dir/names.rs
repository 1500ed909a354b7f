//! What runs and their checkpoints are called.

use crate::run::{Error, Result};

const CHECKPOINT: &str = "checkpoint-";

/// Makes sure that a name can be that of a run's folder.
///
/// # Errors
/// [`Error::Name`].
pub fn check_name(name: &str) -> Result<()> {
    let problem = match name {
        "" => "is empty",
        "." | ".." => "is not a name",
        _ if name.contains(['/', '\\']) => "has a path separator in it",
        _ if name.contains(char::is_control) => "has a control character in it",
        _ => return Ok(()),
    };
    Err(Error::Name { name: name.to_owned(), problem })
}

/// 3 for `00003-cgan-mnist`.
pub(super) fn run_number(name: &str) -> Option<u64> {
    let (digits, rest) = name.split_once('-')?;
    let number = digits.parse::<u64>().ok()?;
    (format!("{number:05}") == digits && !rest.is_empty() && number < u64::MAX).then_some(number)
}

/// 938 for `checkpoint-000938`.
pub(super) fn checkpoint_iteration(name: &str) -> Option<u64> {
    let iteration = name.strip_prefix(CHECKPOINT)?.parse::<u64>().ok()?;
    (checkpoint_name(iteration) == name).then_some(iteration)
}

/// `checkpoint-000938` for 938.
pub(super) fn checkpoint_name(iteration: u64) -> String {
    format!("{CHECKPOINT}{iteration:06}")
}
