//! The output of `--json`: one line for scripts.

use std::path::Path;

use crate::file_error::FileError;
use serde::Serialize;

use crate::cli::error::Result;

/// Prints a value as one line of JSON.
///
/// # Errors
/// When the value cannot be represented in JSON.
pub fn print_json(value: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string(value);
    let text = text.map_err(|error| FileError::at("write", Path::new("JSON"))(error.into()))?;
    print_line!("{text}");
    Ok(())
}
