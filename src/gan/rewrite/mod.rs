//! Changes to a preset's layers by numbers instead of lists of layers: wider hidden layers, another
//! slope, another image size.
//!
//! This module defines and applies the changes; `fit` adjusts the layers so that they fit each
//! other.

mod fit;

use super::role::Role;
use super::settings::{Loss, Settings};
use crate::data::ImageShape;
use crate::nn::Layer;
use crate::ranges::{self, OutOfRange};

/// Changes to a preset. Values that are `None` stay as they are.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rewrite {
    /// Latent dimension.
    pub latent_dim: Option<usize>,
    /// Classes of a conditional GAN.
    pub classes: Option<usize>,
    /// Height and width of an image.
    pub image_size: Option<usize>,
    /// Channels of an image.
    pub channels: Option<usize>,
    /// Images that the discriminator sees at once.
    pub pack: Option<usize>,
    /// Widths of the generator's hidden layers; for convolutions, their output channels.
    pub g_hidden: Option<Vec<usize>>,
    /// Widths of the discriminator's hidden layers.
    pub d_hidden: Option<Vec<usize>>,
    /// Slope of every LeakyReLU.
    pub leaky_slope: Option<f64>,
    /// Probability of every dropout.
    pub dropout: Option<f64>,
    /// ε of every BatchNorm.
    pub bn_eps: Option<f64>,
    /// Momentum of every BatchNorm.
    pub bn_momentum: Option<f64>,
    /// Adds a ReLU after the discriminator's last Linear.
    pub d_final_relu: bool,
}

impl Rewrite {
    /// Applies the changes to the settings of the GAN `name`.
    ///
    /// # Errors
    /// [`OutOfRange`] if the GAN has no layer that a change applies to.
    pub fn apply(&self, name: &str, settings: &mut Settings) -> Result<(), OutOfRange> {
        // First, as fewer hidden layers may leave no layer of a kind.
        self.change_layers(name, settings)?;
        self.resize(name, settings)?;
        for (key, role, widths) in [
            ("gan.g_hidden", Role::Generator, &self.g_hidden),
            ("gan.d_hidden", Role::Discriminator, &self.d_hidden),
        ] {
            if let Some(widths) = widths {
                check_widths(key, widths)?;
                settings.check_levels(key, name, role, widths)?;
                if !settings.layers_mut(role).set_hidden(widths) {
                    let expected = format!("left out: {name} has no hidden layers there");
                    return Err(OutOfRange::new(key, list(widths), expected));
                }
            }
        }
        if self.d_final_relu && !settings.discriminator.add_final_relu() {
            let expected = format!("left out: the discriminator of {name} has no Linear");
            return Err(OutOfRange::new("gan.d_final_relu", true, expected));
        }
        settings.fit();
        Ok(())
    }

    fn resize(&self, name: &str, settings: &mut Settings) -> Result<(), OutOfRange> {
        let ImageShape { channels, height, width } = settings.image;
        settings.image = ImageShape {
            channels: self.channels.unwrap_or(channels),
            height: self.image_size.unwrap_or(height),
            width: self.image_size.unwrap_or(width),
        };
        settings.latent_dim = self.latent_dim.unwrap_or(settings.latent_dim);
        settings.pack = self.pack.unwrap_or(settings.pack);
        settings.classes = settings.classes.and(self.classes.or(settings.classes));
        match self.image_size.filter(|&size| size != height) {
            Some(_) => settings.set_levels(name, height),
            None => Ok(()),
        }
    }

    /// Sets slope, dropout probability, ε and momentum of all layers that have them.
    fn change_layers(&self, name: &str, settings: &mut Settings) -> Result<(), OutOfRange> {
        let leaky = |layer: &Layer| matches!(layer, Layer::LeakyRelu(_));
        let drops = |layer: &Layer| matches!(layer, Layer::Dropout(_));
        let norm = |layer: &Layer| matches!(layer, Layer::BatchNorm1d(_) | Layer::BatchNorm2d(_));
        let all = || Role::BOTH.into_iter().flat_map(|role| settings.layers(role).all());
        let has = |is_of_kind: fn(&Layer) -> bool| all().any(is_of_kind);
        for (key, value, there) in [
            ("gan.leaky_slope", self.leaky_slope, has(leaky)),
            ("gan.dropout", self.dropout, has(drops)),
            ("gan.bn_eps", self.bn_eps, has(norm)),
            ("gan.bn_momentum", self.bn_momentum, has(norm)),
        ] {
            if let Some(value) = value.filter(|_| !there) {
                let expected = format!("left out: {name} has none");
                return Err(OutOfRange::new(key, value, expected));
            }
        }
        for role in Role::BOTH {
            settings.layers_mut(role).all_mut().for_each(|layer| self.change(layer));
        }
        Ok(())
    }

    fn change(&self, layer: &mut Layer) {
        match layer {
            Layer::LeakyRelu(slope) => *slope = self.leaky_slope.unwrap_or(*slope),
            Layer::Dropout(probability) => *probability = self.dropout.unwrap_or(*probability),
            Layer::BatchNorm1d(norm) | Layer::BatchNorm2d(norm) => {
                norm.eps = self.bn_eps.unwrap_or(norm.eps);
                norm.momentum = self.bn_momentum.unwrap_or(norm.momentum);
            }
            _ => {}
        }
    }
}

fn check_widths(key: &'static str, widths: &[usize]) -> Result<(), OutOfRange> {
    match ranges::LAYERS.contains(widths.len() as u64) {
        true => Ok(()),
        false => {
            let expected = format!("{} of widths", ranges::LAYERS);
            Err(OutOfRange::new(key, format!("{} widths", widths.len()), expected))
        }
    }
}

impl Settings {
    /// Sets the loss function. Adds a Sigmoid at the end of the discriminator if the loss expects
    /// probabilities; otherwise removes it.
    pub fn set_loss(&mut self, loss: Loss) {
        if loss == std::mem::replace(&mut self.loss, loss) {
            return;
        }
        let mut sequences = self.discriminator.sequences.iter_mut().rev();
        let Some(last) = sequences.find(|sequence| !sequence.layers.is_empty()) else { return };
        let closed = last.layers.last() == Some(&Layer::Sigmoid);
        match (loss.takes_probabilities(), closed) {
            (true, false) => last.layers.push(Layer::Sigmoid),
            (false, true) => drop(last.layers.pop()),
            _ => {}
        }
    }
}

fn list(widths: &[usize]) -> String {
    widths.iter().map(usize::to_string).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gan::preset::find;

    fn rewritten(name: &str, rewrite: Rewrite) -> [Vec<String>; 2] {
        let mut settings = find(name).unwrap().gan.clone();
        rewrite.apply(name, &mut settings).unwrap();
        Role::BOTH.map(|role| {
            let layers = settings.layers_mut(role).all_mut();
            layers.map(|layer| layer.to_string()).collect()
        })
    }

    #[test]
    fn new_hidden_layers_are_like_those_at_their_position_or_the_last() {
        let (g_hidden, d_hidden) = (Some(vec![7, 8, 9, 10, 11]), Some(vec![5]));
        let [g, d] = rewritten("cgan", Rewrite { g_hidden, d_hidden, ..Rewrite::default() });
        assert_eq!(
            g[..5],
            [
                "Linear(110, 7)",
                "LeakyReLU(0.2)",
                "Linear(7, 8)",
                "BatchNorm1d(8, eps=0.8)",
                "LeakyReLU(0.2)"
            ]
        );
        assert_eq!(
            g[11..],
            [
                "Linear(10, 11)",
                "BatchNorm1d(11, eps=0.8)",
                "LeakyReLU(0.2)",
                "Linear(11, 784)",
                "Tanh()"
            ]
        );
        assert_eq!(d, ["Linear(794, 5)", "LeakyReLU(0.2)", "Linear(5, 1)"]);
    }

    #[test]
    fn sizes_change_inputs_and_outputs_of_both_networks() {
        let rewrite = Rewrite {
            latent_dim: Some(3),
            classes: Some(4),
            image_size: Some(5),
            channels: Some(3),
            ..Rewrite::default()
        };
        let [g, d] = rewritten("cgan", rewrite);
        assert_eq!((g[0].as_str(), g[11].as_str()), ("Linear(7, 128)", "Linear(1024, 75)"));
        assert_eq!((d[0].as_str(), d[8].as_str()), ("Linear(79, 512)", "Linear(512, 1)"));
    }

    #[test]
    fn each_doubling_of_the_image_size_adds_a_convolution() {
        let with_size =
            |size| Rewrite { image_size: Some(size), channels: Some(1), ..Rewrite::default() };
        let [g, d] = rewritten("dcgan-rgb", with_size(16));
        let [up, down] = ["kernel_size=4, stride=2, padding=1, bias=False"; 2];
        assert_eq!(
            g,
            [
                "ConvTranspose2d(100, 128, kernel_size=4, bias=False)".to_owned(),
                "BatchNorm2d(128)".to_owned(),
                "ReLU()".to_owned(),
                format!("ConvTranspose2d(128, 64, {up})"),
                "BatchNorm2d(64)".to_owned(),
                "ReLU()".to_owned(),
                format!("ConvTranspose2d(64, 1, {up})"),
                "Tanh()".to_owned(),
            ]
        );
        assert_eq!(
            d,
            [
                format!("Conv2d(1, 64, {down})"),
                "LeakyReLU(0.2)".to_owned(),
                format!("Conv2d(64, 128, {down})"),
                "BatchNorm2d(128)".to_owned(),
                "LeakyReLU(0.2)".to_owned(),
                "Conv2d(128, 1, kernel_size=4, bias=False)".to_owned(),
                "Sigmoid()".to_owned(),
            ]
        );
        let [g, d] = rewritten("dcgan-rgb", with_size(256));
        assert_eq!(g[0], "ConvTranspose2d(100, 2048, kernel_size=4, bias=False)");
        assert_eq!(d[d.len() - 2], "Conv2d(2048, 1, kernel_size=4, bias=False)");
        for size in [16, 32, 64, 128, 1024] {
            let preset = find("dcgan-rgb").unwrap();
            crate::gan::Model::new(preset.rewritten(&with_size(size)).unwrap()).unwrap();
        }
    }

    #[test]
    fn channels_and_classes_change_convolutions() {
        let g_hidden = Some(vec![8, 4]);
        let rewrite =
            Rewrite { channels: Some(3), classes: Some(4), g_hidden, ..Rewrite::default() };
        let [g, d] = rewritten("cdcgan", rewrite);
        assert_eq!((g[0].as_str(), g[1].as_str()), ("Linear(104, 392)", "BatchNorm1d(392)"));
        assert_eq!(g[6], "ConvTranspose2d(4, 3, kernel_size=4, stride=2, padding=1)");
        assert_eq!(d[0], "Conv2d(7, 64, kernel_size=4, stride=2, padding=1)");
        // One convolution less: the first image is twice as large.
        let [g, _] = rewritten("dcgan", Rewrite { g_hidden: Some(vec![8]), ..Rewrite::default() });
        assert_eq!(g[0], "Linear(100, 1568)");
    }

    #[test]
    fn image_sizes_that_convolutions_cannot_produce_are_refused() {
        let none = Rewrite::default;
        for (name, rewrite, message) in [
            (
                "dcgan",
                Rewrite { image_size: Some(32), ..none() },
                "gan.image_size is 32, but must be 28: dcgan makes images of no other size",
            ),
            (
                "dcgan-rgb",
                Rewrite { image_size: Some(48), ..none() },
                "gan.image_size is 48, but must be a power of two from 16, for dcgan-rgb",
            ),
            (
                "dcgan-rgb",
                Rewrite { d_hidden: Some(vec![8, 16]), ..none() },
                "gan.d_hidden is 8,16, but must be 4 widths, for images of 64×64 by dcgan-rgb",
            ),
            (
                "dcgan-rgb",
                Rewrite { d_final_relu: true, ..none() },
                "gan.d_final_relu is true, but must be left out: the discriminator of dcgan-rgb has no \
                 Linear",
            ),
        ] {
            let problem = find(name).unwrap().rewritten(&rewrite).unwrap_err();
            assert_eq!(problem.to_string(), message);
        }
    }

    #[test]
    fn empty_rewrite_changes_nothing() {
        for preset in crate::gan::preset::presets() {
            assert_eq!(
                preset.rewritten(&Rewrite::default()).unwrap(),
                preset.gan,
                "{}",
                preset.name
            );
        }
    }

    #[test]
    fn every_layer_of_a_kind_is_changed() {
        let rewrite = Rewrite {
            leaky_slope: Some(0.1),
            dropout: Some(0.25),
            bn_eps: Some(0.5),
            bn_momentum: Some(0.2),
            d_final_relu: true,
            ..Rewrite::default()
        };
        let [g, d] = rewritten("cgan", rewrite);
        assert_eq!(g.iter().filter(|layer| *layer == "LeakyReLU(0.1)").count(), 4);
        assert_eq!(g[3], "BatchNorm1d(256, eps=0.5, momentum=0.2)");
        assert_eq!(d.iter().filter(|layer| *layer == "Dropout(0.25)").count(), 2);
        assert_eq!(d[8..], ["Linear(512, 1)", "ReLU()"]);
    }

    #[test]
    fn changes_to_layers_that_a_preset_lacks_are_refused() {
        let mut settings = find("mlp").unwrap().gan.clone();
        let rewrite = Rewrite { dropout: Some(0.5), ..Rewrite::default() };
        let problem = rewrite.apply("mlp", &mut settings).unwrap_err().to_string();
        assert_eq!(problem, "gan.dropout is 0.5, but must be left out: mlp has none");
    }

    #[test]
    fn loss_adds_or_removes_the_final_sigmoid() {
        let mut settings = find("mlp-rgb").unwrap().gan.clone();
        let own = settings.clone();
        settings.set_loss(Loss::Mse);
        assert_eq!(
            settings.discriminator.all_mut().next_back(),
            Some(&mut Layer::Linear { inputs: 256, outputs: 1 })
        );
        settings.set_loss(Loss::Bce);
        assert_eq!(settings, own);
    }
}
