//! Flags that change the layers of a preset.

use crate::cli::error::{Result, refuse, refuse_value};
use crate::gan::rewrite::Rewrite;
use crate::gan::settings::Settings;

/// A flag and the change that it makes to the layers.
pub(super) type LayerFlag = (&'static str, Rewrite);

/// The flags of a list that were given.
pub(super) fn given<const N: usize>(flags: [LayerFlag; N]) -> Vec<LayerFlag> {
    flags.into_iter().filter(|(_, rewrite)| *rewrite != Rewrite::default()).collect()
}

/// Applies all given flags to a preset.
pub(super) fn apply(given: &[LayerFlag], name: &str, settings: &mut Settings) -> Result<()> {
    for (flag, rewrite) in given {
        rewrite.apply(name, settings).or_else(|problem| refuse_value(*flag, problem))?;
    }
    Ok(())
}

/// Refuses flags that change layers, since the layers are listed in `file`.
pub(super) fn expect_none(given: &[LayerFlag], file: &str) -> Result<()> {
    let Some((flag, _)) = given.first() else { return Ok(()) };
    refuse(
        *flag,
        format!(
            "changes the layers of a preset, but {file} lists its own layers; omit the flag and \
             edit the file"
        ),
    )
}
