//! The shapes of activations, and the output shape of each layer.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::layer::{Convolution, Layer};

/// The shape of one row of activations; in files a list of one extent, or of three.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected [features] or [channels, rows, columns]")]
pub enum Shape {
    /// A number of features.
    #[serde(with = "features")]
    Features(usize),
    /// Channels, rows and columns.
    Image([usize; 3]),
}

/// Features as a list of one number.
mod features {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<S: Serializer>(features: &usize, to: S) -> Result<S::Ok, S::Error> {
        [*features].serialize(to)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<usize, D::Error> {
        <[usize; 1]>::deserialize(from).map(|[features]| features)
    }
}

impl Shape {
    /// Number of elements.
    pub fn elements(self) -> usize {
        match self {
            Shape::Features(features) => features,
            Shape::Image(extents) => extents.iter().product(),
        }
    }

    /// As an image: features are a single pixel with as many channels.
    pub fn image(self) -> [usize; 3] {
        match self {
            Shape::Features(features) => [features, 1, 1],
            Shape::Image(extents) => extents,
        }
    }

    /// The shape after a layer; none if the layer does not accept this one.
    pub fn after(self, layer: Layer) -> Option<Shape> {
        match (layer, self) {
            (Layer::Linear { inputs, outputs }, Shape::Features(features)) => {
                (features == inputs).then_some(Shape::Features(outputs))
            }
            (Layer::Conv2d(convolution), Shape::Image(image)) => convolve(convolution, image),
            (Layer::ConvTranspose2d { convolution, output_padding }, Shape::Image(image)) => {
                transpose(convolution, output_padding, image)
            }
            (Layer::BatchNorm1d(norm), Shape::Features(features)) => {
                (features == norm.features).then_some(self)
            }
            (Layer::BatchNorm2d(norm), Shape::Image([channels, ..])) => {
                (channels == norm.features).then_some(self)
            }
            (Layer::Flatten, Shape::Image(_)) => Some(Shape::Features(self.elements())),
            (Layer::Unflatten(extents), Shape::Features(features)) => {
                let image = Shape::Image(extents);
                (image.elements() == features).then_some(image)
            }
            (
                Layer::Dropout(_)
                | Layer::LeakyRelu(_)
                | Layer::Relu
                | Layer::Tanh
                | Layer::Sigmoid,
                _,
            ) => Some(self),
            _ => None,
        }
    }
}

fn convolve(convolution: Convolution, [channels, height, width]: [usize; 3]) -> Option<Shape> {
    let Convolution { inputs, outputs, kernel, stride, padding, .. } = convolution;
    let side = |side: usize| Some((side + 2 * padding).checked_sub(kernel)? / stride + 1);
    let image = [outputs, side(height)?, side(width)?];
    (channels == inputs).then_some(Shape::Image(image))
}

fn transpose(
    convolution: Convolution,
    output_padding: usize,
    [channels, height, width]: [usize; 3],
) -> Option<Shape> {
    let Convolution { inputs, outputs, kernel, stride, padding, .. } = convolution;
    let side = |side: usize| {
        let padded = (side.checked_sub(1)?) * stride + kernel + output_padding;
        padded.checked_sub(2 * padding).filter(|&side| side > 0)
    };
    let image = [outputs, side(height)?, side(width)?];
    (channels == inputs).then_some(Shape::Image(image))
}

/// `256 features`, `128×7×7`: channels × rows × columns.
impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Shape::Features(1) => f.write_str("1 feature"),
            Shape::Features(features) => write!(f, "{features} features"),
            Shape::Image([channels, height, width]) => write!(f, "{channels}×{height}×{width}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn behind(shape: Shape, layer: &str) -> Option<Shape> {
        shape.after(layer.parse().unwrap())
    }

    #[test]
    fn convolutions_have_pytorchs_output_shapes() {
        for (image, layer, want) in [
            ([1, 28, 28], "Conv2d(1, 64, 4, 2, 1)", Some([64, 14, 14])),
            ([3, 7, 5], "Conv2d(3, 8, 3)", Some([8, 5, 3])),
            ([3, 2, 5], "Conv2d(3, 8, 3)", None),
            ([2, 7, 7], "Conv2d(3, 8, 3)", None),
            ([512, 4, 4], "Conv2d(512, 1, 4)", Some([1, 1, 1])),
            ([100, 1, 1], "ConvTranspose2d(100, 512, 4)", Some([512, 4, 4])),
            ([128, 7, 7], "ConvTranspose2d(128, 64, 4, 2, 1)", Some([64, 14, 14])),
            ([8, 5, 3], "ConvTranspose2d(8, 4, 3, 2, 1, 1)", Some([4, 10, 6])),
            ([8, 1, 1], "ConvTranspose2d(8, 4, 2, 1, 1)", None),
        ] {
            assert_eq!(behind(Shape::Image(image), layer), want.map(Shape::Image), "{layer}");
        }
    }

    #[test]
    fn layers_of_features_and_of_images_do_not_mix() {
        let (features, image) = (Shape::Features(6272), Shape::Image([128, 7, 7]));
        assert_eq!(behind(features, "Unflatten(128, 7, 7)"), Some(image));
        assert_eq!(behind(image, "Flatten()"), Some(features));
        for layer in ["ReLU()", "Dropout(0.2)", "Tanh()"] {
            assert_eq!(behind(image, layer), Some(image));
            assert_eq!(behind(features, layer), Some(features));
        }
        assert_eq!(behind(image, "BatchNorm2d(128)"), Some(image));
        for layer in ["Linear(6272, 1)", "BatchNorm1d(128)", "Unflatten(128, 7, 7)"] {
            assert_eq!(behind(image, layer), None, "{layer}");
        }
        for layer in ["Flatten()", "BatchNorm2d(128)", "Conv2d(128, 1, 3)"] {
            assert_eq!(behind(features, layer), None, "{layer}");
        }
    }
}
