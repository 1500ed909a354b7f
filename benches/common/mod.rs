//! Shared by both benchmarks: named devices, and rates in GFLOP/s and GB/s.

use std::time::{Duration, Instant};

use criterion::Throughput;
use criterion::measurement::{Measurement, ValueFormatter, WallTime};
use gan_cuda::device::cpu::{Cpu, default_threads};
use gan_cuda::device::cuda::{Cuda, CudaOptions, probe};
use gan_cuda::device::{ConvolutionForm, Device};

/// A device with a name for benchmark names.
pub trait Named: Device {
    /// As in `cpu/linear_forward/64x1024x784`.
    const NAME: &'static str;
}

impl Named for Cpu<f32> {
    const NAME: &'static str = "cpu";
}

impl Named for Cuda {
    const NAME: &'static str = "cuda";
}

/// The CPU with `GAN_CUDA_BENCH_THREADS` threads, or the default number.
pub fn cpu(form: ConvolutionForm) -> Cpu<f32> {
    let asked = std::env::var("GAN_CUDA_BENCH_THREADS")
        .map(|number| number.parse().expect("GAN_CUDA_BENCH_THREADS: a number of threads"));
    Cpu::with_form(asked.unwrap_or_else(|_| default_threads()), form)
}

/// The first GPU, if there is one; not the emulator, whose speed is meaningless.
pub fn gpu() -> Option<Cuda> {
    let ordinal = probe::first_usable().ok()?.ordinal;
    let gpu = Cuda::open(ordinal, CudaOptions::default()).expect("a GPU that was found usable");
    (!gpu.is_emulated()).then_some(gpu)
}

/// Criterion's wall-clock times, with rates in GFLOP/s and GB/s.
pub struct Rates;

impl Measurement for Rates {
    type Intermediate = Instant;
    type Value = Duration;

    fn start(&self) -> Instant {
        Instant::now()
    }

    fn end(&self, begun: Instant) -> Duration {
        begun.elapsed()
    }

    fn add(&self, a: &Duration, b: &Duration) -> Duration {
        *a + *b
    }

    fn zero(&self) -> Duration {
        Duration::ZERO
    }

    fn to_f64(&self, value: &Duration) -> f64 {
        WallTime.to_f64(value)
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        self
    }
}

impl ValueFormatter for Rates {
    fn scale_values(&self, typical: f64, values: &mut [f64]) -> &'static str {
        WallTime.formatter().scale_values(typical, values)
    }

    /// Amount per nanosecond is 10⁹ per second. Elements are floating-point operations.
    fn scale_throughputs(
        &self,
        _typical: f64,
        work: &Throughput,
        nanoseconds: &mut [f64],
    ) -> &'static str {
        let (amount, unit) = match *work {
            Throughput::Elements(operations) => (operations, "GFLOP/s"),
            Throughput::Bytes(bytes) => (bytes, "GB/s"),
            ref other => unreachable!("work in other units: {other:?}"),
        };
        nanoseconds.iter_mut().for_each(|time| *time = amount as f64 / *time);
        unit
    }

    fn scale_for_machines(&self, values: &mut [f64]) -> &'static str {
        WallTime.formatter().scale_for_machines(values)
    }
}
