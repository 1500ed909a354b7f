//! Diagrams of models: whether they are correct and legible.

mod correct;
mod dot;
mod legible;
mod svg;

use gan_cuda::gan::Model;
use gan_cuda::gan::preset::{Preset, find, presets};
use gan_cuda::gan::rewrite::Rewrite;
use gan_cuda::gan::settings::{Fakes, Order, Settings};
use gan_cuda::nn::{Layer, Sequence};
use gan_cuda::picture::diagram::Diagram;

/// A model derived from a preset.
struct Case {
    name: String,
    preset: &'static Preset,
    model: Model,
}

impl Case {
    fn new(preset: &str, what: &str, rewrite: Rewrite, change: impl FnOnce(&mut Settings)) -> Self {
        let preset = find(preset).unwrap();
        let mut settings = preset.rewritten(&rewrite).unwrap();
        change(&mut settings);
        let model = Model::new(settings).unwrap();
        Self { name: format!("{} {what}", preset.name), preset, model }
    }

    fn published(preset: &str) -> Self {
        Self::new(preset, "", Rewrite::default(), |_| ())
    }

    fn settings(&self) -> &Settings {
        self.model.settings()
    }

    fn diagram(&self) -> Diagram {
        Diagram::new(format!("{}: {}", self.preset.name, self.preset.summary), &self.model)
    }
}

/// Changes every layer of both networks.
fn change_layers(settings: &mut Settings, change: impl Fn(&mut Layer)) {
    let networks = [&mut settings.generator, &mut settings.discriminator];
    let sequences = networks.into_iter().flat_map(|network| &mut network.sequences);
    sequences.flat_map(|sequence| &mut sequence.layers).for_each(change);
}

/// The number of hidden convolutions of a preset, which cannot be changed; none without
/// convolutions.
fn hidden_convolutions(preset: &Preset) -> Option<usize> {
    let layers = preset.gan.discriminator.sequences.iter().flat_map(|sequence| &sequence.layers);
    let count = layers.filter(|layer| matches!(layer, Layer::Conv2d(_))).count();
    // In `dcgan-rgb`, the last layer is also a convolution.
    (count > 0).then_some(if preset.name.ends_with("-rgb") { count - 1 } else { count })
}

/// Every preset with every order of updates, same and fresh fakes, and extreme sizes; and layers
/// that no preset has.
fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for preset in presets() {
        cases.push(Case::published(&preset.name));
        for order in [Order::DFirst, Order::GFirst] {
            for fakes in [Fakes::Same, Fakes::Fresh] {
                let what = format!("{order} {fakes}");
                cases.push(Case::new(&preset.name, &what, Rewrite::default(), |settings| {
                    (settings.order, settings.fakes) = (order, fakes);
                    change_layers(settings, |layer| {
                        if let Layer::Dropout(probability) = layer {
                            *probability = 0.0;
                        }
                    });
                }));
            }
        }
        let fixed = hidden_convolutions(preset);
        let [min, g_max, d_max] = fixed.map_or([1, 64, 3], |layers| [layers; 3]);
        let narrow = Rewrite {
            g_hidden: Some(vec![1; min]),
            d_hidden: Some(vec![1; min]),
            latent_dim: Some(1),
            ..Rewrite::default()
        };
        cases.push(Case::new(&preset.name, "narrow", narrow, |settings| settings.batch_size = 2));
        let deep_and_wide = Rewrite {
            g_hidden: Some(vec![8; g_max]),
            d_hidden: Some(vec![1_000_000; d_max]),
            latent_dim: Some(1_000_000),
            classes: Some(1000),
            ..Rewrite::default()
        };
        cases.push(Case::new(&preset.name, "deep and wide", deep_and_wide, |settings| {
            settings.batch_size = 1_000_000;
            (settings.lr, settings.adam_eps) = (1.234_567_89e-7, 1.234_567_89e-11);
            (settings.b1, settings.b2) = (0.123_456_789, 0.999_999_999);
            settings.d_loss_scale = 0.123_456_789;
            change_layers(settings, |layer| {
                if let Layer::BatchNorm1d(norm) = layer {
                    norm.eps = 1.234_567_89e-7;
                }
            });
        }));
    }
    cases.push(custom());
    cases
}

/// Networks of two sequences each, with activations and dropouts in unusual order.
fn custom() -> Case {
    Case::new("cgan", "custom", Rewrite::default(), |settings| {
        let sequence = |(prefix, layers): (&str, &str)| Sequence {
            key_prefix: prefix.to_owned(),
            view: None,
            layers: layers.split('|').map(|layer| layer.parse().unwrap()).collect(),
        };
        let [generator, discriminator] = [
            [
                "Linear(110, 8)|Tanh()|BatchNorm1d(8)",
                "Dropout(0.1)|Sigmoid()|Linear(8, 784)|Tanh()",
            ],
            [
                "Linear(794, 8)|Tanh()|Dropout(0.1)|ReLU()",
                "BatchNorm1d(8)|Dropout(0.2)|Linear(8, 1)",
            ],
        ];
        for (network, lists) in
            [(&mut settings.generator, generator), (&mut settings.discriminator, discriminator)]
        {
            network.sequences = ["body.", "head."].into_iter().zip(lists).map(sequence).collect();
        }
    })
}
