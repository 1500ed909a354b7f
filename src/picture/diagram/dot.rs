//! Writes a diagram in Graphviz's DOT language, for `dot -Tpdf` and others.

use std::fmt::Write;

use super::palette::BACKGROUND;
use super::{Diagram, Edge, Node, Panel};

const FONT: &str = "fontname=\"Helvetica,Arial,sans-serif\"";

/// The whole file.
pub fn write(diagram: &Diagram) -> String {
    let label = quoted(&[diagram.title.clone(), diagram.subtitle.clone()]);
    let mut dot = format!(
        "digraph gan {{\n  graph [label={label}, labelloc=t, bgcolor=\"{BACKGROUND}\", {FONT}, \
         newrank=true, ranksep=0.3];\n  node [shape=box, style=\"rounded,filled\", height=0.3, \
         fontsize=11, {FONT}];\n  edge [fontsize=10, arrowsize=0.7, {FONT}];\n"
    );
    for panel in &diagram.panels {
        dot += &cluster(panel);
    }
    dot + "}\n"
}

fn cluster(panel: &Panel) -> String {
    let title = quoted(std::slice::from_ref(&panel.title));
    let mut dot =
        format!("  subgraph cluster_{} {{\n    label={title};\n    color=\"#cbd2d9\";\n", panel.id);
    for node in &panel.nodes {
        dot += &boxed(node, panel);
    }
    for edge in &panel.edges {
        dot += &arrow(edge);
    }
    dot + "  }\n"
}

fn boxed(node: &Node, panel: &Panel) -> String {
    let mut lines = node.lines.clone();
    if let (Some(count), Some(_)) = (lines.get_mut(2), panel.role) {
        *count += " parameters";
    }
    let style = node.kind.style();
    format!(
        "    {} [label={}, fillcolor=\"{}\", color=\"{}\", fontcolor=\"{}\"];\n",
        node.id,
        quoted(&lines),
        style.fill,
        style.line,
        style.text
    )
}

fn arrow(edge: &Edge) -> String {
    let stroke = edge.flow.stroke();
    let mut dot = format!("    {} -> {} [color=\"{}\"", edge.from, edge.to, stroke.colour);
    if !edge.label.is_empty() {
        let _ = write!(dot, ", label={}", quoted(&padded(&edge.label)));
    }
    if stroke.dashed {
        dot += ", style=dashed";
    }
    dot + "];\n"
}

/// Indents the lines of a label so that they stand beside their arrow, not on it.
fn padded(lines: &[String]) -> Vec<String> {
    lines.iter().map(|line| format!("  {line}")).collect()
}

/// Joins lines into a quoted string.
fn quoted(lines: &[String]) -> String {
    let text = lines.join("\n").replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("\"{text}\"")
}
