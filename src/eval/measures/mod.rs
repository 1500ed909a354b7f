//! From features to numbers.
//!
//! A sample (a generator's images) is compared with a reference (real ones). Each image is a point,
//! a row of features; [`nearest`] takes the bytes of the images themselves, [`histogram`] the
//! classes that a classifier sees in them. What only depends on the reference is computed once and
//! serves any number of samples.
//!
//! | module | measures | range | better |
//! |---|---|---|---|
//! | [`frechet`] | distance of two Gaussians | 0 … | lower |
//! | [`kernel`] | kernel distance, with its standard error | about 0 … | lower |
//! | [`neighbors`] | precision, recall, coverage | 0 … 1 | higher |
//! | | density | 0 …, real images have 1 | higher |
//! | [`bins`] | share of bins that are too full or too empty | 0 … 1 | lower |
//! | [`histogram`] | divergence of the histograms of classes | 0 … | lower |
//! | | share of the rarest class | 0 … 1 / classes | higher |
//! | [`proportion`] | interval of a proportion | 0 … 1 | |
//! | [`nearest`] | distance to the nearest training image | 0 … | 0 is a copy |
//!
//! All pairs of points are met in tiles, whose products the CPU device computes in `f32`.
//! They only screen distances: whatever they cannot tell is decided by the difference of the
//! two points in double precision. So equal points have a distance of 0, and every number here is the
//! same bits for any number of threads.

pub mod bins;
pub mod frechet;
pub mod histogram;
pub mod kernel;
pub mod nearest;
pub mod neighbors;
mod pairs;
mod points;
pub mod proportion;
mod screen;

pub use points::{Coordinate, Points};
