//! `gan-cuda presets`.

mod json;

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use super::display::{print_lines, warn};
use super::json::print_json;
use crate::cli::error::{Error, Result};
use crate::file_error::FileError;
use crate::gan::preset;
use crate::gan::settings::{Fakes, Loss, Order, Settings};
use crate::import;
use crate::nn::{NetworkSpec, Sequence, Shape};
use crate::run::config::Config;
use clap::builder::{PossibleValue, StringValueParser, TypedValueParser};
use clap::{Arg, Command, ValueHint};

/// Flags of `presets`.
#[derive(clap::Args)]
pub struct Args {
    /// Preset to show in full, or your own TOML file
    #[arg(value_name = "NAME|FILE", value_parser = PresetOrFile, hide_possible_values = true)]
    name: Option<String>,
    /// Print the preset as a TOML file that you can edit and train with train --config FILE
    #[arg(long, requires = "name", conflicts_with = "json")]
    toml: bool,
    /// Print the TOML file of a GAN from a PyTorch script: FILE is the output of print(generator) and
    /// print(discriminator), and of print(loss) and print(optimizer) if you like
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with_all = ["name", "json"])]
    from: Option<PathBuf>,
    /// Print one line of JSON: the settings of the preset and the layers of both networks; without
    /// NAME, an array of all presets
    #[arg(long)]
    json: bool,
}

/// Accepts any text, and offers the names of the presets for shell completion.
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

/// Prints the list of presets, or one preset in full.
pub fn run(args: &Args) -> Result<()> {
    if let Some(path) = &args.from {
        return print_imported(path);
    }
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

/// Prints the GAN of a PyTorch script as a TOML file, and warnings to standard error.
fn print_imported(path: &Path) -> Result<()> {
    let text = fs::read_to_string(path).map_err(FileError::at("read", path))?;
    let imported = import::read(path, &text)?;
    print_lines(imported.to_text(path)?.trim_end());
    warn(imported.warnings);
    Ok(())
}

/// The preset with this name, or the GAN in this file.
fn find(name: &str) -> Result<Config> {
    match preset::find(name) {
        Some(preset) => Ok(Config::of_preset(preset)?),
        None if Path::new(name).exists() => Ok(Config::read(Path::new(name))?),
        None => Err(Error::NoSuchPreset { name: name.to_owned() }),
    }
}

/// The TOML file of a GAN; for a preset, its original file.
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
        print_line!("{:14} {}", preset.name, preset.summary);
    }
    print_line!("");
    print_line!("`gan-cuda presets NAME` shows the layers, loss and source of a preset.");
}

fn show(config: &Config) -> Result<()> {
    let (model, settings) = (config.model()?, &config.gan);
    print_line!("{}", config.title());
    if !config.source.is_empty() {
        print_line!("source: {}", config.source);
    }
    print_line!("");
    network("generator", model.generator());
    network("discriminator", model.discriminator());
    let loss = match settings.loss {
        Loss::BceLogits => "binary cross-entropy on logits",
        Loss::Bce => "binary cross-entropy after a sigmoid, saturating like PyTorch's BCELoss",
        Loss::Mse => "mean squared error",
        Loss::Hinge => "hinge, on the raw output",
        Loss::Wgan => "Wasserstein, on the raw output",
        Loss::Relativistic => "relativistic: softplus of the difference of paired outputs",
    };
    let fakes = match settings.fakes {
        Fakes::Same => "both updates use the same generated images",
        Fakes::Fresh => "the second update samples new noise",
    };
    let order = match settings.order {
        Order::DFirst => "discriminator, then generator",
        Order::GFirst => "generator, then discriminator",
    };
    let parts = if settings.loss.is_paired() { "sum over pairs" } else { "real + fake" };
    print_line!("loss       {loss}; discriminator loss {}·({parts})", settings.d_loss_scale);
    print_line!("updates    {order}; {fakes}");
    print_line!("latent     dimension {}, {}", settings.latent_dim, settings.latent);
    print_line!(
        "Adam       {}, betas ({}, {})",
        learning_rates(settings),
        settings.b1,
        settings.b2
    );
    techniques(settings);
    print_line!(
        "batch      {}; an incomplete last batch of an epoch is {}",
        settings.batch_size,
        if settings.drop_last { "dropped" } else { "kept" }
    );
    print_line!("init       {}", settings.init);
    print_line!("length     {}, samples every {}", length(config), config.sample_interval);
    let none = || "no default (give --dataset)".to_owned();
    let data = config.dataset.as_ref().map_or_else(none, ToString::to_string);
    print_line!("data       {data}, {}", settings.image);
    for note in &config.notes {
        print_line!("note       {note}");
    }
    Ok(())
}

fn learning_rates(settings: &Settings) -> String {
    let [g, d] = [settings.lr_g, settings.lr_d].map(|lr| lr.unwrap_or(settings.lr));
    let rates = if g == d { format!("lr {g}") } else { format!("lr {g} (G) and {d} (D)") };
    match settings.lr_decay.falls() {
        true => format!("{rates} with {} decay", settings.lr_decay),
        false => rates,
    }
}

/// Lines for what most presets do not have.
fn techniques(settings: &Settings) {
    let penalties = [("R1", settings.r1), ("R2", settings.r2), ("gradient penalty", settings.gp)];
    let penalties = penalties.into_iter().filter(|(_, factor)| *factor > 0.0);
    let penalties: Vec<_> = penalties.map(|(name, factor)| format!("{name} {factor}")).collect();
    if !penalties.is_empty() {
        let every = match settings.penalty_interval {
            1 => String::new(),
            interval => format!(", every {interval} iterations"),
        };
        print_line!("penalties  {}{every}", penalties.join(", "));
    }
    if settings.n_critic > 1 {
        print_line!("critic     {} updates for each of the generator", settings.n_critic);
    }
    if settings.real_label != 1.0 {
        print_line!("targets    {} for real images", settings.real_label);
    }
    if let Some(ema) = settings.ema {
        let warmup = match settings.ema_warmup {
            0 => String::new(),
            warmup => format!(", at most t/(t + {warmup}) in update t"),
        };
        print_line!("average    of the generator's weights, decay {ema}{warmup}");
    }
    if settings.spectral_norm {
        print_line!("weights    of the discriminator: spectral norm 1");
    }
    if !settings.augment.is_empty() {
        let names: Vec<_> = settings.augment.iter().map(|one| one.to_string()).collect();
        print_line!("augment    {}", names.join(", "));
    }
    if settings.pack > 1 {
        print_line!("packs      of {} images", settings.pack);
    }
}

/// The length of a run, which ends at the first limit.
fn length(config: &Config) -> String {
    let epochs = config.epochs.map(|epochs| format!("{epochs} epochs"));
    let iterations = config.iterations.map(|iterations| format!("{iterations} iterations"));
    epochs.into_iter().chain(iterations).collect::<Vec<_>>().join(" or ")
}

fn network(name: &str, spec: &NetworkSpec) {
    print_line!("{name}, {} parameters", spec.parameters());
    if let Some(label) = &spec.input().label {
        let position = if label.first { "before" } else { "after" };
        print_line!("  Embedding({0}, {0}), concatenated {position} the input", label.classes);
    }
    let mut indices = spec.layer_indices();
    let mut inputs = spec.inputs().iter();
    for Sequence { view, layers, .. } in spec.sequences() {
        if let Some(view) = view {
            print_line!("      view as {view}");
        }
        for (layer, (index, input)) in layers.iter().zip((&mut indices).zip(&mut inputs)) {
            let output = input.after(*layer).filter(|output| output != input);
            let image = output.filter(|output| {
                matches!((input, output), (Shape::Image(_), _) | (_, Shape::Image(_)))
            });
            let output = image.map_or(String::new(), |image| format!(" → {image}"));
            print_line!("  {index:>2}  {layer}{output}");
        }
    }
    print_line!("");
}
