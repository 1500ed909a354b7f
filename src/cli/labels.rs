//! Classes as a person names them: by their names, or by their numbers.

use std::ops::RangeInclusive;

use gan_cuda::ranges;

/// Names that a message lists.
const NAMED: usize = 8;

/// The classes that a checkpoint has.
pub(super) struct Labels<'a> {
    /// What they are called; none where they are only numbered.
    pub(super) names: &'a [String],
    /// How many there are.
    pub(super) classes: usize,
}

impl Labels<'_> {
    /// The classes of a list such as `cats,dogs` or `0-3,7`. What could be a name or a number is a
    /// name; of a range both ends are names, or both are numbers.
    pub(super) fn of(&self, text: &str) -> Result<Vec<u32>, String> {
        if let Some(label) = self.named(text) {
            return Ok(vec![label]);
        }
        let mut labels = Vec::new();
        for part in text.split(',').map(str::trim) {
            match self.one(part) {
                Some(label) => labels.push(label),
                None => labels.extend(self.range(part)?),
            }
        }
        labels.truncate(ranges::MOST_SAMPLES as usize);
        Ok(labels)
    }

    fn range(&self, part: &str) -> Result<RangeInclusive<u32>, String> {
        let unknown = |text: &str| format!("has no class {text:?}; {}", self.in_words());
        let (first, last) = part.split_once('-').ok_or_else(|| unknown(part))?;
        let (first, last) = (first.trim(), last.trim());
        let names = self.named(first).zip(self.named(last));
        let ends = names.or_else(|| self.numbered(first).zip(self.numbered(last)));
        let (first, last) = ends.ok_or_else(|| unknown(part))?;
        match first <= last {
            true => Ok(first..=last),
            false => Err(format!("has {part}, which descends; {}", self.in_words())),
        }
    }

    fn one(&self, text: &str) -> Option<u32> {
        self.named(text).or_else(|| self.numbered(text))
    }

    fn named(&self, name: &str) -> Option<u32> {
        (0..).zip(self.names).find(|(_, known)| *known == name).map(|(label, _)| label)
    }

    fn numbered(&self, text: &str) -> Option<u32> {
        text.parse().ok().filter(|&label: &u32| (label as usize) < self.classes)
    }

    /// What would have done.
    fn in_words(&self) -> String {
        let last = self.classes - 1;
        let mut names: Vec<&str> = self.names.iter().take(NAMED).map(String::as_str).collect();
        if self.names.len() > NAMED {
            names.push("…");
        }
        match names.is_empty() {
            true => {
                format!("give class numbers and ascending ranges from 0 to {last}, as 0-2,{last}")
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
        Labels { names: &names, classes }.of(text)
    }

    #[test]
    fn labels_are_numbers_and_ascending_ranges() {
        assert_eq!(labels(&[], 10, "0-3").unwrap(), [0, 1, 2, 3]);
        assert_eq!(labels(&[], 10, "7,3").unwrap(), [7, 3]);
        assert_eq!(labels(&[], 10, "0-1, 7, 2-2").unwrap(), [0, 1, 7, 2]);
        for bad in ["", ",", "7,", "9-0", "-1", "1-2-3", "a", "0..9", "99999999999", "10"] {
            let words = labels(&[], 10, bad).unwrap_err();
            assert!(words.contains("from 0 to 9"), "{bad:?}: {words}");
        }
    }

    #[test]
    fn names_come_before_numbers() {
        let animals = ["cats", "dogs", "t-rex"];
        assert_eq!(labels(&animals, 3, "dogs,cats").unwrap(), [1, 0]);
        assert_eq!(labels(&animals, 3, "t-rex, 1, cats-dogs").unwrap(), [2, 1, 0, 1]);
        let words = labels(&animals, 3, "owls").unwrap_err();
        assert_eq!(words, "has no class \"owls\"; the classes are cats, dogs, t-rex (0 to 2)");
        assert_eq!(labels(&["a", "a,b"], 2, "a,b").unwrap(), [1]);
        let from_one = ["1", "2", "3", "10"];
        // "0" is no name, so both ends are numbers.
        assert_eq!(labels(&from_one, 4, "0-3").unwrap(), [0, 1, 2, 3]);
        assert_eq!(labels(&from_one, 4, "2,10,0").unwrap(), [1, 3, 0]);
        assert_eq!(labels(&from_one, 4, "1-3").unwrap(), [0, 1, 2]);
    }
}
