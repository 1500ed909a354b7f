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
    print_line!("{}", to_json(value)?);
    Ok(())
}

/// A value as one line of JSON.
///
/// # Errors
/// When the value cannot be represented in JSON.
pub fn to_json(value: &impl Serialize) -> Result<String> {
    let text = serde_json::to_string(value);
    Ok(text.map_err(|error| FileError::at("write", Path::new("JSON"))(error.into()))?)
}
