//! What every sample grid of a run is made from, so that grids can be compared.

use crate::data::Dataset;
use crate::device::Device;
use crate::gan::Gan;
use crate::gan::arrangement::{Arrangement, Grid};
use crate::gan::settings::Settings;
use crate::train::Result;
use crate::train::health::spread;

/// The noise and labels that every sample grid of a run is made from.
pub(super) struct FixedSamples<D: Device> {
    pub(super) noise: Vec<D::Real>,
    pub(super) labels: Vec<u32>,
    pub(super) columns: usize,
}

/// So many of the indices, from all over: neighbours in a folder look alike.
fn spaced(indices: &[usize], count: usize) -> Vec<usize> {
    (0..count).filter_map(|i| indices.get(i * indices.len() / count).copied()).collect()
}

impl<D: Device> FixedSamples<D> {
    pub(super) fn new(gan: &Gan<D>, plain: Grid, seed: u64) -> Result<Self> {
        let Arrangement { grid, count, labels } =
            Arrangement::standard(plain, gan.settings().classes);
        Ok(Self { noise: gan.sample_noise(count, seed)?, labels, columns: grid.columns })
    }

    fn len(&self, settings: &Settings) -> usize {
        self.noise.len() / settings.latent_dim
    }

    /// As many images of the data set, of the same classes, from -1 to 1.
    pub(super) fn alike_of(&self, data: &Dataset, settings: &Settings) -> Vec<f32> {
        let all = || 0..data.len();
        let of_class = |class: u32| {
            let indices: Vec<_> = all().filter(|&i| data.labels[i] == class).collect();
            // A class of few images shows them again: a row for each class stays.
            spaced(&indices, self.columns)
        };
        let chosen: Vec<usize> = match settings.classes {
            Some(classes) => (0..classes as u32).flat_map(of_class).collect(),
            None => spaced(&all().collect::<Vec<_>>(), self.len(settings)),
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
