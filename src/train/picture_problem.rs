//! Why a picture cannot be made.

use std::path::PathBuf;

/// What went wrong with a picture before it was written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PictureProblem {
    /// It could not be encoded.
    #[error("cannot encode {path} as PNG", path = path.display())]
    Png {
        /// The picture.
        path: PathBuf,
        /// The encoder's word.
        source: png::EncodingError,
    },

    /// A plot could not be drawn.
    #[error("cannot draw {path}: {problem}", path = path.display())]
    Plot {
        /// The plot.
        path: PathBuf,
        /// The plotting library's word.
        problem: String,
    },

    /// Frames cannot be joined to an animation.
    #[error("cannot make {path}: {problem}", path = path.display())]
    Gif {
        /// The animation.
        path: PathBuf,
        /// Why.
        problem: String,
    },
}
