//! Formatting of numbers, names and errors.

use std::borrow::Cow;
use std::error::Error;
use std::path::Path;

/// A number with commas between its thousands: `60,000`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 image`, `2,000 images`.
pub fn counted(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", grouped(count as u64))
}

/// A number of bytes in its largest binary unit: `512 B`, `1.46 KiB`, `3.00 GiB`.
pub fn bytes(count: usize) -> String {
    let (mut number, mut units) = (count as f64, ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"].iter());
    let mut unit = None;
    while number >= 1024.0 {
        number /= 1024.0;
        unit = units.next();
    }
    match unit {
        None => format!("{count} B"),
        Some(unit) => format!("{number:.2} {unit}"),
    }
}

/// A number with four significant digits and at most six decimals: `1331`, `12.30`, `0.01012`.
pub fn significant(number: f64) -> String {
    let magnitude = number.abs().max(1e-9).log10().floor();
    format!("{number:.*}", (3.0 - magnitude).clamp(0.0, 6.0) as usize)
}

/// Extents with multiplication signs between them: `60,000 × 28 × 28`.
pub fn dimensions(extents: &[u32]) -> String {
    let extents: Vec<_> = extents.iter().map(|&extent| grouped(extent.into())).collect();
    extents.join(" × ")
}

/// `photos` for `/home/me/photos`; a path that ends in `..` is resolved first.
pub fn folder_name(folder: &Path) -> String {
    let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
    let resolved = || name(&folder.canonicalize().ok()?);
    name(folder).or_else(resolved).unwrap_or_else(|| "images".to_owned())
}

/// Escapes the characters of a one-line text that control a terminal: those that move the cursor,
/// change colours, begin another line or change the text direction. The escape `\u001b` is also
/// valid in JSON and TOML.
pub fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(controls_terminal) {
        return text.into();
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '\n' | '\r' | '\t' => escaped.extend(c.escape_default()),
            c if controls_terminal(c) => escaped.push_str(&format!("\\u{:04x}", c as u32)),
            c => escaped.push(c),
        }
    }
    escaped.into()
}

fn controls_terminal(c: char) -> bool {
    let bidi = ['\u{61c}'..='\u{61c}', '\u{200e}'..='\u{200f}', '\u{2066}'..='\u{2069}'];
    let separators_and_bidi = '\u{2028}'..='\u{202e}';
    c.is_control()
        || separators_and_bidi.contains(&c)
        || bidi.iter().any(|range| range.contains(&c))
}

/// The message of an error and those of all its causes, on one line.
pub fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        let cases = [(0, "0"), (999, "999"), (1000, "1,000"), (47_040_000, "47,040,000")];
        for (number, text) in cases {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn one_is_singular_and_all_other_counts_are_plural() {
        let cases = [(0, "0 images"), (1, "1 image"), (2, "2 images"), (40_000, "40,000 images")];
        cases.iter().for_each(|&(count, text)| assert_eq!(counted(count, "image"), text));
    }

    #[test]
    fn bytes_are_shown_in_binary_units_with_two_decimals() {
        let cases = [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.00 KiB"),
            (1_500, "1.46 KiB"),
            ((1 << 20) - 1, "1024.00 KiB"),
            (1_500_000, "1.43 MiB"),
            (3 << 30, "3.00 GiB"),
            (usize::MAX, "16.00 EiB"),
        ];
        for (count, text) in cases {
            assert_eq!(bytes(count), text);
        }
    }

    #[test]
    fn numbers_are_rounded_to_four_significant_digits() {
        let cases = [
            (1331.4, "1331"),
            (100.0, "100.0"),
            (12.3, "12.30"),
            (-0.010_123, "-0.01012"),
            (0.000_012_34, "0.000012"),
            (0.0, "0.000000"),
            (f64::INFINITY, "inf"),
            (f64::NAN, "NaN"),
        ];
        for (number, text) in cases {
            assert_eq!(significant(number), text);
        }
    }

    #[test]
    fn control_and_bidi_characters_are_escaped() {
        for text in ["plain, größer, 狐 🦊", "", "C:\\u"] {
            assert_eq!(escaped(text), text);
        }
        let cases = [
            ("a\x1b[2Jb", "a\\u001b[2Jb"),
            ("two\nlines\r", "two\\nlines\\r"),
            ("\u{9b}31m\x07\x7f", "\\u009b31m\\u0007\\u007f"),
            ("gpj.\u{202e}exe", "gpj.\\u202eexe"),
        ];
        for (text, expected) in cases {
            assert_eq!(escaped(text), expected);
        }
    }

    #[test]
    fn dimensions_are_joined_by_multiplication_signs() {
        assert_eq!(dimensions(&[60_000, 28, 28]), "60,000 × 28 × 28");
        assert_eq!(dimensions(&[7]), "7");
    }
}
