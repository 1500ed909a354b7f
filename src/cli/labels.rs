//! Parses lists of classes, given by name or by number.

use std::ops::RangeInclusive;

use crate::ranges;

/// Maximum number of names in a message.
const MAX_NAMES: usize = 8;

/// The classes of a checkpoint.
pub(super) struct Labels<'a> {
    /// Names of the classes; empty if they only have numbers.
    pub(super) names: &'a [String],
    /// Number of classes.
    pub(super) classes: usize,
}

impl Labels<'_> {
    /// Parses a list such as `cats,dogs` or `0-3,7`. Names take precedence over numbers; the ends
    /// of a range are both names or both numbers.
    pub(super) fn parse(&self, text: &str) -> Result<Vec<u32>, String> {
        if let Some(label) = self.by_name(text) {
            return Ok(vec![label]);
        }
        let mut labels = Vec::new();
        for part in text.split(',').map(str::trim) {
            match self.single(part) {
                Some(label) => labels.push(label),
                None => labels.extend(self.range(part)?),
            }
        }
        labels.truncate(ranges::MAX_SAMPLES as usize);
        Ok(labels)
    }

    fn range(&self, part: &str) -> Result<RangeInclusive<u32>, String> {
        let unknown = |text: &str| format!("has unknown class {text:?}; {}", self.hint());
        let (first, last) = part.split_once('-').ok_or_else(|| unknown(part))?;
        let (first, last) = (first.trim(), last.trim());
        let names = self.by_name(first).zip(self.by_name(last));
        let ends = names.or_else(|| self.by_number(first).zip(self.by_number(last)));
        let (first, last) = ends.ok_or_else(|| unknown(part))?;
        match first <= last {
            true => Ok(first..=last),
            false => Err(format!("has the descending range {part}; {}", self.hint())),
        }
    }

    fn single(&self, text: &str) -> Option<u32> {
        self.by_name(text).or_else(|| self.by_number(text))
    }

    fn by_name(&self, name: &str) -> Option<u32> {
        (0..).zip(self.names).find(|(_, known)| *known == name).map(|(label, _)| label)
    }

    fn by_number(&self, text: &str) -> Option<u32> {
        text.parse().ok().filter(|&label: &u32| (label as usize) < self.classes)
    }

    /// The valid classes, for a message.
    fn hint(&self) -> String {
        let last = self.classes - 1;
        let mut names: Vec<&str> = self.names.iter().take(MAX_NAMES).map(String::as_str).collect();
        if self.names.len() > MAX_NAMES {
            names.push("…");
        }
        match names.is_empty() {
            true => {
                format!("give class numbers and ascending ranges from 0 to {last}, e.g. 0-2,{last}")
            }
            false => format!("the classes are {} (0 to {last})", names.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(names: &[&str], classes: usize, text: &str) -> Result<Vec<u32>, String> {
        let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
        Labels { names: &names, classes }.parse(text)
    }

    #[test]
    fn labels_are_numbers_and_ascending_ranges() {
        assert_eq!(labels(&[], 10, "0-3").unwrap(), [0, 1, 2, 3]);
        assert_eq!(labels(&[], 10, "7,3").unwrap(), [7, 3]);
        assert_eq!(labels(&[], 10, "0-1, 7, 2-2").unwrap(), [0, 1, 7, 2]);
        for bad in ["", ",", "7,", "9-0", "-1", "1-2-3", "a", "0..9", "99999999999", "10"] {
            let message = labels(&[], 10, bad).unwrap_err();
            assert!(message.contains("from 0 to 9"), "{bad:?}: {message}");
        }
    }

    #[test]
    fn names_take_precedence_over_numbers() {
        let animals = ["cats", "dogs", "t-rex"];
        assert_eq!(labels(&animals, 3, "dogs,cats").unwrap(), [1, 0]);
        assert_eq!(labels(&animals, 3, "t-rex, 1, cats-dogs").unwrap(), [2, 1, 0, 1]);
        let message = labels(&animals, 3, "owls").unwrap_err();
        assert_eq!(
            message,
            "has unknown class \"owls\"; the classes are cats, dogs, t-rex (0 to 2)"
        );
        assert_eq!(labels(&["a", "a,b"], 2, "a,b").unwrap(), [1]);
        let from_one = ["1", "2", "3", "10"];
        // "0" is no name, so both ends are numbers.
        assert_eq!(labels(&from_one, 4, "0-3").unwrap(), [0, 1, 2, 3]);
        assert_eq!(labels(&from_one, 4, "2,10,0").unwrap(), [1, 3, 0]);
        assert_eq!(labels(&from_one, 4, "1-3").unwrap(), [0, 1, 2]);
    }
}
