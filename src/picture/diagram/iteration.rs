//! The panel of a training iteration, built from its [steps](crate::gan::iteration::Step). Time
//! runs from top to bottom, and each network has a column in which its weights flow down.

mod passes;

use std::ops::Range;

use super::{Flow, Kind, Lane, Panel, count, formulas, shape};
use crate::gan::iteration::{Step, iteration};
use crate::gan::settings::Settings;
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
    /// The box of the latest backward pass to fakes.
    backward_to_fakes: String,
    /// Whether both updates are merged.
    merged: bool,
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
            backward_to_fakes: String::new(),
            merged: iteration(model).contains(&Step::Losses),
            penalties: (String::new(), 0),
        }
    }

    fn add(&mut self, step: Step) {
        match step {
            // Inputs are shown where they are used.
            Step::PrepareInputs | Step::CarryMetrics => {}
            // Shown with the steps around them.
            Step::Augment { .. }
            | Step::Interpolate
            | Step::AllReduce(_)
            | Step::BackwardSpectralNorm
            | Step::SpectralNorm
            | Step::Average => {}
            Step::Generate { .. } => self.generate(),
            Step::Discriminate { update, images } => self.discriminate(update, images),
            Step::Loss { update } => self.loss(update),
            Step::Losses => self.losses(),
            Step::BackwardToFakes => self.backward_to_fakes(),
            Step::BackwardMerged => self.backward_merged(),
            Step::Backward(Role::Discriminator) => self.backward_discriminator(),
            Step::Backward(Role::Generator) => self.backward_generator(),
            Step::Penalize => self.penalize(),
            Step::BackwardPenalized => self.backward_penalized(),
            Step::AdamStep { role, .. } => self.step(role),
        }
    }

    /// Starts the lane of an update, if it is not started yet.
    fn start_update(&mut self, update: Role) {
        if self.update.replace(update) != Some(update) {
            let (name, rows) = match update {
                _ if self.merged => ("Both updates", 3),
                Role::Generator => ("Generator's update", 3),
                Role::Discriminator if self.settings.is_penalized() => {
                    ("Discriminator's update", 4)
                }
                Role::Discriminator => ("Discriminator's update", 3),
            };
            self.lane(name.to_owned(), rows);
        }
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
        // Merged updates end with the generator's.
        if !self.merged || role == Role::Generator {
            self.update = None;
            self.row += 3;
        }
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
