//! The colours of boxes and arrows. The generator is blue, the discriminator orange.

use super::{Flow, Kind};
use crate::gan::Role;

/// The background, so that a diagram looks the same on white and on dark pages.
pub(super) const BACKGROUND: &str = "#ffffff";

/// The style of a box.
pub(super) struct BoxStyle {
    /// The CSS class.
    pub(super) class: &'static str,
    /// The text in the legend.
    pub(super) meaning: &'static str,
    pub(super) fill: &'static str,
    pub(super) line: &'static str,
    pub(super) text: &'static str,
}

/// The style of an arrow.
pub(super) struct Stroke {
    /// The CSS class.
    pub(super) class: &'static str,
    /// The text in the legend.
    pub(super) meaning: &'static str,
    pub(super) colour: &'static str,
    pub(super) dashed: bool,
}

/// All kinds of boxes.
pub(super) const KINDS: [Kind; 8] = [
    Kind::Input,
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

/// The default colour of text.
pub(super) const INK: &str = "#1f2933";

impl Kind {
    pub(super) fn style(self) -> BoxStyle {
        let (class, meaning, fill, line, text) = match self {
            Kind::Input => ("input", "input of the iteration", "#e4f4e8", "#3c8552", INK),
            Kind::Tensor => ("tensor", "tensor", "#ffffff", "#6b7280", INK),
            Kind::Function => ("function", "no parameters", "#f1f3f5", "#9aa3ad", INK),
            Kind::Network(Role::Generator) => ("g", "generator", "#e2eefb", "#2b6cb0", INK),
            Kind::Network(Role::Discriminator) => ("d", "discriminator", "#fdeedd", "#c2631a", INK),
            Kind::Loss => ("loss", "loss", "#f1e9fb", "#7c4bb0", INK),
            Kind::Step(Role::Generator) => ("g-step", "G update", "#2b6cb0", "#2b6cb0", "#ffffff"),
            Kind::Step(Role::Discriminator) => {
                ("d-step", "D update", "#b4560f", "#b4560f", "#ffffff")
            }
        };
        BoxStyle { class, meaning, fill, line, text }
    }
}

impl Flow {
    pub(super) fn stroke(self) -> Stroke {
        let (class, meaning, colour) = match self {
            Flow::Forward => ("forward", "values", "#374151"),
            Flow::Detached => ("detached", "values, detached from gradients", "#374151"),
            Flow::Gradient => ("gradient", "gradients", "#c81e1e"),
            Flow::Weights => ("weights", "weights, saved activations", "#8a95a3"),
        };
        Stroke { class, meaning, colour, dashed: self == Flow::Detached }
    }
}
