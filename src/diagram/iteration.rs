//! One training iteration as a panel, in the steps of [`Gan::update`](crate::gan::Gan::update):
//! time runs downwards, and each network has a column that its weights go down.

use std::ops::Range;

use super::{Flow, Kind, Lane, Panel, Side, count, formulas, shape};
use crate::gan::judges_once;
use crate::gan::settings::{Fakes, Order, Settings};
use crate::nn::NetworkSpec;

const DRAWN: Range<usize> = 0..1;
const IMAGES: Range<usize> = 2..3;
const LOSS: Range<usize> = 4..5;

/// Everything that an iteration on a full batch does.
pub(super) fn panel(
    settings: &Settings,
    generator: &NetworkSpec,
    discriminator: &NetworkSpec,
) -> Panel {
    let mut story = Story::new(settings, generator, discriminator);
    let (first, second) = match settings.order {
        Order::DFirst => (Side::Discriminator, Side::Generator),
        Order::GFirst => (Side::Generator, Side::Discriminator),
    };
    story.generate();
    story.learn(first);
    if settings.fakes == Fakes::Fresh {
        story.generate();
    }
    story.learn(second);
    story.panel
}

/// Where a network's weights are.
#[derive(Clone, Copy, PartialEq)]
enum Stage {
    /// As they came into the iteration.
    Begin,
    /// In a forward pass.
    Forward,
    /// In a backward pass for the gradient of its input.
    Through,
    /// In a backward pass for the gradients of the weights.
    Backward,
    /// In a step of Adam.
    Step,
}

/// An iteration as far as it is told.
struct Story<'a> {
    settings: &'a Settings,
    /// Numbers in an image.
    pixels: usize,
    normalizes: bool,
    drops: bool,
    once: bool,
    panel: Panel,
    row: usize,
    /// The box that each network's weights came to last.
    reached: [(String, Stage); 2],
    /// How often fakes were generated.
    generated: usize,
    /// The fakes at hand.
    fakes: String,
    /// The pass whose outputs are scored.
    judged: String,
}

impl<'a> Story<'a> {
    fn new(settings: &'a Settings, generator: &NetworkSpec, discriminator: &NetworkSpec) -> Self {
        let title = "One training iteration, from top to bottom".to_owned();
        let (lanes, nodes, edges) = (Vec::new(), Vec::new(), Vec::new());
        let mut panel = Panel { id: "iteration", title, side: None, lanes, nodes, edges };
        let parameters = [generator.parameters(), discriminator.parameters()];
        let reached = [Side::Generator, Side::Discriminator].map(|side| {
            let numbers = count(parameters[side as usize]);
            let lines = vec![format!("weights of {}", letter(side)), format!("{numbers} numbers")];
            let id = format!("weights_{}", letter(side));
            (panel.node(id, Kind::Network(side), lines, column(side), 0..1), Stage::Begin)
        });
        Self {
            settings,
            pixels: settings.image.pixels(),
            normalizes: generator.blocks.iter().any(|block| block.batch_norm.is_some()),
            drops: discriminator.blocks.iter().any(|block| block.drops()),
            once: judges_once(settings, discriminator),
            panel,
            row: 1,
            reached,
            generated: 0,
            fakes: String::new(),
            judged: String::new(),
        }
    }

    /// New fakes from new noise.
    fn generate(&mut self) {
        let (batch, settings, row) = (self.settings.batch_size, self.settings, self.row);
        self.generated += 1;
        let (new, again, number) = match self.generated {
            1 => ("", "", 1),
            number => ("new ", " again", number),
        };
        self.lane(format!("G generates{again}"), 1);
        let latent = settings.latent;
        let mut lines = vec![
            format!("{new}noise z"),
            format!("{}, {latent}", shape(&[batch, settings.latent_dim])),
        ];
        if let Some(classes) = settings.classes {
            lines.push(format!("classes y {}, 0 to {}", shape(&[batch]), classes - 1));
        }
        let noise = self.node(format!("noise_{number}"), Kind::Drawn, lines, DRAWN, row);
        let mut lines = vec!["G forward".to_owned(), format!("{batch} rows")];
        if self.normalizes {
            lines.push("BatchNorm by the batch".to_owned());
        }
        let pass = self.pass(Side::Generator, Stage::Forward, lines, row);
        let mut lines = vec![
            format!("{new}fakes {}", formulas::fake(self.settings)),
            shape(&[batch, self.pixels]),
        ];
        if settings.classes.is_some() {
            lines.push(format!("of classes y {}", shape(&[batch])));
        }
        self.fakes = self.node(format!("fakes_{number}"), Kind::Tensor, lines, IMAGES, row);
        self.forward(&noise, &pass, vec![]);
        self.panel.edge(&pass, &self.fakes, Flow::Forward, vec![]);
        self.row += 1;
    }

    fn learn(&mut self, side: Side) {
        let name = if side == Side::Generator { "Generator" } else { "Discriminator" };
        self.lane(format!("{name}'s update"), 3);
        match side {
            Side::Generator => self.learn_generator(),
            Side::Discriminator => self.learn_discriminator(),
        }
        self.row += 3;
    }

    fn learn_discriminator(&mut self) {
        let (batch, row) = (self.settings.batch_size, self.row);
        if !self.once {
            let both = self.gather(Flow::Detached);
            self.judge(&both, vec![format!("{} rows: real, then fake", 2 * batch)]);
        }
        let lines = formulas::of_discriminator(self.settings);
        let loss = self.panel.node("loss_D", Kind::Loss, lines, LOSS, row..row + 2);
        let outputs = self.outputs(2 * batch);
        self.forward(&self.judged.clone(), &loss, outputs);
        let lines = vec![
            "D backward".to_owned(),
            "gradients of its weights,".to_owned(),
            "none of its input".to_owned(),
        ];
        let backward = self.pass(Side::Discriminator, Stage::Backward, lines, row + 1);
        self.gradient(&loss, &backward, 2 * batch, 1);
        self.step(Side::Discriminator, row + 2);
    }

    fn learn_generator(&mut self) {
        let (batch, row) = (self.settings.batch_size, self.row);
        if self.once {
            let both = self.gather(Flow::Forward);
            let rows = format!("{} rows: real, then fake,", 2 * batch);
            self.judge(&both, vec![rows, "for both updates".to_owned()]);
        } else {
            self.judge(&self.fakes.clone(), vec![format!("{batch} rows: fake")]);
        }
        let lines = formulas::of_generator(self.settings);
        let loss = self.panel.node("loss_G", Kind::Loss, lines, LOSS, row..row + 2);
        let outputs = self.outputs(batch);
        self.forward(&self.judged.clone(), &loss, outputs);
        let lines = vec![
            "D backward".to_owned(),
            "gradient of its input,".to_owned(),
            "none of its weights".to_owned(),
        ];
        let through = self.pass(Side::Discriminator, Stage::Through, lines, row + 1);
        let lines = vec!["G backward".to_owned(), "gradients of its weights".to_owned()];
        let backward = self.pass(Side::Generator, Stage::Backward, lines, row + 1);
        self.gradient(&loss, &through, batch, 1);
        self.gradient(&through, &backward, batch, self.pixels);
        self.step(Side::Generator, row + 2);
    }

    /// Real images and the fakes at hand as one batch.
    fn gather(&mut self, fakes: Flow) -> String {
        let (batch, row) = (self.settings.batch_size, self.row);
        let mut lines = vec!["real images x".to_owned(), shape(&[batch, self.pixels])];
        if self.settings.classes.is_some() {
            lines.push(format!("of classes c {}", shape(&[batch])));
        }
        let reals = self.node("reals".to_owned(), Kind::Drawn, lines, DRAWN, row);
        let mut lines = vec!["real, then fake".to_owned(), shape(&[2 * batch, self.pixels])];
        if self.settings.classes.is_some() {
            lines.push(format!("with classes {}", shape(&[2 * batch])));
        }
        let both = self.node("both".to_owned(), Kind::Tensor, lines, IMAGES, row);
        let label = if fakes == Flow::Detached { vec!["detached".to_owned()] } else { vec![] };
        self.panel.edge(&self.fakes, &both, fakes, label);
        self.forward(&reals, &both, vec![]);
        both
    }

    /// The discriminator forward, with dropout masks of its own where it drops.
    fn judge(&mut self, input: &str, rows: Vec<String>) {
        let mut lines = vec!["D forward".to_owned()];
        lines.extend(rows);
        if self.drops {
            lines.push("dropout masks of its own".to_owned());
        }
        self.judged = self.pass(Side::Discriminator, Stage::Forward, lines, self.row);
        self.forward(input, &self.judged.clone(), vec![]);
    }

    /// A step of Adam on all weights of a network.
    fn step(&mut self, side: Side, row: usize) {
        let Settings { lr, b1, b2, adam_eps, .. } = self.settings;
        let lines = vec![
            format!("Adam updates {}", letter(side)),
            format!("lr {lr}, eps {adam_eps:e}"),
            format!("betas ({b1}, {b2})"),
        ];
        let id = format!("adam_{}", letter(side));
        let step = self.node(id, Kind::Step(side), lines, column(side), row);
        self.reach(side, step, Stage::Step);
    }

    /// A pass through a network.
    fn pass(&mut self, side: Side, stage: Stage, lines: Vec<String>, row: usize) -> String {
        let way = if stage == Stage::Forward { "forward" } else { "backward" };
        let id = format!("{}_{way}_{row}", letter(side));
        let pass = self.node(id, Kind::Network(side), lines, column(side), row);
        self.reach(side, pass.clone(), stage);
        pass
    }

    /// The next box that a network's weights come to.
    fn reach(&mut self, side: Side, node: String, stage: Stage) {
        let (last, was) =
            std::mem::replace(&mut self.reached[side as usize], (node.clone(), stage));
        let (flow, label) = match (was, stage) {
            (Stage::Backward, Stage::Step) => (Flow::Gradient, "gradients".to_owned()),
            (Stage::Begin, _) => (Flow::Weights, "weights".to_owned()),
            (Stage::Step, _) => (Flow::Weights, "updated weights".to_owned()),
            (Stage::Forward, Stage::Through | Stage::Backward) => {
                (Flow::Weights, "activations".to_owned())
            }
            (Stage::Through, Stage::Backward) => (Flow::Weights, "same activations".to_owned()),
            _ => (Flow::Weights, "same weights".to_owned()),
        };
        self.panel.edge(&last, &node, flow, vec![label]);
    }

    fn lane(&mut self, what: String, rows: usize) {
        let title = format!("{}. {what}", self.panel.lanes.len() + 1);
        self.panel.lanes.push(Lane { title, rows: self.row..self.row + rows });
    }

    fn node(
        &mut self,
        id: String,
        kind: Kind,
        lines: Vec<String>,
        columns: Range<usize>,
        row: usize,
    ) -> String {
        self.panel.node(id, kind, lines, columns, row..row + 1)
    }

    fn forward(&mut self, from: &str, to: &str, label: Vec<String>) {
        self.panel.edge(from, to, Flow::Forward, label);
    }

    fn gradient(&mut self, from: &str, to: &str, rows: usize, numbers: usize) {
        let label = vec!["gradient".to_owned(), shape(&[rows, numbers])];
        self.panel.edge(from, to, Flow::Gradient, label);
    }

    /// What the discriminator says of so many images.
    fn outputs(&self, rows: usize) -> Vec<String> {
        vec![formulas::output(self.settings.loss).to_owned(), shape(&[rows, 1])]
    }
}

fn column(side: Side) -> Range<usize> {
    match side {
        Side::Generator => 1..2,
        Side::Discriminator => 3..4,
    }
}

fn letter(side: Side) -> char {
    match side {
        Side::Generator => 'G',
        Side::Discriminator => 'D',
    }
}
