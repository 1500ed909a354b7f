//! Names of runs and checkpoints.

use crate::run::{Error, Result};

const CHECKPOINT: &str = "checkpoint-";

/// Longest name of a run in bytes. Most file systems allow 255; the run's number takes up to 20,
/// and copies or backups may append a suffix.
const LONGEST: usize = 200;

/// Checks that a name can be that of a run folder.
///
/// # Errors
/// [`Error::InvalidName`].
pub fn check_name(name: &str) -> Result<()> {
    let problem = match name {
        "" => "is empty",
        "." | ".." => "is not a name",
        _ if name.contains(['/', '\\']) => "contains a path separator",
        _ if name.contains(char::is_control) => "contains a control character",
        _ if name.len() > LONGEST => "is longer than 200 bytes",
        _ => return Ok(()),
    };
    Err(Error::InvalidName { name: name.to_owned(), problem })
}

/// A default run name from any `text`, made valid for [`check_name`].
pub fn default_name(text: &str) -> String {
    let unfit = |c: char| c.is_control() || ['/', '\\'].contains(&c);
    let mut name = text.replace(unfit, "-");
    let ends = name.char_indices().map(|(start, c)| start + c.len_utf8());
    name.truncate(ends.take_while(|&end| end <= LONGEST).last().unwrap_or(0));
    name
}

/// The number of a run: 3 for `00003-cgan-mnist`.
pub(super) fn run_number(name: &str) -> Option<u64> {
    let (digits, rest) = name.split_once('-')?;
    let number = digits.parse::<u64>().ok()?;
    (format!("{number:05}") == digits && !rest.is_empty() && number < u64::MAX).then_some(number)
}

/// The iteration of a checkpoint: 938 for `checkpoint-000938`.
pub(super) fn checkpoint_iteration(name: &str) -> Option<u64> {
    let iteration = name.strip_prefix(CHECKPOINT)?.parse::<u64>().ok()?;
    (checkpoint_name(iteration) == name).then_some(iteration)
}

/// The name of a checkpoint: `checkpoint-000938` for 938.
pub(super) fn checkpoint_name(iteration: u64) -> String {
    format!("{CHECKPOINT}{iteration:06}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_names_are_valid_for_every_data_folder() {
        assert_eq!(default_name("cgan-mnist"), "cgan-mnist");
        assert_eq!(default_name("mlp-a\\b\n\u{9b}31m"), "mlp-a-b--31m");
        for letters in ["a", "é", "狐", "🦊"] {
            let name = default_name(&format!("cgan-{}", letters.repeat(250)));
            check_name(&name).unwrap();
            assert!(name.len() > LONGEST - 4 && name.ends_with(letters), "{name}");
            assert!(check_name(&format!("{name}1234")).is_err());
        }
    }
}
