//! What makes it doubtful whether a data set can be learnt from, told before hours are spent.

use super::Dataset;
use crate::text::grouped;

impl Dataset {
    /// Doubts about training in batches of this size, each in one line; none about most data sets.
    pub fn doubts(&self, batch_size: usize) -> Vec<String> {
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
        if count < batch_size {
            let batch_size = grouped(batch_size as u64);
            doubts.push(format!("{all} images are fewer than a batch of {batch_size}"));
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
    fn images_without_contrast_alike_or_too_few_are_told() {
        assert!(data(&[[1, 2], [3, 4]]).doubts(2).is_empty());
        for (images, batch_size, words) in [
            (&[[1, 2], [1, 2]][..], 2, &["all 2 images are alike"][..]),
            (&[[7, 7], [9, 9]], 1, &["no image has any contrast"]),
            (&[[7, 7], [7, 8], [8, 8]], 1, &["2 of 3 images have no contrast"]),
            (&[[1, 2], [3, 4]], 64, &["2 images are fewer than a batch of 64"]),
            (&[[5, 5], [5, 5]], 3, &["alike", "no image has", "fewer than a batch of 3"]),
            (&[[1, 2]], 1, &[]),
        ] {
            let doubts = data(images).doubts(batch_size);
            assert_eq!(doubts.len(), words.len(), "{doubts:?}");
            for (doubt, word) in doubts.iter().zip(words) {
                assert!(doubt.contains(word), "{doubt}");
            }
        }
    }
}
