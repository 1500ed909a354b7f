//! Exported generators in other programs: other engines must generate the same images as `sample`.
//! Tests of the command itself are in tests/cli/export.

#[path = "../devices/comparator.rs"]
#[allow(dead_code)] // its own tests are run there
mod comparator;
mod interpreter;
mod messages;
mod onnxruntime;
mod page;
#[path = "../common/python.rs"]
mod python;
#[path = "../common/runs.rs"]
#[allow(dead_code)] // other tests need more of it
mod runs;
mod structure;
mod weights;

use comparator::{Tolerance, compare};
use gan_cuda::device::cpu::Cpu;
use gan_cuda::export::Generator;
use gan_cuda::gan::preset::{Preset, find, presets};
use gan_cuda::gan::rewrite::Rewrite;
use gan_cuda::gan::sampler::Statistics;
use gan_cuda::gan::settings::Settings;
use gan_cuda::nn::Layer;
use gan_cuda::run::checkpoint::Checkpoint;
use gan_cuda::run::config::Config;
use gan_cuda::run::snapshot;
use messages::ModelProto;
use prost::Message;

/// Batch sizes that a model must accept: one image, an odd number, more than in training.
const BATCHES: [usize; 3] = [1, 7, 100];
/// Tolerance of pixels, which range from -1 to 1.
const TOLERANCE: Tolerance = Tolerance { rtol: 0.0, atol: 1e-5 };

/// A finished run.
struct Trained {
    checkpoint: Checkpoint,
    config: Config,
}

/// A generator's inputs, and the images that `sample` generates from them.
struct Batch {
    noise: Vec<f32>,
    /// Empty without classes.
    labels: Vec<u32>,
    images: Vec<f32>,
}

/// A generator after a few iterations, so that BatchNorm's running statistics have changed.
fn trained(preset: &Preset, change: impl FnOnce(&mut Settings)) -> Trained {
    let mut config = runs::config(preset, 5, 5);
    change(&mut config.gan);
    let (_folder, _, run) = runs::trained(Cpu::<f32>::new(1), &config, 64);
    let checkpoint = Checkpoint::load(&run.checkpoint(5)).unwrap();
    Trained { checkpoint, config }
}

/// All presets, and values and layers that no preset has.
fn every_kind() -> Vec<(String, Trained)> {
    let preset = |preset: &Preset| (preset.name.to_owned(), trained(preset, |_| {}));
    let mut all: Vec<_> = presets().iter().map(preset).collect();
    let other = Rewrite {
        g_hidden: Some(vec![7, 65, 31]),
        latent_dim: Some(1),
        leaky_slope: Some(0.01),
        bn_eps: Some(1e-5),
        image_size: Some(28),
        ..Rewrite::default()
    };
    let other = trained(find("cgan").unwrap(), |gan| other.apply("cgan", gan).unwrap());
    all.push(("other values".to_owned(), other));
    let mixed = trained(find("mlp").unwrap(), |gan| {
        gan.latent_dim = 10;
        gan.generator.sequences[0].layers = mixed_layers();
    });
    all.push(("features and images".to_owned(), mixed));
    all
}

/// From features to an image and back to features. The layers before and after the image have
/// weights that are stored channels last.
fn mixed_layers() -> Vec<Layer> {
    let layers = "Linear(10, 72)|BatchNorm1d(72)|ReLU()|Unflatten(8, 3, 3)|BatchNorm2d(8)\
                  |ConvTranspose2d(8, 4, 3, 2)|ReLU()|Flatten()|BatchNorm1d(196)|ReLU()\
                  |Linear(196, 144)|Tanh()";
    layers.split('|').map(|layer| layer.parse().unwrap()).collect()
}

impl Trained {
    fn generator(&self) -> Generator<'_> {
        Generator::of(&self.checkpoint, &self.config).unwrap()
    }

    fn batch(&self, count: usize) -> Batch {
        let (cpu, config) = (Cpu::<f32>::new(1), &self.config);
        let mut sampler = snapshot::sampler(cpu, &self.checkpoint, config, count).unwrap();
        let noise = sampler.noise(count, 3).unwrap();
        let classes = config.gan.classes.unwrap_or(0) as u32;
        // Descending, so that labels differ from row indices.
        let labels = (0..count as u32).filter(|_| classes > 0).map(|i| classes - 1 - i % classes);
        let labels: Vec<u32> = labels.collect();
        let images = sampler.generate(Statistics::Running, &noise, &labels);
        let images = images.flat_map(|images| images.unwrap()).collect();
        Batch { noise, labels, images }
    }
}

fn model(trained: &Trained) -> ModelProto {
    ModelProto::decode(&trained.generator().to_onnx().unwrap()[..]).unwrap()
}

#[track_caller]
fn assert_images(got: &[f32], want: &[f32], what: &str) {
    let [got, want] = [got, want].map(|of| of.iter().map(|&x| x.into()).collect::<Vec<f64>>());
    compare(&got, &want, TOLERANCE).unwrap_or_else(|problem| panic!("{what}: {problem}"));
}
