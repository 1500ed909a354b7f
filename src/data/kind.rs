//! The built-in data set names.

use crate::choice::{Choice, choices};

choices! {
    /// A data set selected by name (`--dataset`). Images are 28×28.
    pub enum DatasetKind {
        /// 60,000 handwritten digits; the first 10,000 are embedded.
        Mnist = "mnist",
        /// 60,000 pieces of clothing.
        FashionMnist = "fashion-mnist",
        /// 128,000 images of three MNIST digits each, in red, green and blue, for measuring mode
        /// collapse.
        StackedMnist = "stacked-mnist",
    }
}

impl DatasetKind {
    /// The name on the command line, in run folders and in the cache.
    pub fn name(self) -> &'static str {
        self.keyword()
    }

    /// Number of classes. Other files under the same names may have more.
    pub fn classes(self) -> usize {
        match self {
            DatasetKind::Mnist | DatasetKind::FashionMnist => 10,
            DatasetKind::StackedMnist => 1000,
        }
    }

    /// Channels of its images: 1 (grey), or 3.
    pub fn channels(self) -> usize {
        match self {
            DatasetKind::Mnist | DatasetKind::FashionMnist => 1,
            DatasetKind::StackedMnist => 3,
        }
    }

    /// The data set whose files have its images: `stacked-mnist` is made of `mnist`.
    pub fn stored_as(self) -> DatasetKind {
        match self {
            DatasetKind::StackedMnist => DatasetKind::Mnist,
            stored => stored,
        }
    }

    /// Class names by class number; empty where classes are just numbers.
    pub fn class_names(self) -> &'static [&'static str] {
        match self {
            DatasetKind::Mnist | DatasetKind::StackedMnist => &[],
            DatasetKind::FashionMnist => &[
                "T-shirt/top",
                "Trouser",
                "Pullover",
                "Dress",
                "Coat",
                "Sandal",
                "Shirt",
                "Sneaker",
                "Bag",
                "Ankle boot",
            ],
        }
    }

    /// torchvision's folder for this data set, relative to its `root`.
    pub(super) fn torchvision_folder(self) -> &'static str {
        match self {
            DatasetKind::Mnist | DatasetKind::StackedMnist => "MNIST/raw",
            DatasetKind::FashionMnist => "FashionMNIST/raw",
        }
    }
}
