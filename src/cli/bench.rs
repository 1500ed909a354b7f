//! `gan-cuda bench`.

use std::time::{Duration, Instant};

use crate::data::{Dataset, DatasetKind, SearchPaths};
use crate::device::cpu::default_threads;
use crate::device::cuda::CudaOptions;
use crate::device::{self, ConvolutionForm, Device, DeviceChoice, Gemm, Memory, Precision};
use crate::gan::dataset::DeviceDataset;
use crate::gan::iteration::Parts;
use crate::gan::plan::Plan;
use crate::gan::preset::{Preset, find};
use crate::gan::work::Work;
use crate::gan::{Gan, Model};
use crate::train::trainer::schedule;
use crate::{memory, ranges};
use serde::Serialize;

use super::device::{AnyDevice, CpuOptions, open_device};
use super::json::print_json;
use super::sizes::SizeArgs;
use super::value_parsers::{choice, may_be_negative, preset, within};
use crate::cli::error::{Error, Result, refuse};

/// Number of synthetic images, for presets whose data set is not embedded.
const SYNTHETIC_IMAGES: usize = 512;
/// Minimum duration of a sample: the cost of waiting and of reading the clock is negligible.
const MIN_SAMPLE_MS: f64 = 5.0;
/// Minimum duration of the warm-up: an idle GPU raises its clocks within it.
const MIN_WARMUP: Duration = Duration::from_millis(500);
/// Minimum duration of all samples together.
const MIN_MEASUREMENT: Duration = Duration::from_secs(1);
/// Minimum number of samples.
const MIN_SAMPLES: u32 = 20;
/// Iterations that determine how many iterations make a sample.
const CALIBRATION_ITERATIONS: u32 = 3;

/// Flags of `bench`.
#[derive(clap::Args)]
// So that `--lr -1` is a number out of range and not an unknown flag.
#[command(mut_args(may_be_negative))]
pub struct Args {
    /// Preset to measure
    #[arg(long, value_name = "NAME", default_value = "cgan", value_parser = preset(), hide_possible_values = true)]
    preset: String,
    /// Iterations to measure; more if needed for 20 timings and one second
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = within::<u32, _>(ranges::EXTENT))]
    iterations: u32,
    /// Warm-up iterations before measuring; more if needed for half a second
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = within::<u32, _>(ranges::WARMUP))]
    warmup: u32,
    /// Device to compute on: auto, cpu, cuda or cuda:N
    #[arg(long, value_name = "DEVICE", default_value_t = DeviceChoice::Auto)]
    device: DeviceChoice,
    /// Precision of matrix multiplications on a GPU: f32, tf32 or bf16
    #[arg(long, value_name = "NAME", default_value_t = Precision::F32, value_parser = choice::<Precision>(), hide_possible_values = true)]
    precision: Precision,
    /// Matrix multiplications of fully connected layers on a GPU: cublas or own
    #[arg(long, value_name = "NAME", default_value_t = Gemm::Cublas, value_parser = choice::<Gemm>(), hide_possible_values = true)]
    gemm: Gemm,
    /// Number of CPU threads [default: physical cores of a NUMA node, at most 16]
    #[arg(long, value_name = "N", value_parser = within::<usize, _>(ranges::THREADS))]
    threads: Option<usize>,
    /// Convolution algorithm on the CPU: direct or winograd
    #[arg(long, value_name = "NAME", default_value_t = ConvolutionForm::Direct, value_parser = choice::<ConvolutionForm>(), hide_possible_values = true)]
    conv: ConvolutionForm,
    /// Launch kernels one by one instead of as one CUDA graph
    #[arg(long)]
    no_graph: bool,
    /// Print the result as one line of JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    sizes: SizeArgs,
}

/// The measurement, as `--json` prints it.
#[derive(Serialize)]
struct Report {
    preset: String,
    batch: usize,
    median_ms: f64,
    p10_ms: f64,
    p90_ms: f64,
    images_per_second: f64,
    samples: usize,
    device: String,
    /// CPU threads.
    threads: usize,
    /// Floating-point operations of an iteration's matrix multiplications.
    flop: u64,
    /// Minimum memory traffic of an iteration, in bytes.
    bytes: u64,
    /// Adam's part of it.
    adam_bytes: u64,
    /// Peak memory use of this process in bytes, if the operating system reports it.
    peak_bytes: Option<usize>,
}

impl Args {
    fn threads(&self) -> usize {
        self.threads.unwrap_or_else(default_threads)
    }
}

/// Measures and prints the time per iteration.
pub fn run(args: &Args) -> Result<()> {
    let missing = || Error::NoSuchPreset { name: args.preset.clone() };
    let preset = find(&args.preset).ok_or_else(missing)?;
    let model = args.sizes.model(preset)?;
    let cpu = CpuOptions { threads: args.threads(), conv: args.conv };
    let cuda = CudaOptions { precision: args.precision, gemm: args.gemm, graphs: !args.no_graph };
    let chosen = open_device(args.device, cuda, cpu)?;
    match chosen.supporting(args.conv)?.device {
        AnyDevice::Cpu(cpu) => run_on(cpu, args, preset, &model),
        AnyDevice::Cuda(cuda) if cuda.is_emulated() => {
            let emulator = cuda.describe();
            refuse("--device", format!("is {emulator}, whose speed says nothing about a GPU's"))
        }
        AnyDevice::Cuda(cuda) => run_on(*cuda, args, preset, &model),
    }
}

fn run_on(device: impl Device, args: &Args, preset: &Preset, model: &Model) -> Result<()> {
    let device_name = device.describe();
    let times = measure(args, preset, model, device)?;
    print(args, &report(args, model, device_name, Work::new(model), times))
}

/// The time per iteration of each sample, in milliseconds, sorted.
///
/// A sample is a group of iterations that takes at least [`MIN_SAMPLE_MS`], whole periods of them if
/// not all have the same parts. The host waits for the device only at its end, so a GPU stays busy as
/// in training.
fn measure(args: &Args, preset: &Preset, model: &Model, device: impl Device) -> Result<Vec<f64>> {
    let data = images(preset, model)?;
    let schedule = schedule(model, &data)?;
    Plan::fitting(&device, model, data.len())?;
    let mut gan = Gan::new(device, model.clone(), 0)?;
    let mut images = DeviceDataset::new(gan.device(), &data.images, &data.labels, schedule)?;
    images.shuffle(gan.device(), 0, 0)?;
    sample(&mut gan, &images, args.warmup)?;
    let period = Parts::of_period(model.settings()).count() as u32;
    let calibration = CALIBRATION_ITERATIONS.next_multiple_of(period);
    let start = Instant::now();
    let mut milliseconds = sample(&mut gan, &images, calibration)?;
    while start.elapsed() < MIN_WARMUP {
        milliseconds = sample(&mut gan, &images, calibration)?;
    }
    let group = ((MIN_SAMPLE_MS / milliseconds).ceil() as u32).next_multiple_of(period);
    let samples = (args.iterations / group).max(MIN_SAMPLES);
    let start = Instant::now();
    let mut times = Vec::new();
    while (times.len() as u32) < samples || start.elapsed() < MIN_MEASUREMENT {
        times.push(sample(&mut gan, &images, group)?);
    }
    times.sort_by(f64::total_cmp);
    Ok(times)
}

/// Milliseconds per iteration, over `count` iterations on full batches.
fn sample<D: Device>(gan: &mut Gan<D>, images: &DeviceDataset<D>, count: u32) -> Result<f64> {
    let (batch, schedule) = (gan.settings().batch_size, images.schedule());
    let start = Instant::now();
    for _ in 0..count {
        gan.iterate(images, batch.min(schedule.images));
        if schedule.rows(gan.completed()) < batch {
            // Back to the start of the epoch.
            gan.set_completed(0)?;
        }
    }
    // Reading a loss waits for the device.
    gan.metrics(gan.completed())?;
    Ok(start.elapsed().as_secs_f64() * 1e3 / f64::from(count.max(1)))
}

fn images(preset: &Preset, model: &Model) -> Result<Dataset> {
    let settings = model.settings();
    match preset.dataset {
        Some(kind @ DatasetKind::Mnist) => {
            let (search_paths, image) = (SearchPaths::for_dataset(kind, None), settings.image);
            Ok(kind.load(&search_paths)?.with_shape(image.height, image.channels)?)
        }
        _ => {
            let count = SYNTHETIC_IMAGES.max(settings.batch_size);
            memory::require(count * settings.image.pixels(), "use a smaller batch")
                .map_err(device::Error::from)?;
            Ok(Dataset::synthetic(settings.image, count, 0))
        }
    }
}

fn report(args: &Args, model: &Model, device: String, work: Work, times: Vec<f64>) -> Report {
    let batch = model.settings().batch_size;
    let quantile = |q: f64| times[((times.len() - 1) as f64 * q).round() as usize];
    let median = quantile(0.5);
    Report {
        preset: args.preset.clone(),
        batch,
        median_ms: median,
        p10_ms: quantile(0.1),
        p90_ms: quantile(0.9),
        images_per_second: batch as f64 / median * 1e3,
        samples: times.len(),
        device,
        threads: args.threads(),
        flop: work.flop,
        bytes: work.gemm_bytes + work.adam_bytes,
        adam_bytes: work.adam_bytes,
        peak_bytes: memory::peak(),
    }
}

fn print(args: &Args, report: &Report) -> Result<()> {
    if args.json {
        return print_json(report);
    }
    print_line!(
        "{} on {}, batch {}: {:.3} ms per iteration (p10 {:.3}, p90 {:.3}), {:.0} images/s",
        report.preset,
        report.device,
        report.batch,
        report.median_ms,
        report.p10_ms,
        report.p90_ms,
        report.images_per_second
    );
    Ok(())
}
