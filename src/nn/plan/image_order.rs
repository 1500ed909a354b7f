//! The memory layout of images: channels first, as in PyTorch, or channels last, for convolutions.

use super::super::storage_order::ChannelsLast;
use super::{Plan, Stage, TransposeStage};

impl Plan {
    /// Converts an image to channels first, if necessary.
    pub(super) fn make_channels_first(&mut self) {
        if let Some([channels, pixels]) = self.channels_last.take() {
            let extents = [pixels, channels];
            self.stages.push(Stage::Transpose(TransposeStage { extents }));
        }
    }

    /// Converts an image to channels last, if necessary.
    pub(super) fn make_channels_last(&mut self) {
        let [channels, height, width] = self.shape.image();
        let last = channels_last([channels, height * width]);
        if self.channels_last == last {
            return;
        }
        self.make_channels_first();
        if let Some(extents) = last
            && !self.reorder_features(last)
        {
            self.stages.push(Stage::Transpose(TransposeStage { extents }));
        }
        self.channels_last = last;
    }

    /// Makes the last Linear and the stages after it produce the features of this image in
    /// channels-last order. Returns whether that is possible: only if all of them treat all features
    /// alike.
    fn reorder_features(&mut self, image: ChannelsLast) -> bool {
        let is_linear = |stage: &Stage| matches!(stage, Stage::Linear(_));
        let Some(linear) = self.stages.iter().rposition(is_linear) else { return false };
        let stages = &mut self.stages[linear..];
        if !stages.iter().all(Stage::treats_features_alike) {
            return false;
        }
        for stage in stages {
            match stage {
                Stage::Linear(linear) => linear.output_image = image,
                Stage::BatchNorm(norm) => norm.image = image,
                Stage::Activation(_) | Stage::Convolution(_) | Stage::Transpose(_) => {}
            }
        }
        true
    }
}

/// Channels and pixels, unless channels first and channels last are the same order.
pub(super) fn channels_last(extents: [usize; 2]) -> ChannelsLast {
    (extents[0] > 1 && extents[1] > 1).then_some(extents)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::sequence::{Input, Sequence};
    use crate::nn::{NetworkSpec, Shape};

    /// The stages' names.
    fn stages(shape: Shape, layers: &str) -> Vec<String> {
        let layers = layers.split('|').map(|layer| layer.parse().unwrap()).collect();
        let sequence = Sequence { key_prefix: String::new(), view: None, layers };
        let spec = NetworkSpec::new(Input { shape, label: None }, vec![sequence]).unwrap();
        let name = |stage: &Stage| format!("{stage:?}").split('(').next().unwrap_or("").to_owned();
        spec.stages().iter().map(name).collect()
    }

    #[test]
    fn images_are_transposed_only_where_necessary() {
        let image = Shape::Image;
        for (shape, layers, want) in [
            (
                image([1, 6, 6]),
                "Conv2d(1, 4, 3)|ReLU()|Flatten()|Linear(64, 1)",
                "Convolution Linear",
            ),
            (image([3, 6, 6]), "Conv2d(3, 4, 3)|ReLU()", "Transpose Convolution Transpose"),
            (image([3, 6, 6]), "Conv2d(3, 1, 3)|ReLU()", "Transpose Convolution"),
            (
                image([3, 3, 3]),
                "Conv2d(3, 4, 3)|Flatten()|Linear(4, 1)",
                "Transpose Convolution Linear",
            ),
            (
                Shape::Features(5),
                "Linear(5, 12)|BatchNorm1d(12)|ReLU()|Unflatten(3, 2, 2)|ConvTranspose2d(3, 1, 2)",
                "Linear BatchNorm Convolution",
            ),
            (
                Shape::Features(5),
                "Linear(5, 12)|Tanh()|Sigmoid()|Unflatten(3, 2, 2)|BatchNorm2d(3)",
                "Linear Activation BatchNorm Transpose",
            ),
            (
                Shape::Features(5),
                "Linear(5, 12)|Dropout(0.5)|Unflatten(3, 2, 2)|ConvTranspose2d(3, 1, 2)",
                "Linear Transpose Convolution",
            ),
            (
                image([1, 4, 4]),
                "Conv2d(1, 4, 3)|Flatten()|Dropout(0.5)|Unflatten(4, 2, 2)|Conv2d(4, 1, 2)",
                "Convolution Convolution",
            ),
            (
                image([1, 4, 4]),
                "Conv2d(1, 4, 3)|Flatten()|Unflatten(2, 2, 4)|Conv2d(2, 1, 2)",
                "Convolution Transpose Transpose Convolution",
            ),
            (
                image([1, 4, 4]),
                "Conv2d(1, 4, 3)|Flatten()|BatchNorm1d(16)|Linear(16, 1)",
                "Convolution BatchNorm Linear",
            ),
        ] {
            assert_eq!(stages(shape, layers).join(" "), want, "{layers}");
        }
    }
}
