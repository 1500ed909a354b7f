//! The diagram of a model: both networks layer by layer, and the data flow of a training iteration.
//!
//! [`Diagram::new`] creates the boxes and arrows, and arranges them on a grid. [`dot`] writes a
//! diagram for Graphviz, [`svg`] as an image that needs no other program.
//!
//! | module | holds |
//! |---|---|
//! | `networks` | a panel for each network: its modules, shapes and parameters |
//! | `iteration` | the panel of an iteration, built from its [steps](crate::gan::iteration::Step) |
//! | `formulas` | the loss functions as text |
//! | `palette` | colours, the same in both formats |

pub mod dot;
mod formulas;
mod iteration;
mod networks;
mod palette;
pub mod svg;

use std::ops::Range;

use crate::gan::{Model, Role};
use crate::text::grouped;

/// The diagram of a model.
#[derive(Clone, Debug)]
pub struct Diagram {
    /// Title.
    pub title: String,
    /// Subtitle.
    pub subtitle: String,
    /// Generator, discriminator, one iteration.
    pub panels: [Panel; 3],
}

/// Boxes on a grid, and the arrows between them.
#[derive(Clone, Debug)]
pub struct Panel {
    /// A unique ID.
    pub id: &'static str,
    /// Title.
    pub title: String,
    /// The network whose layers the panel shows, if it shows one.
    pub role: Option<Role>,
    /// Groups of rows, each with a title.
    pub lanes: Vec<Lane>,
    /// The boxes.
    pub nodes: Vec<Node>,
    /// The arrows.
    pub edges: Vec<Edge>,
}

/// A group of rows with a title.
#[derive(Clone, Debug)]
pub struct Lane {
    /// Title.
    pub title: String,
    /// The rows.
    pub rows: Range<usize>,
}

/// A box.
#[derive(Clone, Debug)]
pub struct Node {
    /// An ID that is unique in the diagram.
    pub id: String,
    /// What the box represents.
    pub kind: Kind,
    /// Its text. For a layer: the module, the shapes of its parameters, and their number.
    pub lines: Vec<String>,
    /// The columns that it covers.
    pub columns: Range<usize>,
    /// The rows that it covers.
    pub rows: Range<usize>,
}

/// What a box represents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An input of the iteration: real images or noise.
    Input,
    /// Another tensor.
    Tensor,
    /// A layer without parameters.
    Function,
    /// The weights of a network, a layer with parameters, or a pass of the network.
    Network(Role),
    /// A loss.
    Loss,
    /// An optimizer step.
    Step(Role),
}

/// An arrow.
#[derive(Clone, Debug)]
pub struct Edge {
    /// The source: a [`Node::id`] of the same panel.
    pub from: String,
    /// The target: a [`Node::id`] of the same panel.
    pub to: String,
    /// What flows along the arrow.
    pub flow: Flow,
    /// Up to two lines.
    pub label: Vec<String>,
}

/// What flows along an arrow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Values.
    Forward,
    /// Values through which no gradient is backpropagated.
    Detached,
    /// Gradients.
    Gradient,
    /// Weights, and saved activations for a backward pass.
    Weights,
}

impl Diagram {
    /// Creates the diagram of a model.
    pub fn new(title: String, model: &Model) -> Self {
        let settings = model.settings();
        Self {
            title,
            subtitle: format!(
                "batch size {}, images {}, {} parameters in total",
                settings.batch_size,
                settings.image,
                count(model.generator().parameters() + model.discriminator().parameters())
            ),
            panels: [
                networks::generator(model),
                networks::discriminator(model),
                iteration::panel(model),
            ],
        }
    }
}

impl Panel {
    fn node(
        &mut self,
        id: impl Into<String>,
        kind: Kind,
        lines: Vec<String>,
        columns: Range<usize>,
        rows: Range<usize>,
    ) -> String {
        let id = format!("{}_{}", self.id, id.into());
        self.nodes.push(Node { id: id.clone(), kind, lines, columns, rows });
        id
    }

    fn edge(&mut self, from: &str, to: &str, flow: Flow, label: Vec<String>) {
        self.edges.push(Edge { from: from.to_owned(), to: to.to_owned(), flow, label });
    }
}

/// The box with this ID.
fn find<'a>(panel: &'a Panel, id: &str) -> Option<&'a Node> {
    panel.nodes.iter().find(|node| node.id == id)
}

/// A shape as text, such as `(64, 784)`.
fn shape(extents: &[usize]) -> String {
    let extents: Vec<_> = extents.iter().map(usize::to_string).collect();
    format!("({})", extents.join(", "))
}

/// A number as text, such as `1,511,412`.
fn count(numbers: usize) -> String {
    grouped(numbers as u64)
}
