//! Layers as data, printed and parsed in PyTorch's notation.

mod parse;
mod problem;

use std::fmt;

use crate::choice::serialize_as_text;
pub use problem::LayerProblem;

/// A layer, written as PyTorch prints it: `Linear(110, 128)`, `LeakyReLU(0.2)`.
///
/// Arguments equal to PyTorch's default are omitted when printing, and optional when parsing, as are
/// the names of arguments.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Layer {
    /// [y = x·Wᵀ + b](https://docs.pytorch.org/docs/stable/generated/torch.nn.Linear.html).
    Linear {
        /// Features of the input.
        inputs: usize,
        /// Features of the output.
        outputs: usize,
    },
    /// A [convolution](https://docs.pytorch.org/docs/stable/generated/torch.nn.Conv2d.html).
    Conv2d(Convolution),
    /// A [transposed
    /// convolution](https://docs.pytorch.org/docs/stable/generated/torch.nn.ConvTranspose2d.html).
    ConvTranspose2d {
        /// The convolution whose gradient with respect to its input this computes.
        convolution: Convolution,
        /// Rows and columns added to one side of the output.
        output_padding: usize,
    },
    /// [Batch
    /// normalization](https://docs.pytorch.org/docs/stable/generated/torch.nn.BatchNorm1d.html) of
    /// features.
    BatchNorm1d(BatchNorm),
    /// Batch normalization of an image's channels.
    BatchNorm2d(BatchNorm),
    /// Sets activations to zero with this probability, in training mode.
    Dropout(f64),
    /// x where x > 0, else slope · x.
    LeakyRelu(f64),
    /// max(x, 0).
    Relu,
    /// The hyperbolic tangent.
    Tanh,
    /// The logistic function.
    Sigmoid,
    /// Reshapes an image to features, channel by channel.
    Flatten,
    /// Reshapes features to an image with these channels, rows and columns.
    Unflatten([usize; 3]),
}

/// Extents of a convolution; kernel, stride and padding are the same along both axes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Convolution {
    /// Channels of the input.
    pub inputs: usize,
    /// Channels of the output.
    pub outputs: usize,
    /// Height and width of the kernel.
    pub kernel: usize,
    /// Pixels from one position of the kernel to the next.
    pub stride: usize,
    /// Zero padding around the input, or around the output if it is transposed.
    pub padding: usize,
    /// Whether each output channel has a bias.
    pub bias: bool,
}

/// Hyperparameters of a batch normalization with learned gain and bias.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchNorm {
    /// Features, or channels of an image.
    pub features: usize,
    /// Added to the variance.
    pub eps: f64,
    /// Momentum of the running statistics: the weight of the new batch.
    pub momentum: f64,
}

impl BatchNorm {
    /// PyTorch's defaults.
    pub(super) const EPS: f64 = 1e-5;
    pub(super) const MOMENTUM: f64 = 0.1;
}

impl Layer {
    /// Whether it is a convolution or a transposed convolution.
    pub(super) fn convolves(self) -> bool {
        matches!(self, Layer::Conv2d(_) | Layer::ConvTranspose2d { .. })
    }

    /// Number of learned parameters.
    pub fn parameters(self) -> usize {
        match self {
            Layer::Linear { inputs, outputs } => (inputs + 1) * outputs,
            Layer::Conv2d(convolution) | Layer::ConvTranspose2d { convolution, .. } => {
                let Convolution { inputs, outputs, kernel, bias, .. } = convolution;
                inputs * outputs * kernel * kernel + if bias { outputs } else { 0 }
            }
            Layer::BatchNorm1d(norm) | Layer::BatchNorm2d(norm) => 2 * norm.features,
            _ => 0,
        }
    }
}

/// As PyTorch prints it, without default arguments.
impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Layer::Linear { inputs, outputs } => write!(f, "Linear({inputs}, {outputs})"),
            Layer::Conv2d(convolution) => write!(f, "Conv2d({convolution})"),
            Layer::ConvTranspose2d { convolution, output_padding: 0 } => {
                write!(f, "ConvTranspose2d({convolution})")
            }
            Layer::ConvTranspose2d { convolution, output_padding } => {
                write!(f, "ConvTranspose2d({convolution}, output_padding={output_padding})")
            }
            Layer::BatchNorm1d(norm) => write!(f, "BatchNorm1d({norm})"),
            Layer::BatchNorm2d(norm) => write!(f, "BatchNorm2d({norm})"),
            Layer::Dropout(probability) => write!(f, "Dropout({probability})"),
            Layer::LeakyRelu(slope) => write!(f, "LeakyReLU({slope})"),
            Layer::Relu => f.write_str("ReLU()"),
            Layer::Tanh => f.write_str("Tanh()"),
            Layer::Sigmoid => f.write_str("Sigmoid()"),
            Layer::Flatten => f.write_str("Flatten()"),
            Layer::Unflatten([channels, height, width]) => {
                write!(f, "Unflatten({channels}, {height}, {width})")
            }
        }
    }
}

impl fmt::Display for Convolution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Convolution { inputs, outputs, kernel, stride, padding, bias } = self;
        write!(f, "{inputs}, {outputs}, kernel_size={kernel}")?;
        if *stride != 1 {
            write!(f, ", stride={stride}")?;
        }
        if *padding != 0 {
            write!(f, ", padding={padding}")?;
        }
        if !bias { f.write_str(", bias=False") } else { Ok(()) }
    }
}

impl fmt::Display for BatchNorm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let BatchNorm { features, eps, momentum } = self;
        write!(f, "{features}")?;
        if *eps != Self::EPS {
            write!(f, ", eps={eps}")?;
        }
        if *momentum != Self::MOMENTUM { write!(f, ", momentum={momentum}") } else { Ok(()) }
    }
}

serialize_as_text!(Layer);
