//! The list of equivalent mutants, which no test can catch, `tests/mutants.txt`. An entry is the file
//! and the changed line, and below it, indented, the reason.

use crate::plan::Mutant;
use std::fmt;

#[derive(Debug, PartialEq, Eq)]
pub struct Entry {
    pub location: String,
    /// The line after the change.
    pub after: String,
    pub reason: String,
}

/// Reads the list.
///
/// # Errors
/// An entry without a reason, or an invalid line.
pub fn parse(text: &str) -> Result<Vec<Entry>, String> {
    let mut entries: Vec<Entry> = Vec::new();
    for (i, line) in text.lines().enumerate() {
        if line.starts_with('#') || line.trim().is_empty() {
            continue;
        }
        if line.starts_with(' ') {
            let entry =
                entries.last_mut().ok_or(format!("line {}: a reason without an entry", i + 1))?;
            entry.reason = format!("{} {}", entry.reason, line.trim()).trim().to_owned();
        } else {
            let (location, after) =
                line.split_once(": ").ok_or(format!("line {}: no `FILE: LINE`", i + 1))?;
            let (location, after) = (location.to_owned(), after.trim().to_owned());
            entries.push(Entry { location, after, reason: String::new() });
        }
    }
    match entries.iter().find(|entry| entry.reason.is_empty()) {
        Some(entry) => Err(format!("no reason for `{entry}`")),
        None => Ok(entries),
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.location, self.after)
    }
}

impl Entry {
    pub fn is_of(&self, mutant: &Mutant) -> bool {
        self.location == mutant.location() && self.after == mutant.change.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_has_a_location_a_line_and_a_reason() {
        let text = "# About.\n\na.cu: if (i <= n) {\n    It is\n    checked again.\n";
        let (location, after) = ("a.cu".to_owned(), "if (i <= n) {".to_owned());
        let reason = "It is checked again.".to_owned();
        assert_eq!(parse(text), Ok(vec![Entry { location, after, reason }]));
    }

    #[test]
    fn an_entry_without_a_reason_is_an_error() {
        assert!(parse("a.cu: x\nb.cu: y\n  why\n").is_err());
        assert!(parse("  why\n").is_err());
        assert!(parse("a.cu\n").is_err());
    }
}
