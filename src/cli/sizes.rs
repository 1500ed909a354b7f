//! The flags that say how large a set-up is, of `train`, `bench` and `graph`.

use clap::ArgAction;
use gan_cuda::gan::Model;
use gan_cuda::gan::preset::Preset;
use gan_cuda::gan::rewrite::Rewrite;
use gan_cuda::gan::settings::Settings;
use gan_cuda::ranges;

use super::layers::{self, Given};
use super::ranges::within;
use crate::cli::error::{Result, refuse};

#[derive(Clone, clap::Args)]
#[command(next_help_heading = "Values of the set-up [default: the preset's]")]
pub(super) struct SizeArgs {
    /// Images in a batch
    #[arg(long, value_name = "N", value_parser = within::<usize, _>(ranges::EXTENT))]
    batch_size: Option<usize>,
    /// Numbers in a row of noise
    #[arg(long, value_name = "N", value_parser = within::<usize, _>(ranges::EXTENT))]
    latent_dim: Option<usize>,
    /// Widths of the generator's hidden layers, as 128,256; of convolutions, their channels
    #[arg(long, value_name = "N,N,…", action = ArgAction::Set, value_delimiter = ',', value_parser = within::<usize, _>(ranges::EXTENT))]
    g_hidden: Option<Vec<usize>>,
    /// Widths of the discriminator's hidden layers
    #[arg(long, value_name = "N,N,…", action = ArgAction::Set, value_delimiter = ',', value_parser = within::<usize, _>(ranges::EXTENT))]
    d_hidden: Option<Vec<usize>>,
}

impl SizeArgs {
    /// The flags that change layers.
    pub(super) fn layers(&self) -> Vec<Given> {
        let Self { latent_dim, g_hidden, d_hidden, .. } = self.clone();
        let none = Rewrite::default;
        layers::given([
            ("--latent-dim", Rewrite { latent_dim, ..none() }),
            ("--g-hidden", Rewrite { g_hidden, ..none() }),
            ("--d-hidden", Rewrite { d_hidden, ..none() }),
        ])
    }

    /// Puts the batch size in its place.
    pub(super) fn apply(&self, settings: &mut Settings) {
        settings.batch_size = self.batch_size.unwrap_or(settings.batch_size);
    }

    /// A preset's model of these sizes.
    pub(super) fn model(&self, preset: &Preset) -> Result<Model> {
        let mut settings = preset.gan.clone();
        self.apply(&mut settings);
        layers::apply(&self.layers(), &preset.name, &mut settings)?;
        Ok(Model::new(settings)?)
    }

    /// Makes sure that none of these flags was given: the GAN of `file` has sizes of its own.
    pub(super) fn expect_none(&self, file: &str) -> Result<()> {
        if self.batch_size.is_some() {
            let problem = format!("does not fit: {file} has sizes of its own; leave it out");
            return refuse("--batch-size", problem);
        }
        layers::expect_none(&self.layers(), file)
    }
}
