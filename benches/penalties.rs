//! What gradient penalties cost: the discriminator's update without them, with R1, with R1 and R2,
//! and with WGAN-GP's, in milliseconds.
//!
//!     cargo bench -p gan-cuda-benches --bench penalties
//!     cargo bench -p gan-cuda-benches --bench penalties -- cpu/discriminator-update/cgan
//!
//! An update is its passes, loss, penalties and optimizer step; fakes and other inputs are made before.

mod common;

use std::time::{Duration, Instant};

use common::{Named, Rates, cpu, gpu};
use criterion::{Criterion, criterion_group, criterion_main};
use gan_cuda::device::ConvolutionForm;
use gan_cuda::gan::iteration::{Images, Step};
use gan_cuda::gan::preset::find;
use gan_cuda::gan::settings::Settings;
use gan_cuda::gan::{Gan, Model, Role};

/// A fully connected GAN, one with labels and dropout, and a convolutional one.
const PRESETS: [&str; 3] = ["mlp", "cgan", "dcgan"];
/// So low that the weights stay as initialized. The same images again and again would soon give
/// gradients of denormal numbers, which are slow.
const LEARNING_RATE: f64 = 1e-12;
/// Penalties, with their factors of R1, of R2, and of WGAN-GP's.
const PENALTIES: [(&str, [f64; 3]); 4] = [
    ("none", [0.0, 0.0, 0.0]),
    ("r1", [1.0, 0.0, 0.0]),
    ("r1-r2", [1.0, 1.0, 0.0]),
    ("gp", [0.0, 0.0, 10.0]),
];

/// Whether a step belongs to the discriminator's update, or is the pass that both updates share.
fn is_of_discriminator(step: &Step) -> bool {
    match *step {
        Step::Discriminate { images, .. } => images != Images::Fake,
        Step::Loss { update } => update == Role::Discriminator,
        Step::Losses | Step::BackwardMerged => true,
        Step::Backward(role) | Step::AdamStep { role, .. } => role == Role::Discriminator,
        Step::Interpolate | Step::Penalize | Step::BackwardPenalized => true,
        _ => false,
    }
}

fn updates<D: Named>(criterion: &mut Criterion<Rates>, open: impl Fn() -> D, preset: &str) {
    let mut group = criterion.benchmark_group(format!("{}/discriminator-update/{preset}", D::NAME));
    for (penalty, [r1, r2, gp]) in PENALTIES {
        let published = find(preset).expect("a preset").gan.clone();
        let settings = Settings { r1, r2, gp, lr: LEARNING_RATE, ..published };
        let rows = settings.batch_size;
        let mut gan = Gan::new(open(), Model::new(settings).expect("layers"), 0).expect("memory");
        let steps = gan.steps().to_vec();
        steps.iter().for_each(|&step| gan.run_on_inputs(step, rows));
        let update: Vec<Step> = steps.into_iter().filter(is_of_discriminator).collect();
        group.bench_function(penalty, |bencher| {
            bencher.iter_custom(|count| {
                let begun = Instant::now();
                for _ in 0..count {
                    update.iter().for_each(|&step| gan.run_on_inputs(step, rows));
                }
                // Reading a loss waits for the device.
                gan.metrics(0).expect("losses");
                begun.elapsed()
            });
        });
    }
}

fn penalties(criterion: &mut Criterion<Rates>) {
    for preset in PRESETS {
        updates(criterion, || cpu(ConvolutionForm::Direct), preset);
        if gpu().is_some() {
            updates(criterion, || gpu().expect("the GPU that was there"), preset);
        }
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .with_measurement(Rates)
        .sample_size(30)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(5));
    targets = penalties
}
criterion_main!(benches);
