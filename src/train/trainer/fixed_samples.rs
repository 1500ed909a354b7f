//! What every sample grid of a run is made from, so that grids can be compared.

use crate::Result;
use crate::data::Dataset;
use crate::device::Device;
use crate::gan::Gan;
use crate::gan::arrangement::Arrangement;
use crate::gan::settings::Settings;
use crate::train::health::spread;

/// The noise and labels that every sample grid of a run is made from.
pub(super) struct FixedSamples<D: Device> {
    pub(super) noise: Vec<D::Real>,
    pub(super) labels: Vec<u32>,
    pub(super) columns: usize,
}

impl<D: Device> FixedSamples<D> {
    pub(super) fn new(gan: &Gan<D>, seed: u64) -> Result<Self> {
        let Arrangement { grid, count, labels } =
            Arrangement::standard(gan.preset(), gan.settings().classes);
        Ok(Self { noise: gan.sample_noise(count, seed)?, labels, columns: grid.columns })
    }

    fn len(&self, settings: &Settings) -> usize {
        self.noise.len() / settings.latent_dim
    }

    /// As many images of the data set, of the same classes, from -1 to 1.
    pub(super) fn alike_of(&self, data: &Dataset, settings: &Settings) -> Vec<f32> {
        let of_class = |class: u32| {
            let labels = data.labels.iter().enumerate();
            let indices = labels.filter(move |&(_, &l)| l == class).map(|(i, _)| i);
            // A class of few images shows them again: a row for each class stays.
            indices.cycle().take(self.columns)
        };
        let chosen: Vec<usize> = match settings.classes {
            Some(classes) => (0..classes as u32).flat_map(of_class).collect(),
            None => (0..data.len().min(self.len(settings))).collect(),
        };
        let bytes = chosen.iter().flat_map(|&i| data.image(i));
        bytes.map(|&u| f32::from(u) / 127.5 - 1.0).collect()
    }

    /// The spread of images arranged like these: within classes where there are any.
    pub(super) fn spread(&self, images: &[f32], settings: &Settings) -> f64 {
        let pixels = settings.image.pixels();
        let group = match settings.classes {
            Some(_) => self.columns,
            None => images.len() / pixels,
        };
        spread(images, pixels, group)
    }
}
