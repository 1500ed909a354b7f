//! The built-in data set names.

use crate::choice::{Choice, choices};

choices! {
    /// A data set selected by name (`--dataset`). Both are 60,000 grey images of 28×28 in ten
    /// classes.
    pub enum DatasetKind {
        /// Handwritten digits; the first 10,000 are embedded.
        Mnist = "mnist",
        /// Pieces of clothing.
        FashionMnist = "fashion-mnist",
    }
}

impl DatasetKind {
    /// The name on the command line, in run folders and in the cache.
    pub fn name(self) -> &'static str {
        self.keyword()
    }

    /// Number of classes. Other files under the same names may have more.
    pub fn classes(self) -> usize {
        10
    }

    /// Class names by class number; empty where classes are just numbers.
    pub fn class_names(self) -> &'static [&'static str] {
        match self {
            DatasetKind::Mnist => &[],
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
            DatasetKind::Mnist => "MNIST/raw",
            DatasetKind::FashionMnist => "FashionMNIST/raw",
        }
    }
}
