//! Presets in other sizes.

use gan_cuda::gan::Role;
use gan_cuda::gan::preset::Preset;
use gan_cuda::gan::rewrite::Rewrite;
use gan_cuda::nn::Layer;

/// Images of this size and two hidden layers in each network. Networks of convolutions use the
/// smallest image size that they support.
pub fn two_layers(preset: &Preset, side: usize, g: [usize; 2], d: [usize; 2]) -> Rewrite {
    Rewrite { g_hidden: Some(g.into()), d_hidden: Some(d.into()), ..sides(preset, side) }
}

/// Images of this size; networks of convolutions use an image size that they support.
pub fn sides(preset: &Preset, side: usize) -> Rewrite {
    let image_size = match (has(preset, convolves), has(preset, is_linear)) {
        (false, _) => Some(side),
        (true, false) => Some(16),
        (true, true) => None,
    };
    Rewrite { image_size, ..Rewrite::default() }
}

/// Whether a preset has convolutions.
#[allow(dead_code)] // not used by all tests
pub fn is_convolutional(preset: &Preset) -> bool {
    has(preset, convolves)
}

fn has(preset: &Preset, is: fn(&Layer) -> bool) -> bool {
    let sequences = Role::BOTH.into_iter().flat_map(|role| &preset.gan.layers(role).sequences);
    sequences.flat_map(|sequence| &sequence.layers).any(is)
}

fn convolves(layer: &Layer) -> bool {
    matches!(layer, Layer::Conv2d(_) | Layer::ConvTranspose2d { .. })
}

fn is_linear(layer: &Layer) -> bool {
    matches!(layer, Layer::Linear { .. })
}
