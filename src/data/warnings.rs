//! Warnings about a data set that is hardly worth training on, shown before hours are spent.

use super::Dataset;
use crate::text::grouped;

impl Dataset {
    /// Warnings about images without contrast and identical images, one line each.
    pub fn quality_warnings(&self) -> Vec<String> {
        let count = self.len();
        let all = grouped(count as u64);
        let images = || self.images.chunks_exact(self.shape.pixels());
        let blank = images().filter(|image| image.iter().all(|level| *level == image[0])).count();
        let identical = images().all(|image| image == self.image(0));
        let mut warnings = Vec::new();
        if identical && count > 1 {
            warnings
                .push(format!("all {all} images are identical: there is only one image to learn"));
        }
        if blank == count {
            warnings.push(
                "no image has any contrast: all pixels of each image have the same value"
                    .to_owned(),
            );
        } else if blank > 0 {
            let blank = grouped(blank as u64);
            warnings.push(format!(
                "{blank} of {all} images have no contrast: all their pixels have the same value"
            ));
        }
        warnings
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
    fn images_without_contrast_and_identical_images_are_reported() {
        for (images, expected) in [
            (&[[1, 2], [3, 4]][..], &[][..]),
            (&[[1, 2], [1, 2]], &["all 2 images are identical"]),
            (&[[7, 7], [9, 9]], &["no image has any contrast"]),
            (&[[7, 7], [7, 8], [8, 8]], &["2 of 3 images have no contrast"]),
            (&[[5, 5], [5, 5]], &["identical", "no image has"]),
            (&[[1, 2]], &[]),
        ] {
            let warnings = data(images).quality_warnings();
            assert_eq!(warnings.len(), expected.len(), "{warnings:?}");
            for (warning, part) in warnings.iter().zip(expected) {
                assert!(warning.contains(part), "{warning}");
            }
        }
    }
}
