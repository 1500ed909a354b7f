//! Parses the signatures of the CUDA kernels.
//!
//! The Rust launchers and the emulator's tables are generated from them. So that a signature has only
//! one meaning, the grammar is small, and everything else is an error:
//!
//! ```c
//! extern "C" __global__ void name(
//!     float* __restrict__ y,           // (rows, columns)
//!     const float* __restrict__ mask,  // (rows, columns) or null
//!     int rows,
//!     float slope)
//! ```
//!
//! One argument per line. A pointer has `__restrict__` and a comment that begins with its [`Shape`];
//! "or null" after it makes the pointer nullable. `__launch_bounds__(…)` may precede the name.

use std::collections::HashMap;

use shape::{Extent, Shape};

pub mod shape;

/// A kernel's signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kernel {
    /// The file, as it was named to [`parse`].
    pub file: String,
    /// The line of `__global__`, from 1.
    pub line: usize,
    /// The function.
    pub name: String,
    /// Its arguments, in order.
    pub parameters: Vec<Parameter>,
}

/// An argument of a kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// The name.
    pub name: String,
    /// The type.
    pub kind: Type,
    /// The shape behind a pointer.
    pub shape: Option<Shape>,
    /// Whether the pointer may be null.
    pub nullable: bool,
    /// The comment on its line: for a pointer, the shape.
    pub comment: String,
    /// Its line, from 1.
    pub line: usize,
}

/// The type of an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// A pointer to memory that is written, and may be read.
    Output(Element),
    /// A pointer to memory that is only read.
    Input(Element),
    /// `int`: an extent.
    Int,
    /// `unsigned`.
    Unsigned,
    /// `float`.
    Float,
}

/// The element type of a pointer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element {
    /// `float`.
    Float,
    /// `unsigned`.
    Unsigned,
    /// `unsigned char`.
    UnsignedChar,
}

/// All pointer types, as written in C++.
const POINTERS: [(&str, Type); 5] = [
    ("float*", Type::Output(Element::Float)),
    ("const float*", Type::Input(Element::Float)),
    ("unsigned*", Type::Output(Element::Unsigned)),
    ("const unsigned*", Type::Input(Element::Unsigned)),
    ("const unsigned char*", Type::Input(Element::UnsignedChar)),
];

/// All types that are passed by value, as written in C++.
const VALUES: [(&str, Type); 3] =
    [("int", Type::Int), ("unsigned", Type::Unsigned), ("float", Type::Float)];

/// Names that C++ allows but the generated Rust does not: keywords, and names in the launchers.
const RESERVED: [&str; 38] = [
    "abstract", "argument", "as", "async", "await", "become", "box", "check", "contract", "crate",
    "dyn", "extent", "final", "fn", "gen", "impl", "in", "launch", "let", "load", "loop", "macro",
    "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "self", "super", "trait",
    "type", "unsafe", "unsized", "use", "where",
];

/// The kernels of several files, given as name and source, in order.
///
/// # Errors
/// As [`parse`]; and two kernels with the same name.
pub fn parse_all<'a>(
    sources: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<Vec<Kernel>, String> {
    let mut kernels: Vec<Kernel> = Vec::new();
    for (file, source) in sources {
        kernels.extend(parse(file, source)?);
    }
    let mut seen: HashMap<&str, &Kernel> = HashMap::new();
    for kernel in &kernels {
        if let Some(first) = seen.insert(&kernel.name, kernel) {
            return Err(format!(
                "{}:{}: kernel `{}` is already in {}:{}",
                kernel.file, kernel.line, kernel.name, first.file, first.line
            ));
        }
    }
    Ok(kernels)
}

/// The kernels of one file, in order. `file` is for messages.
///
/// # Errors
/// What is wrong with a signature, as `file:line: …`.
pub fn parse(file: &str, source: &str) -> Result<Vec<Kernel>, String> {
    let mut lines = numbered(source).into_iter();
    let mut kernels = Vec::new();
    while let Some(line) = lines.next() {
        if !line.code.contains("__global__") {
            continue;
        }
        let name = kernel_name(&line.code).map_err(|problem| at(file, &line, &problem))?;
        let parameters = parameters(file, &line, &mut lines)?;
        kernels.push(Kernel { file: file.to_owned(), line: line.number, name, parameters });
    }
    Ok(kernels)
}

/// A line's code and its comment, both trimmed.
struct Line {
    number: usize,
    code: String,
    comment: String,
}

/// All lines, split at `//` into code and comment.
fn numbered(source: &str) -> Vec<Line> {
    let line = |(text, number): (&str, usize)| {
        let (code, comment) = text.split_once("//").unwrap_or((text, ""));
        Line { number, code: code.trim().to_owned(), comment: comment.trim().to_owned() }
    };
    source.lines().zip(1..).map(line).collect()
}

/// The name in a signature's first line.
fn kernel_name(code: &str) -> Result<String, String> {
    const FORM: &str = "a kernel begins with `extern \"C\" __global__ void name(`, and each of its \
                        arguments has a line of its own";
    let rest = code.strip_prefix("extern \"C\" __global__ void ").ok_or(FORM)?;
    let rest = match rest.strip_prefix("__launch_bounds__(") {
        Some(bounds) => bounds.split_once(')').ok_or(FORM)?.1.trim_start(),
        None => rest,
    };
    let name = rest.strip_suffix('(').ok_or(FORM)?;
    checked_name(name)
}

/// The arguments in the lines after a signature's first, up to the closing parenthesis.
fn parameters(
    file: &str,
    first: &Line,
    lines: &mut impl Iterator<Item = Line>,
) -> Result<Vec<Parameter>, String> {
    let mut parameters: Vec<Parameter> = Vec::new();
    for line in lines {
        if line.code.is_empty() {
            continue;
        }
        let fail = |problem: String| at(file, &line, &problem);
        let code = line.code.strip_suffix('{').map_or(&*line.code, str::trim_end);
        let (argument, last) = match code.strip_suffix(')') {
            Some(argument) => (argument, true),
            None => (code.strip_suffix(',').unwrap_or(code), false),
        };
        let parameter = parameter(argument.trim_end(), &line).map_err(fail)?;
        if !last && !code.ends_with(',') {
            return Err(fail(format!("no ',' or ')' behind argument `{}`", parameter.name)));
        }
        if parameters.iter().any(|other| other.name == parameter.name) {
            return Err(fail(format!("two arguments are called `{}`", parameter.name)));
        }
        parameters.push(parameter);
        if last {
            return check_extents(file, &parameters).map(|()| parameters);
        }
    }
    Err(at(file, first, "the signature has no closing ')'"))
}

/// Checks that every extent is an `int` argument.
fn check_extents(file: &str, parameters: &[Parameter]) -> Result<(), String> {
    let is_extent =
        |name: &String| parameters.iter().any(|p| p.name == *name && p.kind == Type::Int);
    for Parameter { name, shape, line, .. } in parameters {
        let Some(Shape::Extents(extents)) = shape else { continue };
        for extent in extents {
            match extent {
                Extent::Argument(extent) if !is_extent(extent) => {
                    return Err(format!(
                        "{file}:{line}: the shape of `{name}` has the extent `{extent}`, which is not an \
                         `int` of this kernel"
                    ));
                }
                _ => {}
            }
        }
    }
    Ok(())
}

fn parameter(argument: &str, line: &Line) -> Result<Parameter, String> {
    let comment = &*line.comment;
    if argument.contains([',', '(', ')']) {
        return Err(format!("one argument per line, not `{argument}`"));
    }
    let words: Vec<&str> = argument.split_whitespace().collect();
    let Some((name, words)) = words.split_last() else {
        return Err("an argument is missing".to_owned());
    };
    let restrict = words.last() == Some(&"__restrict__");
    let written = words[..words.len() - usize::from(restrict)].join(" ");
    let pointer = POINTERS.iter().find(|(pointer, _)| *pointer == written);
    let value = VALUES.iter().find(|(value, _)| *value == written);
    let kind = match (pointer, value) {
        (Some(_), _) if !restrict => return Err(format!("pointer `{name}` lacks `__restrict__`")),
        (Some(_), _) if comment.is_empty() => {
            return Err(format!("pointer `{name}` has no comment with its shape"));
        }
        (Some((_, kind)), _) => *kind,
        (None, Some((_, kind))) if !restrict => *kind,
        _ => return Err(unknown_type(argument)),
    };
    let (shape, nullable) = match pointer {
        Some(_) => shape::parse(comment).map(|(shape, nullable)| (Some(shape), nullable))?,
        None => (None, false),
    };
    Ok(Parameter {
        name: checked_name(name)?,
        kind,
        shape,
        nullable,
        comment: comment.to_owned(),
        line: line.number,
    })
}

fn unknown_type(argument: &str) -> String {
    let all = POINTERS.iter().chain(&VALUES).map(|(written, _)| format!("`{written}`"));
    format!("`{argument}` is none of {}", all.collect::<Vec<_>>().join(", "))
}

/// A name that is valid in C and in Rust.
fn checked_name(name: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if !name.chars().all(plain) || !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        return Err(format!("`{name}` is not a name of lower-case letters, digits and '_'"));
    }
    if RESERVED.contains(&name) {
        return Err(format!("`{name}` has a meaning of its own in the generated Rust"));
    }
    Ok(name.to_owned())
}

fn at(file: &str, line: &Line, problem: &str) -> String {
    format!("{file}:{}: {problem}", line.number)
}
