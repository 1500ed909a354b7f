//! What runs and their checkpoints are called.

use crate::run::{Error, Result};

const CHECKPOINT: &str = "checkpoint-";

/// The most bytes of a run's name: most file systems take 255, the run's number has up to 20, and
/// whoever copies or deletes the folder may put something behind it.
const LONGEST: usize = 200;

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
        _ if name.len() > LONGEST => "is longer than 200 bytes",
        _ => return Ok(()),
    };
    Err(Error::Name { name: name.to_owned(), problem })
}

/// A name for a run that was given none: `text`, whatever is in it, as [`check_name`] takes it.
pub fn default_name(text: &str) -> String {
    let unfit = |c: char| c.is_control() || ['/', '\\'].contains(&c);
    let mut name = text.replace(unfit, "-");
    let ends = name.char_indices().map(|(start, c)| start + c.len_utf8());
    name.truncate(ends.take_while(|&end| end <= LONGEST).last().unwrap_or(0));
    name
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_data_folder_gives_a_name_that_can_be_a_runs() {
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
