//! The scores that are watched in training: those of [`mod@crate::eval::evaluation`] for the run's
//! seed, 10,000 images and held-out real ones, as far as they are quick.

use std::borrow::Cow;

use crate::data::{Dataset, DatasetKind, SearchPaths, Source, cache_folder};
use crate::device::{self, Device};
use crate::eval::classifier::doubt;
use crate::eval::classifier::training::Progress;
use crate::eval::evaluation::{COUNT, eye};
use crate::eval::gallery::{Gallery, bytes};
use crate::eval::measures::frechet::{self, Gaussian};
use crate::eval::measures::{Points, kernel};
use crate::eval::real::{Divided, REFERENCE, Sample};
use crate::eval::row::right;
use crate::eval::trend::{Evaluate, has_classes};
use crate::eval::{Error, Eye, Result};
use crate::formats::stats::Scores;
use crate::gan::Gan;
use crate::gan::arrangement::labels_of;
use crate::gan::sampler::draw_noise;
use crate::memory;
use crate::run::config::Config;

const NOISE_REMEDY: &str =
    "ask for a smaller latent_dim, or for no scores: they need the noise of 10,000 images";

/// Scores the generator of a GAN in training.
pub struct Evaluator<D: Device> {
    eye: Eye<D>,
    noise: Vec<D::Real>,
    /// None where the generator has no classes.
    labels: Vec<u32>,
    /// The held-out images.
    reference: Sample,
    gaussian: Option<Gaussian>,
    among: kernel::Among,
    threads: usize,
}

impl<D: Device> Evaluator<D> {
    /// Scores for runs of a configuration, whose GAN learns from `data`. `learning` hears of the
    /// batches that a classifier learns from, where one must be trained.
    ///
    /// # Errors
    /// [`Error::TooFewImages`]; when the device has not enough memory; when a folder's classes
    /// cannot be read.
    pub fn new(
        device: &D,
        config: &Config,
        data: &Dataset,
        learning: Progress<'_>,
    ) -> Result<Self> {
        let noise = 2 * COUNT * config.gan.latent_dim * size_of::<D::Real>();
        memory::require(noise, NOISE_REMEDY).map_err(device::Error::from)?;
        let real = Real::of(config, data)?;
        let (mut eye, divided) = (real.eye(device, config, learning)?, real.divided());
        let reference = divided.see_held_out(device, &mut eye, data.shape, &[])?;
        let reference = reference.enough(REFERENCE)?;
        let points = Points::new(&reference.seen.features, eye.dimensions());
        let classes: Vec<u32> = (0..config.gan.classes.unwrap_or(0) as u32).collect();
        Ok(Self {
            noise: draw_noise(device, &config.gan, COUNT, config.seed)?,
            labels: labels_of(COUNT, &classes),
            gaussian: eye.classifier().map(|_| Gaussian::of(points)),
            among: kernel::Among::of(points, config.threads),
            threads: config.threads,
            reference,
            eye,
        })
    }

    /// What is to be doubted of the scores, if anything is.
    pub fn doubt(&self) -> Option<String> {
        self.eye.classifier().and_then(|classifier| doubt(classifier.about().error))
    }

    /// The generator's images, as they are seen.
    fn see(&mut self, gan: &mut Gan<D>) -> Result<Sample> {
        let pixels = gan.settings().image.pixels();
        let (rows, columns) = (gan.settings().batch_size, gan.settings().latent_dim);
        let mut gallery = Gallery::new(COUNT);
        for noise in self.noise.chunks(rows * columns) {
            let (first, count) = (gallery.came(), noise.len() / columns);
            let labels = self.labels.get(first..first + count).unwrap_or(&[]);
            let images = bytes(&gan.sample(noise, labels)?);
            gallery.add(gan.device(), &mut self.eye, &images, pixels)?;
        }
        Ok(gallery.finish(self.labels.clone()).0)
    }
}

impl<D: Device> Evaluate<D> for Evaluator<D> {
    fn evaluate(&mut self, gan: &mut Gan<D>) -> Result<Scores> {
        let sample = self.see(gan)?;
        let [own, reference] = [&sample, &self.reference]
            .map(|of| Points::new(&of.seen.features, self.eye.dimensions()));
        let kernel = kernel::distance(own, (reference, &self.among), self.threads);
        let fcd = self.gaussian.as_ref().map(|real| frechet::distance(&Gaussian::of(own), real));
        let asked = fcd.is_some() && !self.labels.is_empty();
        Ok(Scores {
            class_fidelity: asked.then(|| right(&sample) as f64 / COUNT as f64),
            fcd,
            kid: kernel.kid,
            kid_error: kernel.error,
        })
    }
}

/// The real images of a run, with their classes.
struct Real<'a> {
    data: Cow<'a, Dataset>,
    test: Option<Dataset>,
    kind: Option<DatasetKind>,
}

impl<'a> Real<'a> {
    fn of(config: &Config, data: &'a Dataset) -> Result<Self> {
        let borrowed = Cow::Borrowed(data);
        if let Some(Source::Named(kind)) = config.dataset {
            return Ok(Self { data: borrowed, test: None, kind: Some(kind) });
        }
        let mut wanted = config.data_requirements(cache_folder()).map_err(Error::from)?;
        let loaded_without =
            !wanted.classes && has_classes(&wanted.source, &SearchPaths::default());
        wanted.classes |= loaded_without;
        let data = match loaded_without {
            true => Cow::Owned(wanted.load(&|_, _| ())?),
            false => borrowed,
        };
        Ok(Self { data, test: wanted.load_test()?, kind: None })
    }

    fn divided(&self) -> Divided<'_> {
        Divided::new(&self.data, self.kind, self.test.as_ref())
    }

    fn eye<D: Device>(
        &self,
        device: &D,
        config: &Config,
        learning: Progress<'_>,
    ) -> Result<Eye<D>> {
        let (cache, divided) = (cache_folder(), self.divided());
        eye(device, &self.data, &divided, (cache.as_deref(), config.threads), learning)
    }
}
