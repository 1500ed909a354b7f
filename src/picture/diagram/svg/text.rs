//! An upper bound of the width of a text, as the viewer's font is unknown.

/// The typeface of a line of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Face {
    /// The diagram's title.
    Title,
    /// A panel's title.
    Heading,
    /// The first line of a box.
    Strong,
    /// All other text.
    Plain,
}

impl Face {
    /// Font size in pixels.
    pub(super) fn size(self) -> f64 {
        match self {
            Face::Title => 20.0,
            Face::Heading => 15.0,
            Face::Strong => 13.0,
            Face::Plain => 11.5,
        }
    }

    /// Distance from one line to the next, in pixels.
    pub(super) fn leading(self) -> f64 {
        (self.size() * 1.3).ceil()
    }

    /// Width of a text in pixels, in DejaVu Sans: the widest of the usual `sans-serif` fonts.
    pub(super) fn width(self, text: &str) -> f64 {
        let bold = if self == Face::Plain { 1.0 } else { 1.14 };
        text.chars().map(advance).sum::<f64>() * self.size() * bold
    }
}

/// A character's width as a fraction of the font size.
fn advance(character: char) -> f64 {
    match character {
        'i' | 'j' | 'l' | 'I' | 'J' | ' ' | '.' | ',' | ':' | '·' | '’' => 0.34,
        'f' | 't' | 'r' | '-' | '(' | ')' | '²' => 0.42,
        's' | 'z' | 'c' | '_' => 0.56,
        'w' | '+' | '=' | '−' | '×' => 0.84,
        'm' | 'M' | 'W' | '…' => 1.0,
        'A'..='Z' => 0.79,
        _ => 0.64,
    }
}
