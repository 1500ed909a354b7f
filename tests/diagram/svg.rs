//! Parses an SVG file into boxes, arrows and texts, with positions in pixels.

use ab_glyph::{Font, FontRef};
use roxmltree::{Document, Node};

const FONT: &[u8] = include_bytes!("../../data/fonts/DejaVuSans-ascii.ttf");
/// Width of DejaVu's bold face relative to the regular one.
const BOLD: f64 = 1.12;
/// Width of a character that is missing in the font, relative to the font size.
const UNKNOWN: f64 = 0.8;

/// A rectangle.
#[derive(Clone, Copy, Debug)]
pub struct Rect {
    pub left: f64,
    pub top: f64,
    pub right: f64,
    pub bottom: f64,
}

impl Rect {
    /// Whether two rectangles overlap by more than an edge.
    pub fn overlaps(&self, other: &Rect) -> bool {
        let apart = self.right.min(other.right) - self.left.max(other.left);
        let below = self.bottom.min(other.bottom) - self.top.max(other.top);
        apart > 0.1 && below > 0.1
    }

    /// The rectangle expanded (or shrunk) on every side.
    pub fn expanded(&self, by: f64) -> Rect {
        let (left, top) = (self.left - by, self.top - by);
        Rect { left, top, right: self.right + by, bottom: self.bottom + by }
    }

    pub fn contains(&self, other: &Rect) -> bool {
        self.left <= other.left
            && self.top <= other.top
            && other.right <= self.right
            && other.bottom <= self.bottom
    }
}

/// A text, its rectangle, and the ID of its box.
#[derive(Debug)]
pub struct Text {
    pub text: String,
    pub at: Rect,
    pub inside: Option<String>,
}

/// An arrow: its straight segments and end points.
#[derive(Debug)]
pub struct Arrow {
    pub class: String,
    pub segments: Vec<Rect>,
    pub begin: (f64, f64),
    pub end: (f64, f64),
}

/// All elements of an SVG file.
#[derive(Default)]
pub struct ParsedSvg {
    pub size: (f64, f64),
    pub boxes: Vec<(String, Rect)>,
    pub arrows: Vec<Arrow>,
    pub texts: Vec<Text>,
}

impl ParsedSvg {
    /// Parses a file, which must be well-formed.
    pub fn of(svg: &str) -> Self {
        let document = Document::parse(svg).unwrap();
        let root = document.root_element();
        let mut parsed =
            Self { size: (number(root, "width"), number(root, "height")), ..Self::default() };
        for node in root.descendants().filter(Node::is_element) {
            parsed.take(node);
        }
        parsed
    }

    fn take(&mut self, node: Node) {
        let (x, y) = origin(node);
        let class = node.attribute("class").unwrap_or_default();
        let parent = node.parent_element().and_then(|parent| parent.attribute("id"));
        match node.tag_name().name() {
            "rect" if class.is_empty() && parent.is_some() => {
                let (left, top) = (x + number(node, "x"), y + number(node, "y"));
                let (right, bottom) = (left + number(node, "width"), top + number(node, "height"));
                let name = parent.unwrap().to_owned();
                self.boxes.push((name, Rect { left, top, right, bottom }));
            }
            "path" if class != "halo" => self.arrows.push(arrow(node, class, (x, y))),
            "text" => {
                let text = node.text().unwrap().to_owned();
                let at = text_rect(&text, class, (x + number(node, "x"), y + number(node, "y")));
                let grouped = node.parent_element().is_some_and(|p| p.attribute("class").is_some());
                let inside = parent.filter(|_| grouped).map(str::to_owned);
                self.texts.push(Text { text, at, inside });
            }
            _ => (),
        }
    }

    pub fn bounds(&self) -> Rect {
        Rect { left: 0.0, top: 0.0, right: self.size.0, bottom: self.size.1 }
    }

    /// The box with this ID.
    pub fn find(&self, id: &str) -> Rect {
        self.boxes.iter().find(|(name, _)| name == id).unwrap().1
    }
}

fn number(node: Node, name: &str) -> f64 {
    node.attribute(name).unwrap_or("0").parse().unwrap()
}

/// The origin of a node's group.
fn origin(node: Node) -> (f64, f64) {
    let Some(shift) = node.ancestors().find_map(|node| node.attribute("transform")) else {
        return (0.0, 0.0);
    };
    let numbers = shift.strip_prefix("translate(").unwrap().strip_suffix(")").unwrap();
    let (x, y) = numbers.split_once(',').unwrap();
    (x.parse().unwrap(), y.parse().unwrap())
}

fn arrow(node: Node, class: &str, (x, y): (f64, f64)) -> Arrow {
    let line = node.attribute("d").unwrap().strip_prefix('M').unwrap();
    let point = |text: &str| {
        let (a, b) = text.split_once(' ').unwrap();
        (x + a.parse::<f64>().unwrap(), y + b.parse::<f64>().unwrap())
    };
    let points: Vec<_> = line.split('L').map(point).collect();
    let segment = |ends: &[(f64, f64)]| {
        let ((a, b), (c, d)) = (ends[0], ends[1]);
        assert!(a == c || b == d, "a diagonal line: {ends:?}");
        Rect { left: a.min(c), top: b.min(d), right: a.max(c), bottom: b.max(d) }
    };
    let segments = points.windows(2).map(segment).collect();
    let (begin, end) = (points[0], *points.last().unwrap());
    Arrow { class: class.to_owned(), segments, begin, end }
}

/// The rectangle of a text, measured with a real font.
fn text_rect(text: &str, class: &str, (x, y): (f64, f64)) -> Rect {
    let font = FontRef::try_from_slice(FONT).unwrap();
    let size = match class.split(' ').next() {
        Some("title") => 20.0,
        Some("heading") => 15.0,
        Some("strong") => 13.0,
        _ => 11.5,
    };
    let advance = |character| match font.glyph_id(character) {
        id if id.0 == 0 => UNKNOWN,
        id => f64::from(font.h_advance_unscaled(id)) / f64::from(font.units_per_em().unwrap()),
    };
    let bold = if size > 12.0 { BOLD } else { 1.0 };
    let width = text.chars().map(advance).sum::<f64>() * size * bold;
    let left = match class {
        _ if class.contains("middle") => x - width / 2.0,
        _ if class.contains("end") => x - width,
        _ => x,
    };
    Rect { left, top: y - 0.76 * size, right: left + width, bottom: y + 0.2 * size }
}
