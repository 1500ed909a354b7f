//! Mirrors, files and checksums of the known data sets.

use super::RemoteFile;
use crate::data::DatasetKind;

/// File names with their uncompressed sizes in bytes: a header of 16 or 8 bytes, then the values.
const FILES: [(&str, u64); 4] = [
    ("train-images-idx3-ubyte", 16 + 60_000 * 28 * 28),
    ("train-labels-idx1-ubyte", 8 + 60_000),
    ("t10k-images-idx3-ubyte", 16 + 10_000 * 28 * 28),
    ("t10k-labels-idx1-ubyte", 8 + 10_000),
];

/// SHA-256 of the decompressed files, in the order of [`FILES`].
const MNIST: [&str; 4] = [
    "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
];
const FASHION_MNIST: [&str; 4] = [
    "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
];

/// The files of a data set.
pub(super) fn files(kind: DatasetKind) -> Vec<RemoteFile> {
    let sums = match kind {
        DatasetKind::Mnist | DatasetKind::StackedMnist => MNIST,
        DatasetKind::FashionMnist => FASHION_MNIST,
    };
    let file =
        |((name, length), sum): ((_, _), &str)| RemoteFile { name, length, sha256: sum.to_owned() };
    FILES.into_iter().zip(sums).map(file).collect()
}

/// Public mirrors. MNIST's are torchvision's and TensorFlow's, then its original site;
/// Fashion-MNIST's are its authors'.
pub(super) fn mirrors(kind: DatasetKind) -> &'static [&'static str] {
    match kind {
        DatasetKind::Mnist | DatasetKind::StackedMnist => &[
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
            "http://yann.lecun.com/exdb/mnist/",
        ],
        DatasetKind::FashionMnist => &[
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::choice::Choice;

    #[test]
    fn checksums_are_well_formed_and_distinct() {
        let all: Vec<_> = DatasetKind::ALL.iter().flat_map(|&kind| files(kind)).collect();
        let mut sums: Vec<_> = all.iter().map(|file| &file.sha256).collect();
        sums.sort();
        sums.dedup();
        assert_eq!(sums.len(), 8);
        for sum in sums {
            assert_eq!(sum.len(), 64, "{sum}");
            assert!(sum.bytes().all(|byte| b"0123456789abcdef".contains(&byte)), "{sum}");
        }
    }

    #[test]
    fn mirror_urls_end_with_a_slash() {
        for kind in DatasetKind::ALL {
            for url in mirrors(*kind) {
                assert!(url.starts_with("http") && url.ends_with('/'), "{url}");
            }
        }
    }
}
