//! Changes of a preset's layers that are asked for by a number and not by a line: wider hidden
//! layers, another slope, images of another size.

use super::role::Role;
use super::settings::{Layers, Loss, Settings};
use crate::data::ImageShape;
use crate::nn::Layer;
use crate::nn::layer::BatchNorm;
use crate::ranges::{self, OutOfRange};

/// What is to be changed; nothing of what is not given.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rewrite {
    /// Numbers in a row of noise.
    pub latent_dim: Option<usize>,
    /// Classes of a conditional GAN.
    pub classes: Option<usize>,
    /// Side of an image.
    pub image_size: Option<usize>,
    /// Channels of an image.
    pub channels: Option<usize>,
    /// Widths of the generator's hidden layers.
    pub g_hidden: Option<Vec<usize>>,
    /// Widths of the discriminator's hidden layers.
    pub d_hidden: Option<Vec<usize>>,
    /// Slope of every LeakyReLU.
    pub leaky_slope: Option<f64>,
    /// Probability of every dropout.
    pub dropout: Option<f64>,
    /// Eps of every BatchNorm.
    pub bn_eps: Option<f64>,
    /// Momentum of every BatchNorm.
    pub bn_momentum: Option<f64>,
    /// A ReLU behind the discriminator's last Linear.
    pub d_final_relu: bool,
}

impl Rewrite {
    /// Changes a GAN of this name.
    ///
    /// # Errors
    /// [`OutOfRange`] names what the GAN has none of.
    pub fn apply(&self, name: &str, settings: &mut Settings) -> Result<(), OutOfRange> {
        self.resize(settings);
        // First: few widths may leave none of a kind that the GAN has.
        self.each(name, settings)?;
        for (key, role, widths) in [
            ("gan.g_hidden", Role::Generator, &self.g_hidden),
            ("gan.d_hidden", Role::Discriminator, &self.d_hidden),
        ] {
            if let Some(widths) = widths {
                check_widths(key, widths)?;
                if !settings.layers_mut(role).set_hidden(widths) {
                    let widths = widths.iter().map(usize::to_string).collect::<Vec<_>>().join(",");
                    let expected = format!("left out: {name} has no hidden layers there");
                    return Err(OutOfRange::new(key, widths, expected));
                }
            }
        }
        if self.d_final_relu {
            settings.discriminator.add_final_relu();
        }
        settings.fit();
        Ok(())
    }

    fn resize(&self, settings: &mut Settings) {
        let ImageShape { channels, height, width } = settings.image;
        settings.image = ImageShape {
            channels: self.channels.unwrap_or(channels),
            height: self.image_size.unwrap_or(height),
            width: self.image_size.unwrap_or(width),
        };
        settings.latent_dim = self.latent_dim.unwrap_or(settings.latent_dim);
        settings.classes = settings.classes.and(self.classes.or(settings.classes));
    }

    /// Changes every layer of a kind.
    fn each(&self, name: &str, settings: &mut Settings) -> Result<(), OutOfRange> {
        let leaky = |layer: &Layer| matches!(layer, Layer::LeakyRelu(_));
        let drops = |layer: &Layer| matches!(layer, Layer::Dropout(_));
        let norm = |layer: &Layer| matches!(layer, Layer::BatchNorm1d(_) | Layer::BatchNorm2d(_));
        let has = |is_of_kind: fn(&Layer) -> bool| settings.all_layers().any(is_of_kind);
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
    match ranges::LAYERS.holds(widths.len() as u64) {
        true => Ok(()),
        false => {
            let expected = format!("{} of widths", ranges::LAYERS);
            Err(OutOfRange::new(key, format!("{} widths", widths.len()), expected))
        }
    }
}

impl Settings {
    fn all_layers(&self) -> impl Iterator<Item = &Layer> {
        let sequences = Role::BOTH.into_iter().flat_map(|role| &self.layers(role).sequences);
        sequences.flat_map(|sequence| &sequence.layers)
    }

    /// Sets another loss. One of probabilities wants a Sigmoid at the discriminator's end, the others
    /// none.
    pub fn set_loss(&mut self, loss: Loss) {
        if loss == std::mem::replace(&mut self.loss, loss) {
            return;
        }
        let mut sequences = self.discriminator.sequences.iter_mut().rev();
        let Some(last) = sequences.find(|sequence| !sequence.layers.is_empty()) else { return };
        let closed = last.layers.last() == Some(&Layer::Sigmoid);
        match (loss.is_of_probabilities(), closed) {
            (true, false) => last.layers.push(Layer::Sigmoid),
            (false, true) => drop(last.layers.pop()),
            _ => {}
        }
    }

    /// Gives the first and last Linear of both networks the extents of noise, images and labels.
    fn fit(&mut self) {
        let (pixels, label) = (self.image.pixels(), self.classes.unwrap_or(0));
        let latent_dim = self.latent_dim;
        self.generator.fit(latent_dim + label, pixels);
        self.discriminator.fit(pixels + label, 1);
    }
}

impl Layers {
    fn all_mut(&mut self) -> impl DoubleEndedIterator<Item = &mut Layer> {
        self.sequences.iter_mut().flat_map(|sequence| &mut sequence.layers)
    }

    fn linears(&mut self) -> impl DoubleEndedIterator<Item = (&mut usize, &mut usize)> {
        self.all_mut().filter_map(|layer| match layer {
            Layer::Linear { inputs, outputs } => Some((inputs, outputs)),
            _ => None,
        })
    }

    fn fit(&mut self, first: usize, last: usize) {
        if let Some((inputs, _)) = self.linears().next() {
            *inputs = first;
        }
        if let Some((_, outputs)) = self.linears().next_back() {
            *outputs = last;
        }
    }

    /// Replaces the hidden layers by so many of these widths: each is like the one that was in its
    /// place, or like the last. Answers whether there are any.
    fn set_hidden(&mut self, widths: &[usize]) -> bool {
        let mut found = false;
        for sequence in &mut self.sequences {
            let begins = |layer: &Layer| matches!(layer, Layer::Linear { .. });
            let groups: Vec<&[Layer]> = sequence.layers.chunk_by(|_, next| !begins(next)).collect();
            let Some((last, hidden)) = groups.split_last() else { continue };
            let Some(deepest) = hidden.last() else { continue };
            let mut layers = Vec::new();
            let mut inputs = width(hidden[0]).0;
            for (i, &outputs) in widths.iter().enumerate() {
                let like = hidden.get(i).unwrap_or(deepest);
                layers.extend(like.iter().map(|&layer| resized(layer, inputs, outputs)));
                inputs = outputs;
            }
            layers.extend(last.iter().map(|&layer| resized(layer, inputs, width(last).1)));
            sequence.layers = layers;
            found = true;
        }
        found
    }

    /// Puts a ReLU behind the last Linear, if there is none.
    fn add_final_relu(&mut self) {
        let Some(last) = self.sequences.last_mut() else { return };
        let linear = |layer: &Layer| matches!(layer, Layer::Linear { .. });
        if let Some(at) = last.layers.iter().rposition(linear)
            && last.layers.get(at + 1) != Some(&Layer::Relu)
        {
            last.layers.insert(at + 1, Layer::Relu);
        }
    }
}

/// Features into the Linear that a group begins with, and out of it.
fn width(group: &[Layer]) -> (usize, usize) {
    match group.first() {
        Some(&Layer::Linear { inputs, outputs }) => (inputs, outputs),
        _ => (0, 0),
    }
}

fn resized(layer: Layer, inputs: usize, outputs: usize) -> Layer {
    match layer {
        Layer::Linear { .. } => Layer::Linear { inputs, outputs },
        Layer::BatchNorm1d(norm) => Layer::BatchNorm1d(BatchNorm { features: outputs, ..norm }),
        other => other,
    }
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
    fn hidden_layers_are_like_those_in_their_places() {
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
    fn sizes_reach_both_ends_of_both_networks() {
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
    fn what_a_preset_has_none_of_is_refused() {
        let mut settings = find("mlp").unwrap().gan.clone();
        let rewrite = Rewrite { dropout: Some(0.5), ..Rewrite::default() };
        let problem = rewrite.apply("mlp", &mut settings).unwrap_err().to_string();
        assert_eq!(problem, "gan.dropout is 0.5, but must be left out: mlp has none");
    }

    #[test]
    fn loss_decides_on_the_closing_sigmoid() {
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
