//! The sizes of the presets' layers in an iteration, each once, in ascending order.

use std::collections::BTreeSet;

use gan_cuda::device::Device;
use gan_cuda::device::ops::{ConvolutionShape, EmbeddingShape, LinearShape};
use gan_cuda::gan::Role;
use gan_cuda::gan::preset::{Preset, presets};
use gan_cuda::gan::settings::Settings;
use gan_cuda::nn::{NetworkSpec, Stage};

/// Every network of the presets with the rows of its largest pass: the discriminator processes real
/// images and as many generated ones.
fn networks() -> impl Iterator<Item = (NetworkSpec, usize)> {
    presets().iter().flat_map(|preset| {
        let (model, rows) = (preset.model().expect("layers"), preset.gan.batch_size);
        [(Role::Generator, rows), (Role::Discriminator, 2 * rows)]
            .map(|(role, rows)| (model.network(role).clone(), rows))
    })
}

/// All linear layers, with inputs padded as on a device of kind `D`.
pub fn linear<D: Device>() -> Vec<LinearShape> {
    let mut found = BTreeSet::new();
    for (network, rows) in networks() {
        for (i, stage) in network.stages().iter().enumerate() {
            if let Stage::Linear(layer) = stage {
                let inputs = if i == 0 { network.input_stride::<D>() } else { layer.inputs };
                found.insert((rows, inputs, layer.outputs));
            }
        }
    }
    let shape = |(rows, inputs, outputs)| LinearShape { rows, inputs, outputs };
    found.into_iter().map(shape).collect()
}

/// Rows and columns of the stages for which `size` returns them for one row of a batch.
fn outputs(size: impl Fn(&Stage) -> Option<[usize; 2]>) -> BTreeSet<[usize; 2]> {
    let of = |(network, batch): (NetworkSpec, usize)| {
        let sizes = network.stages().iter().filter_map(&size);
        sizes.map(|[rows, columns]| [batch * rows, columns]).collect::<Vec<_>>()
    };
    networks().flat_map(of).collect()
}

/// Rows and columns after linear layers and convolutions without BatchNorm.
pub fn activated() -> BTreeSet<[usize; 2]> {
    outputs(|stage| match stage {
        Stage::Linear(layer) if !layer.normalized => Some([1, layer.outputs]),
        Stage::Convolution(layer) if !layer.normalized => Some([layer.pixels(), layer.channels()]),
        _ => None,
    })
}

/// Rows and columns of BatchNorm.
pub fn normalized() -> BTreeSet<[usize; 2]> {
    outputs(|stage| match stage {
        Stage::BatchNorm(norm) => Some([norm.pixels, norm.features]),
        _ => None,
    })
}

/// Rows and columns of dropout masks.
pub fn dropped() -> BTreeSet<[usize; 2]> {
    outputs(|stage| stage.dropout().map(|_| [1, stage.outputs()]))
}

/// All convolutions and transposed convolutions.
pub fn convolutions() -> Vec<ConvolutionShape> {
    let mut found = Vec::new();
    for (network, rows) in networks() {
        for stage in network.stages() {
            if let Stage::Convolution(layer) = stage {
                found.push(ConvolutionShape { rows, ..layer.shape });
            }
        }
    }
    found.sort_by_key(ConvolutionShape::y_len);
    found.dedup();
    found
}

/// Rows and columns of the weights of linear layers, and of convolutions (true), as they are
/// stored on a device of kind `D`, and the largest that spectral normalization is meant for.
pub fn weights<D: Device>() -> BTreeSet<(usize, usize, bool)> {
    let linear = linear::<D>().into_iter().map(|of| (of.outputs, of.inputs, false));
    let convolutions = convolutions().into_iter();
    let convolutions = convolutions.map(|of| (of.kernel * of.kernel * of.inputs, of.outputs, true));
    linear.chain(convolutions).chain([(512, 49_152, false)]).collect()
}

/// Rows and extents of images that are converted between channels first and last.
pub fn transposes() -> BTreeSet<(usize, [usize; 2])> {
    let of = |(network, rows): (NetworkSpec, usize)| {
        let extents = network.stages().iter().filter_map(|stage| match stage {
            Stage::Transpose(transpose) => Some(transpose.extents),
            _ => None,
        });
        extents.map(|extents| (rows, extents)).collect::<Vec<_>>()
    };
    networks().flat_map(of).collect()
}

/// Parameters of every network.
pub fn parameters() -> BTreeSet<usize> {
    networks().map(|(network, _)| network.parameters()).collect()
}

/// Label embeddings, padded as a device of kind `D` has them.
pub fn embeddings<D: Device>() -> Vec<EmbeddingShape> {
    let shape = |(network, rows): (NetworkSpec, usize)| {
        let input = network.input();
        let label = input.label.as_ref()?;
        let pixels = network.input_pixels();
        Some(EmbeddingShape {
            rows,
            pixels,
            classes: label.classes,
            width: label.classes,
            inputs: input.shape.elements() / pixels,
            label_first: label.first,
            stride: network.input_stride::<D>(),
        })
    };
    networks().filter_map(shape).collect()
}

/// Rows and columns of the presets' random inputs and images, by their settings.
pub fn random_inputs(columns: impl Fn(&Settings) -> usize) -> BTreeSet<[usize; 2]> {
    let size = |preset: &Preset| [preset.gan.batch_size, columns(&preset.gan)];
    presets().iter().map(size).collect()
}

/// Rows, channels, height and width of batches of images.
pub fn images() -> BTreeSet<[usize; 4]> {
    let size = |preset: &Preset| {
        let image = preset.gan.image;
        [preset.gan.batch_size, image.channels, image.height, image.width]
    };
    presets().iter().map(size).collect()
}

/// Rows and classes of the presets that have classes.
pub fn labelled() -> BTreeSet<[usize; 2]> {
    let size = |preset: &Preset| Some([preset.gan.batch_size, preset.gan.classes?]);
    presets().iter().filter_map(size).collect()
}
