//! Scores computed from features.
//!
//! A sample (generated images) is compared with a reference (real images). Each image is a point, a
//! row of features; [`nearest`] uses the bytes of the images themselves, [`histogram`] their
//! predicted classes. Everything that depends on the reference only is computed once for any number
//! of samples.
//!
//! | module | measures | range | better |
//! |---|---|---|---|
//! | [`frechet`] | Fréchet distance between two Gaussians | 0 … | lower |
//! | [`kernel`] | kernel distance, with its standard error | about 0 … | lower |
//! | [`neighbors`] | precision, recall, coverage | 0 … 1 | higher |
//! | | density | 0 …, about 1 for real images | higher |
//! | [`bins`] | fraction of statistically different bins | 0 … 1 | lower |
//! | [`histogram`] | KL divergence of the class histograms | 0 … | lower |
//! | | fraction of the rarest class | 0 … 1 / classes | higher |
//! | | number of modes | 0 … modes | higher |
//! | | KL divergence of the modes from a uniform distribution | 0 … ln modes | lower |
//! | [`proportion`] | confidence interval of a proportion | 0 … 1 | |
//! | [`nearest`] | distance to the nearest training image | 0 … | 0 is a copy |
//!
//! Pairs of points are processed in tiles, whose dot products the CPU device computes in `f32`.
//! They only rule out pairs that are too far apart; the distance of the remaining pairs is computed
//! from the differences of coordinates in `f64`. So equal points have a distance of 0, and all
//! results are bitwise the same for any number of threads.

pub mod bins;
pub mod frechet;
pub mod histogram;
pub mod kernel;
pub mod nearest;
pub mod neighbors;
mod pair_filter;
mod pairs;
mod points;
pub mod proportion;

pub use points::{Coordinate, Points};
