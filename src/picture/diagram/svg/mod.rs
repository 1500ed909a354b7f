//! Writes a diagram as SVG, which browsers and editors show without other programs.

mod layout;
mod text;

use std::fmt::Write;

use super::palette::{BACKGROUND, FLOWS, INK, KINDS};
use super::{Diagram, Edge, Flow, Node, Panel};
use layout::{INSET, LANE_TITLE, LabelPosition, Layout, Rect, face};
use text::Face;

/// Space around and between the panels.
const MARGIN: f64 = 18.0;
/// Height of title and subtitle.
const TOP: f64 = 72.0;
/// Height of a line of the legend.
const LEGEND: f64 = 26.0;

/// The whole file.
pub fn write(diagram: &Diagram) -> String {
    let [generator, discriminator, iteration] = &diagram.panels;
    let least = |panel| Layout::new(panel, 0.0).width;
    let width = [
        least(iteration),
        least(generator) + least(discriminator) + MARGIN,
        Face::Title.width(&diagram.title),
    ];
    let width = width.into_iter().fold(legend_width(), f64::max);
    let spare = width - least(generator) - least(discriminator) - MARGIN;
    let half = |panel| Layout::new(panel, least(panel) + spare / 2.0);
    let [mut left, mut right, below] =
        [half(generator), half(discriminator), Layout::new(iteration, width)];
    left.height = left.height.max(right.height);
    right.height = left.height;
    let middle = TOP + MARGIN + left.height;
    let bottom = middle + MARGIN + below.height;

    let size = (width + 2.0 * MARGIN, bottom + 2.0 * LEGEND + 2.0 * MARGIN);
    let mut svg = String::new();
    svg += &opening(diagram, size);
    svg += &panel(generator, &left, (MARGIN, TOP));
    svg += &panel(discriminator, &right, (2.0 * MARGIN + left.width, TOP));
    svg += &panel(iteration, &below, (MARGIN, middle));
    svg += &legend((MARGIN, bottom + MARGIN));
    svg + "</svg>\n"
}

/// The file's beginning, up to the panels.
fn opening(diagram: &Diagram, (width, height): (f64, f64)) -> String {
    let (width, height) = (width.ceil(), height.ceil());
    let [title, subtitle] = [&diagram.title, &diagram.subtitle].map(|text| escaped(text));
    let (title_y, subtitle_y) = (TOP - 42.0, TOP - 19.0);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
         width=\"{width}\" height=\"{height}\" role=\"img\" aria-labelledby=\"title desc\">\n\
         <title id=\"title\">{title}</title>\n\
         <desc id=\"desc\">Layers of generator and discriminator, and the tensors of one training \
         iteration; {subtitle}.</desc>\n{}\
         <rect class=\"background\" width=\"{width}\" height=\"{height}\" rx=\"10\"/>\n\
         <text class=\"title\" x=\"{MARGIN}\" y=\"{title_y}\">{title}</text>\n\
         <text x=\"{MARGIN}\" y=\"{subtitle_y}\">{subtitle}</text>\n",
        style_sheet()
    )
}

/// The style sheet, and the definitions of arrowheads.
fn style_sheet() -> String {
    let mut css = format!(
        "<style>\
         text{{font:{}px Helvetica,Arial,sans-serif;fill:{INK}}}\
         .title{{font-size:{}px;font-weight:bold}}\
         .heading{{font-size:{}px;font-weight:bold}}\
         .strong{{font-size:{}px;font-weight:bold}}\
         .middle{{text-anchor:middle}}.end{{text-anchor:end}}\
         .background{{fill:{BACKGROUND}}}\
         .panel{{fill:none;stroke:#cbd2d9}}\
         .lane{{fill:none;stroke:#e4e7eb}}\
         path{{fill:none;stroke-width:1.6}}.halo{{stroke:{BACKGROUND};stroke-width:5}}",
        Face::Plain.size(),
        Face::Title.size(),
        Face::Heading.size(),
        Face::Strong.size(),
    );
    for style in KINDS.map(|kind| kind.style()) {
        let _ = write!(css, ".{} rect{{fill:{};stroke:{}}}", style.class, style.fill, style.line);
        if style.text != INK {
            let _ = write!(css, ".{} text{{fill:{}}}", style.class, style.text);
        }
    }
    let mut heads = String::new();
    for stroke in FLOWS.map(Flow::stroke) {
        let dashes = if stroke.dashed { ";stroke-dasharray:5 4" } else { "" };
        let _ = write!(
            css,
            "path.{0}{{stroke:{1};marker-end:url(#{0}){dashes}}}",
            stroke.class, stroke.colour
        );
        let _ = writeln!(
            heads,
            "<marker id=\"{}\" viewBox=\"0 0 8 8\" refX=\"7.5\" refY=\"4\" markerWidth=\"8\" \
             markerHeight=\"8\" markerUnits=\"userSpaceOnUse\" orient=\"auto\">\
             <polygon points=\"0,0.5 8,4 0,7.5\" fill=\"{}\"/></marker>",
            stroke.class, stroke.colour
        );
    }
    format!("{css}</style>\n<defs>\n{heads}</defs>\n")
}

/// A panel, its upper left corner at `at`.
fn panel(panel: &Panel, layout: &Layout, at: (f64, f64)) -> String {
    let mut svg =
        format!("<g id=\"{}\" transform=\"translate({},{})\">\n", panel.id, n(at.0), n(at.1));
    let frame = Rect { x: 0.0, y: 0.0, width: layout.width, height: layout.height };
    let _ = writeln!(svg, "{}", rect(&frame, " class=\"panel\" rx=\"8\""));
    let _ = writeln!(svg, "{}", text("heading", "", (14.0, 25.0), &panel.title));
    for lane in &panel.lanes {
        let band = layout.lane(&lane.rows);
        let _ = writeln!(svg, "{}", rect(&band, " class=\"lane\" rx=\"6\""));
        let at = (band.x + INSET, band.y + LANE_TITLE - 9.0);
        let _ = writeln!(svg, "{}", text("strong", "", at, &lane.title));
    }
    for flow in FLOWS {
        for edge in panel.edges.iter().filter(|edge| edge.flow == flow) {
            svg += &arrow(panel, layout, edge);
        }
    }
    for node in &panel.nodes {
        svg += &boxed(panel, layout, node);
    }
    svg + "</g>\n"
}

/// An arrow with its label, and a white outline that separates it from arrows that it crosses.
fn arrow(panel: &Panel, layout: &Layout, edge: &Edge) -> String {
    let Some(route) = layout.route(panel, edge) else { return String::new() };
    let points: Vec<_> = route.points.iter().map(|(x, y)| format!("{} {}", n(*x), n(*y))).collect();
    let line = format!("M{}", points.join("L"));
    let class = edge.flow.stroke().class;
    let mut svg =
        format!("<path class=\"halo\" d=\"{line}\"/><path class=\"{class}\" d=\"{line}\"/>");
    for (i, line) in edge.label.iter().enumerate() {
        svg += &match route.label {
            LabelPosition::Across(x, y) => {
                let y = if i == 0 { y - 5.0 } else { y + Face::Plain.size() + 3.0 };
                text("", "middle", (x, y), line)
            }
            LabelPosition::Beside(x, y) => text("", "", (x + 8.0, y - 7.0), line),
        };
    }
    svg + "\n"
}

/// A box with its text.
fn boxed(panel: &Panel, layout: &Layout, node: &Node) -> String {
    let at = layout.rect(node);
    let class = node.kind.style().class;
    let text = if panel.role.is_some() { row(node, &at, layout) } else { stack(node, &at) };
    format!("<g id=\"{}\" class=\"{class}\">{}{text}</g>\n", node.id, rect(&at, " rx=\"5\""))
}

/// A layer's name, shapes and number of parameters, side by side.
fn row(node: &Node, at: &Rect, layout: &Layout) -> String {
    let y = at.middle().1 + 4.5;
    let positions = [
        ("strong", "", at.x + INSET),
        ("", "end", at.right() - 2.0 * INSET - layout.count_width),
        ("", "end", at.right() - INSET),
    ];
    let columns = node.lines.iter().zip(positions);
    columns.map(|(line, (face, anchor, x))| text(face, anchor, (x, y), line)).collect()
}

/// The lines of a box, one below the other.
fn stack(node: &Node, at: &Rect) -> String {
    let lines = || node.lines.iter().enumerate();
    let (x, middle) = at.middle();
    let mut y = middle - 4.0 - lines().map(|(i, _)| face(i).leading()).sum::<f64>() / 2.0;
    let line = |(i, line): (usize, &String)| {
        y += face(i).leading();
        text(if i == 0 { "strong" } else { "" }, "middle", (x, y), line)
    };
    lines().map(line).collect()
}

/// The legend: the meaning of colours and lines.
fn legend((left, top): (f64, f64)) -> String {
    let mut svg = "<g id=\"legend\">\n".to_owned();
    let mut x = left;
    for style in KINDS.map(|kind| kind.style()) {
        let swatch = Rect { x, y: top, width: 22.0, height: 14.0 };
        let _ = write!(svg, "<g class=\"{}\">{}</g>", style.class, rect(&swatch, " rx=\"3\""));
        svg += &text("", "", (x + 28.0, top + 11.0), style.meaning);
        x += entry_width(style.meaning);
    }
    x = left;
    for stroke in FLOWS.map(Flow::stroke) {
        let y = top + LEGEND + 7.0;
        let line = format!("M{} {y}L{} {y}", n(x), n(x + 24.0), y = n(y));
        let _ = write!(svg, "<path class=\"{}\" d=\"{line}\"/>", stroke.class);
        svg += &text("", "", (x + 30.0, y + 4.0), stroke.meaning);
        x += entry_width(stroke.meaning);
    }
    svg + "\n</g>\n"
}

fn entry_width(meaning: &str) -> f64 {
    Face::Plain.width(meaning) + 50.0
}

fn legend_width() -> f64 {
    let boxes: f64 = KINDS.iter().map(|kind| entry_width(kind.style().meaning)).sum();
    let arrows: f64 = FLOWS.iter().map(|flow| entry_width(flow.stroke().meaning)).sum();
    boxes.max(arrows)
}

fn rect(rect: &Rect, more: &str) -> String {
    let [x, y, width, height] = [rect.x, rect.y, rect.width, rect.height].map(n);
    format!("<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\"{more}/>")
}

fn text(face: &str, anchor: &str, (x, y): (f64, f64), content: &str) -> String {
    let class = match format!("{face} {anchor}").trim() {
        "" => String::new(),
        class => format!(" class=\"{class}\""),
    };
    format!("<text{class} x=\"{}\" y=\"{}\">{}</text>", n(x), n(y), escaped(content))
}

/// A length with at most one decimal.
fn n(length: f64) -> String {
    ((length * 10.0).round() / 10.0).to_string()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
