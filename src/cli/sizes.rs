//! The flags that say how large a set-up is, of `train`, `bench` and `graph`.

use gan_cuda::gan::settings::Settings;
use gan_cuda::ranges;

use super::ranges::within;

#[derive(clap::Args)]
#[command(next_help_heading = "Values of the set-up [default: the preset's]")]
pub(super) struct SizeArgs {
    /// Images in a batch
    #[arg(long, value_name = "N", alias = "batch_size", value_parser = within::<usize, _>(ranges::EXTENT))]
    batch_size: Option<usize>,
    /// Numbers in a row of noise
    #[arg(long, value_name = "N", alias = "latent_dim", value_parser = within::<usize, _>(ranges::EXTENT))]
    latent_dim: Option<usize>,
    /// Widths of the generator's hidden layers, as 128,256
    #[arg(long, value_name = "N,N,…", value_delimiter = ',', value_parser = within::<usize, _>(ranges::EXTENT))]
    g_hidden: Option<Vec<usize>>,
    /// Widths of the discriminator's hidden layers
    #[arg(long, value_name = "N,N,…", value_delimiter = ',', value_parser = within::<usize, _>(ranges::EXTENT))]
    d_hidden: Option<Vec<usize>>,
}

impl SizeArgs {
    /// The first of these flags that was given, if one was.
    pub(super) fn given(&self) -> Option<&'static str> {
        [
            ("--batch-size", self.batch_size.is_some()),
            ("--latent-dim", self.latent_dim.is_some()),
            ("--g-hidden", self.g_hidden.is_some()),
            ("--d-hidden", self.d_hidden.is_some()),
        ]
        .into_iter()
        .find_map(|(flag, given)| given.then_some(flag))
    }

    /// Puts the given sizes in their places.
    pub(super) fn apply(&self, settings: &mut Settings) {
        settings.batch_size = self.batch_size.unwrap_or(settings.batch_size);
        settings.latent_dim = self.latent_dim.unwrap_or(settings.latent_dim);
        for (widths, given) in
            [(&mut settings.g_hidden, &self.g_hidden), (&mut settings.d_hidden, &self.d_hidden)]
        {
            if let Some(given) = given {
                widths.clone_from(given);
            }
        }
    }
}
