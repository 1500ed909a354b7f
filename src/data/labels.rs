//! Maps the labels of a file to classes, which are numbered from 0.

/// The classes of a data set's images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Labels {
    /// The class of each image, in 0..classes.
    pub values: Vec<u32>,
    /// Number of classes.
    pub classes: usize,
    /// Class names; empty where a class is named by its number.
    pub names: Vec<String>,
}

impl Labels {
    /// The classes are the distinct labels in ascending order and are named by them: labels 1 to 26
    /// become classes 0 to 25. Where all labels are below `at_least`, there are `at_least` classes,
    /// some of which may have no image.
    pub fn from_file(labels: &[i32], at_least: usize) -> Labels {
        let mut distinct = labels.to_vec();
        distinct.sort_unstable();
        distinct.dedup();
        let highest = distinct.last().map_or(0, |&label| i64::from(label) + 1);
        let negative = distinct.first().is_some_and(|&label| label < 0);
        let classes = distinct.len().max(at_least);
        if !negative && highest <= classes as i64 {
            let values = labels.iter().map(|&label| label as u32).collect();
            return Labels { values, classes, names: Vec::new() };
        }
        let class = |label| distinct.partition_point(|&other| other < label) as u32;
        Labels {
            values: labels.iter().map(|&label| class(label)).collect(),
            classes: distinct.len(),
            names: distinct.iter().map(i32::to_string).collect(),
        }
    }

    /// Labels of `count` images without classes.
    pub fn unlabeled(count: usize) -> Labels {
        Labels { values: vec![0; count], classes: 1, names: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_that_start_at_zero_are_class_numbers() {
        let labels = Labels::from_file(&[2, 0, 1, 0], 0);
        assert_eq!(labels, Labels { values: vec![2, 0, 1, 0], classes: 3, names: vec![] });
        // At least `at_least` classes, though three of them have no image.
        let labels = Labels::from_file(&[2, 0], 5);
        assert_eq!(labels, Labels { values: vec![2, 0], classes: 5, names: vec![] });
    }

    #[test]
    fn other_labels_are_renumbered_and_kept_as_class_names() {
        let labels = Labels::from_file(&[26, 3, 1, 3], 0);
        assert_eq!((&labels.values[..], labels.classes), (&[2, 1, 0, 1][..], 3));
        assert_eq!(labels.names, ["1", "3", "26"]);
        let labels = Labels::from_file(&[0, 12, -1], 2);
        assert_eq!((&labels.values[..], labels.classes), (&[1, 2, 0][..], 3));
        assert_eq!(labels.names, ["-1", "0", "12"]);
    }
}
