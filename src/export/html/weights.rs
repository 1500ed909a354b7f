//! The numbers in the page: matrices as f16, which is enough for their many small products, and
//! everything else as f32.

use base64::prelude::{BASE64_STANDARD, Engine};
use half::f16;

/// Matrices and vectors in the order in which the page reads them, little-endian.
#[derive(Default)]
pub(super) struct Weights {
    matrices: Vec<u8>,
    vectors: Vec<u8>,
}

impl Weights {
    /// Appends a matrix, multiplied by a power of two such that neither overflow nor subnormal
    /// numbers matter in f16, and returns the factor that undoes it.
    pub(super) fn push_matrix(&mut self, numbers: &[f64]) -> f64 {
        let max = numbers.iter().fold(0.0, |max: f64, number| max.max(number.abs()));
        // The largest number becomes one from 2^14 to 2^15; f16 ends at 2^16.
        let exponent = if max > 0.0 { 14 - max.log2().floor() as i32 } else { 0 };
        let factor = 2.0_f64.powi(exponent);
        let halves = numbers.iter().map(|number| f16::from_f64(number * factor));
        self.matrices.extend(halves.flat_map(f16::to_le_bytes));
        1.0 / factor
    }

    /// Appends a vector.
    pub(super) fn push_vector(&mut self, numbers: impl IntoIterator<Item = f64>) {
        let floats = numbers.into_iter().map(|number| number as f32);
        self.vectors.extend(floats.flat_map(f32::to_le_bytes));
    }

    /// The matrices in base64.
    pub(super) fn matrices(&self) -> String {
        BASE64_STANDARD.encode(&self.matrices)
    }

    /// The vectors in base64.
    pub(super) fn vectors(&self) -> String {
        BASE64_STANDARD.encode(&self.vectors)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn halves(numbers: &[f64]) -> (Vec<f64>, f64) {
        let mut weights = Weights::default();
        let factor = weights.push_matrix(numbers);
        let halves = weights.matrices.as_chunks().0.iter();
        (halves.map(|bytes| f16::from_le_bytes(*bytes).to_f64()).collect(), factor)
    }

    #[test]
    fn matrices_keep_eleven_bits_at_any_magnitude() {
        for magnitude in [1e-30, 1e-6, 0.02, 1.0, 1e5, 1e30] {
            let numbers = [1.0, -0.3, 1.999, 1e-3].map(|number| number * magnitude);
            let (halves, factor) = halves(&numbers);
            for (half, number) in halves.iter().zip(numbers) {
                let error = (half * factor - number).abs();
                assert!(error <= number.abs() * 2.0_f64.powi(-11), "{half} · {factor}: {number}");
            }
        }
    }

    #[test]
    fn matrix_of_zeros_stays_zero() {
        assert_eq!(halves(&[0.0, 0.0]), (vec![0.0, 0.0], 1.0));
    }
}
