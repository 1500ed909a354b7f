//! Scores during training: those scores of [`mod@crate::eval::evaluation`] that are fast to
//! compute, for 10,000 images from the run's seed and held-out real images.

use std::borrow::Cow;

use crate::data::{Dataset, DatasetKind, SearchPaths, Source, cache_folder};
use crate::device::{self, Device};
use crate::eval::classifier::reliability_warning;
use crate::eval::classifier::training::ProgressCallback;
use crate::eval::evaluate::{Evaluate, has_classes};
use crate::eval::evaluation::{COUNT, feature_extractor};
use crate::eval::measures::frechet::{self, Gaussian};
use crate::eval::measures::histogram::Modes;
use crate::eval::measures::{Points, kernel};
use crate::eval::real_images::{DataSplit, REFERENCE, Sample};
use crate::eval::sample_builder::{SampleBuilder, bytes};
use crate::eval::score_row::correctly_classified;
use crate::eval::{Error, FeatureExtractor, Result};
use crate::formats::stats::Scores;
use crate::gan::Gan;
use crate::gan::sample_grid::labels_of;
use crate::gan::sampler::sample_noise;
use crate::memory;
use crate::run::config::Config;

const NOISE_REMEDY: &str =
    "ask for a smaller latent_dim, or for no scores: they need the noise of 10,000 images";

/// Scores the generator of a GAN in training.
pub struct Evaluator<D: Device> {
    extractor: FeatureExtractor<D>,
    noise: Vec<D::Real>,
    /// Empty if the GAN is not conditional.
    labels: Vec<u32>,
    /// The held-out images.
    reference: Sample,
    gaussian: Option<Gaussian>,
    kernel_means: kernel::SelfKernelMeans,
    threads: usize,
}

impl<D: Device> Evaluator<D> {
    /// An evaluator for runs of a configuration, whose GAN is trained on `data`. If a classifier
    /// must be trained, `progress` is called after each of its batches.
    ///
    /// # Errors
    /// [`Error::TooFewImages`]; when the device does not have enough memory; when a folder's
    /// classes cannot be read.
    #[inline(never)]
    pub fn new(
        device: &D,
        config: &Config,
        data: &Dataset,
        progress: ProgressCallback<'_>,
    ) -> Result<Self> {
        let noise = 2 * COUNT * config.gan.latent_dim * size_of::<D::Real>();
        memory::require(noise, NOISE_REMEDY).map_err(device::Error::from)?;
        let images = RunImages::of(config, data)?;
        let mut extractor = images.feature_extractor(device, config, progress)?;
        let split = images.split();
        let reference = split.held_out_features(device, &mut extractor, data.shape, &[])?;
        let reference = reference.require_enough(REFERENCE)?;
        let points = Points::new(&reference.features.values, extractor.dimensions());
        let classes: Vec<u32> = (0..config.gan.classes.unwrap_or(0) as u32).collect();
        Ok(Self {
            noise: sample_noise(device, &config.gan, COUNT, config.seed)?,
            labels: labels_of(COUNT, &classes),
            gaussian: extractor.classifier().map(|_| Gaussian::of(points)),
            kernel_means: kernel::SelfKernelMeans::of(points, config.threads),
            threads: config.threads,
            reference,
            extractor,
        })
    }

    /// A warning if the scores are unreliable.
    pub fn warning(&self) -> Option<String> {
        self.extractor
            .classifier()
            .and_then(|classifier| reliability_warning(classifier.info().error))
    }

    /// Generates images and extracts their features.
    fn sample(&mut self, gan: &mut Gan<D>) -> Result<Sample> {
        let pixels = gan.settings().image.pixels();
        let (rows, columns) = (gan.settings().batch_size, gan.settings().latent_dim);
        let mut builder = SampleBuilder::new(COUNT);
        for noise in self.noise.chunks(rows * columns) {
            let (first, count) = (builder.added(), noise.len() / columns);
            let labels = self.labels.get(first..first + count).unwrap_or(&[]);
            let images = bytes(&gan.sample(noise, labels)?);
            builder.add(gan.device(), &mut self.extractor, &images, pixels)?;
        }
        Ok(builder.finish(self.labels.clone()).0)
    }
}

impl<D: Device> Evaluate<D> for Evaluator<D> {
    fn evaluate(&mut self, gan: &mut Gan<D>) -> Result<Scores> {
        let sample = self.sample(gan)?;
        let [generated, reference] = [&sample, &self.reference]
            .map(|of| Points::new(&of.features.values, self.extractor.dimensions()));
        let kernel = kernel::distance(generated, (reference, &self.kernel_means), self.threads);
        let gaussian = || Gaussian::of(generated);
        let fcd = self.gaussian.as_ref().map(|real| frechet::distance(&gaussian(), real));
        let has_fidelity = fcd.is_some() && !self.labels.is_empty();
        let modes = self.extractor.modes().map(|modes| Modes::of(&sample.features.classes, modes));
        let fidelity = || correctly_classified(&sample) as f64 / COUNT as f64;
        Ok(Scores {
            class_fidelity: has_fidelity.then(fidelity),
            fcd,
            kid: kernel.kid,
            kid_error: kernel.error,
            modes: modes.map(|modes| modes.found),
            modes_kl: modes.map(|modes| modes.kl),
        })
    }
}

/// The real images of a run, with their classes.
struct RunImages<'a> {
    data: Cow<'a, Dataset>,
    test: Option<Dataset>,
    kind: Option<DatasetKind>,
}

impl<'a> RunImages<'a> {
    fn of(config: &Config, data: &'a Dataset) -> Result<Self> {
        let borrowed = Cow::Borrowed(data);
        if let Some(Source::Named(kind)) = config.dataset {
            return Ok(Self { data: borrowed, test: None, kind: Some(kind) });
        }
        let mut requirements = config.data_requirements(cache_folder()).map_err(Error::from)?;
        let loaded_without =
            !requirements.classes && has_classes(&requirements.source, &SearchPaths::default());
        requirements.classes |= loaded_without;
        let data = match loaded_without {
            true => Cow::Owned(requirements.load(&|_, _| ())?),
            false => borrowed,
        };
        Ok(Self { data, test: requirements.load_test()?, kind: None })
    }

    fn split(&self) -> DataSplit<'_> {
        DataSplit::new(&self.data, self.kind, self.test.as_ref())
    }

    fn feature_extractor<D: Device>(
        &self,
        device: &D,
        config: &Config,
        progress: ProgressCallback<'_>,
    ) -> Result<FeatureExtractor<D>> {
        let (folder, split) = (cache_folder(), self.split());
        let cache = (folder.as_deref(), config.threads);
        feature_extractor(device, &self.data, &split, cache, progress)
    }
}
