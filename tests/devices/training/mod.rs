//! Whole iterations and whole runs on a device.
//!
//! | module | holds |
//! |---|---|
//! | `parity` | the first iterations agree with another device's |
//! | `same_bits` | the same bits with the same seed, after resuming, and with graphs |
//! | `two_gans` | two GANs on one device |
//! | `replicas` | GANs on one device, each in a thread of its own |
//! | `nodes` | the number of nodes of an iteration's graph |
//! | `device_switch` | a run that resumes on another device |
//! | `learning` | every preset learns, by statistics of its samples |
//! | `distance` | these statistics |

pub mod device_switch;
mod distance;
pub mod learning;
pub mod nodes;
pub mod parity;
pub mod replicas;
pub mod same_bits;
pub mod two_gans;

use gan_cuda::data::Dataset;
use gan_cuda::device::Device;
use gan_cuda::gan::dataset::DeviceDataset;
use gan_cuda::gan::preset::{Preset, find, presets};
use gan_cuda::gan::settings::Settings;
use gan_cuda::gan::{Gan, Metrics, Model};
use gan_cuda::train::trainer::schedule;

use crate::runs::{digits, narrow, small, with_everything};

/// With small presets' batches of 16: three iterations per epoch, two if the short batch is dropped.
const IMAGES: usize = 40;

/// Names and settings: all presets at small sizes, and two of them with all techniques. `sized` may
/// change their sizes.
fn cases(sized: fn(&Preset, Settings) -> Settings) -> Vec<(String, Settings)> {
    let everything = ["cgan", "r3gan-small"].map(|name| {
        // Every second iteration, in epochs of three, so that few iterations repeat each list of steps
        // with each batch size.
        let preset = find(name).unwrap();
        let settings = Settings { n_critic: 2, penalty_interval: 2, ..with_everything(preset) };
        (format!("{name} with everything"), sized(preset, settings))
    });
    let plain = presets();
    let plain = plain.iter().map(|preset| (preset.name.clone(), sized(preset, small(preset))));
    plain.chain(everything).collect()
}

/// A GAN and its data: a trainer without a run folder.
struct Learner<D: Device> {
    gan: Gan<D>,
    images: DeviceDataset<D>,
    seed: u64,
}

impl<D: Device> Learner<D> {
    fn new(device: D, settings: Settings, data: &Dataset, seed: u64) -> Self {
        let model = Model::new(settings).unwrap();
        let schedule = schedule(&model, data).unwrap();
        let gan = Gan::new(device, model, seed).unwrap();
        let images =
            DeviceDataset::new(gan.device(), &data.images, &data.labels, schedule).unwrap();
        Self { gan, images, seed }
    }

    /// At small sizes, to be fast.
    fn small(device: D, preset: &Preset) -> Self {
        Self::of(device, narrow(preset, small(preset)))
    }

    fn of(device: D, settings: Settings) -> Self {
        let data = digits(IMAGES, settings.image);
        Self::new(device, settings, &data, 7)
    }

    fn train(&mut self, iterations: u32) {
        for _ in 0..iterations {
            self.iterate();
        }
    }

    fn iterate(&mut self) {
        let (schedule, done) = (self.images.schedule(), self.gan.completed());
        if (done as usize).is_multiple_of(schedule.iterations()) {
            self.images.shuffle(self.gan.device(), self.seed, schedule.epoch(done)).unwrap();
        }
        self.gan.iterate(&self.images, schedule.rows(done));
    }

    /// Trains and returns the metrics of each iteration.
    fn metrics(&mut self, iterations: u32) -> Vec<Metrics> {
        self.train(iterations);
        (1..=iterations).map(|iteration| self.gan.metrics(iteration).unwrap()).collect()
    }
}
