//! Generates Rust constants from the C++ `enum`s of the kernels:
//!
//! ```c
//! enum Criterion { CROSS_ENTROPY = 0, SATURATING_CROSS_ENTROPY = 1, SQUARED_ERROR = 2 };
//! ```
//!
//! Each `enum` has a name, and each of its names has a number. An `enum` without a name holds
//! constants for the kernels only.

use std::collections::BTreeMap;
use std::fmt::Write;

/// The text of a module for each `enum` in the sources, which are given as name and text: a constant
/// for each of its names.
///
/// # Errors
/// What is wrong with an `enum`, as `file:line: …`; and two with the same name.
pub fn generate<'a>(
    sources: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<String, String> {
    let mut modules = BTreeMap::new();
    for (file, source) in sources {
        for (line, name, body) in enums(file, source)? {
            let problem = |problem| format!("{file}:{line}: enum {name}: {problem}");
            let constants = constants(&body).map_err(problem)?;
            let module = format!(
                "/// `enum {name}` of `{file}`.\npub mod {} {{\n{constants}}}\n\n",
                name.to_lowercase()
            );
            if modules.insert(name.to_lowercase(), module).is_some() {
                return Err(problem("there is another one with this name".to_owned()));
            }
        }
    }
    Ok(modules.into_values().collect())
}

/// Line, name and body of each `enum` that has a name.
fn enums(file: &str, source: &str) -> Result<Vec<(usize, String, String)>, String> {
    let mut found = Vec::new();
    let mut lines = source.lines().map(|line| line.split("//").next().unwrap_or_default()).zip(1..);
    while let Some((line, number)) = lines.next() {
        let Some(rest) = line.strip_prefix("enum ") else { continue };
        let mut text = rest.to_owned();
        while !text.contains('}') {
            let more = lines.next().ok_or(format!("{file}:{number}: an enum without an end"))?;
            text += more.0;
        }
        let (name, body) = text.split_once('{').unwrap_or((&text, ""));
        if !name.trim().is_empty() {
            let body = body.split('}').next().unwrap_or_default();
            found.push((number, name.trim().to_owned(), body.to_owned()));
        }
    }
    Ok(found)
}

fn constants(body: &str) -> Result<String, String> {
    let mut text = String::new();
    let mut numbers = Vec::new();
    for entry in body.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
        let (name, number) = entry.split_once(" = ").unwrap_or((entry, ""));
        let plain = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        let number: u32 =
            number.parse().map_err(|_| format!("`{entry}` is not `NAME = number`"))?;
        if !name.chars().all(plain) {
            return Err(format!("`{name}` is not a name of upper-case letters, digits and '_'"));
        }
        if numbers.contains(&number) {
            return Err(format!("two names have the number {number}"));
        }
        numbers.push(number);
        // Writing to a string cannot fail.
        let _ = writeln!(text, "    pub const {name}: u32 = {number};");
    }
    if numbers.is_empty() { Err("no names".to_owned()) } else { Ok(text) }
}
