//! Colours. Blue is the generator's, orange the discriminator's, everywhere.

use super::{Flow, Kind};
use crate::gan::Role;

/// The picture's own ground, so that it looks the same on a white page and a dark one.
pub(super) const GROUND: &str = "#ffffff";

/// How a box looks.
pub(super) struct Look {
    /// A name for programs.
    pub(super) class: &'static str,
    /// What the legend says.
    pub(super) meaning: &'static str,
    pub(super) fill: &'static str,
    pub(super) line: &'static str,
    pub(super) text: &'static str,
}

/// How an arrow looks.
pub(super) struct Stroke {
    /// A name for programs.
    pub(super) class: &'static str,
    /// What the legend says.
    pub(super) meaning: &'static str,
    pub(super) colour: &'static str,
    pub(super) dashed: bool,
}

/// All kinds of boxes.
pub(super) const KINDS: [Kind; 8] = [
    Kind::Drawn,
    Kind::Tensor,
    Kind::Function,
    Kind::Network(Role::Generator),
    Kind::Network(Role::Discriminator),
    Kind::Loss,
    Kind::Step(Role::Generator),
    Kind::Step(Role::Discriminator),
];

/// All kinds of arrows, in the order in which they are drawn.
pub(super) const FLOWS: [Flow; 4] = [Flow::Weights, Flow::Detached, Flow::Forward, Flow::Gradient];

/// What texts are written in where a kind has no colour of its own.
pub(super) const INK: &str = "#1f2933";

impl Kind {
    pub(super) fn look(self) -> Look {
        let (class, meaning, fill, line, text) = match self {
            Kind::Drawn => ("drawn", "drawn before the updates", "#e4f4e8", "#3c8552", INK),
            Kind::Tensor => ("tensor", "tensor", "#ffffff", "#6b7280", INK),
            Kind::Function => ("function", "learns nothing", "#f1f3f5", "#9aa3ad", INK),
            Kind::Network(Role::Generator) => ("g", "generator", "#e2eefb", "#2b6cb0", INK),
            Kind::Network(Role::Discriminator) => ("d", "discriminator", "#fdeedd", "#c2631a", INK),
            Kind::Loss => ("loss", "loss", "#f1e9fb", "#7c4bb0", INK),
            Kind::Step(Role::Generator) => ("g-step", "G learns", "#2b6cb0", "#2b6cb0", "#ffffff"),
            Kind::Step(Role::Discriminator) => {
                ("d-step", "D learns", "#b4560f", "#b4560f", "#ffffff")
            }
        };
        Look { class, meaning, fill, line, text }
    }
}

impl Flow {
    pub(super) fn stroke(self) -> Stroke {
        let (class, meaning, colour) = match self {
            Flow::Forward => ("forward", "values", "#374151"),
            Flow::Detached => ("detached", "values, without a way back", "#374151"),
            Flow::Gradient => ("gradient", "gradients", "#c81e1e"),
            Flow::Weights => ("weights", "weights, kept activations", "#8a95a3"),
        };
        Stroke { class, meaning, colour, dashed: self == Flow::Detached }
    }
}
