//! Every preset learns: statistics of its samples approach those of the data.
//!
//! Images, networks and batches are small, and the learning rate is higher than the preset's, so that
//! a few seconds suffice, even on the emulator; everything else is the preset's. Bounds were set by
//! running eight seeds on the CPU, with a margin beyond the worst; an untrained generator, or one that
//! only generates a single image, is not within them.

use gan_cuda::data::Dataset;
use gan_cuda::gan::preset;
use gan_cuda::gan::settings::Settings;

use super::Learner;
use super::distance::{Distance, class_means, mean_difference, pixels_of};
use crate::notes;
use crate::open::Tested;
use crate::runs::digits;
use crate::runs::sizes::{is_convolutional, sides, two_layers};

const SAMPLES: usize = 1000;
/// Height and width of the images; convolutional presets keep theirs.
const SIDE: usize = 14;
/// Features of the two hidden layers of each network.
const HIDDEN: [usize; 2] = [64, 64];
/// Channels of the hidden convolutions of generator and discriminator.
const CHANNELS: [[usize; 2]; 2] = [[24, 12], [12, 24]];
const SEED: u64 = 0;

/// The bounds that a preset must reach.
pub struct Goal {
    pub preset: &'static str,
    lr: f64,
    iterations: u32,
    /// The most that mean and std may be, the least that pair must be.
    bounds: Distance,
}

/// Bounds in the order of [`Distance`]; the comments give the worst of eight seeds.
pub static GOALS: [Goal; 11] = [
    // Mean 0.190, std 0.163, pair 0.291.
    goal("mlp", 2e-3, 1000, [0.25, 0.21, 0.21]),
    // Mean 0.204, std 0.157, pair 0.273.
    goal("mlp-dropout", 1e-3, 1000, [0.26, 0.22, 0.20]),
    // Mean 0.104, std 0.121, pair 0.395.
    goal("cgan", 2e-3, 400, [0.16, 0.17, 0.30]),
    // Mean 0.088, std 0.124, pair 0.377.
    goal("mlp-rgb", 1e-3, 600, [0.15, 0.17, 0.28]),
    // Mean 0.167, std 0.189, pair 0.215. Adam's first decay of 0.9 makes it swing longer than the
    // others.
    goal("mlp-batchnorm", 1e-3, 1000, [0.24, 0.235, 0.16]),
    // Mean 0.105, std 0.319, pair 0.157: of larger images, which differ less from each other at first.
    goal("dcgan", 1e-3, 100, [0.17, 0.35, 0.11]),
    // Mean 0.237, std 0.154, pair 0.377. Padded digits have a wide edge, which it learns last.
    goal("dcgan-rgb", 6e-3, 150, [0.31, 0.21, 0.28]),
    // Mean 0.147, std 0.233, pair 0.314.
    goal("cdcgan", 2e-3, 120, [0.20, 0.28, 0.24]),
    // Mean 0.089, std 0.119, pair 0.396.
    goal("cgan-ema", 2e-3, 400, [0.15, 0.17, 0.30]),
    // Mean 0.118, std 0.213, pair 0.377.
    goal("wgan-gp", 2e-3, 200, [0.18, 0.27, 0.28]),
    // Mean 0.128, std 0.268, pair 0.246.
    goal("r3gan-small", 1e-3, 100, [0.19, 0.32, 0.18]),
];

const fn goal(preset: &'static str, lr: f64, iterations: u32, [mean, std, pair]: [f64; 3]) -> Goal {
    Goal { preset, lr, iterations, bounds: Distance { mean, std, pair } }
}

impl Goal {
    /// Whether the preset has layers or combinations of them that no other of these has.
    pub fn has_own_layers(&self) -> bool {
        ["cgan", "mlp-dropout", "mlp-batchnorm", "dcgan"].contains(&self.preset)
    }

    /// Trains the preset and compares its samples with the data, before and after.
    pub fn is_reached<D: Tested>(&self) {
        self.is_reached_on(D::open(true));
    }

    fn is_reached_on<D: Tested>(&self, device: D) {
        let data = self.data();
        let mut learner = self.learner(device, &data);
        let untrained = Distance::between(&samples(&mut learner, &data), &data);
        learner.train(self.iterations);
        let trained = Distance::between(&samples(&mut learner, &data), &data);
        let name = self.preset;
        notes::note(
            format!("learning: {name}, {}", learner.gan.device().describe()),
            format!("{untrained:.3?}, then {trained:.3?}"),
        );
        assert_eq!(untrained.within(&self.bounds), [false; 3], "{name} untrained: {untrained:.3?}");
        assert_eq!(trained.within(&self.bounds), [true; 3], "{name}: {trained:.3?}");
    }

    fn data(&self) -> Dataset {
        let preset = preset::find(self.preset).unwrap();
        let rewritten = preset.rewritten(&sides(preset, SIDE)).unwrap();
        digits(10_000, rewritten.image)
    }

    fn learner<D: Tested>(&self, device: D, data: &Dataset) -> Learner<D> {
        let preset = preset::find(self.preset).unwrap();
        let [g, d] = if is_convolutional(preset) { CHANNELS } else { [HIDDEN; 2] };
        let settings = preset.rewritten(&two_layers(preset, SIDE, g, d)).unwrap();
        // There are few iterations: an average over fewer of them, and more updates of the generator.
        let (ema, n_critic) = (settings.ema.map(|_| 0.9), settings.n_critic.min(2));
        let settings = Settings { batch_size: 32, lr: self.lr, ema, n_critic, ..settings };
        Learner::new(device, settings, data, SEED)
    }
}

/// Also with rounded operands of matrix multiplications.
pub fn cgan_learns_in<D: Tested>(device: D) {
    cgan().is_reached_on(device);
}

fn cgan() -> &'static Goal {
    GOALS.iter().find(|goal| goal.preset == "cgan").unwrap()
}

/// Samples with the data's labels, if there are classes.
fn samples<D: Tested>(learner: &mut Learner<D>, data: &Dataset) -> Vec<f32> {
    let noise = learner.gan.sample_noise(SAMPLES, 99).unwrap();
    let labels = match learner.gan.settings().classes {
        Some(_) => &data.labels[..SAMPLES],
        None => &[],
    };
    learner.gan.sample(&noise, labels).unwrap()
}

/// Both networks get the right labels: samples of a class resemble that class. The worst of eight
/// seeds had seven of ten classes right; chance is one.
pub fn cgan_generates_the_requested_digit<D: Tested>() {
    let goal = cgan();
    let data = goal.data();
    let mut learner = goal.learner(D::open(true), &data);
    learner.train(1600);
    let pixels = data.shape.pixels();
    let real = class_means(&pixels_of(&data), &data.labels, pixels);
    let drawn = class_means(&samples(&mut learner, &data), &data.labels[..SAMPLES], pixels);
    let nearest = |drawn: &Vec<f64>| {
        let distances: Vec<_> = real.iter().map(|real| mean_difference(drawn, real)).collect();
        (0..10).min_by(|&a: &usize, &b| distances[a].total_cmp(&distances[b])).unwrap()
    };
    let nearest: Vec<_> = drawn.iter().map(nearest).collect();
    let right = (0..10).filter(|&class| nearest[class] == class).count();
    notes::note("learning: classes whose mean sample is nearest to their own mean image", right);
    assert!(right >= 5, "{nearest:?}");
}
