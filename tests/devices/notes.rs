//! Notes that tests leave, such as the size of errors: printed together at the end, since tests run in
//! parallel.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::{Mutex, PoisonError};

static NOTES: Mutex<BTreeMap<String, String>> = Mutex::new(BTreeMap::new());

/// Notes the largest fraction of a tolerance that a comparison used.
pub fn tolerance_used(what: impl Display, fraction: f64) {
    note(what, format!("{fraction:7.4} of the tolerance"));
}

/// Notes a line.
pub fn note(what: impl Display, words: impl Display) {
    let mut notes = NOTES.lock().unwrap_or_else(PoisonError::into_inner);
    notes.insert(what.to_string(), words.to_string());
}

/// Prints all notes.
pub fn print() {
    let notes = NOTES.lock().unwrap_or_else(PoisonError::into_inner);
    notes.iter().for_each(|(what, words)| println!("{what:55} {words}"));
}
