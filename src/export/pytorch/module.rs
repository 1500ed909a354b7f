//! A network as the class of a PyTorch module.

use std::collections::{BTreeMap, BTreeSet};

use super::{Result, quoted};
use crate::data::ImageShape;
use crate::export::Error;
use crate::gan::Role;
use crate::nn::{Layer, NetworkSpec, Sequence, Shape};

/// The class of a network; an attribute for each sequence, so that the keys of its `state_dict` are
/// those of the checkpoint.
pub(super) fn class(role: Role, network: &NetworkSpec, image: ImageShape) -> Result<String> {
    let spectral_norm = network.has_spectral_norm();
    let mut class = Class { attributes: Attributes::default(), forward: Vec::new(), spectral_norm };
    class.attributes.reserve(network);
    class.input(role, network)?;
    for sequence in network.sequences() {
        class.sequence(sequence)?;
    }
    let ImageShape { channels, height, width } = image;
    let (name, input, output) = match role {
        Role::Generator => ("Generator", "noise", format!("-1, {channels}, {height}, {width}")),
        Role::Discriminator => ("Discriminator", "images", "-1, 1".to_owned()),
    };
    let labels = if network.classes() > 0 { ", labels: Tensor" } else { "" };
    let mut lines = vec![
        format!("class {name}(nn.Module):"),
        format!("    \"\"\"{}\"\"\"", summary(role, network, image)),
        String::new(),
        "    def __init__(self) -> None:".to_owned(),
        "        super().__init__()".to_owned(),
    ];
    lines.extend(class.attributes.lines);
    lines.push(String::new());
    lines.push(format!("    def forward(self, {input}: Tensor{labels}) -> Tensor:"));
    lines.extend(class.forward.into_iter().map(|line| format!("        {line}")));
    lines.push(format!("        return x.view({output})"));
    Ok(lines.join("\n"))
}

fn summary(role: Role, network: &NetworkSpec, image: ImageShape) -> String {
    let ImageShape { channels, height, width } = image;
    let images = format!("images (batch, {channels}, {height}, {width})");
    let labels = match network.classes() {
        0 => String::new(),
        classes => format!(" and labels (batch) below {classes}"),
    };
    match role {
        Role::Generator => {
            let noise = network.input().shape.elements();
            format!("Noise (batch, {noise}){labels} -> {images} in [-1, 1].")
        }
        Role::Discriminator => {
            let images = images.replacen('i', "I", 1);
            format!("{images} in [-1, 1]{labels} -> scores (batch, 1).")
        }
    }
}

/// The lines of a class.
struct Class {
    attributes: Attributes,
    forward: Vec<String>,
    /// Whether weights are normalized by their spectral norm.
    spectral_norm: bool,
}

impl Class {
    /// The input, concatenated with the label's embedding if there is one.
    fn input(&mut self, role: Role, network: &NetworkSpec) -> Result<()> {
        let input = if role == Role::Generator { "noise" } else { "images" };
        let first = network.sequences().iter().find_map(|sequence| sequence.layers.first());
        let flat = network.input_pixels() == 1
            && matches!(network.input().shape, Shape::Image(_))
            && (network.classes() > 0 || matches!(first, Some(Layer::Linear { .. })));
        let input = if flat { format!("{input}.flatten(1)") } else { input.to_owned() };
        let Some(label) = &network.input().label else {
            self.forward.push(format!("x = {input}"));
            return Ok(());
        };
        let classes = label.classes;
        self.attributes.define(&label.key, &format!("nn.Embedding({classes}, {classes})"))?;
        self.forward.push(format!("label = {}(labels)", self.attributes.get(&label.key)));
        if let (true, Shape::Image([_, height, width])) =
            (network.input_pixels() > 1, network.input().shape)
        {
            let pixels = format!("[:, :, None, None].expand(-1, -1, {height}, {width})");
            self.forward.push(format!("label = label{pixels}"));
        }
        let both = if label.first { format!("label, {input}") } else { format!("{input}, label") };
        self.forward.push(format!("x = torch.cat(({both}), 1)"));
        Ok(())
    }

    fn sequence(&mut self, sequence: &Sequence) -> Result<()> {
        if let Some(view) = sequence.view {
            self.forward.push(match view {
                Shape::Features(features) => format!("x = x.view(-1, {features})"),
                Shape::Image([channels, height, width]) => {
                    format!("x = x.view(-1, {channels}, {height}, {width})")
                }
            });
        }
        match sequence.key_prefix.strip_suffix('.') {
            Some(path) if !self.attributes.is_container(path) => {
                self.sequential(path, &sequence.layers)
            }
            _ if sequence.is_named() => self.named(sequence),
            _ => self.one_by_one(sequence),
        }
    }

    /// An `nn.Sequential`.
    fn sequential(&mut self, path: &str, layers: &[Layer]) -> Result<()> {
        let layers: String =
            layers.iter().map(|&layer| format!("            {},\n", self.module(layer))).collect();
        self.attributes.define(path, &format!("nn.Sequential(\n{layers}        )"))?;
        self.call(path);
        Ok(())
    }

    /// The layers of a network that is a Sequential itself, or of one that holds others.
    fn one_by_one(&mut self, sequence: &Sequence) -> Result<()> {
        for (i, &layer) in sequence.layers.iter().enumerate() {
            let module = self.module(layer);
            self.attributes.define(&sequence.key(i), &module)?;
            self.call(&sequence.key(i));
        }
        Ok(())
    }

    /// A layer with a name of its own; the layers without parameters beside it are functions.
    fn named(&mut self, sequence: &Sequence) -> Result<()> {
        for (i, &layer) in sequence.layers.iter().enumerate() {
            match function(layer) {
                Some(function) => self.forward.push(format!("x = {function}")),
                None => {
                    let module = self.module(layer);
                    self.attributes.define(&sequence.key(i), &module)?;
                    self.call(&sequence.key(i));
                }
            }
        }
        Ok(())
    }

    fn module(&self, layer: Layer) -> String {
        let normalized = matches!(layer, Layer::Linear { .. } | Layer::Conv2d(_));
        match self.spectral_norm && normalized {
            true => format!("spectral_norm({})", module(layer)),
            false => module(layer),
        }
    }

    fn call(&mut self, path: &str) {
        self.forward.push(format!("x = {}(x)", self.attributes.get(path)));
    }
}

/// The modules of a class, by the path of their names.
#[derive(Default)]
struct Attributes {
    lines: Vec<String>,
    /// Modules that only hold others, and whether they are defined.
    containers: BTreeMap<String, bool>,
    modules: BTreeSet<String>,
}

impl Attributes {
    /// Notes which modules hold others.
    fn reserve(&mut self, network: &NetworkSpec) {
        let sequences = network.sequences().iter();
        let prefixes = sequences.map(|sequence| sequence.key_prefix.trim_end_matches('.'));
        let label = network.input().label.iter().map(|label| label.key.as_str());
        for path in prefixes.chain(label) {
            let holders = path.match_indices('.').map(|(dot, _)| (path[..dot].to_owned(), false));
            self.containers.extend(holders);
        }
    }

    fn is_container(&self, path: &str) -> bool {
        self.containers.contains_key(path)
    }

    /// Defines a module, and the modules around it.
    fn define(&mut self, path: &str, value: &str) -> Result<()> {
        for (dot, _) in path.match_indices('.') {
            let container = &path[..dot];
            if self.containers.insert(container.to_owned(), true) != Some(true) {
                self.add(container, "nn.Module()");
            }
        }
        let is_name = path.split('.').all(|name| !name.is_empty()) && !self.is_container(path);
        match is_name && self.modules.insert(path.to_owned()) {
            true => self.add(path, value),
            false => return Err(Error::ModuleName { path: path.to_owned() }),
        }
        Ok(())
    }

    fn add(&mut self, path: &str, value: &str) {
        let line = match path.rsplit_once('.') {
            _ if is_attribute(path) => format!("self.{path} = {value}"),
            None => format!("self.add_module({}, {value})", quoted(path)),
            Some((parent, name)) => {
                format!("{}.add_module({}, {value})", self.get(parent), quoted(name))
            }
        };
        self.lines.push(format!("        {line}"));
    }

    /// The expression of a module.
    fn get(&self, path: &str) -> String {
        match is_attribute(path) {
            true => format!("self.{path}"),
            false => format!("self.get_submodule({})", quoted(path)),
        }
    }
}

/// Whether each name of a path can be written after a dot: Python changes names that begin with two
/// underscores.
fn is_attribute(path: &str) -> bool {
    path.split('.').all(|name| {
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            && !name.starts_with("__")
            && !KEYWORDS.contains(&name)
    })
}

/// Python's keywords.
const KEYWORDS: [&str; 35] = [
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue",
    "def", "del", "elif", "else", "except", "finally", "for", "from", "global", "if", "import",
    "in", "is", "lambda", "nonlocal", "not", "or", "pass", "raise", "return", "try", "while",
    "with", "yield",
];

/// The constructor of a layer.
fn module(layer: Layer) -> String {
    match layer {
        Layer::Unflatten([channels, height, width]) => {
            format!("nn.Unflatten(1, ({channels}, {height}, {width}))")
        }
        layer => format!("nn.{layer}"),
    }
}

/// A layer without parameters as a function of x.
fn function(layer: Layer) -> Option<String> {
    Some(match layer {
        Layer::Dropout(p) => format!("F.dropout(x, {p}, self.training)"),
        Layer::LeakyRelu(slope) => format!("F.leaky_relu(x, {slope})"),
        Layer::Relu => "torch.relu(x)".to_owned(),
        Layer::Tanh => "torch.tanh(x)".to_owned(),
        Layer::Sigmoid => "torch.sigmoid(x)".to_owned(),
        Layer::Flatten => "x.flatten(1)".to_owned(),
        Layer::Unflatten([channels, height, width]) => {
            format!("x.unflatten(1, ({channels}, {height}, {width}))")
        }
        Layer::Linear { .. }
        | Layer::Conv2d(_)
        | Layer::ConvTranspose2d { .. }
        | Layer::BatchNorm1d(_)
        | Layer::BatchNorm2d(_) => return None,
    })
}
