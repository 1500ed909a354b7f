//! A set-up as a picture: both networks layer by layer, and which tensors feed which update of one
//! training iteration.
//!
//! [`Diagram::new`] says what is in it and where that stands on a grid. [`dot`] writes it for
//! Graphviz, [`svg`] as a picture that needs no other program.
//!
//! | module | holds |
//! |---|---|
//! | `networks` | a panel for each network: its modules, shapes and parameters |
//! | `iteration` | the panel of an iteration, told in its [steps](crate::gan::iteration::Step) |
//! | `formulas` | losses in words |
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

/// What a picture shows.
#[derive(Clone, Debug)]
pub struct Diagram {
    /// Its first line.
    pub title: String,
    /// A line below it.
    pub subtitle: String,
    /// Generator, discriminator, one iteration.
    pub panels: [Panel; 3],
}

/// Boxes on a grid of their own, and what goes from one to the other.
#[derive(Clone, Debug)]
pub struct Panel {
    /// A name for programs.
    pub id: &'static str,
    /// A name for people.
    pub title: String,
    /// The network whose layers these are, if that is what it shows.
    pub role: Option<Role>,
    /// Bands of rows with a title each.
    pub lanes: Vec<Lane>,
    /// The boxes.
    pub nodes: Vec<Node>,
    /// The arrows.
    pub edges: Vec<Edge>,
}

/// Rows that belong together.
#[derive(Clone, Debug)]
pub struct Lane {
    /// What happens there.
    pub title: String,
    /// The rows.
    pub rows: Range<usize>,
}

/// A box.
#[derive(Clone, Debug)]
pub struct Node {
    /// A name for programs, the only one in the picture.
    pub id: String,
    /// What it stands for.
    pub kind: Kind,
    /// Its text. A layer has a module, the shapes of its parameters, and how many these are.
    pub lines: Vec<String>,
    /// The columns that it takes.
    pub columns: Range<usize>,
    /// The rows that it takes.
    pub rows: Range<usize>,
}

/// What a box stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A tensor drawn at the beginning of an iteration.
    Drawn,
    /// Another tensor.
    Tensor,
    /// A layer that learns nothing.
    Function,
    /// Weights of a network, a layer that has some, or a pass through them.
    Network(Role),
    /// A loss.
    Loss,
    /// A step of the optimiser.
    Step(Role),
}

/// An arrow.
#[derive(Clone, Debug)]
pub struct Edge {
    /// Where it begins: a [`Node::id`] of the same panel.
    pub from: String,
    /// Where it ends.
    pub to: String,
    /// What goes along it.
    pub flow: Flow,
    /// One or two lines, or none.
    pub label: Vec<String>,
}

/// What goes along an arrow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Values.
    Forward,
    /// Values that no gradient comes back from.
    Detached,
    /// Gradients.
    Gradient,
    /// Weights, and the activations that a backward pass finds.
    Weights,
}

impl Diagram {
    /// The picture of a model.
    pub fn new(title: String, model: &Model) -> Self {
        let settings = model.settings();
        Self {
            title,
            subtitle: format!(
                "batches of {}, images {}, {} parameters in all",
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

/// The box of a name.
fn find<'a>(panel: &'a Panel, id: &str) -> Option<&'a Node> {
    panel.nodes.iter().find(|node| node.id == id)
}

/// As `(64, 784)`.
fn shape(extents: &[usize]) -> String {
    let extents: Vec<_> = extents.iter().map(usize::to_string).collect();
    format!("({})", extents.join(", "))
}

/// As `1,511,412`.
fn count(numbers: usize) -> String {
    grouped(numbers as u64)
}
