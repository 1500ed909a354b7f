//! The text that PyTorch prints: modules, loss functions, optimizers.

use super::error::{ImportProblem, ModuleProblem, Result};
use super::training::Training;

/// Everything in a text that belongs to a GAN.
#[derive(Default)]
pub(super) struct Printed {
    pub(super) modules: Vec<Module>,
    pub(super) training: Training,
}

/// A network, as the modules without children in it, in order.
pub(super) struct Module {
    /// Its class.
    pub(super) class: String,
    pub(super) leaves: Vec<Leaf>,
}

/// A module without children.
#[derive(Clone)]
pub(super) struct Leaf {
    /// The line in the file, counted from 1.
    pub(super) line: usize,
    /// Names of the attributes that lead to it, such as `model.0`.
    pub(super) path: String,
    /// What it prints, such as `Linear(in_features=110, out_features=128, bias=True)`.
    pub(super) text: String,
}

/// Modules around a whole network, whose names a checkpoint does not have.
const WRAPPERS: [&str; 3] = ["DataParallel", "DistributedDataParallel", "OptimizedModule"];

/// Finds modules, loss functions and optimizers among the lines of a text.
pub(super) fn read(text: &str) -> Result<Printed> {
    let mut printed = Printed::default();
    let mut lines = Lines::of(text);
    while let Some((line, text)) = lines.next() {
        let next = lines.peek();
        match text.strip_suffix('(').map(last_word) {
            // An optimizer prints a space before the parenthesis, a module does not.
            Some(_) if text.ends_with(" (") && next.starts_with("Parameter Group") => {
                let class = last_word(text.trim_end_matches(" ("));
                printed.training.read_optimizer(class, &lines.block());
            }
            Some(class) if !class.is_empty() && next.starts_with('(') => {
                let children = children(&mut lines)
                    .transpose()
                    .unwrap_or_else(|| Err(unclosed(line, class)))?;
                printed.modules.push(unwrapped(class, children));
            }
            _ => printed.training.read_loss(text),
        }
    }
    Ok(printed)
}

fn unclosed(line: usize, class: &str) -> ImportProblem {
    ImportProblem::Unclosed { line, class: class.to_owned() }
}

/// The name at the end of a text: the class in `G = Generator`.
fn last_word(text: &str) -> &str {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    &text[text.trim_end_matches(is_part).len()..]
}

/// The lines that are not read yet.
struct Lines<'a> {
    /// The last one comes next.
    rest: Vec<(usize, &'a str)>,
}

impl<'a> Lines<'a> {
    fn of(text: &'a str) -> Self {
        let lines = text.lines().map(str::trim).enumerate().map(|(i, text)| (i + 1, text));
        let mut rest: Vec<_> = lines.filter(|(_, text)| !text.is_empty()).collect();
        rest.reverse();
        Self { rest }
    }

    fn next(&mut self) -> Option<(usize, &'a str)> {
        self.rest.pop()
    }

    fn peek(&self) -> &'a str {
        self.rest.last().map_or("", |&(_, text)| text)
    }

    /// Whether the line closes a module or an optimizer. In lists, others follow on the same line,
    /// which are read next.
    fn closes(&mut self, (line, text): (usize, &'a str)) -> bool {
        let Some(behind) = text.strip_prefix(')') else { return false };
        let behind = behind.trim_start_matches([',', ' ']);
        if !behind.is_empty() {
            self.rest.push((line, behind));
        }
        true
    }

    /// The lines before the closing one.
    fn block(&mut self) -> Vec<&'a str> {
        let mut block = Vec::new();
        while let Some(next) = self.next().filter(|&next| !self.closes(next)) {
            block.push(next.1);
        }
        block
    }
}

/// A module within another one.
#[derive(Clone)]
struct Child<'a> {
    line: usize,
    name: String,
    /// Without the closing parenthesis if it has children.
    text: &'a str,
    children: Vec<Child<'a>>,
}

/// The children of a module whose first line was read; `None` if the text ends before it is closed.
fn children<'a>(lines: &mut Lines<'a>) -> Result<Option<Vec<Child<'a>>>> {
    let mut all = Vec::new();
    while let Some(next @ (line, text)) = lines.next() {
        if lines.closes(next) {
            return Ok(Some(all));
        }
        let (name, text) = text
            .strip_prefix('(')
            .and_then(|text| text.split_once("): "))
            .ok_or_else(|| ModuleProblem::Form.at(line, text))?;
        let (names, text) = repeated(name, text);
        if text.starts_with("Parametrized") {
            return Err(ModuleProblem::Parametrized.at(line, text));
        }
        let children = match text.strip_suffix('(') {
            Some(_) => match children(lines)? {
                Some(children) => children,
                None => return Ok(None),
            },
            None => Vec::new(),
        };
        let child = |name| Child { line, name, text, children: children.clone() };
        all.extend(names.into_iter().map(child));
    }
    Ok(None)
}

/// The names and the text of a child. A ModuleList prints equal children once: `(0-3): 4 x Linear(…)`.
fn repeated<'a>(name: &str, text: &'a str) -> (Vec<String>, &'a str) {
    let range = || {
        let (first, last) = name.split_once('-')?;
        let (count, text) = text.split_once(" x ")?;
        let (first, last) = (first.parse::<usize>().ok()?, last.parse::<usize>().ok()?);
        let equal = last.checked_sub(first)? + 1;
        let right = equal <= MOST_EQUAL && count.parse() == Ok(equal);
        right.then(|| ((first..=last).map(|i| i.to_string()).collect(), text))
    };
    range().unwrap_or_else(|| (vec![name.to_owned()], text))
}

/// Maximum number of equal children: more layers than any network of this program has.
const MOST_EQUAL: usize = 1000;

/// A network without the wrappers around it.
fn unwrapped(class: &str, mut children: Vec<Child<'_>>) -> Module {
    let mut class = class;
    while WRAPPERS.contains(&class) && children.len() == 1 {
        let Some(inner) = children.pop() else { break };
        class = inner.text.trim_end_matches('(');
        children = inner.children;
    }
    let mut leaves = Vec::new();
    collect("", children, &mut leaves);
    Module { class: class.to_owned(), leaves }
}

fn collect(parent: &str, children: Vec<Child<'_>>, leaves: &mut Vec<Leaf>) {
    for Child { line, name, text, children } in children {
        let path = if parent.is_empty() { name } else { format!("{parent}.{name}") };
        match text.ends_with('(') {
            true => collect(&path, children, leaves),
            false => leaves.push(Leaf { line, path, text: text.to_owned() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(text: &str) -> Vec<String> {
        let modules = read(text).unwrap().modules;
        let leaves = modules.into_iter().flat_map(|module| module.leaves);
        leaves.map(|leaf| format!("{}:{}", leaf.line, leaf.path)).collect()
    }

    #[test]
    fn leaves_have_the_path_of_their_names() {
        let text = "epoch 3 (\nG = Generator(\n  (a): Sequential(\n    (0): Linear(1, 2)\n    (b): \
                    Block(\n      (1): ReLU()\n    )\n  )\n  (out): Tanh()\n)\nbye";
        assert_eq!(paths(text), ["4:a.0", "6:a.b.1", "9:out"]);
    }

    #[test]
    fn wrappers_are_not_part_of_paths() {
        let text = "DataParallel(\n(module): OptimizedModule(\n(_orig_mod): Generator(\n(m): \
                    Sequential(\n(0): Tanh()\n)\n)\n)\n)";
        assert_eq!(paths(text), ["5:m.0"]);
        assert_eq!(read(text).unwrap().modules[0].class, "Generator");
    }

    #[test]
    fn equal_children_are_as_many_as_printed() {
        let text = "G(\n(l): ModuleList(\n(0-1): 2 x Sequential(\n(0): Linear(1, 1)\n(1-2): 2 x \
                    ReLU()\n)\n)\n)";
        let block = |i| ["4", "5", "5"].into_iter().zip(0..3).map(move |(line, j)| (i, line, j));
        let expected = (0..2).flat_map(block).map(|(i, line, j)| format!("{line}:l.{i}.{j}"));
        assert_eq!(paths(text), expected.collect::<Vec<_>>());
    }

    #[test]
    fn lists_of_networks_and_optimizers_are_read() {
        let text = "[A(\n(0): Tanh()\n), B(\n(0): ReLU()\n)] [Adam (\nParameter Group 0\nlr: 0.5\n), \
                    Adam (\nParameter Group 0\nlr: 0.5\n)]\nC(\n(0): ReLU()\n)";
        let printed = read(text).unwrap();
        assert_eq!(printed.modules.len(), 3);
        assert_eq!(printed.training.adam().lr, 0.5);
        assert!(printed.training.warnings.is_empty());
    }

    #[test]
    fn module_that_is_not_closed_or_has_other_lines_is_refused() {
        let message = |text: &str| read(text).err().unwrap().to_string();
        assert!(message("\nNet(\n(0): Tanh()").starts_with("line 2: Net( is not closed"));
        assert!(message("Net(\n(0): Block(\n3, 4\n)\n)").starts_with("line 3: \"3, 4\""));
        let parametrized = message("Net(\n(0): ParametrizedLinear(\nin_features=3\n)\n)");
        assert!(parametrized.starts_with("line 2: \"ParametrizedLinear("), "{parametrized}");
        assert!(parametrized.contains("spectral_norm = true"), "{parametrized}");
    }
}
