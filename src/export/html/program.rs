//! The generator's forward pass as a list of the few matrix operations that the page implements.
//!
//! Every activation is a matrix. Features are a row for each generated image; an image is
//! channels-last, a row for each pixel and a column for each channel, so that a convolution is a
//! matrix multiplication, and biases and BatchNorm are the same for features and for images. What
//! changes no number (Dropout, reshapes that keep the order) does not appear.

use std::iter::zip;

use serde::Serialize;

use super::weights::Weights;
use crate::export::Result;
use crate::formats::tensor_file::TensorFile;
use crate::nn::layer::{BatchNorm, Convolution};
use crate::nn::storage_order::StorageOrder;
use crate::nn::{Layer, NetworkSpec, Shape};

/// An operation on the current matrix. Matrices and vectors that it needs are the next ones of
/// [`Weights`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(tag = "name", rename_all = "camelCase")]
pub(super) enum Operation {
    /// Multiplies by a matrix (inputs, outputs).
    Matmul { inputs: usize, outputs: usize },
    /// From an image to a row for each position of a convolution's kernel: the pixels under it.
    Im2col(Windows),
    /// The reverse: adds each row to the pixels under the kernel at its position.
    Col2im(Windows),
    /// Computes scale · x + shift with a scale and a shift for each column.
    Affine { columns: usize },
    /// x where x > 0, else slope · x.
    LeakyRelu { slope: f64 },
    /// The hyperbolic tangent.
    Tanh,
    /// The logistic function.
    Sigmoid,
    /// Transposes each block of `rows` rows, an image's channels or pixels.
    Transpose { rows: usize, columns: usize },
}

/// The positions of a convolution's kernel on an image.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Windows {
    /// Channels of the image.
    channels: usize,
    /// Rows and columns of the image.
    image: [usize; 2],
    kernel: usize,
    stride: usize,
    padding: usize,
    /// Rows and columns of positions.
    positions: [usize; 2],
}

/// The operations of a generator; its matrices and vectors are appended to `weights`.
///
/// # Errors
/// When a tensor is missing, has another shape, or contains NaN or infinite numbers.
pub(super) fn operations(
    spec: &NetworkSpec,
    file: &TensorFile,
    weights: &mut Weights,
) -> Result<Vec<Operation>> {
    let shape = Shape::Features(spec.input().shape.elements() + spec.classes());
    let mut program = Program { file, weights, shape, operations: Vec::new(), affine: None };
    for sequence in spec.sequences() {
        if let Some(view) = sequence.view {
            program.reshape(view);
        }
        for (i, &layer) in sequence.layers.iter().enumerate() {
            program.layer(&sequence.key(i), layer)?;
        }
    }
    // Images leave the page's engine channels-first, as in PyTorch.
    program.reshape(Shape::Features(program.shape.elements()));
    program.flush();
    Ok(program.operations)
}

/// Builds the list.
struct Program<'a> {
    file: &'a TensorFile,
    weights: &'a mut Weights,
    /// The shape of one image's activations.
    shape: Shape,
    operations: Vec<Operation>,
    /// The end of the list, to which the next layer may still be added.
    affine: Option<Affine>,
}

/// A scale and a shift for each column.
struct Affine {
    scale: Vec<f64>,
    shift: Vec<f64>,
}

impl Affine {
    /// This, followed by another.
    fn then(mut self, next: &Affine) -> Affine {
        for (i, (scale, shift)) in zip(&next.scale, &next.shift).enumerate() {
            self.scale[i] *= scale;
            self.shift[i] = scale * self.shift[i] + shift;
        }
        self
    }
}

impl Program<'_> {
    fn layer(&mut self, key: &str, layer: Layer) -> Result<()> {
        // The layers of a valid network accept their inputs.
        let output = self.shape.after(layer).unwrap_or(self.shape);
        match layer {
            Layer::Linear { inputs, outputs } => self.linear(key, inputs, outputs)?,
            Layer::Conv2d(convolution) => self.convolve(key, convolution, output)?,
            Layer::ConvTranspose2d { convolution, .. } => {
                self.transpose(key, convolution, output)?
            }
            Layer::BatchNorm1d(norm) | Layer::BatchNorm2d(norm) => self.batch_norm(key, norm)?,
            Layer::LeakyRelu(slope) => self.push(Operation::LeakyRelu { slope }),
            Layer::Relu => self.push(Operation::LeakyRelu { slope: 0.0 }),
            Layer::Tanh => self.push(Operation::Tanh),
            Layer::Sigmoid => self.push(Operation::Sigmoid),
            Layer::Flatten | Layer::Unflatten(_) => self.reshape(output),
            // The identity in evaluation mode.
            Layer::Dropout(_) => {}
        }
        self.shape = output;
        Ok(())
    }

    fn linear(&mut self, key: &str, inputs: usize, outputs: usize) -> Result<()> {
        let weight = self.tensor(key, "weight", &[outputs, inputs])?;
        let scale = self.matmul(&reversed(&weight, [outputs, inputs, 1]), inputs, outputs);
        let shift = self.tensor(key, "bias", &[outputs])?;
        self.affine(Affine { scale: vec![scale; outputs], shift });
        Ok(())
    }

    fn convolve(&mut self, key: &str, convolution: Convolution, output: Shape) -> Result<()> {
        let Convolution { inputs, outputs, kernel, .. } = convolution;
        let weight = self.tensor(key, "weight", &[outputs, inputs, kernel, kernel])?;
        let taps = kernel * kernel;
        self.push(Operation::Im2col(windows(convolution, self.shape, output)));
        let weight = reversed(&weight, [outputs, inputs, taps]);
        let scale = self.matmul(&weight, taps * inputs, outputs);
        self.bias(key, convolution, scale)
    }

    fn transpose(&mut self, key: &str, convolution: Convolution, output: Shape) -> Result<()> {
        let Convolution { inputs, outputs, kernel, .. } = convolution;
        let weight = self.tensor(key, "weight", &[inputs, outputs, kernel, kernel])?;
        let taps = kernel * kernel;
        let rows = weight.chunks_exact(outputs * taps);
        let weight: Vec<f64> = rows.flat_map(|row| reversed(row, [1, outputs, taps])).collect();
        let scale = self.matmul(&weight, inputs, taps * outputs);
        self.push(Operation::Col2im(windows(convolution, output, self.shape)));
        self.bias(key, convolution, scale)
    }

    /// The scale and the bias of a convolution's matrix.
    fn bias(&mut self, key: &str, convolution: Convolution, scale: f64) -> Result<()> {
        let Convolution { outputs, bias, .. } = convolution;
        let shift = match bias {
            true => self.tensor(key, "bias", &[outputs])?,
            false => vec![0.0; outputs],
        };
        self.affine(Affine { scale: vec![scale; outputs], shift });
        Ok(())
    }

    fn batch_norm(&mut self, key: &str, norm: BatchNorm) -> Result<()> {
        let shape = [norm.features];
        let tensor = |name| self.tensor(key, name, &shape);
        let (weight, bias) = (tensor("weight")?, tensor("bias")?);
        let (mean, variance) = (tensor("running_mean")?, tensor("running_var")?);
        let scale = zip(weight, variance).map(|(weight, var)| weight / (var + norm.eps).sqrt());
        let scale: Vec<f64> = scale.collect();
        let shift = zip(bias, zip(mean, &scale)).map(|(bias, (mean, scale))| bias - mean * scale);
        let shift = shift.collect();
        self.affine(Affine { scale, shift });
        Ok(())
    }

    /// Changes the order of an image's numbers where it differs from the order of features.
    fn reshape(&mut self, shape: Shape) {
        if let Some([channels, pixels]) = channels_last(self.shape) {
            self.push(Operation::Transpose { rows: pixels, columns: channels });
        }
        if let Some([channels, pixels]) = channels_last(shape) {
            self.push(Operation::Transpose { rows: channels, columns: pixels });
        }
        self.shape = shape;
    }

    /// Returns the factor for the product's columns.
    fn matmul(&mut self, matrix: &[f64], inputs: usize, outputs: usize) -> f64 {
        self.push(Operation::Matmul { inputs, outputs });
        self.weights.push_matrix(matrix)
    }

    /// Merges adjacent scales and shifts, in double precision.
    fn affine(&mut self, next: Affine) {
        self.affine = match self.affine.take_if(|affine| affine.scale.len() == next.scale.len()) {
            Some(affine) => Some(affine.then(&next)),
            None => {
                self.flush();
                Some(next)
            }
        };
    }

    fn push(&mut self, operation: Operation) {
        self.flush();
        self.operations.push(operation);
    }

    fn flush(&mut self) {
        if let Some(Affine { scale, shift }) = self.affine.take() {
            self.operations.push(Operation::Affine { columns: scale.len() });
            self.weights.push_vector(scale);
            self.weights.push_vector(shift);
        }
    }

    fn tensor(&self, key: &str, name: &str, shape: &[usize]) -> Result<Vec<f64>> {
        Ok(self.file.floats(&format!("{key}.{name}"), shape, |x| x)?)
    }
}

/// The axes (a, b, c) of a tensor as (c, b, a).
fn reversed(numbers: &[f64], extents: [usize; 3]) -> Vec<f64> {
    StorageOrder::Reversed(extents).pack(numbers).into_owned()
}

/// Channels and pixels of an image whose order of numbers depends on the layout.
fn channels_last(shape: Shape) -> Option<[usize; 2]> {
    let [channels, height, width] = shape.image();
    let pixels = height * width;
    (channels > 1 && pixels > 1).then_some([channels, pixels])
}

/// The kernel's positions on `image`; `positions` has a pixel for each.
fn windows(convolution: Convolution, image: Shape, positions: Shape) -> Windows {
    let Convolution { kernel, stride, padding, .. } = convolution;
    let [channels, height, width] = image.image();
    let [_, rows, columns] = positions.image();
    Windows {
        channels,
        image: [height, width],
        kernel,
        stride,
        padding,
        positions: [rows, columns],
    }
}
