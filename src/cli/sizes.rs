//! The flags for batch and layer sizes, of `train`, `bench` and `graph`.

use super::layers::{self, LayerFlag};
use super::value_parsers::within;
use crate::cli::error::{Result, refuse};
use crate::gan::Model;
use crate::gan::preset::Preset;
use crate::gan::rewrite::Rewrite;
use crate::gan::settings::Settings;
use crate::ranges;
use clap::ArgAction;

#[derive(Clone, clap::Args)]
#[command(next_help_heading = "Model and training (override the preset)")]
pub(super) struct SizeArgs {
    /// Batch size
    #[arg(long, value_name = "N", value_parser = within::<usize, _>(ranges::EXTENT))]
    batch_size: Option<usize>,
    /// Latent dimension: length of the generator's noise vector
    #[arg(long, value_name = "N", value_parser = within::<usize, _>(ranges::EXTENT))]
    latent_dim: Option<usize>,
    /// Widths of the generator's hidden layers, e.g. 128,256; for convolutions, their channels
    #[arg(long, value_name = "N,N,…", action = ArgAction::Set, value_delimiter = ',', value_parser = within::<usize, _>(ranges::EXTENT))]
    g_hidden: Option<Vec<usize>>,
    /// Widths of the discriminator's hidden layers; for convolutions, their channels
    #[arg(long, value_name = "N,N,…", action = ArgAction::Set, value_delimiter = ',', value_parser = within::<usize, _>(ranges::EXTENT))]
    d_hidden: Option<Vec<usize>>,
}

impl SizeArgs {
    /// The given flags that change layers.
    pub(super) fn layers(&self) -> Vec<LayerFlag> {
        let Self { latent_dim, g_hidden, d_hidden, .. } = self.clone();
        let none = Rewrite::default;
        layers::given([
            ("--latent-dim", Rewrite { latent_dim, ..none() }),
            ("--g-hidden", Rewrite { g_hidden, ..none() }),
            ("--d-hidden", Rewrite { d_hidden, ..none() }),
        ])
    }

    /// Applies the batch size.
    pub(super) fn apply(&self, settings: &mut Settings) {
        settings.batch_size = self.batch_size.unwrap_or(settings.batch_size);
    }

    /// The model of a preset with these sizes.
    pub(super) fn model(&self, preset: &Preset) -> Result<Model> {
        let mut settings = preset.gan.clone();
        self.apply(&mut settings);
        layers::apply(&self.layers(), &preset.name, &mut settings)?;
        Ok(Model::new(settings)?)
    }

    /// Refuses these flags for a GAN read from `file`.
    pub(super) fn expect_none(&self, file: &str) -> Result<()> {
        if self.batch_size.is_some() {
            let problem = format!("does not apply: {file} has its own batch size; omit the flag");
            return refuse("--batch-size", problem);
        }
        layers::expect_none(&self.layers(), file)
    }
}
