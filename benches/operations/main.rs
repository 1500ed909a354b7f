//! Every operation at the sizes of the presets: matrix products in GFLOP/s, the rest in GB/s.
//!
//!     cargo bench -p gan-cuda-benches --bench operations
//!     cargo bench -p gan-cuda-benches --bench operations -- cpu/linear_forward
//!     cargo bench -p gan-cuda-benches --bench operations -- cpu-winograd
//!
//! On the CPU by its clock; on a GPU, where one is found, by events around replays of a graph. Sizes
//! are those that the presets' layers have in an iteration, each once. Bytes are the fewest that an
//! operation can move: what it reads, read once, and what it writes, written once; what it changes in
//! place is both.

#[path = "../common/mod.rs"]
mod common;

mod batch_norm;
mod clock;
mod convolution;
mod draws;
mod layers;
mod learning;
mod linear;

use std::time::Duration;

use clock::Timed;
use common::{Rates, cpu, gpu};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use gan_cuda::device::ops::Latent;
use gan_cuda::device::{ConvolutionForm, Reals};
use gan_cuda::rng::Stream;

const STREAM: Stream = Stream { seed: 1, site: 2 };

/// A device, and where its operations' times go.
struct Bench<'a, D: Timed> {
    criterion: &'a mut Criterion<Rates>,
    /// Of the device, as in `cpu/linear_forward/64x1024x784`.
    name: &'static str,
    device: &'a D,
}

impl<D: Timed> Bench<'_, D> {
    /// Times an operation that moves so many numbers of four bytes.
    fn moves(&mut self, operation: &str, size: &str, numbers: usize, run: impl FnMut(&D)) {
        self.time(operation, size, Throughput::Bytes(4 * numbers as u64), run);
    }

    /// Times an operation that does so many floating-point operations.
    fn computes(&mut self, operation: &str, size: &str, flop: usize, run: impl FnMut(&D)) {
        self.time(operation, size, Throughput::Elements(flop as u64), run);
    }

    fn time(&mut self, operation: &str, size: &str, work: Throughput, mut run: impl FnMut(&D)) {
        let device = self.device;
        let mut group = self.criterion.benchmark_group(format!("{}/{operation}", self.name));
        group.throughput(work);
        group.bench_function(BenchmarkId::from_parameter(size), |bencher| {
            bencher.iter_custom(|count| device.time(count, || run(device)));
        });
    }

    /// Zeros: a workspace, which may be empty.
    fn zeros(&self, len: usize) -> Reals<D> {
        self.device.allocate(len).expect("memory")
    }

    /// Numbers from −1 to 1.
    fn numbers(&self, len: usize) -> Reals<D> {
        self.filled(len, |all, step| {
            self.device.noise_draw(all, step, STREAM, Latent::Uniform, 1);
        })
    }

    /// Ones: factors with which nothing that is changed in place, again and again, runs off to
    /// infinity or to numbers so small that they cost more.
    fn ones(&self, len: usize) -> Reals<D> {
        let table = self.mask_table(len);
        self.filled(len, |all, step| {
            let table = D::view(&table, 0..2);
            self.device.masks_draw(all, table, step, STREAM.seed, 1, 0.0);
        })
    }

    /// Site and columns of one mask.
    fn mask_table(&self, columns: usize) -> D::Buffer<u32> {
        let mut table = self.device.allocate(2).expect("memory");
        let row = [STREAM.site, columns as u32];
        self.device.upload(D::view_mut(&mut table, 0..2), &row).expect("a copy");
        table
    }

    fn filled(
        &self,
        len: usize,
        fill: impl FnOnce(D::ViewMut<'_, D::Real>, D::View<'_, u32>),
    ) -> Reals<D> {
        let mut buffer = self.zeros(len);
        let step = self.step();
        fill(D::view_mut(&mut buffer, 0..len), D::view(&step, 0..1));
        buffer
    }

    /// The count of iterations, none completed.
    fn step(&self) -> D::Buffer<u32> {
        self.device.allocate(1).expect("memory")
    }
}

fn all_of<D: Timed>(criterion: &mut Criterion<Rates>, device: &D) {
    let mut bench = Bench { criterion, name: D::NAME, device };
    linear::all(&mut bench);
    convolution::all(&mut bench);
    batch_norm::all(&mut bench);
    learning::all(&mut bench);
    draws::all(&mut bench);
}

fn operations(criterion: &mut Criterion<Rates>) {
    all_of(criterion, &cpu(ConvolutionForm::Direct));
    let winograd = cpu(ConvolutionForm::Winograd);
    convolution::products(&mut Bench { criterion, name: "cpu-winograd", device: &winograd });
    if let Some(gpu) = gpu() {
        all_of(criterion, &gpu);
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .with_measurement(Rates)
        .sample_size(20)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(500));
    targets = operations
}
criterion_main!(benches);
