//! Every preset learns: its samples come to look like the data, in ways that can be measured.
//!
//! Small networks (two layers of 128) and a learning rate above the preset's, so that a few
//! seconds are enough; all else but the batch of 64 is the preset's own. Bounds were set by running
//! five seeds or more and leaving room beside the worst of them; no generator that has learnt
//! nothing, or only one image, is within them.

use gan_cuda::gan::Gan;
use gan_cuda::gan::draws::Resident;
use gan_cuda::train::trainer::schedule;

use super::*;

const SAMPLES: usize = 1000;
const SEED: u64 = 0;

/// How far samples are from the data; pixels lie in [−1, 1].
#[derive(Debug)]
struct Distance {
    /// Mean difference between the pixel-wise means.
    mean: f64,
    /// Mean difference between the pixel-wise standard deviations.
    std: f64,
    /// Root mean square difference of two samples' pixels, on average over 500 pairs.
    pair: f64,
}

/// What a preset must reach.
struct Goal {
    preset: &'static str,
    /// Side of the images.
    side: usize,
    lr: f64,
    iterations: u32,
    /// The most that mean and std may be, the least that pair must be.
    bounds: Distance,
}

/// Pixel-wise means and standard deviations.
fn moments(images: &[f32], pixels: usize) -> [Vec<f64>; 2] {
    let count = (images.len() / pixels) as f64;
    let column = |i: usize| images[i..].iter().step_by(pixels).map(|&x| f64::from(x));
    let mean: Vec<_> = (0..pixels).map(|i| column(i).sum::<f64>() / count).collect();
    let variance = |i: usize| column(i).map(|x| (x - mean[i]).powi(2)).sum::<f64>() / count;
    let std = (0..pixels).map(|i| variance(i).sqrt()).collect();
    [mean, std]
}

fn mean_difference(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).sum::<f64>() / a.len() as f64
}

/// The mean distance of the first half's images from the second half's.
fn pair_distance(images: &[f32], pixels: usize) -> f64 {
    let (first, second) = images.split_at(images.len() / 2);
    let distance = |(a, b): (&[f32], &[f32])| {
        let squares = a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2));
        (squares.sum::<f64>() / pixels as f64).sqrt()
    };
    let pairs = first.chunks(pixels).zip(second.chunks(pixels));
    pairs.map(distance).sum::<f64>() / (first.len() / pixels) as f64
}

impl Distance {
    fn between(samples: &[f32], data: &Dataset) -> Self {
        let pixels = data.shape.pixels();
        let real: Vec<f32> = data.images.iter().map(|&u| f32::from(u) / 127.5 - 1.0).collect();
        let [mean, std] = moments(samples, pixels);
        let [real_mean, real_std] = moments(&real, pixels);
        Self {
            mean: mean_difference(&mean, &real_mean),
            std: mean_difference(&std, &real_std),
            pair: pair_distance(samples, pixels),
        }
    }

    /// Whether this is as good as `bounds` asks, in each of the three.
    fn within(&self, bounds: &Distance) -> [bool; 3] {
        [self.mean <= bounds.mean, self.std <= bounds.std, self.pair >= bounds.pair]
    }
}

/// Networks, and the data that they learn from.
struct Learner {
    gan: Gan<Cpu<f32>>,
    images: Resident<Cpu<f32>>,
    data: Dataset,
}

impl Learner {
    fn new(name: &str, side: usize, lr: f64) -> Self {
        let preset = preset(name);
        let image = ImageShape { height: side, width: side, ..preset.settings.image };
        let data = digits(10_000, image);
        let (g_hidden, d_hidden) = (vec![128, 128], vec![128, 128]);
        let own = preset.settings.clone();
        let settings = Settings { image, g_hidden, d_hidden, batch_size: 64, lr, ..own };
        let schedule = schedule(preset, &settings, &data).unwrap();
        // One thread: networks this small gain little by two, and tests run side by side.
        let gan = Gan::new(Cpu::new(1), preset, settings, SEED).unwrap();
        let images = Resident::new(gan.device(), &data.images, &data.labels, schedule).unwrap();
        Self { gan, images, data }
    }

    fn train(&mut self, iterations: u32) {
        let schedule = self.images.schedule();
        for done in 0..iterations {
            if (done as usize).is_multiple_of(schedule.iterations()) {
                let epoch = schedule.epoch(done);
                self.images.shuffle(self.gan.device(), SEED, epoch).unwrap();
            }
            self.gan.iterate(&self.images, schedule.rows(done));
        }
    }

    /// Labels as the data's, where there are classes.
    fn samples(&mut self) -> Vec<f32> {
        let noise = self.gan.sample_noise(SAMPLES, 99).unwrap();
        let labels = match self.gan.settings().classes {
            Some(_) => &self.data.labels[..SAMPLES],
            None => &[],
        };
        self.gan.sample(&noise, labels).unwrap()
    }

    fn distance(&mut self) -> Distance {
        Distance::between(&self.samples(), &self.data)
    }
}

fn learns(goal: &Goal) {
    let mut learner = Learner::new(goal.preset, goal.side, goal.lr);
    let untrained = learner.distance();
    learner.train(goal.iterations);
    let trained = learner.distance();
    let name = goal.preset;
    println!("{name}: {untrained:.3?}, then {trained:.3?}");
    assert_eq!(untrained.within(&goal.bounds), [false; 3], "{name} untrained: {untrained:.3?}");
    assert_eq!(trained.within(&goal.bounds), [true; 3], "{name}: {trained:.3?}");
}

// The worst of six seeds: mean 0.141, std 0.178, pair 0.477.
#[test]
fn mlp_learns() {
    let bounds = Distance { mean: 0.22, std: 0.23, pair: 0.38 };
    learns(&Goal { preset: "mlp", side: 28, lr: 1e-3, iterations: 1200, bounds });
}

// The worst of six seeds: mean 0.198, std 0.224, pair 0.387.
#[test]
fn mlp_dropout_learns() {
    let bounds = Distance { mean: 0.28, std: 0.28, pair: 0.28 };
    learns(&Goal { preset: "mlp-dropout", side: 28, lr: 1e-3, iterations: 900, bounds });
}

// The worst of six seeds: mean 0.145, std 0.189, pair 0.557.
#[test]
fn cgan_learns() {
    let bounds = Distance { mean: 0.20, std: 0.24, pair: 0.45 };
    learns(&Goal { preset: "cgan", side: 28, lr: 1e-3, iterations: 600, bounds });
}

// The worst of five seeds: mean 0.148, std 0.156, pair 0.443.
#[test]
fn mlp_rgb_learns() {
    let bounds = Distance { mean: 0.20, std: 0.20, pair: 0.35 };
    learns(&Goal { preset: "mlp-rgb", side: 16, lr: 5e-4, iterations: 600, bounds });
}

// The worst of seven seeds: mean 0.205, std 0.249, pair 0.297. Adam's first decay of 0.9 makes it
// swing longer than the others.
#[test]
fn mlp_batchnorm_learns() {
    let bounds = Distance { mean: 0.28, std: 0.30, pair: 0.22 };
    learns(&Goal { preset: "mlp-batchnorm", side: 28, lr: 1e-3, iterations: 800, bounds });
}

/// The mean image of each class.
fn class_means(images: &[f32], labels: &[u32], pixels: usize) -> Vec<Vec<f64>> {
    let of_class = |class: u32| {
        let own = images.chunks(pixels).zip(labels).filter(move |&(_, &label)| label == class);
        moments(&own.flat_map(|(image, _)| image).copied().collect::<Vec<_>>(), pixels)
    };
    (0..10).map(|class| of_class(class)[0].clone()).collect()
}

/// Labels reach both networks beside the right images: classes come out as they went in. The worst
/// of six seeds had nine of ten classes right; by chance it is one.
#[test]
fn cgan_draws_the_digit_it_is_asked_for() {
    let mut learner = Learner::new("cgan", 28, 1e-3);
    learner.train(3000);
    let (samples, data) = (learner.samples(), &learner.data);
    let pixels = data.shape.pixels();
    let real: Vec<f32> = data.images.iter().map(|&u| f32::from(u) / 127.5 - 1.0).collect();
    let real = class_means(&real, &data.labels, pixels);
    let drawn = class_means(&samples, &data.labels[..SAMPLES], pixels);
    let nearest = |drawn: &Vec<f64>| {
        let distances: Vec<_> = real.iter().map(|real| mean_difference(drawn, real)).collect();
        (0..10).min_by(|&a: &usize, &b| distances[a].total_cmp(&distances[b])).unwrap()
    };
    let nearest: Vec<_> = drawn.iter().map(nearest).collect();
    let right = (0..10).filter(|&class| nearest[class] == class).count();
    println!("classes whose mean sample is nearest to their own mean image: {right} of 10");
    assert!(right >= 7, "{nearest:?}");
}
