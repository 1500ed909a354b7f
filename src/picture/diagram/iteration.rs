//! One training iteration as a panel, in its [steps](crate::gan::iteration::Step): time runs
//! downwards, and each network has a column that its weights go down.

use std::ops::Range;

use super::{Flow, Kind, Lane, Panel, count, formulas, shape};
use crate::gan::iteration::{Step, iteration};
use crate::gan::settings::Settings;
use crate::gan::{Model, Role};

const DRAWN: Range<usize> = 0..1;
const IMAGES: Range<usize> = 2..3;
const LOSS: Range<usize> = 4..5;

/// Everything that an iteration on a full batch does.
pub(super) fn panel(model: &Model) -> Panel {
    let mut story = Story::new(model);
    iteration(model).into_iter().for_each(|step| story.tell(step));
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
    model: &'a Model,
    settings: &'a Settings,
    /// Numbers in an image.
    pixels: usize,
    panel: Panel,
    row: usize,
    /// Whose update is told, from its first step to that of the optimiser.
    update: Option<Role>,
    /// The box that each network's weights came to last.
    reached: [(String, Stage); 2],
    /// How often fakes were generated.
    generated: usize,
    /// The fakes at hand.
    fakes: String,
    /// The pass whose outputs are scored.
    judged: String,
    /// The loss at hand, and its rows.
    scored: (String, usize),
}

impl<'a> Story<'a> {
    fn new(model: &'a Model) -> Self {
        let title = "One training iteration, from top to bottom".to_owned();
        let (lanes, nodes, edges) = (Vec::new(), Vec::new(), Vec::new());
        let mut panel = Panel { id: "iteration", title, role: None, lanes, nodes, edges };
        let reached = [Role::Discriminator, Role::Generator].map(|role| {
            let numbers = count(model.network(role).parameters());
            let lines = vec![format!("weights of {}", letter(role)), format!("{numbers} numbers")];
            let id = format!("weights_{}", letter(role));
            (panel.node(id, Kind::Network(role), lines, column(role), 0..1), Stage::Begin)
        });
        Self {
            model,
            settings: model.settings(),
            pixels: model.settings().image.pixels(),
            panel,
            row: 1,
            update: None,
            reached,
            generated: 0,
            fakes: String::new(),
            judged: String::new(),
            scored: (String::new(), 0),
        }
    }

    fn tell(&mut self, step: Step) {
        match step {
            // What is drawn is shown where it is used.
            Step::PrepareInputs | Step::Advance => {}
            Step::Generate { .. } => self.generate(),
            Step::Discriminate { update, real } => self.discriminate(update, real),
            Step::Loss { update } => self.loss(update),
            Step::Backward(role) => self.backward(role),
            Step::AdamStep(role) => self.step(role),
        }
    }

    /// Begins to tell an update, if that is not done.
    fn open(&mut self, update: Role) {
        if self.update.replace(update) != Some(update) {
            let name = if update == Role::Generator { "Generator" } else { "Discriminator" };
            self.lane(format!("{name}'s update"), 3);
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
        lines.extend(self.in_training(Role::Generator));
        let pass = self.pass(Role::Generator, Stage::Forward, lines, row);
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

    /// A pass of the discriminator. Real images in the generator's update are there for the
    /// discriminator's, too.
    fn discriminate(&mut self, update: Role, real: bool) {
        self.open(update);
        let batch = self.settings.batch_size;
        let (input, rows) = match (update, real) {
            (Role::Discriminator, _) => {
                (self.gather(Flow::Detached), vec![format!("{} rows: real, then fake", 2 * batch)])
            }
            (Role::Generator, true) => {
                let rows = format!("{} rows: real, then fake,", 2 * batch);
                (self.gather(Flow::Forward), vec![rows, "for both updates".to_owned()])
            }
            (Role::Generator, false) => (self.fakes.clone(), vec![format!("{batch} rows: fake")]),
        };
        self.judge(&input, rows);
    }

    fn loss(&mut self, update: Role) {
        self.open(update);
        let (batch, row) = (self.settings.batch_size, self.row);
        let (lines, rows) = match update {
            Role::Discriminator => (formulas::of_discriminator(self.settings), 2 * batch),
            Role::Generator => (formulas::of_generator(self.settings), batch),
        };
        let id = format!("loss_{}", letter(update));
        let loss = self.panel.node(id, Kind::Loss, lines, LOSS, row..row + 2);
        let outputs = self.outputs(rows);
        self.forward(&self.judged.clone(), &loss, outputs);
        self.scored = (loss, rows);
    }

    fn backward(&mut self, role: Role) {
        let row = self.row + 1;
        let (loss, rows) = self.scored.clone();
        let (stage, of, none) = match role {
            Role::Discriminator => {
                (Stage::Backward, "gradients of its weights,", "none of its input")
            }
            Role::Generator => (Stage::Through, "gradient of its input,", "none of its weights"),
        };
        let lines = ["D backward", of, none].map(str::to_owned).to_vec();
        let through = self.pass(Role::Discriminator, stage, lines, row);
        self.gradient(&loss, &through, rows, 1);
        if role == Role::Generator {
            let lines = vec!["G backward".to_owned(), "gradients of its weights".to_owned()];
            let backward = self.pass(Role::Generator, Stage::Backward, lines, row);
            self.gradient(&through, &backward, rows, self.pixels);
        }
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
        lines.extend(self.in_training(Role::Discriminator));
        self.judged = self.pass(Role::Discriminator, Stage::Forward, lines, self.row);
        self.forward(input, &self.judged.clone(), vec![]);
    }

    /// A step of Adam on all weights of a network, with which an update ends.
    fn step(&mut self, role: Role) {
        let row = self.row + 2;
        let Settings { lr, b1, b2, adam_eps, .. } = self.settings;
        let lines = vec![
            format!("Adam updates {}", letter(role)),
            format!("lr {lr}, eps {adam_eps:e}"),
            format!("betas ({b1}, {b2})"),
        ];
        let id = format!("adam_{}", letter(role));
        let step = self.node(id, Kind::Step(role), lines, column(role), row);
        self.reach(role, step, Stage::Step);
        self.update = None;
        self.row += 3;
    }

    /// A pass through a network.
    /// What a pass forward does in training alone.
    fn in_training(&self, role: Role) -> impl Iterator<Item = String> + use<> {
        let network = self.model.network(role);
        let normalizes = network.normalizes().then_some("BatchNorm by the batch");
        let drops = network.drops().then_some("dropout masks of its own");
        normalizes.into_iter().chain(drops).map(str::to_owned)
    }

    fn pass(&mut self, role: Role, stage: Stage, lines: Vec<String>, row: usize) -> String {
        let way = if stage == Stage::Forward { "forward" } else { "backward" };
        let id = format!("{}_{way}_{row}", letter(role));
        let pass = self.node(id, Kind::Network(role), lines, column(role), row);
        self.reach(role, pass.clone(), stage);
        pass
    }

    /// The next box that a network's weights come to.
    fn reach(&mut self, role: Role, node: String, stage: Stage) {
        let (last, was) =
            std::mem::replace(&mut self.reached[role as usize], (node.clone(), stage));
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

fn column(role: Role) -> Range<usize> {
    match role {
        Role::Generator => 1..2,
        Role::Discriminator => 3..4,
    }
}

fn letter(role: Role) -> char {
    match role {
        Role::Generator => 'G',
        Role::Discriminator => 'D',
    }
}
