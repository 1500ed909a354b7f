//! `gan-cuda presets`.

mod json;

use gan_cuda::gan::architecture::{self, Architecture};
use gan_cuda::gan::preset::{self, Preset};
use gan_cuda::gan::settings::{Fakes, Loss, Order};
use gan_cuda::{Error, Result};

use super::json::print_json;
use super::ranges;

/// Flags of `presets`.
#[derive(clap::Args)]
pub struct Args {
    /// Set-up to show in full
    #[arg(value_name = "NAME", value_parser = ranges::preset(), hide_possible_values = true)]
    name: Option<String>,
    /// Print one line of JSON: of the set-up all values, and both networks with their layers; an
    /// array of all set-ups where none is named
    #[arg(long)]
    json: bool,
}

/// Prints the table, or one row in full.
pub fn run(args: &Args) -> Result<()> {
    let missing = |name: &String| Error::NoSuchPreset { name: name.clone() };
    let found = args.name.as_ref().map(|name| preset::find(name).ok_or_else(|| missing(name)));
    match (found.transpose()?, args.json) {
        (None, false) => list(),
        (None, true) => print_json(&preset::presets().iter().map(json::of).collect::<Vec<_>>())?,
        (Some(preset), false) => show(preset),
        (Some(preset), true) => print_json(&json::of(preset))?,
    }
    Ok(())
}

fn list() {
    for preset in preset::presets() {
        say!("{:14} {}", preset.name, preset.summary);
    }
    say!("\n`gan-cuda presets NAME` shows layers, losses and source.");
}

fn show(preset: &Preset) {
    let settings = &preset.settings;
    say!("{}: {}", preset.name, preset.summary);
    say!("source: {}\n", preset.source);
    network("generator", &architecture::generator(preset, settings));
    network("discriminator", &architecture::discriminator(preset, settings));
    let loss = match settings.loss {
        Loss::BceLogits => "binary cross-entropy on logits",
        Loss::Bce => "binary cross-entropy (the sigmoid is part of it: stable)",
        Loss::Mse => "squared error",
    };
    let fakes = match (settings.fakes, settings.order) {
        (Fakes::Same, _) => "both updates use the same generated images",
        (Fakes::Fresh, _) => "the second update draws new noise",
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
        if preset.drop_last { "dropped" } else { "kept" }
    );
    say!("init       {}", settings.init);
    say!("length     {} epochs, samples every {}", preset.epochs, preset.sample_interval);
    let data = preset.dataset.map_or("none: give --dataset".to_owned(), |d| d.to_string());
    say!("data       {data}, {}", settings.image);
    for note in preset.notes {
        say!("note       {note}");
    }
}

fn network(name: &str, architecture: &Architecture) {
    let spec = &architecture.network;
    say!("{name}, {} parameters", spec.parameters());
    if let Some(label) = spec.label {
        let place = if label.first { "before" } else { "behind" };
        say!("  Embedding({0}, {0}), {place} the input", label.classes);
    }
    for (i, module) in architecture.modules.iter().enumerate() {
        say!("  {i:2}  {module}");
    }
    say!("");
}
