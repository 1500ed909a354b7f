//! What makes it doubtful whether a data set can be learnt from, told before hours are spent.

use super::Dataset;
use crate::text::grouped;

impl Dataset {
    /// Each doubt in one line; none about most data sets.
    pub fn doubts(&self) -> Vec<String> {
        let count = self.len();
        let all = grouped(count as u64);
        let images = || self.images.chunks_exact(self.shape.pixels());
        let plain = images().filter(|image| image.iter().all(|level| *level == image[0])).count();
        let alike = images().all(|image| image == self.image(0));
        let mut doubts = Vec::new();
        if alike && count > 1 {
            doubts.push(format!("all {all} images are alike: there is one picture to learn"));
        }
        if plain == count {
            doubts.push("no image has any contrast: each is of one level all over".to_owned());
        } else if plain > 0 {
            let plain = grouped(plain as u64);
            doubts.push(format!("{plain} of {all} images have no contrast: one level all over"));
        }
        doubts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{ImageShape, Origin};

    fn data(images: &[[u8; 2]]) -> Dataset {
        Dataset {
            name: "pairs".to_owned(),
            images: images.concat(),
            labels: vec![0; images.len()],
            classes: 1,
            class_names: Vec::new(),
            shape: ImageShape { channels: 1, height: 1, width: 2 },
            origin: Origin::Embedded,
            warnings: Vec::new(),
        }
    }

    #[test]
    fn images_without_contrast_or_all_alike_are_told() {
        for (images, words) in [
            (&[[1, 2], [3, 4]][..], &[][..]),
            (&[[1, 2], [1, 2]], &["all 2 images are alike"]),
            (&[[7, 7], [9, 9]], &["no image has any contrast"]),
            (&[[7, 7], [7, 8], [8, 8]], &["2 of 3 images have no contrast"]),
            (&[[5, 5], [5, 5]], &["alike", "no image has"]),
            (&[[1, 2]], &[]),
        ] {
            let doubts = data(images).doubts();
            assert_eq!(doubts.len(), words.len(), "{doubts:?}");
            for (doubt, word) in doubts.iter().zip(words) {
                assert!(doubt.contains(word), "{doubt}");
            }
        }
    }
}
