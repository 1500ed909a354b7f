//! Flags that change a preset's layers by a number, and not by a line.

use gan_cuda::gan::rewrite::Rewrite;
use gan_cuda::gan::settings::Settings;

use crate::cli::error::{Result, refuse, refuse_value};

/// A flag that was given, and what it changes.
pub(super) type Given = (&'static str, Rewrite);

/// Those of a list that were given: the others change nothing.
pub(super) fn given<const N: usize>(flags: [Given; N]) -> Vec<Given> {
    flags.into_iter().filter(|(_, rewrite)| *rewrite != Rewrite::default()).collect()
}

/// Changes a preset by all that was given.
pub(super) fn apply(given: &[Given], name: &str, settings: &mut Settings) -> Result<()> {
    for (flag, rewrite) in given {
        rewrite.apply(name, settings).or_else(|problem| refuse_value(*flag, problem))?;
    }
    Ok(())
}

/// Makes sure that none was given: `file` has the layers line by line.
pub(super) fn expect_none(given: &[Given], file: &str) -> Result<()> {
    let Some((flag, _)) = given.first() else { return Ok(()) };
    refuse(
        *flag,
        format!(
            "changes the layers of a preset, but those of {file} stand in it line by line; leave \
             it out and edit the lines"
        ),
    )
}
