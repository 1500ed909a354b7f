//! Weight initialization, as in PyTorch; sampled on the host, once.

use rand_chacha::ChaCha12Rng;
use rand_distr::{Distribution, Normal, StandardNormal, Uniform};

use crate::choice::serialize_as_text;

/// The initialization of the weights of linear layers and convolutions. Biases are uniform in
/// ±1/√inputs in both cases; the inputs of a convolution are all elements of a window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Init {
    /// Uniform in ±1/√inputs: the default of PyTorch's `Linear`.
    Default,
    /// Normal with mean 0 and this standard deviation; with mean 1 for the weights (gamma) of
    /// `BatchNorm2d`, as in [DCGAN](https://arxiv.org/abs/1511.06434).
    Normal(f64),
}

impl Init {
    /// `len` weights of a layer with `inputs` inputs.
    pub(super) fn weights(self, rng: &mut ChaCha12Rng, len: usize, inputs: usize) -> Vec<f64> {
        match self {
            Init::Default => uniform(rng, len, inputs),
            Init::Normal(std) => normal(rng, len, 0.0, std),
        }
    }

    /// The gains (gamma) of a batch normalization of an image's channels.
    pub(super) fn gains(self, rng: &mut ChaCha12Rng, channels: usize) -> Vec<f64> {
        match self {
            Init::Default => vec![1.0; channels],
            Init::Normal(std) => normal(rng, channels, 1.0, std),
        }
    }
}

fn normal(rng: &mut ChaCha12Rng, len: usize, mean: f64, std: f64) -> Vec<f64> {
    match Normal::new(mean, std) {
        Ok(normal) => normal.sample_iter(rng).take(len).collect(),
        Err(_) => vec![mean; len],
    }
}

/// Uniform in ±1/√inputs.
pub(super) fn uniform(rng: &mut ChaCha12Rng, len: usize, inputs: usize) -> Vec<f64> {
    let bound = 1.0 / (inputs as f64).sqrt();
    match Uniform::new(-bound, bound) {
        Ok(uniform) => uniform.sample_iter(rng).take(len).collect(),
        Err(_) => vec![0.0; len],
    }
}

/// Standard normal: for embeddings.
pub(super) fn standard_normal(rng: &mut ChaCha12Rng, len: usize) -> Vec<f64> {
    StandardNormal.sample_iter(rng).take(len).collect()
}

impl std::fmt::Display for Init {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Init::Default => f.write_str("default"),
            Init::Normal(std) => write!(f, "normal:{std}"),
        }
    }
}

impl std::str::FromStr for Init {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("'{text}' is neither 'default' nor 'normal:STD' with STD > 0");
        match text.strip_prefix("normal:") {
            None if text == "default" => Ok(Init::Default),
            None => Err(wrong()),
            Some(std) => match std.parse::<f64>() {
                Ok(std) if std > 0.0 && std.is_finite() => Ok(Init::Normal(std)),
                _ => Err(wrong()),
            },
        }
    }
}

serialize_as_text!(Init);
