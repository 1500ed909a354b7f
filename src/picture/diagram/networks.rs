//! The panel of a network: a row for each module, with the shape of its output on the arrow below.

use std::ops::Range;

use super::{Flow, Kind, Panel, count, formulas, shape};
use crate::gan::settings::{Loss, Settings};
use crate::gan::{Model, Role};
use crate::nn::layer::{BatchNorm, Convolution};
use crate::nn::{Layer, NetworkSpec, Shape};

/// The panel of the generator.
pub(super) fn generator(model: &Model) -> Panel {
    let (settings, network) = (model.settings(), model.generator());
    let mut builder = NetworkPanel::new(Role::Generator, settings, network);
    builder.input(("noise", format!("noise z, {}", settings.latent)), network);
    builder.layers(network, None);
    let image = settings.image;
    let extents = [settings.batch_size, image.channels, image.height, image.width];
    let lines = vec![format!("images, {image}"), format!("as {}", shape(&extents))];
    builder.below("images", Kind::Tensor, lines, network.output());
    builder.panel
}

/// The panel of the discriminator.
pub(super) fn discriminator(model: &Model) -> Panel {
    let (settings, network) = (model.settings(), model.discriminator());
    let mut builder = NetworkPanel::new(Role::Discriminator, settings, network);
    builder.input(("images", format!("images, {}", settings.image)), network);
    let closing = network.layers().count() - 1;
    builder.layers(network, settings.loss.takes_probabilities().then_some(closing));
    let meaning = match settings.loss {
        Loss::Mse => "1 means real, 0 generated",
        Loss::Bce => "of being real",
        Loss::BceLogits | Loss::Hinge => "positive means real",
        Loss::Wgan | Loss::Relativistic => "higher means more real",
    };
    let lines = vec![formulas::output(settings.loss).to_owned(), meaning.to_owned()];
    builder.below("output", Kind::Tensor, lines, Shape::Features(1));
    builder.panel
}

/// Both columns: the label's and the input's.
const WHOLE: Range<usize> = 0..2;

/// Builds the panel of a network from top to bottom.
struct NetworkPanel {
    panel: Panel,
    role: Role,
    batch: usize,
    row: usize,
    /// The box above the next one.
    last: String,
}

impl NetworkPanel {
    fn new(role: Role, settings: &Settings, network: &NetworkSpec) -> Self {
        let name = match role {
            Role::Generator => "Generator G",
            Role::Discriminator => "Discriminator D",
        };
        let keys: Vec<String> = network.layers().map(|(key, _)| key).collect();
        let title = format!(
            "{name}: {} parameters, keys {}",
            count(network.parameters()),
            [keys.first(), keys.last()].map(|key| key.map_or("", String::as_str)).join(" to ")
        );
        let (nodes, edges, lanes) = (Vec::new(), Vec::new(), Vec::new());
        let panel = Panel { id: role.name(), title, role: Some(role), lanes, nodes, edges };
        Self { panel, role, batch: settings.batch_size, row: 0, last: String::new() }
    }

    /// The input, concatenated with the label's embedding if there is one.
    fn input(&mut self, (id, text): (&str, String), network: &NetworkSpec) {
        let input_shape = network.input().shape;
        let Some(label) = &network.input().label else {
            let input = self.panel.node(id, Kind::Tensor, vec![text], WHOLE, 0..1);
            (self.row, self.last) = (1, input);
            return;
        };
        let (left, right) = (0..1, 1..2);
        let (of_label, of_input) = if label.first { (left, right) } else { (right, left) };
        let input = self.panel.node(id, Kind::Tensor, vec![text], of_input, 0..1);
        let embedding = self.embedding(label.classes, of_label);
        let text = vec!["concatenated".to_owned()];
        let both = self.panel.node("concatenated", Kind::Function, text, WHOLE, 2..3);
        let (input_shape, label_shape) = match network.inputs().first() {
            // At every pixel.
            Some(Shape::Image([_, height, width])) if network.input_pixels() > 1 => {
                (input_shape, Shape::Image([label.classes, *height, *width]))
            }
            _ => (Shape::Features(input_shape.elements()), Shape::Features(label.classes)),
        };
        self.arrow(&input, &both, input_shape);
        self.arrow(&embedding, &both, label_shape);
        (self.row, self.last) = (3, both);
    }

    fn embedding(&mut self, classes: usize, at: Range<usize>) -> String {
        let text = vec![format!("classes y, 0 to {}", classes - 1)];
        let labels = self.panel.node("classes", Kind::Tensor, text, at.clone(), 0..1);
        let text = vec![
            format!("Embedding({classes}, {classes})"),
            format!("weight {}", shape(&[classes, classes])),
            count(classes * classes),
        ];
        let table = self.panel.node("embedding", Kind::Network(self.role), text, at, 1..2);
        self.panel.edge(&labels, &table, Flow::Forward, vec![shape(&[self.batch])]);
        table
    }

    /// A box for each layer. The layer with index `in_loss` is computed with the loss.
    fn layers(&mut self, network: &NetworkSpec, in_loss: Option<usize>) {
        let layers = network.layer_indices().zip(network.layers()).zip(network.inputs());
        for (i, ((index, (_, layer)), &input)) in layers.enumerate() {
            let kind = match layer.parameters() {
                0 => Kind::Function,
                _ => Kind::Network(self.role),
            };
            let mut lines = vec![format!("{index}: {layer}")];
            lines.extend(detail(layer));
            lines.extend((in_loss == Some(i)).then(|| "computed with the loss".to_owned()));
            self.below(&i.to_string(), kind, lines, input);
        }
    }

    /// Adds a box below the last one, with an arrow for its input.
    fn below(&mut self, id: &str, kind: Kind, lines: Vec<String>, input: Shape) {
        let node = self.panel.node(id, kind, lines, WHOLE, self.row..self.row + 1);
        let last = std::mem::replace(&mut self.last, node.clone());
        self.arrow(&last, &node, input);
        self.row += 1;
    }

    fn arrow(&mut self, from: &str, to: &str, row: Shape) {
        let text = match row {
            Shape::Features(features) => shape(&[self.batch, features]),
            Shape::Image([channels, height, width]) => {
                shape(&[self.batch, channels, height, width])
            }
        };
        self.panel.edge(from, to, Flow::Forward, vec![text]);
    }
}

/// The text of a layer's box besides its name: the shapes and number of its parameters.
fn detail(layer: Layer) -> Vec<String> {
    let parameters = |text| vec![text, count(layer.parameters())];
    match layer {
        Layer::Linear { inputs, outputs } => {
            parameters(format!("weight {}, bias {}", shape(&[outputs, inputs]), shape(&[outputs])))
        }
        Layer::Conv2d(convolution) => {
            parameters(kernel(convolution, [convolution.outputs, convolution.inputs]))
        }
        Layer::ConvTranspose2d { convolution, .. } => {
            parameters(kernel(convolution, [convolution.inputs, convolution.outputs]))
        }
        Layer::BatchNorm1d(BatchNorm { features, .. })
        | Layer::BatchNorm2d(BatchNorm { features, .. }) => {
            parameters(format!("weight, bias {}", shape(&[features])))
        }
        _ => Vec::new(),
    }
}

/// The shapes of a convolution's weight, and of its bias if it has one.
fn kernel(convolution: Convolution, [outer, inner]: [usize; 2]) -> String {
    let Convolution { outputs, kernel, bias, .. } = convolution;
    let weight = format!("weight {}", shape(&[outer, inner, kernel, kernel]));
    if bias { format!("{weight}, bias {}", shape(&[outputs])) } else { weight }
}
