//! Trains custom networks in a custom training loop, and writes generated images.
//!
//! ```text
//! cargo run --release --example custom_network -- OUT.png
//! ```

use std::error::Error;
use std::path::Path;

use gan_cuda::data::{DatasetKind, SearchPaths};
use gan_cuda::device::cpu::{Cpu, default_threads};
use gan_cuda::gan::dataset::{DeviceDataset, Schedule};
use gan_cuda::gan::settings::{Layers, Settings};
use gan_cuda::gan::{Gan, Model, preset};
use gan_cuda::nn::{Layer, Sequence};
use gan_cuda::picture::grid::write_grid;

const SEED: u64 = 0;
const EPOCHS: u32 = 20;

fn main() -> Result<(), Box<dyn Error>> {
    let out = std::env::args().nth(1).ok_or("give the image file to write")?;
    let mut gan = Gan::new(Cpu::<f32>::new(default_threads()), model()?, SEED)?;
    let data = DatasetKind::Mnist.load(&SearchPaths::default())?; // the embedded digits
    let schedule = Schedule { images: data.len(), batch_size: gan.settings().batch_size, least: 1 };
    let mut images = DeviceDataset::new(gan.device(), &data.images, &data.labels, schedule)?;

    for epoch in 0..EPOCHS {
        images.shuffle(gan.device(), SEED, epoch)?;
        for _ in 0..schedule.iterations() {
            gan.iterate(&images, schedule.rows(gan.completed()));
        }
        let metrics = gan.metrics(gan.completed())?;
        println!("epoch {epoch}: d_loss {:.3} g_loss {:.3}", metrics.d_loss, metrics.g_loss);
    }

    let noise = gan.sample_noise(64, SEED)?;
    let samples = gan.sample(&noise, &[])?;
    write_grid(Path::new(&out), &samples, gan.settings().image, 8)?;
    Ok(())
}

/// Everything but the layers is that of the preset `mlp`; the networks are narrower and have
/// BatchNorm and dropout.
fn model() -> Result<Model, Box<dyn Error>> {
    let mlp = preset::find("mlp").ok_or("no preset of this name")?.gan.clone();
    let generator = sequential(
        &mlp.generator,
        "Linear(96, 256) | BatchNorm1d(256) | ReLU() | Linear(256, 784) | Tanh()",
    )?;
    let discriminator = sequential(
        &mlp.discriminator,
        "Linear(784, 256) | LeakyReLU(0.2) | Dropout(0.3) | Linear(256, 1)",
    )?;
    Ok(Model::new(Settings { generator, discriminator, ..mlp })?)
}

/// The same inputs with other layers, in PyTorch's notation.
fn sequential(network: &Layers, layers: &str) -> Result<Layers, Box<dyn Error>> {
    let layers: Vec<Layer> =
        layers.split('|').map(|layer| layer.trim().parse()).collect::<Result<_, _>>()?;
    let sequence = Sequence { key_prefix: "model.".to_owned(), view: None, layers };
    Ok(Layers { sequences: vec![sequence], ..network.clone() })
}
