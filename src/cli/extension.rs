//! Extensions of file names.

use std::path::Path;

/// Whether a path has this extension, e.g. `png`, in upper or lower case.
pub fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|given| given.eq_ignore_ascii_case(extension))
}
