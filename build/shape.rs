//! Shapes of the kernels' arguments, as the comments of their signatures state them.
//!
//! `(rows, columns)`, `(count, 2): site and columns`, `(columns) or null`: extents are numbers or
//! `int` arguments of the same kernel. `(any)` is for a length that only device memory contains.

/// The number of elements behind a pointer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Not known from the arguments.
    Any,
    /// The product of these extents.
    Extents(Vec<Extent>),
}

/// A factor of the number of elements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Extent {
    /// A number.
    Number(usize),
    /// The value of an argument.
    Argument(String),
}

/// The shape that a comment begins with, and whether the pointer may be null.
///
/// # Errors
/// What is wrong with the comment.
pub fn parse(comment: &str) -> Result<(Shape, bool), String> {
    let malformed =
        || format!("`{comment}` does not begin with a shape, as `(rows, 3) or null: words`");
    let (extents, rest) =
        comment.strip_prefix('(').and_then(|rest| rest.split_once(')')).ok_or_else(malformed)?;
    let nullable = match rest.split(':').next().map(str::trim_end) {
        Some("") => false,
        Some(" or null") => true,
        _ => return Err(malformed()),
    };
    if extents == "any" {
        return Ok((Shape::Any, nullable));
    }
    let extents = extents.split(", ").map(|text| extent(text).ok_or_else(malformed));
    Ok((Shape::Extents(extents.collect::<Result<_, _>>()?), nullable))
}

fn extent(text: &str) -> Option<Extent> {
    if let Ok(number) = text.parse() {
        return Some(Extent::Number(number));
    }
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    (!text.is_empty() && text.chars().all(plain)).then(|| Extent::Argument(text.to_owned()))
}
