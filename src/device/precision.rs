//! How exactly a GPU multiplies matrices.

use std::fmt;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// How exactly a GPU multiplies matrices, as `--precision` names it.
///
/// Only the factors of a product may be rounded, on their way into it, to the nearest number of so
/// many significant bits; the products of their numbers are added up in single precision.
/// Weights, activations, gradients and Adam's moments are stored in single precision, and all other
/// work is done in it. Where a product has a shape that tensor cores do not take, cuBLAS may leave
/// its factors as they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// Single precision throughout, the only one that is compared with other devices
    #[default]
    F32,
    /// A GPU rounds the factors of matrix products to 11 bits, by 2⁻¹¹ of a number at most
    Tf32,
    /// The same to 8 bits, by 2⁻⁸ at most
    Bf16,
}

impl Precision {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::F32, Self::Tf32, Self::Bf16];
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Precision::F32 => "f32",
            Precision::Tf32 => "tf32",
            Precision::Bf16 => "bf16",
        })
    }
}
