//! A network as a panel: a row for each module, the shape of its output on the arrow below.

use super::formulas;
use super::{Flow, Kind, Panel, Side, count, shape};
use crate::gan::architecture::{Architecture, Module};
use crate::gan::preset::Preset;
use crate::gan::settings::{Loss, Settings};
use crate::nn::Embedded;

/// Noise to images.
pub(super) fn generator(preset: &Preset, settings: &Settings, of: &Architecture) -> Panel {
    let mut stack = Stack::new("generator", Side::Generator, preset, settings, of);
    stack.enter(("noise", format!("noise z, {}", settings.latent)), of);
    stack.modules(of);
    let image = settings.image;
    let extents = [settings.batch_size, image.channels, image.height, image.width];
    stack.leave("images", vec![format!("images, {image}"), format!("as {}", shape(&extents))]);
    stack.panel
}

/// Images to one number each.
pub(super) fn discriminator(preset: &Preset, settings: &Settings, of: &Architecture) -> Panel {
    let mut stack = Stack::new("discriminator", Side::Discriminator, preset, settings, of);
    stack.enter(("images", format!("images, {}", settings.image)), of);
    stack.modules(of);
    let meaning = match settings.loss {
        Loss::Mse => "1 means real, 0 generated",
        Loss::Bce => "that an image is real",
        Loss::BceLogits => "above 0 means real",
    };
    stack.leave("output", vec![formulas::output(settings.loss).to_owned(), meaning.to_owned()]);
    stack.panel
}

/// Both columns: a label's beside the input's.
const WHOLE: std::ops::Range<usize> = 0..2;

/// A panel in the making.
struct Stack {
    panel: Panel,
    side: Side,
    batch: usize,
    row: usize,
    /// The box that the next one follows, and the numbers in a row of what it puts out.
    last: (String, usize),
}

impl Stack {
    fn new(
        id: &'static str,
        side: Side,
        preset: &Preset,
        settings: &Settings,
        of: &Architecture,
    ) -> Self {
        let name = match side {
            Side::Generator => "Generator G",
            Side::Discriminator => "Discriminator D",
        };
        let title = format!(
            "{name}: {} parameters, keys {}0 to {1}{2}",
            count(of.network.parameters()),
            preset.key_prefix,
            of.modules.len().saturating_sub(1)
        );
        let (nodes, edges, lanes) = (Vec::new(), Vec::new(), Vec::new());
        let panel = Panel { id, title, side: Some(side), lanes, nodes, edges };
        let last = (String::new(), 0);
        Self { panel, side, batch: settings.batch_size, row: 0, last }
    }

    /// The input, with a label's embedding beside it where there is one.
    fn enter(&mut self, (id, text): (&str, String), of: &Architecture) {
        let inputs = of.network.inputs;
        let Some(label) = of.network.label else {
            let input = self.panel.node(id, Kind::Tensor, vec![text], WHOLE, 0..1);
            (self.row, self.last) = (1, (input, inputs));
            return;
        };
        let (left, right) = (0..1, 1..2);
        let (of_label, of_input) = if label.first { (left, right) } else { (right, left) };
        let input = self.panel.node(id, Kind::Tensor, vec![text], of_input, 0..1);
        let embedding = self.embedding(label, of_label);
        let text = vec!["concatenated".to_owned()];
        let both = self.panel.node("concatenated", Kind::Function, text, WHOLE, 2..3);
        self.arrow(&input, &both, inputs);
        self.arrow(&embedding, &both, label.classes);
        (self.row, self.last) = (3, (both, inputs + label.classes));
    }

    fn embedding(
        &mut self,
        Embedded { classes, .. }: Embedded,
        at: std::ops::Range<usize>,
    ) -> String {
        let text = vec![format!("classes y, 0 to {}", classes - 1)];
        let labels = self.panel.node("classes", Kind::Tensor, text, at.clone(), 0..1);
        let text = vec![
            format!("Embedding({classes}, {classes})"),
            format!("weight {}", shape(&[classes, classes])),
            count(classes * classes),
        ];
        let table = self.panel.node("embedding", Kind::Network(self.side), text, at, 1..2);
        self.panel.edge(&labels, &table, Flow::Forward, vec![shape(&[self.batch])]);
        table
    }

    fn modules(&mut self, of: &Architecture) {
        for (i, module) in of.modules.iter().enumerate() {
            let kind = match module.parameters() {
                0 => Kind::Function,
                _ => Kind::Network(self.side),
            };
            let mut lines = vec![format!("{i}: {module}")];
            lines.extend(detail(*module));
            self.below(i.to_string(), kind, lines);
            if let Module::Linear { outputs, .. } = module {
                self.last.1 = *outputs;
            }
        }
    }

    fn leave(&mut self, id: &str, lines: Vec<String>) {
        self.below(id.to_owned(), Kind::Tensor, lines);
    }

    /// One more box, after the last.
    fn below(&mut self, id: String, kind: Kind, lines: Vec<String>) {
        let node = self.panel.node(id, kind, lines, WHOLE, self.row..self.row + 1);
        let last = std::mem::replace(&mut self.last.0, node.clone());
        self.arrow(&last, &node, self.last.1);
        self.row += 1;
    }

    fn arrow(&mut self, from: &str, to: &str, width: usize) {
        self.panel.edge(from, to, Flow::Forward, vec![shape(&[self.batch, width])]);
    }
}

/// What a module's box says beside its name.
fn detail(module: Module) -> Vec<String> {
    let learnt = |text| vec![text, count(module.parameters())];
    match module {
        Module::Linear { inputs, outputs } => {
            learnt(format!("weight {}, bias {}", shape(&[outputs, inputs]), shape(&[outputs])))
        }
        Module::BatchNorm { features, .. } => {
            learnt(format!("weight, bias {}", shape(&[features])))
        }
        // The engine has no such layer: its losses take logits.
        Module::Sigmoid => vec!["computed with the loss".to_owned()],
        _ => Vec::new(),
    }
}
