//! The noise and labels of a run's sample grids, which are fixed so that grids can be compared.

use crate::data::Dataset;
use crate::device::Device;
use crate::gan::Gan;
use crate::gan::sample_grid::{Grid, SampleGrid};
use crate::gan::settings::Settings;
use crate::train::Result;
use crate::train::health::spread;

/// The noise and labels of every sample grid of a run.
pub(super) struct FixedSamples<D: Device> {
    pub(super) noise: Vec<D::Real>,
    pub(super) labels: Vec<u32>,
    pub(super) columns: usize,
}

/// `count` of the indices, evenly spaced, as neighbours in a folder often look alike.
fn spaced(indices: &[usize], count: usize) -> Vec<usize> {
    (0..count).filter_map(|i| indices.get(i * indices.len() / count).copied()).collect()
}

impl<D: Device> FixedSamples<D> {
    pub(super) fn new(gan: &Gan<D>, plain: Grid, seed: u64) -> Result<Self> {
        let SampleGrid { grid, count, labels } =
            SampleGrid::standard(plain, gan.settings().classes);
        Ok(Self { noise: gan.sample_noise(count, seed)?, labels, columns: grid.columns })
    }

    fn len(&self, settings: &Settings) -> usize {
        self.noise.len() / settings.latent_dim
    }

    /// Images of the data set in [-1, 1]: as many as samples, of the same classes.
    pub(super) fn matching_real_images(&self, data: &Dataset, settings: &Settings) -> Vec<f32> {
        let all = || 0..data.len();
        let of_class = |class: u32| {
            let indices: Vec<_> = all().filter(|&i| data.labels[i] == class).collect();
            // A class of few images repeats them to fill its row.
            spaced(&indices, self.columns)
        };
        let chosen: Vec<usize> = match settings.classes {
            Some(classes) => (0..classes as u32).flat_map(of_class).collect(),
            None => spaced(&all().collect::<Vec<_>>(), self.len(settings)),
        };
        let bytes = chosen.iter().flat_map(|&i| data.image(i));
        bytes.map(|&u| f32::from(u) / 127.5 - 1.0).collect()
    }

    /// The [`spread`] of images arranged like the samples: within classes, if there are any.
    pub(super) fn spread(&self, images: &[f32], settings: &Settings) -> f64 {
        let pixels = settings.image.pixels();
        let group = match settings.classes {
            Some(_) => self.columns,
            None => images.len() / pixels,
        };
        spread(images, pixels, group)
    }
}
