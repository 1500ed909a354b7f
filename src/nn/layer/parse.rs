//! Parsing a layer: the short form, and the long form that PyTorch's `print(model)` shows.

use std::fmt::Display;
use std::str::FromStr;

use super::{BatchNorm, Convolution, Layer, LayerProblem};
use crate::ranges::{self, Range};

type Parsed<T> = Result<T, LayerProblem>;

impl FromStr for Layer {
    type Err = LayerProblem;

    /// Arguments come in PyTorch's order, positional or by name.
    fn from_str(text: &str) -> Parsed<Layer> {
        let mut call = Call::of(text)?;
        let layer = match call.name {
            "Linear" => {
                let (inputs, outputs) = (call.extent("in_features")?, call.extent("out_features")?);
                call.only("bias", "True")?;
                Layer::Linear { inputs, outputs }
            }
            "Conv2d" => call.conv2d()?,
            "ConvTranspose2d" => call.conv_transpose2d()?,
            "BatchNorm1d" => Layer::BatchNorm1d(call.batch_norm()?),
            "BatchNorm2d" => Layer::BatchNorm2d(call.batch_norm()?),
            "Dropout" => Layer::Dropout(call.within("p", Some(0.5), ranges::FRACTION)?),
            "LeakyReLU" => {
                let range = ranges::POSITIVE_FRACTION;
                Layer::LeakyRelu(call.within("negative_slope", Some(0.01), range)?)
            }
            "ReLU" => Layer::Relu,
            "Tanh" => Layer::Tanh,
            "Sigmoid" => Layer::Sigmoid,
            "Flatten" => {
                call.only("start_dim", "1")?;
                call.only("end_dim", "-1")?;
                Layer::Flatten
            }
            "Unflatten" => call.unflatten()?,
            name => return Err(LayerProblem::Unknown { name: name.to_owned() }),
        };
        if matches!(call.name, "Dropout" | "LeakyReLU" | "ReLU") {
            // Accepted and ignored: the engine decides which memory to reuse.
            call.take("inplace");
        }
        call.finish()?;
        Ok(layer)
    }
}

/// A layer's name and its arguments that are not parsed yet.
struct Call<'a> {
    text: &'a str,
    name: &'a str,
    /// Name, if given, and value.
    arguments: Vec<(Option<&'a str>, &'a str)>,
}

impl<'a> Call<'a> {
    fn of(text: &'a str) -> Parsed<Self> {
        let text = text.trim();
        let form = || LayerProblem::Form { text: text.to_owned() };
        let (name, rest) = text.split_once('(').ok_or_else(form)?;
        let inside = rest.strip_suffix(')').ok_or_else(form)?;
        let arguments = split(inside).ok_or_else(form)?;
        if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
            return Err(form());
        }
        Ok(Self { text, name: name.trim_end(), arguments })
    }

    /// The argument with this name, or the next positional one.
    fn take(&mut self, name: &str) -> Option<&'a str> {
        let named = self.arguments.iter().position(|(given, _)| *given == Some(name));
        let next = self.arguments.iter().position(|(given, _)| given.is_none());
        named.or(next).map(|at| self.arguments.remove(at).1)
    }

    fn finish(self) -> Parsed<()> {
        let Some((name, value)) = self.arguments.first() else { return Ok(()) };
        let argument = name.map_or(String::new(), |name| format!("{name}=")) + value;
        Err(LayerProblem::TooMany { layer: self.text.to_owned(), argument })
    }

    fn missing(&self, argument: &'static str) -> LayerProblem {
        LayerProblem::Missing { layer: self.text.to_owned(), argument }
    }

    fn wrong(&self, argument: &'static str, value: &str, expected: impl Display) -> LayerProblem {
        let (layer, value) = (self.text.to_owned(), value.to_owned());
        LayerProblem::Value { layer, argument, value, expected: expected.to_string() }
    }

    /// A number in a range; `default` if it is not given.
    fn within<T>(&mut self, name: &'static str, default: Option<T>, range: Range<T>) -> Parsed<T>
    where
        T: Copy + PartialOrd + FromStr,
        Range<T>: Display,
    {
        let Some(text) = self.take(name) else { return default.ok_or_else(|| self.missing(name)) };
        let number = once(text).parse().ok().filter(|&number| range.contains(number));
        number.ok_or_else(|| self.wrong(name, text, range))
    }

    fn whole(
        &mut self,
        name: &'static str,
        default: Option<u64>,
        range: Range<u64>,
    ) -> Parsed<usize> {
        Ok(self.within(name, default, range)? as usize)
    }

    fn extent(&mut self, name: &'static str) -> Parsed<usize> {
        self.whole(name, None, ranges::EXTENT)
    }

    /// An optional argument that must have PyTorch's default.
    fn only(&mut self, name: &'static str, default: &str) -> Parsed<()> {
        match self.take(name) {
            Some(value) if once(value) != default => Err(self.wrong(name, value, default)),
            _ => Ok(()),
        }
    }

    fn truth(&mut self, name: &'static str) -> Parsed<bool> {
        match self.take(name) {
            None | Some("True") => Ok(true),
            Some("False") => Ok(false),
            Some(other) => Err(self.wrong(name, other, "True or False")),
        }
    }

    fn conv2d(&mut self) -> Parsed<Layer> {
        let convolution = self.convolution()?;
        self.only("dilation", "1")?;
        self.only("groups", "1")?;
        let bias = self.truth("bias")?;
        self.only("padding_mode", "'zeros'")?;
        Ok(Layer::Conv2d(Convolution { bias, ..convolution }))
    }

    fn conv_transpose2d(&mut self) -> Parsed<Layer> {
        let convolution = self.convolution()?;
        let output_padding = self.whole("output_padding", Some(0), ranges::PADDING)?;
        self.only("groups", "1")?;
        let bias = self.truth("bias")?;
        self.only("dilation", "1")?;
        if output_padding >= convolution.stride {
            let expected = format!("below the stride, {}", convolution.stride);
            return Err(self.wrong("output_padding", &output_padding.to_string(), expected));
        }
        let convolution = Convolution { bias, ..convolution };
        Ok(Layer::ConvTranspose2d { convolution, output_padding })
    }

    /// The first arguments of both kinds of convolution.
    fn convolution(&mut self) -> Parsed<Convolution> {
        Ok(Convolution {
            inputs: self.extent("in_channels")?,
            outputs: self.extent("out_channels")?,
            kernel: self.whole("kernel_size", None, ranges::KERNEL)?,
            stride: self.whole("stride", Some(1), ranges::KERNEL)?,
            padding: self.whole("padding", Some(0), ranges::PADDING)?,
            bias: true,
        })
    }

    fn batch_norm(&mut self) -> Parsed<BatchNorm> {
        let norm = BatchNorm {
            features: self.extent("num_features")?,
            eps: self.within("eps", Some(BatchNorm::EPS), ranges::EPSILON)?,
            momentum: self.within(
                "momentum",
                Some(BatchNorm::MOMENTUM),
                ranges::POSITIVE_FRACTION,
            )?,
        };
        self.only("affine", "True")?;
        self.only("track_running_stats", "True")?;
        Ok(norm)
    }

    /// `Unflatten(128, 7, 7)`, or PyTorch's `Unflatten(dim=1, unflattened_size=(128, 7, 7))`.
    fn unflatten(&mut self) -> Parsed<Layer> {
        let long = self.arguments.iter().any(|(_, value)| value.starts_with('('));
        if !long {
            let mut extent = || self.extent("unflattened_size");
            return Ok(Layer::Unflatten([extent()?, extent()?, extent()?]));
        }
        self.only("dim", "1")?;
        let size = self.take("unflattened_size").unwrap_or_default();
        let extent =
            |part: &&str| part.parse().ok().filter(|&extent| ranges::EXTENT.contains(extent));
        let extents: Option<Vec<u64>> =
            tuple(size).and_then(|parts| parts.iter().map(extent).collect());
        match extents.as_deref() {
            Some(&[channels, height, width]) => {
                Ok(Layer::Unflatten([channels, height, width].map(|extent| extent as usize)))
            }
            _ => {
                let expected = format!("(channels, rows, columns), each {}", ranges::EXTENT);
                Err(self.wrong("unflattened_size", size, expected))
            }
        }
    }
}

/// The arguments, separated by commas outside of parentheses; none if parentheses do not match.
fn split(inside: &str) -> Option<Vec<(Option<&str>, &str)>> {
    let (mut parts, mut start, mut open) = (Vec::new(), 0, 0usize);
    for (at, c) in inside.char_indices() {
        match c {
            '(' => open += 1,
            ')' => open = open.checked_sub(1)?,
            ',' if open == 0 => {
                parts.push(&inside[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    if open > 0 {
        return None;
    }
    if !inside[start..].trim().is_empty() || !parts.is_empty() {
        parts.push(&inside[start..]);
    }
    parts.into_iter().map(argument).collect()
}

fn argument(text: &str) -> Option<(Option<&str>, &str)> {
    let (name, value) = match text.split_once('=') {
        Some((name, value)) => (Some(name.trim()), value.trim()),
        None => (None, text.trim()),
    };
    (!value.is_empty()).then_some((name, value))
}

/// The parts of `(4, 4)`.
fn tuple(text: &str) -> Option<Vec<&str>> {
    let inside = text.strip_prefix('(')?.strip_suffix(')')?;
    Some(inside.split(',').map(str::trim).collect())
}

/// The number in `(4, 4)`, PyTorch's long form of an extent that is the same along both axes.
fn once(text: &str) -> &str {
    match tuple(text).as_deref() {
        Some([a, b]) if a == b => a,
        _ => text,
    }
}

#[cfg(test)]
mod tests;
