//! The layout of a panel: columns and rows are as large as their text needs, arrows are straight or
//! have one or two corners.

use std::ops::Range;

use super::text::Face;
use crate::picture::diagram::{Edge, Node, Panel, find};

/// Padding of a panel.
const PAD: f64 = 16.0;
/// Height of a panel's title.
const HEADING: f64 = 38.0;
/// Height of a lane's title.
pub(super) const LANE_TITLE: f64 = 26.0;
/// Padding of a lane.
const LANE_PAD: f64 = 10.0;
/// Padding of a box.
pub(super) const INSET: f64 = 10.0;
/// Minimum space between columns.
const GUTTER: f64 = 34.0;
/// Minimum space between rows.
const GAP: f64 = 10.0;
/// Minimum space between layers.
const TIGHT: f64 = 6.0;
/// Length of an arrow beyond its label: its head, and some line on both sides.
const ARROW: f64 = 30.0;
/// Distance between a box and an arrow that runs down beside it.
const ASIDE: f64 = 14.0;

/// A rectangle, in pixels from the panel's upper left corner.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rect {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// The path of an arrow from the edge of one box to the edge of another, and its label's position.
pub(super) struct Route {
    pub(super) points: Vec<(f64, f64)>,
    pub(super) label: LabelPosition,
}

/// The position of a label.
pub(super) enum LabelPosition {
    /// First line above, second line below a horizontal segment with this centre.
    Across(f64, f64),
    /// To the right of this point of a vertical segment.
    Beside(f64, f64),
}

/// Positions of a panel's columns and rows.
pub(super) struct Layout {
    /// Start and end of each column.
    columns: Vec<(f64, f64)>,
    /// Start and end of each row.
    rows: Vec<(f64, f64)>,
    /// Width of the column with the number of parameters.
    pub(super) count_width: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

impl Rect {
    pub(super) fn right(&self) -> f64 {
        self.x + self.width
    }

    pub(super) fn bottom(&self) -> f64 {
        self.y + self.height
    }

    pub(super) fn middle(&self) -> (f64, f64) {
        (self.x + self.width / 2.0, self.y + self.height / 2.0)
    }
}

impl Layout {
    /// The layout of a panel of at least this width.
    pub(super) fn new(panel: &Panel, min_width: f64) -> Self {
        let counts = panel.nodes.iter().filter_map(|node| node.lines.get(2));
        let count_width = counts.map(|text| Face::Plain.width(text)).fold(0.0, f64::max);
        let (mut widths, mut gutters) = column_widths(panel, count_width);
        let needed = widths.iter().chain(&gutters).sum::<f64>() + 2.0 * PAD;
        let min_width = min_width.max(Face::Heading.width(&panel.title) + 2.0 * PAD);
        let extra = (min_width - needed).max(0.0) / (widths.len() + gutters.len()) as f64;
        widths.iter_mut().chain(&mut gutters).for_each(|width| *width += extra);
        let (heights, gaps) = row_heights(panel);
        let columns = spans(PAD, &widths, &gutters);
        let rows = spans(HEADING + lane_title(panel, 0), &heights, &gaps);
        let end = |spans: &[(f64, f64)]| spans.last().map_or(0.0, |span| span.1);
        let (width, height) = (end(&columns) + PAD, end(&rows) + PAD);
        Self { columns, rows, count_width, width, height }
    }

    /// The rectangle of a box.
    pub(super) fn rect(&self, node: &Node) -> Rect {
        let (x, right) = self.across(&node.columns);
        let (y, bottom) = (self.rows[node.rows.start].0, self.rows[node.rows.end - 1].1);
        Rect { x, y, width: right - x, height: bottom - y }
    }

    /// The rectangle of a lane, including its title.
    pub(super) fn lane(&self, rows: &Range<usize>) -> Rect {
        let y = self.rows[rows.start].0 - LANE_TITLE;
        let bottom = self.rows[rows.end - 1].1 + LANE_PAD;
        Rect { x: PAD / 2.0, y, width: self.width - PAD, height: bottom - y }
    }

    /// The path of an arrow.
    pub(super) fn route(&self, panel: &Panel, edge: &Edge) -> Option<Route> {
        let (from, to) = (find(panel, &edge.from)?, find(panel, &edge.to)?);
        let (a, b) = (self.rect(from), self.rect(to));
        let columns = overlap(&from.columns, &to.columns);
        let rows = overlap(&from.rows, &to.rows);
        Some(if !columns.is_empty() {
            let (left, right) = self.across(&columns);
            let x = (left + right) / 2.0;
            let label = LabelPosition::Beside(x, b.y);
            Route { points: vec![(x, a.bottom()), (x, b.y)], label }
        } else if !rows.is_empty() {
            let y = self.down(&rows);
            let (begin, end) = if a.x < b.x { (a.right(), b.x) } else { (a.x, b.right()) };
            let middle = match from.columns.start.abs_diff(to.columns.start) {
                1 => (begin + end) / 2.0,
                // Arrows of the column between them run down in the middle.
                _ => (3.0 * begin + end) / 4.0,
            };
            Route { points: vec![(begin, y), (end, y)], label: LabelPosition::Across(middle, y) }
        } else {
            let y = self.down(&(to.rows.start..to.rows.start + 1));
            let below = from.rows.end..to.rows.start + 1;
            let x = if is_free(panel, &from.columns, &below) {
                a.middle().0
            } else {
                a.right() + ASIDE
            };
            let mut points = vec![(x, y), (b.x, y)];
            if x > a.right() {
                points.insert(0, (x, a.middle().1));
                points.insert(0, (a.right(), a.middle().1));
            } else {
                points.insert(0, (x, a.bottom()));
            }
            Route { points, label: LabelPosition::Across((x + b.x) / 2.0, y) }
        })
    }

    fn across(&self, columns: &Range<usize>) -> (f64, f64) {
        (self.columns[columns.start].0, self.columns[columns.end - 1].1)
    }

    /// The vertical centre of rows.
    fn down(&self, rows: &Range<usize>) -> f64 {
        (self.rows[rows.start].0 + self.rows[rows.end - 1].1) / 2.0
    }
}

/// Start and end of each of several lengths with gaps between them.
fn spans(mut from: f64, lengths: &[f64], gaps: &[f64]) -> Vec<(f64, f64)> {
    let gaps = gaps.iter().copied().chain([0.0]);
    let next = |(length, gap): (&f64, f64)| {
        let span = (from, from + length);
        from = span.1 + gap;
        span
    };
    lengths.iter().zip(gaps).map(next).collect()
}

/// Widths of columns, and of the gutters between them.
fn column_widths(panel: &Panel, count_width: f64) -> (Vec<f64>, Vec<f64>) {
    let columns = panel.nodes.iter().map(|node| node.columns.end).max().unwrap_or(0);
    let (mut widths, mut gutters) = (vec![0.0; columns], vec![GUTTER; columns.saturating_sub(1)]);
    for edge in &panel.edges {
        make_room(panel, edge, &mut widths, &mut gutters);
    }
    let width = |node| node_width(node, panel, count_width);
    for node in panel.nodes.iter().filter(|node| node.columns.len() == 1) {
        grow(&mut widths[node.columns.start], width(node));
    }
    for node in panel.nodes.iter().filter(|node| node.columns.len() > 1) {
        let inner = node.columns.start..node.columns.end - 1;
        let available: f64 = widths[node.columns.clone()].iter().chain(&gutters[inner]).sum();
        let extra = (width(node) - available).max(0.0) / node.columns.len() as f64;
        widths[node.columns.clone()].iter_mut().for_each(|width| *width += extra);
    }
    (widths, gutters)
}

/// Makes columns or gutters wide enough for an arrow's label.
fn make_room(panel: &Panel, edge: &Edge, widths: &mut [f64], gutters: &mut [f64]) {
    let labelled = ends(panel, edge).filter(|_| !edge.label.is_empty());
    let Some((from, to)) = labelled else { return };
    let label = label_width(edge);
    let (left, right) =
        (from.columns.end.min(to.columns.end), from.columns.start.max(to.columns.start));
    if is_vertical(panel, edge) {
        // From the arrow to the column's edge there is half a column, and the label may use part of
        // the gutter.
        let columns = overlap(&from.columns, &to.columns);
        let width = 2.0 * (label + INSET - PAD) / columns.len() as f64;
        columns.for_each(|column| grow(&mut widths[column], width));
    } else if left == right {
        grow(&mut gutters[left - 1], label + ARROW);
    } else {
        // The label has half a column and a gutter.
        grow(&mut widths[left], 2.0 * (label + ARROW - GUTTER));
    }
}

fn grow(length: &mut f64, least: f64) {
    *length = length.max(least);
}

/// Heights of rows, and of the gaps between them.
fn row_heights(panel: &Panel) -> (Vec<f64>, Vec<f64>) {
    let rows = panel.nodes.iter().map(|node| node.rows.end).max().unwrap_or(0);
    let mut heights = vec![0.0_f64; rows];
    let gaps: Vec<f64> = (1..rows).map(|row| gap(panel, row)).collect();
    for node in &panel.nodes {
        let inner = node.rows.start..node.rows.end - 1;
        let available: f64 = heights[node.rows.clone()].iter().chain(&gaps[inner]).sum();
        let extra = (node_height(node, panel) - available).max(0.0);
        // Rows without other boxes have the smallest height so far.
        if let Some(smallest) = heights[node.rows.clone()].iter_mut().min_by(|a, b| a.total_cmp(b))
        {
            *smallest += extra;
        }
    }
    (heights, gaps)
}

/// The gap above a row.
fn gap(panel: &Panel, row: usize) -> f64 {
    let arrives = |edge: &&Edge| {
        ends(panel, edge).is_some_and(|(_, to)| to.rows.start == row) && !edge.label.is_empty()
    };
    let arriving = panel.edges.iter().filter(|edge| is_vertical(panel, edge)).find(arrives);
    let label = if arriving.is_some() { Face::Plain.leading() } else { 0.0 };
    let least = if panel.role.is_some() { TIGHT } else { GAP };
    match lane_title(panel, row) {
        0.0 => least + label,
        title => LANE_PAD + GAP + title,
    }
}

fn lane_title(panel: &Panel, row: usize) -> f64 {
    let begins = panel.lanes.iter().any(|lane| lane.rows.start == row);
    if begins { LANE_TITLE } else { 0.0 }
}

fn node_width(node: &Node, panel: &Panel, count_width: f64) -> f64 {
    let widths = node.lines.iter().enumerate().map(|(i, line)| face(i).width(line));
    match panel.role {
        // The lines are side by side.
        Some(_) if node.lines.len() > 1 => widths.take(2).sum::<f64>() + count_width + 5.0 * INSET,
        _ => widths.fold(0.0, f64::max) + 2.0 * INSET,
    }
}

fn node_height(node: &Node, panel: &Panel) -> f64 {
    let lines = if panel.role.is_some() { 1 } else { node.lines.len() };
    let text: f64 = (0..lines).map(|i| face(i).leading()).sum();
    text + if panel.role.is_some() { 5.0 } else { 10.0 }
}

/// The typeface of a line of a box.
pub(super) fn face(line: usize) -> Face {
    if line == 0 { Face::Strong } else { Face::Plain }
}

fn label_width(edge: &Edge) -> f64 {
    edge.label.iter().map(|line| Face::Plain.width(line)).fold(0.0, f64::max)
}

fn ends<'a>(panel: &'a Panel, edge: &Edge) -> Option<(&'a Node, &'a Node)> {
    Some((find(panel, &edge.from)?, find(panel, &edge.to)?))
}

fn is_vertical(panel: &Panel, edge: &Edge) -> bool {
    ends(panel, edge).is_some_and(|(from, to)| !overlap(&from.columns, &to.columns).is_empty())
}

/// Whether there is no box in these columns and rows.
fn is_free(panel: &Panel, columns: &Range<usize>, rows: &Range<usize>) -> bool {
    !panel.nodes.iter().any(|node| {
        !overlap(&node.columns, columns).is_empty() && !overlap(&node.rows, rows).is_empty()
    })
}

fn overlap(a: &Range<usize>, b: &Range<usize>) -> Range<usize> {
    a.start.max(b.start)..a.end.min(b.end)
}
