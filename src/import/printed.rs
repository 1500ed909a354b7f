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

/// Finds modules, a loss function and Adam among the lines of a text.
pub(super) fn read(text: &str) -> Result<Printed> {
    let mut printed = Printed::default();
    let mut lines = text.lines().map(str::trim).enumerate().map(|(i, text)| (i + 1, text));
    while let Some((line, text)) = lines.next() {
        match text.strip_suffix('(') {
            // An optimizer prints a space, a module does not.
            Some(optimizer) if optimizer.ends_with(' ') => {
                let settings = lines.by_ref().map(|(_, text)| text);
                printed.training.read_optimizer(last_word(optimizer), settings);
            }
            Some(module) if !last_word(module).is_empty() => {
                printed.modules.push(read_module(line, last_word(module), &mut lines)?);
            }
            _ => printed.training.read_loss(text),
        }
    }
    Ok(printed)
}

/// The name at the end of a text: the class in `G = Generator`.
fn last_word(text: &str) -> &str {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let text = text.trim_end();
    &text[text.trim_end_matches(is_part).len()..]
}

/// The rest of a module whose first line was read.
fn read_module<'a>(
    begin: usize,
    class: &str,
    lines: &mut impl Iterator<Item = (usize, &'a str)>,
) -> Result<Module> {
    let mut module = Module { class: class.to_owned(), leaves: Vec::new() };
    // The names of all open modules within it; empty ones are omitted from paths.
    let mut open: Vec<&str> = Vec::new();
    for (line, text) in lines {
        if text == ")" {
            match open.pop() {
                Some(_) => continue,
                None => return Ok(module),
            }
        }
        let (name, child) = text
            .strip_prefix('(')
            .and_then(|text| text.split_once("): "))
            .ok_or_else(|| ModuleProblem::Form.at(line, text))?;
        let wraps = open.is_empty() && WRAPPERS.contains(&module.class.as_str());
        match child.strip_suffix('(') {
            Some(class) if wraps => {
                module.class = class.to_owned();
                open.push("");
            }
            Some(_) => open.push(name),
            None => {
                let names = open.iter().copied().filter(|name| !name.is_empty());
                let path = names.chain([name]).collect::<Vec<_>>().join(".");
                module.leaves.push(Leaf { line, path, text: child.to_owned() });
            }
        }
    }
    Err(ImportProblem::Unclosed { line: begin, class: module.class })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(text: &str) -> Vec<(usize, String)> {
        let [module] = <[Module; 1]>::try_from(read(text).unwrap().modules).ok().unwrap();
        module.leaves.into_iter().map(|leaf| (leaf.line, leaf.path)).collect()
    }

    #[test]
    fn leaves_have_the_path_of_their_names() {
        let text = "epoch 3\nG = Generator(\n  (a): Sequential(\n    (0): Linear(1, 2)\n    (b): \
                    Block(\n      (1): ReLU()\n    )\n  )\n  (out): Tanh()\n)\nbye";
        let expected = [(4, "a.0"), (6, "a.b.1"), (9, "out")];
        assert_eq!(leaves(text), expected.map(|(line, path)| (line, path.to_owned())));
    }

    #[test]
    fn wrappers_are_not_part_of_paths() {
        let text =
            "DataParallel(\n(module): Generator(\n(model): Sequential(\n(0): Tanh()\n)\n)\n)";
        assert_eq!(leaves(text), [(4, "model.0".to_owned())]);
        let module = &read(text).unwrap().modules[0];
        assert_eq!(module.class, "Generator");
    }

    #[test]
    fn module_that_is_not_closed_or_has_other_lines_is_refused() {
        let message = |text: &str| read(text).err().unwrap().to_string();
        assert!(message("\nNet(\n(0): Tanh()").starts_with("line 2: Net( is not closed"));
        assert!(message("Net(\n3, 4, kernel_size=2\n)").starts_with("line 2: \"3, 4, kernel"));
    }
}
