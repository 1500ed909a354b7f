//! What `--json` prints: one line, for scripts.

use std::path::Path;

use gan_cuda::{Error, Result};
use serde::Serialize;

/// Prints a value as one line of JSON.
///
/// # Errors
/// When a part of it has no JSON.
pub fn print_json(value: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string(value);
    let text = text.map_err(|error| Error::io("write", Path::new("JSON"))(error.into()))?;
    say!("{text}");
    Ok(())
}
