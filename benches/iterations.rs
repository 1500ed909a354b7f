//! A training iteration of every preset: milliseconds, and GFLOP/s of its matrix multiplications.
//!
//!     cargo bench -p gan-cuda-benches --bench iterations
//!     cargo bench -p gan-cuda-benches --bench iterations -- cpu/iteration/cgan
//!
//! On the CPU, and on a GPU if there is one; both by wall-clock time, with a synchronization at the end of
//! each sample. `gan-cuda bench` measures the same, and benches/compare.py beside PyTorch.

mod common;

use std::time::{Duration, Instant};

use common::{Named, Rates, cpu, gpu};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use gan_cuda::data::Dataset;
use gan_cuda::device::ConvolutionForm;
use gan_cuda::gan::Gan;
use gan_cuda::gan::dataset::{DeviceDataset, Schedule};
use gan_cuda::gan::preset::{Preset, presets};
use gan_cuda::gan::work::Work;

/// Full batches in the data set.
const BATCHES: usize = 4;

fn iteration<D: Named>(criterion: &mut Criterion<Rates>, device: D, preset: &'static Preset) {
    let (model, batch_size) = (preset.model().expect("layers"), preset.gan.batch_size);
    let flop = Work::new(&model).flop;
    let schedule = Schedule { images: BATCHES * batch_size, batch_size, least: 1 };
    let data = Dataset::synthetic(preset.gan.image, schedule.images, 0);
    let mut gan = Gan::new(device, model, 0).expect("memory");
    let mut images =
        DeviceDataset::new(gan.device(), &data.images, &data.labels, schedule).expect("memory");
    images.shuffle(gan.device(), 0, 0).expect("an order of images");
    let mut group = criterion.benchmark_group(format!("{}/iteration", D::NAME));
    group.throughput(Throughput::Elements(flop));
    group.bench_function(&preset.name, |bencher| {
        bencher.iter_custom(|count| {
            let begun = Instant::now();
            (0..count).for_each(|_| gan.iterate(&images, batch_size));
            // Reading a loss waits for the device.
            gan.metrics(gan.completed()).expect("losses");
            begun.elapsed()
        });
    });
}

fn iterations(criterion: &mut Criterion<Rates>) {
    for preset in presets() {
        iteration(criterion, cpu(ConvolutionForm::Direct), preset);
        if let Some(gpu) = gpu() {
            iteration(criterion, gpu, preset);
        }
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .with_measurement(Rates)
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3));
    targets = iterations
}
criterion_main!(benches);
