//! Directions in latent space in which the images change most.
//!
//! The eigenvectors of A·Aᵀ with the largest eigenvalues, where A has the rows of the first layer's
//! matrix that noise is multiplied by (SeFa: Shen and Zhou,
//! [Closed-Form Factorization of Latent Semantics in GANs](https://arxiv.org/abs/2007.06600)).

use nalgebra::{DMatrix, SymmetricEigen};

use crate::export::Result;
use crate::formats::tensor_file::TensorFile;
use crate::nn::{Layer, NetworkSpec};

/// Maximum number of directions: as many sliders as fit beside the images.
const MAX: usize = 8;
/// Maximum latent dimension. The time is proportional to its cube, and at this one it is seconds.
const MAX_LATENT_DIM: usize = 1024;

/// Up to eight orthogonal unit vectors, the most effective first; none if the first layer does not
/// see all of the noise at once, or the latent dimension is above 1,024.
///
/// # Errors
/// When the first layer's weight is missing or invalid.
pub(super) fn directions(spec: &NetworkSpec, file: &TensorFile) -> Result<Vec<Vec<f64>>> {
    let latent_dim = spec.input().shape.elements();
    let inputs = latent_dim + spec.classes();
    let matrix = match spec.layers().next() {
        _ if latent_dim > MAX_LATENT_DIM => None,
        Some((key, layer)) => first_matrix(&key, layer, inputs, file)?,
        None => None,
    };
    let label_first = spec.input().label.as_ref().is_some_and(|label| label.first);
    let first_row = if label_first { spec.classes() } else { 0 };
    Ok(matrix.map_or_else(Vec::new, |a| eigenvectors(a.rows(first_row, latent_dim).into_owned())))
}

/// The matrix (inputs, outputs) of a layer whose rows are the network's inputs.
fn first_matrix(
    key: &str,
    layer: Layer,
    inputs: usize,
    file: &TensorFile,
) -> Result<Option<DMatrix<f64>>> {
    let read = |shape: &[usize]| file.floats(&format!("{key}.weight"), shape, |x| x);
    Ok(match layer {
        // Its weight is (outputs, inputs) row by row, so (inputs, outputs) column by column.
        Layer::Linear { outputs, .. } => {
            Some(DMatrix::from_vec(inputs, outputs, read(&[outputs, inputs])?))
        }
        Layer::ConvTranspose2d { convolution, .. } if convolution.inputs == inputs => {
            let (outputs, kernel) = (convolution.outputs, convolution.kernel);
            let weight = read(&[inputs, outputs, kernel, kernel])?;
            Some(DMatrix::from_row_slice(inputs, outputs * kernel * kernel, &weight))
        }
        _ => None,
    })
}

fn eigenvectors(a: DMatrix<f64>) -> Vec<Vec<f64>> {
    let SymmetricEigen { eigenvectors, eigenvalues } = SymmetricEigen::new(&a * a.transpose());
    let mut order: Vec<usize> = (0..eigenvalues.len()).collect();
    order.sort_by(|&i, &j| eigenvalues[j].total_cmp(&eigenvalues[i]));
    let vector = |&i: &usize| eigenvectors.column(i).iter().copied().collect();
    order.iter().take(MAX).map(vector).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directions_are_those_of_the_largest_singular_values() {
        // Rows of different lengths along different columns: each is its own singular vector.
        let a = DMatrix::from_row_slice(3, 4, &[0., 2., 0., 0., 5., 0., 0., 0., 0., 0., 0., 3.]);
        let found = eigenvectors(a);
        assert_eq!(found.len(), 3);
        for (vector, row) in found.iter().zip([1, 2, 0]) {
            assert!((vector[row].abs() - 1.0).abs() < 1e-12, "{found:?}");
        }
    }
}
