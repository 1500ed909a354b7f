//! Every operation at the sizes of the presets: matrix multiplications in GFLOP/s, the rest in GB/s.
//!
//!     cargo bench -p gan-cuda-benches --bench operations
//!     cargo bench -p gan-cuda-benches --bench operations -- cpu/linear_forward
//!     cargo bench -p gan-cuda-benches --bench operations -- cpu-winograd
//!
//! On the CPU by wall-clock time; on a GPU, if there is one, by events around launches of a graph. Sizes
//! are those of the presets' layers in an iteration, each once. Bytes are the minimum that an operation
//! must move: inputs read once and outputs written once; in-place data counts twice.

#[path = "../common/mod.rs"]
mod common;

mod augment;
mod batch_norm;
mod clock;
mod convolution;
mod layers;
mod linear;
mod loss_and_adam;
mod random;
mod spectral_norm;

use std::time::Duration;

use clock::Timed;
use common::{Rates, cpu, gpu};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use gan_cuda::device::ops::Latent;
use gan_cuda::device::{ConvolutionForm, FloatBuffer, Real};
use gan_cuda::rng::Stream;

const STREAM: Stream = Stream { seed: 1, site: 2 };

/// A device, and criterion for its operations.
struct Bench<'a, D: Timed> {
    criterion: &'a mut Criterion<Rates>,
    /// The device's name, as in `cpu/linear_forward/64x1024x784`.
    name: &'static str,
    device: &'a D,
}

impl<D: Timed> Bench<'_, D> {
    /// Times an operation that moves this many four-byte numbers.
    fn moves(&mut self, operation: &str, size: &str, numbers: usize, run: impl FnMut(&D)) {
        self.time(operation, size, Throughput::Bytes(4 * numbers as u64), run);
    }

    /// Times an operation with this many floating-point operations.
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
    fn zeros(&self, len: usize) -> FloatBuffer<D> {
        self.device.allocate(len).expect("memory")
    }

    /// Numbers from −1 to 1.
    fn numbers(&self, len: usize) -> FloatBuffer<D> {
        self.filled(len, |all, step| {
            self.device.noise_sample(all, step, STREAM, Latent::Uniform, 1);
        })
    }

    /// Halves: numbers in [0, 1).
    fn halves(&self, len: usize) -> FloatBuffer<D> {
        let mut halves = self.zeros(len);
        let values = vec![D::Real::from_f64(0.5); len];
        self.device.upload(D::view_mut(&mut halves, 0..len), &values).expect("a copy");
        halves
    }

    /// Ones: factors with which data that is repeatedly updated in place neither overflows nor becomes
    /// denormal, which would be slower.
    fn ones(&self, len: usize) -> FloatBuffer<D> {
        let table = self.mask_table(len);
        self.filled(len, |all, step| {
            let table = D::view(&table, 0..2);
            self.device.masks_sample(all, table, step, STREAM.seed, 1, 0.0);
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
    ) -> FloatBuffer<D> {
        let mut buffer = self.zeros(len);
        let step = self.step();
        fill(D::view_mut(&mut buffer, 0..len), D::view(&step, 0..1));
        buffer
    }

    /// The iteration counter, 0.
    fn step(&self) -> D::Buffer<u32> {
        self.device.allocate(1).expect("memory")
    }
}

fn all_of<D: Timed>(criterion: &mut Criterion<Rates>, device: &D) {
    let mut bench = Bench { criterion, name: D::NAME, device };
    linear::all(&mut bench);
    convolution::all(&mut bench);
    batch_norm::all(&mut bench);
    loss_and_adam::all(&mut bench);
    random::all(&mut bench);
    augment::all(&mut bench);
    spectral_norm::all(&mut bench);
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
