//! An SVG file taken apart: its boxes, arrows and words, in pixels.

use ab_glyph::{Font, FontRef};
use roxmltree::{Document, Node};

const FONT: &[u8] = include_bytes!("../../data/fonts/DejaVuSans-ascii.ttf");
/// Of a font's size: DejaVu's bold face is wider by so much.
const BOLD: f64 = 1.12;
/// Of a font's size: a character that the font at hand lacks.
const UNKNOWN: f64 = 0.8;

/// A rectangle by its corners.
#[derive(Clone, Copy, Debug)]
pub struct Rect {
    pub left: f64,
    pub top: f64,
    pub right: f64,
    pub bottom: f64,
}

impl Rect {
    /// Whether two rectangles share more than an edge.
    pub fn meets(&self, other: &Rect) -> bool {
        let apart = self.right.min(other.right) - self.left.max(other.left);
        let below = self.bottom.min(other.bottom) - self.top.max(other.top);
        apart > 0.1 && below > 0.1
    }

    /// The rectangle with so much more, or less, on every side.
    pub fn grown(&self, by: f64) -> Rect {
        let (left, top) = (self.left - by, self.top - by);
        Rect { left, top, right: self.right + by, bottom: self.bottom + by }
    }

    pub fn holds(&self, other: &Rect) -> bool {
        self.left <= other.left
            && self.top <= other.top
            && other.right <= self.right
            && other.bottom <= self.bottom
    }
}

/// Words, where they stand, and the box that they stand in.
#[derive(Debug)]
pub struct Words {
    pub text: String,
    pub at: Rect,
    pub inside: Option<String>,
}

/// An arrow's straight pieces.
#[derive(Debug)]
pub struct Arrow {
    pub class: String,
    pub pieces: Vec<Rect>,
    pub begin: (f64, f64),
    pub end: (f64, f64),
}

/// Everything in a picture.
#[derive(Default)]
pub struct Picture {
    pub size: (f64, f64),
    pub boxes: Vec<(String, Rect)>,
    pub arrows: Vec<Arrow>,
    pub words: Vec<Words>,
}

impl Picture {
    /// Takes apart what must be well-formed.
    pub fn of(svg: &str) -> Self {
        let document = Document::parse(svg).unwrap();
        let root = document.root_element();
        let mut picture =
            Self { size: (number(root, "width"), number(root, "height")), ..Self::default() };
        for node in root.descendants().filter(Node::is_element) {
            picture.take(node);
        }
        picture
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
                let at = place(&text, class, (x + number(node, "x"), y + number(node, "y")));
                let grouped = node.parent_element().is_some_and(|p| p.attribute("class").is_some());
                let inside = parent.filter(|_| grouped).map(str::to_owned);
                self.words.push(Words { text, at, inside });
            }
            _ => (),
        }
    }

    pub fn whole(&self) -> Rect {
        Rect { left: 0.0, top: 0.0, right: self.size.0, bottom: self.size.1 }
    }

    /// The box of a name.
    pub fn find(&self, id: &str) -> Rect {
        self.boxes.iter().find(|(name, _)| name == id).unwrap().1
    }
}

fn number(node: Node, name: &str) -> f64 {
    node.attribute(name).unwrap_or("0").parse().unwrap()
}

/// Where a node's group has its corner.
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
    let piece = |ends: &[(f64, f64)]| {
        let ((a, b), (c, d)) = (ends[0], ends[1]);
        assert!(a == c || b == d, "a slanting line: {ends:?}");
        Rect { left: a.min(c), top: b.min(d), right: a.max(c), bottom: b.max(d) }
    };
    let pieces = points.windows(2).map(piece).collect();
    let (begin, end) = (points[0], *points.last().unwrap());
    Arrow { class: class.to_owned(), pieces, begin, end }
}

/// The place of words, measured by a real font.
fn place(text: &str, class: &str, (x, y): (f64, f64)) -> Rect {
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
