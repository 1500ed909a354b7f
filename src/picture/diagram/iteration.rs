//! The panel of a training iteration, built from its [steps](crate::gan::iteration::Step). Time
//! runs from top to bottom, and each network has a column in which its weights flow down.

use std::ops::Range;

use super::{Flow, Kind, Lane, Panel, count, formulas, shape};
use crate::gan::iteration::{Images, Step, iteration};
use crate::gan::settings::{Fakes, Order, Settings};
use crate::gan::{Model, Role};

const INPUTS: Range<usize> = 0..1;
const IMAGES: Range<usize> = 2..3;
const LOSS: Range<usize> = 4..5;
const WEIGHT_GRADIENTS: &str = "weight gradients";

/// The panel of an iteration on a full batch.
pub(super) fn panel(model: &Model) -> Panel {
    let mut builder = IterationPanel::new(model);
    iteration(model).into_iter().for_each(|step| builder.add(step));
    builder.panel
}

/// What a network's weights were last used for.
#[derive(Clone, Copy, PartialEq)]
enum Phase {
    /// Nothing yet in this iteration.
    Start,
    /// A forward pass.
    Forward,
    /// A backward pass for the gradient of the input only.
    BackwardInput,
    /// A backward pass for the gradients of the weights.
    BackwardWeights,
    /// An optimizer step.
    Step,
}

/// Builds the panel step by step.
struct IterationPanel<'a> {
    model: &'a Model,
    settings: &'a Settings,
    /// Numbers in an image.
    pixels: usize,
    panel: Panel,
    row: usize,
    /// The network whose update has started and not ended yet.
    update: Option<Role>,
    /// The last box with each network's weights.
    last: [(String, Phase); 2],
    /// How often fakes were generated.
    generated: usize,
    /// How often real images and fakes were gathered.
    gathered: usize,
    /// The box of real images and fakes.
    both: String,
    /// The box of the latest fakes.
    fakes: String,
    /// The box of the latest discriminator forward pass.
    d_forward: String,
    /// The box of the latest loss, and its rows.
    loss: (String, usize),
    /// The box of the penalties, and their rows.
    penalties: (String, usize),
}

impl<'a> IterationPanel<'a> {
    fn new(model: &'a Model) -> Self {
        let title = "One training iteration, from top to bottom".to_owned();
        let (lanes, nodes, edges) = (Vec::new(), Vec::new(), Vec::new());
        let mut panel = Panel { id: "iteration", title, role: None, lanes, nodes, edges };
        let last = [Role::Discriminator, Role::Generator].map(|role| {
            let parameters = format!("{} parameters", count(model.network(role).parameters()));
            let lines = vec![format!("weights of {}", letter(role)), parameters];
            let id = format!("weights_{}", letter(role));
            (panel.node(id, Kind::Network(role), lines, column(role), 0..1), Phase::Start)
        });
        Self {
            model,
            settings: model.settings(),
            pixels: model.settings().image.pixels(),
            panel,
            row: 1,
            update: None,
            last,
            generated: 0,
            gathered: 0,
            both: String::new(),
            fakes: String::new(),
            d_forward: String::new(),
            loss: (String::new(), 0),
            penalties: (String::new(), 0),
        }
    }

    fn add(&mut self, step: Step) {
        match step {
            // Inputs are shown where they are used.
            Step::PrepareInputs | Step::CarryMetrics | Step::Advance => {}
            // Shown with the steps around them.
            Step::Augment { .. }
            | Step::Interpolate
            | Step::BackwardSpectralNorm
            | Step::SpectralNorm
            | Step::Average => {}
            Step::Generate { .. } => self.generate(),
            Step::Discriminate { update, images } => self.discriminate(update, images),
            Step::Loss { update } => self.loss(update),
            Step::Backward(role) => self.backward(role),
            Step::Penalize => self.penalize(),
            Step::BackwardPenalized => self.backward_penalized(),
            Step::AdamStep(role) => self.step(role),
        }
    }

    /// Starts the lane of an update, if it is not started yet.
    fn start_update(&mut self, update: Role) {
        if self.update.replace(update) != Some(update) {
            let (name, rows) = match update {
                Role::Generator => ("Generator", 3),
                Role::Discriminator if self.settings.is_penalized() => ("Discriminator", 4),
                Role::Discriminator => ("Discriminator", 3),
            };
            self.lane(format!("{name}'s update"), rows);
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
        let noise = self.node(format!("noise_{number}"), Kind::Input, lines, INPUTS, row);
        let mut lines = vec!["G forward".to_owned(), format!("{batch} rows")];
        lines.extend(self.in_training(Role::Generator));
        let pass = self.pass(Role::Generator, Phase::Forward, lines, row);
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

    /// A forward pass of the discriminator. If the generator's update includes real images, both
    /// updates share the pass, or its loss pairs real images and fakes.
    fn discriminate(&mut self, update: Role, images: Images) {
        self.start_update(update);
        let count = images.batches().len() * self.packs();
        let rows = match images {
            Images::Fake => format!("{count} rows: fake"),
            Images::RealAndFake => format!("{count} rows: real, then fake"),
            Images::WithInterpolated => format!("{count} rows: real, fake, x̂"),
        };
        let paired = self.settings.loss.is_paired();
        let (input, lines) = match (update, images) {
            (Role::Generator, Images::Fake) => (self.fakes.clone(), vec![rows]),
            (Role::Generator, _) if !paired || self.settings.order == Order::GFirst => {
                let both = vec![format!("{rows},"), "for both updates".to_owned()];
                (self.gather(Flow::Forward, images), both)
            }
            (Role::Generator, _) => (self.gather(Flow::Forward, images), vec![rows]),
            (Role::Discriminator, _) => (self.gather(Flow::Detached, images), vec![rows]),
        };
        self.discriminator_forward(&input, lines);
    }

    /// Rows of the discriminator for a batch of images.
    pub(super) fn packs(&self) -> usize {
        self.settings.batch_size / self.settings.pack
    }

    fn loss(&mut self, update: Role) {
        self.start_update(update);
        let (packs, row) = (self.packs(), self.row);
        let (lines, rows) = match update {
            Role::Discriminator => (formulas::of_discriminator(self.settings), 2 * packs),
            Role::Generator if self.settings.loss.is_paired() => {
                (formulas::of_generator(self.settings), 2 * packs)
            }
            Role::Generator => (formulas::of_generator(self.settings), packs),
        };
        let id = format!("loss_{}", letter(update));
        // Beside all passes that it has arrows to.
        let penalized = update == Role::Discriminator && self.settings.is_penalized();
        let end = if penalized { row + 3 } else { row + 2 };
        let loss = self.panel.node(id, Kind::Loss, lines, LOSS, row..end);
        let outputs = self.outputs(rows);
        self.forward(&self.d_forward.clone(), &loss, outputs);
        self.loss = (loss, rows);
    }

    fn backward(&mut self, role: Role) {
        let row = self.row + 1;
        let (loss, rows) = self.loss.clone();
        let (phase, gradients, omitted) = match role {
            Role::Discriminator => (Phase::BackwardWeights, WEIGHT_GRADIENTS, "no input gradient"),
            Role::Generator => (Phase::BackwardInput, "input gradient", "no weight gradients"),
        };
        let lines = ["D backward", gradients, omitted].map(str::to_owned).to_vec();
        let d_backward = self.pass(Role::Discriminator, phase, lines, row);
        let rows = if role == Role::Generator { self.packs() } else { rows };
        self.gradient(&loss, &d_backward, rows, 1);
        if role == Role::Generator {
            let lines = vec!["G backward".to_owned(), WEIGHT_GRADIENTS.to_owned()];
            let g_backward = self.pass(Role::Generator, Phase::BackwardWeights, lines, row);
            self.gradient(&d_backward, &g_backward, self.settings.batch_size, self.pixels);
        }
    }

    /// A backward pass to the images, and the penalties on the gradients with respect to them.
    fn penalize(&mut self) {
        let row = self.row + 1;
        let lines = ["D backward from ones", "gradients of images", "and of biases"];
        let lines = lines.map(str::to_owned).to_vec();
        let pass = self.pass(Role::Discriminator, Phase::BackwardInput, lines, row);
        let lines = formulas::of_penalties(self.settings);
        let id = "penalties".to_owned();
        let penalties = self.panel.node(id, Kind::Loss, lines, IMAGES, row..row + 2);
        let rows = self.settings.penalized_batches().len() * self.packs();
        self.gradient(&pass, &penalties, rows, self.settings.pack * self.pixels);
        self.penalties = (penalties, rows);
        self.row += 1;
    }

    /// The gradients of the discriminator's weights, from loss and penalties together.
    fn backward_penalized(&mut self) {
        let ((loss, rows), (penalties, penalized)) = (self.loss.clone(), self.penalties.clone());
        let lines = ["D tangents forward", WEIGHT_GRADIENTS, "of loss and penalties"];
        let lines = lines.map(str::to_owned).to_vec();
        let row = self.row + 1;
        let pass = self.pass(Role::Discriminator, Phase::BackwardWeights, lines, row);
        self.gradient(&loss, &pass, rows, 1);
        self.gradient(&penalties, &pass, penalized, self.settings.pack * self.pixels);
    }

    /// Real images and the latest fakes as one batch, with points between them if there are three
    /// batches.
    fn gather(&mut self, fakes: Flow, images: Images) -> String {
        let (batch, row) = (self.settings.batch_size, self.row);
        let all = images.batches().len() * batch;
        if self.gathered > 0 && self.settings.fakes == Fakes::Same {
            return self.both.clone();
        }
        let mut lines = vec!["real images x".to_owned(), shape(&[batch, self.pixels])];
        if self.settings.classes.is_some() {
            lines.push(format!("of classes c {}", shape(&[batch])));
        }
        self.gathered += 1;
        let number = if self.gathered == 1 { String::new() } else { format!("_{}", self.gathered) };
        let real_images = self.node(format!("reals{number}"), Kind::Input, lines, INPUTS, row);
        let words = match images {
            Images::WithInterpolated => "real, fake, x̂ between",
            _ => "real, then fake",
        };
        let mut lines = vec![words.to_owned(), shape(&[all, self.pixels])];
        if self.settings.classes.is_some() {
            lines.push(format!("with classes {}", shape(&[all])));
        }
        if !self.settings.augment.is_empty() {
            lines.push("augmented at random".to_owned());
        }
        if self.settings.pack > 1 {
            lines.push(format!("in packs of {}", self.settings.pack));
        }
        let both = self.node(format!("both{number}"), Kind::Tensor, lines, IMAGES, row);
        let label = if fakes == Flow::Detached { vec!["detached".to_owned()] } else { vec![] };
        self.panel.edge(&self.fakes, &both, fakes, label);
        self.forward(&real_images, &both, vec![]);
        self.both.clone_from(&both);
        both
    }

    fn discriminator_forward(&mut self, input: &str, rows: Vec<String>) {
        let mut lines = vec!["D forward".to_owned()];
        lines.extend(rows);
        lines.extend(self.in_training(Role::Discriminator));
        self.d_forward = self.pass(Role::Discriminator, Phase::Forward, lines, self.row);
        self.forward(input, &self.d_forward.clone(), vec![]);
    }

    /// An optimizer step on a network's weights, which ends its update.
    fn step(&mut self, role: Role) {
        let row = self.row + 2;
        let adam = self.settings.adam(role, 0, 1);
        let mut lines = vec![
            format!("Adam updates {}", letter(role)),
            format!("lr {}, eps {:e}", adam.lr, adam.eps),
            format!("betas ({}, {})", adam.b1, adam.b2),
        ];
        if adam.decay.falls() {
            lines.push(format!("{} decay of lr", adam.decay));
        }
        if self.settings.spectral_norm && role == Role::Discriminator {
            lines.push("then spectral norm".to_owned());
        }
        if let Some(ema) = self.settings.ema.filter(|_| role == Role::Generator) {
            lines.push(format!("then the average, {ema}"));
        }
        let id = format!("adam_{}", letter(role));
        let step = self.node(id, Kind::Step(role), lines, column(role), row);
        self.connect_weights(role, step, Phase::Step);
        self.update = None;
        self.row += 3;
    }

    /// What a forward pass does in training only.
    fn in_training(&self, role: Role) -> impl Iterator<Item = String> + use<> {
        let network = self.model.network(role);
        let normalizes = network.has_batch_norm().then_some("BatchNorm: batch statistics");
        let drops = network.has_dropout().then_some("new dropout masks");
        normalizes.into_iter().chain(drops).map(str::to_owned)
    }

    /// A pass of a network.
    fn pass(&mut self, role: Role, phase: Phase, lines: Vec<String>, row: usize) -> String {
        let direction = if phase == Phase::Forward { "forward" } else { "backward" };
        let id = format!("{}_{direction}_{row}", letter(role));
        let pass = self.node(id, Kind::Network(role), lines, column(role), row);
        self.connect_weights(role, pass.clone(), phase);
        pass
    }

    /// Connects the last box with a network's weights to the next one.
    fn connect_weights(&mut self, role: Role, node: String, phase: Phase) {
        let (last, before) =
            std::mem::replace(&mut self.last[role as usize], (node.clone(), phase));
        let (flow, label) = match (before, phase) {
            (Phase::BackwardWeights, Phase::Step) => (Flow::Gradient, "gradients"),
            (Phase::Start, _) => (Flow::Weights, "weights"),
            (Phase::Step, _) => (Flow::Weights, "updated weights"),
            (Phase::Forward, Phase::BackwardInput | Phase::BackwardWeights) => {
                (Flow::Weights, "activations")
            }
            (Phase::BackwardInput, Phase::BackwardWeights) => (Flow::Weights, "same activations"),
            _ => (Flow::Weights, "same weights"),
        };
        self.panel.edge(&last, &node, flow, vec![label.to_owned()]);
    }

    fn lane(&mut self, name: String, rows: usize) {
        let title = format!("{}. {name}", self.panel.lanes.len() + 1);
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

    /// The label of the discriminator's outputs for `rows` images.
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
