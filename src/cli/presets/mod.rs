//! `gan-cuda presets`.

mod json;

use std::ffi::OsStr;
use std::path::Path;

use clap::builder::{PossibleValue, StringValueParser, TypedValueParser};
use clap::{Arg, Command};
use gan_cuda::gan::preset;
use gan_cuda::gan::settings::{Fakes, Loss, Order};
use gan_cuda::nn::{NetworkSpec, Sequence, Shape};
use gan_cuda::run::config::Config;

use super::display::print_lines;
use super::json::print_json;
use crate::cli::error::{Error, Result};

/// Flags of `presets`.
#[derive(clap::Args)]
pub struct Args {
    /// Preset to show in full, or a TOML file of one's own
    #[arg(value_name = "NAME|FILE", value_parser = PresetOrFile, hide_possible_values = true)]
    name: Option<String>,
    /// Print the TOML file of one, layer by layer; edit it, and train it with train --config FILE
    #[arg(long, requires = "name", conflicts_with = "json")]
    toml: bool,
    /// Print one line of JSON: of a preset all values, and both networks with their layers; an
    /// array of all presets where none is named
    #[arg(long)]
    json: bool,
}

/// Takes any text, and offers the presets' names where a shell completes.
#[derive(Clone)]
struct PresetOrFile;

impl TypedValueParser for PresetOrFile {
    type Value = String;

    fn parse_ref(
        &self,
        command: &Command,
        arg: Option<&Arg>,
        value: &OsStr,
    ) -> Result<String, clap::Error> {
        StringValueParser::new().parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let names = preset::presets().iter().map(|preset| preset.name.as_str());
        Some(Box::new(names.map(PossibleValue::new)))
    }
}

/// Prints the table, or one row in full.
pub fn run(args: &Args) -> Result<()> {
    match (&args.name, args.json) {
        (None, false) => list(),
        (None, true) => return print_all(),
        (Some(name), json) => {
            let config = find(name)?;
            match (args.toml, json) {
                (true, _) => print_lines(text(name, &config)?.trim_end()),
                (false, true) => print_json(&json::of(&config, &config.model()?))?,
                (false, false) => show(&config)?,
            }
        }
    }
    Ok(())
}

/// The preset of a name, or the GAN of a file.
fn find(name: &str) -> Result<Config> {
    match preset::find(name) {
        Some(preset) => Ok(Config::of_preset(preset)?),
        None if Path::new(name).exists() => Ok(Config::read(Path::new(name))?),
        None => Err(Error::NoSuchPreset { name: name.to_owned() }),
    }
}

/// The TOML file of a GAN; a preset's with its own arrangement.
fn text(name: &str, config: &Config) -> Result<String> {
    match preset::find(name) {
        Some(preset) => Ok(preset.text.to_owned()),
        None => Ok(config.to_text()?),
    }
}

fn print_all() -> Result<()> {
    let mut all = Vec::new();
    for preset in preset::presets() {
        let config = Config::of_preset(preset)?;
        let model = config.model()?;
        all.push((config, model));
    }
    print_json(&all.iter().map(|(config, model)| json::of(config, model)).collect::<Vec<_>>())
}

fn list() {
    for preset in preset::presets() {
        say!("{:14} {}", preset.name, preset.summary);
    }
    say!("");
    say!("`gan-cuda presets NAME` shows layers, losses and source.");
}

fn show(config: &Config) -> Result<()> {
    let (model, settings) = (config.model()?, &config.gan);
    say!("{}", config.title());
    if !config.source.is_empty() {
        say!("source: {}", config.source);
    }
    say!("");
    network("generator", model.generator());
    network("discriminator", model.discriminator());
    let loss = match settings.loss {
        Loss::BceLogits => "binary cross-entropy on logits",
        Loss::Bce => "binary cross-entropy of a sigmoid, saturating as PyTorch's BCELoss",
        Loss::Mse => "squared error",
    };
    let fakes = match settings.fakes {
        Fakes::Same => "both updates use the same generated images",
        Fakes::Fresh => "the second update draws new noise",
    };
    let order = match settings.order {
        Order::DFirst => "discriminator, then generator",
        Order::GFirst => "generator, then discriminator",
    };
    say!("loss       {loss}; the discriminator's is {}·(real + fake)", settings.d_loss_scale);
    say!("updates    {order}; {fakes}");
    say!("noise      {} numbers, {}", settings.latent_dim, settings.latent);
    say!("Adam       lr {}, betas ({}, {})", settings.lr, settings.b1, settings.b2);
    say!(
        "batch      {}; an epoch's short last batch is {}",
        settings.batch_size,
        if settings.drop_last { "dropped" } else { "kept" }
    );
    say!("init       {}", settings.init);
    say!("length     {}, samples every {}", length(config), config.sample_interval);
    let none = || "none: give --dataset".to_owned();
    let data = config.dataset.as_ref().map_or_else(none, ToString::to_string);
    say!("data       {data}, {}", settings.image);
    for note in &config.notes {
        say!("note       {note}");
    }
    Ok(())
}

/// After what the run ends: the first of what is given.
fn length(config: &Config) -> String {
    let epochs = config.epochs.map(|epochs| format!("{epochs} epochs"));
    let iterations = config.iterations.map(|iterations| format!("{iterations} iterations"));
    epochs.into_iter().chain(iterations).collect::<Vec<_>>().join(" or ")
}

fn network(name: &str, spec: &NetworkSpec) {
    say!("{name}, {} parameters", spec.parameters());
    if let Some(label) = spec.input().label {
        let place = if label.first { "before" } else { "behind" };
        say!("  Embedding({0}, {0}), {place} the input", label.classes);
    }
    let mut places = spec.layer_indices();
    let mut inputs = spec.inputs().iter();
    for Sequence { view, layers, .. } in spec.sequences() {
        if let Some(view) = view {
            say!("      viewed as {view}");
        }
        for (layer, (place, input)) in layers.iter().zip((&mut places).zip(&mut inputs)) {
            let behind = input.after(*layer).filter(|behind| behind != input);
            let image = behind.filter(|behind| {
                matches!((input, behind), (Shape::Image(_), _) | (_, Shape::Image(_)))
            });
            let behind = image.map_or(String::new(), |image| format!(" → {image}"));
            say!("  {place:>2}  {layer}{behind}");
        }
    }
    say!("");
}
