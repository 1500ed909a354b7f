//! What kind of file a name promises.

use std::path::Path;

/// Whether a file's name ends in this, as `png`, in whatever case.
pub fn has_ending(path: &Path, ending: &str) -> bool {
    path.extension().is_some_and(|given| given.eq_ignore_ascii_case(ending))
}
