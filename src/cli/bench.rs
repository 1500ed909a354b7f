//! `gan-cuda bench`.

use std::time::{Duration, Instant};

use gan_cuda::data::{Dataset, DatasetKind, SearchPaths};
use gan_cuda::device::cpu::default_threads;
use gan_cuda::device::{self, ConvolutionForm, Device, DeviceChoice, Memory, Precision};
use gan_cuda::gan::dataset::DeviceDataset;
use gan_cuda::gan::plan::Plan;
use gan_cuda::gan::preset::{Preset, find};
use gan_cuda::gan::work::Work;
use gan_cuda::gan::{Gan, Model};
use gan_cuda::train::trainer::schedule;
use gan_cuda::{memory, ranges};
use serde::Serialize;

use super::device::{AnyDevice, CpuChoice, open_device};
use super::json::print_json;
use super::ranges::{choice, may_be_negative, preset, within};
use super::sizes::SizeArgs;
use crate::cli::error::{Error, Result, refuse};

/// Made-up images, where the set-up's own are not at hand.
const SYNTHETIC_IMAGES: usize = 512;
/// The least time of a sample, beside which waiting and reading the clock are nothing.
const SAMPLE_MS: f64 = 5.0;
/// The least time before the first sample: clocks of an idle GPU rise within it.
const LEAST_WARMUP: Duration = Duration::from_millis(500);
/// The least time of all samples together.
const LEAST_MEASUREMENT: Duration = Duration::from_secs(1);
/// The fewest samples.
const LEAST_SAMPLES: u32 = 20;
/// Iterations that tell how many a sample has.
const PACE: u32 = 3;

/// Flags of `bench`.
#[derive(clap::Args)]
// So that `--lr -1` is a number out of range and not an unknown flag.
#[command(mut_args(may_be_negative))]
pub struct Args {
    /// Set-up to measure
    #[arg(long, value_name = "NAME", default_value = "cgan", value_parser = preset(), hide_possible_values = true)]
    preset: String,
    /// Iterations to measure, in at least 20 samples and for at least a second
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = within::<u32, _>(ranges::EXTENT))]
    iterations: u32,
    /// Iterations before, not measured, for at least half a second
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = within::<u32, _>(ranges::WARMUP))]
    warmup: u32,
    /// Where to compute: auto, cpu, cuda or cuda:N
    #[arg(long, value_name = "DEVICE", default_value_t = DeviceChoice::Auto)]
    device: DeviceChoice,
    /// How exactly a GPU multiplies matrices: f32, tf32 or bf16
    #[arg(long, value_name = "NAME", default_value_t = Precision::F32, value_parser = choice::<Precision>(), hide_possible_values = true)]
    precision: Precision,
    /// CPU threads [default: physical cores of a NUMA node, at most 16]
    #[arg(long, value_name = "N", value_parser = within::<usize, _>(ranges::THREADS))]
    threads: Option<usize>,
    /// How the CPU computes convolutions: direct or winograd
    #[arg(long, value_name = "NAME", default_value_t = ConvolutionForm::Direct, value_parser = choice::<ConvolutionForm>(), hide_possible_values = true)]
    conv: ConvolutionForm,
    /// Queue the work of an iteration piece by piece, not as one CUDA graph
    #[arg(long)]
    no_graph: bool,
    /// Print one line of JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    sizes: SizeArgs,
}

/// What was measured.
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
    /// Of the CPU.
    threads: usize,
    /// Floating-point operations of an iteration's matrix products.
    flop: u64,
    /// The fewest bytes that an iteration must move.
    bytes: u64,
    /// Those of them that Adam moves.
    adam_bytes: u64,
    /// The most bytes that this process had of the machine's memory, where the system says it.
    peak_bytes: Option<usize>,
}

impl Args {
    fn threads(&self) -> usize {
        self.threads.unwrap_or_else(default_threads)
    }
}

/// Measures, prints.
pub fn run(args: &Args) -> Result<()> {
    let missing = || Error::NoSuchPreset { name: args.preset.clone() };
    let preset = find(&args.preset).ok_or_else(missing)?;
    let model = args.sizes.model(preset)?;
    let cpu = CpuChoice { threads: args.threads(), conv: args.conv };
    let chosen = open_device(args.device, args.precision, cpu, !args.no_graph)?;
    match chosen.honouring(args.conv)?.device {
        AnyDevice::Cpu(cpu) => run_on(cpu, args, preset, &model),
        AnyDevice::Cuda(cuda) if cuda.is_emulated() => {
            let emulator = cuda.describe();
            refuse("--device", format!("is {emulator}: its times say nothing about a GPU"))
        }
        AnyDevice::Cuda(cuda) => run_on(*cuda, args, preset, &model),
    }
}

fn run_on(device: impl Device, args: &Args, preset: &Preset, model: &Model) -> Result<()> {
    let place = device.describe();
    let times = measure(args, preset, model, device)?;
    print(args, &report(args, model, place, Work::new(model), times))
}

/// The time of an iteration in milliseconds, once for each sample, ascending.
///
/// A sample is as many iterations as take [`SAMPLE_MS`], and the device is waited for at its end: a
/// GPU is kept busy in between, as in training.
fn measure(args: &Args, preset: &Preset, model: &Model, device: impl Device) -> Result<Vec<f64>> {
    let data = images(preset, model)?;
    let schedule = schedule(model, &data)?;
    Plan::fitting(&device, model, data.len())?;
    let mut gan = Gan::new(device, model.clone(), 0)?;
    let mut images = DeviceDataset::new(gan.device(), &data.images, &data.labels, schedule)?;
    images.shuffle(gan.device(), 0, 0)?;
    sample(&mut gan, &images, args.warmup)?;
    let begun = Instant::now();
    let mut pace = sample(&mut gan, &images, PACE)?;
    while begun.elapsed() < LEAST_WARMUP {
        pace = sample(&mut gan, &images, PACE)?;
    }
    let group = (SAMPLE_MS / pace).ceil() as u32;
    let samples = (args.iterations / group).max(LEAST_SAMPLES);
    let begun = Instant::now();
    let mut times = Vec::new();
    while (times.len() as u32) < samples || begun.elapsed() < LEAST_MEASUREMENT {
        times.push(sample(&mut gan, &images, group)?);
    }
    times.sort_by(f64::total_cmp);
    Ok(times)
}

/// Milliseconds an iteration, over `count` iterations on whole batches.
fn sample<D: Device>(gan: &mut Gan<D>, images: &DeviceDataset<D>, count: u32) -> Result<f64> {
    let (batch, schedule) = (gan.settings().batch_size, images.schedule());
    let begun = Instant::now();
    for _ in 0..count {
        gan.iterate(images, batch.min(schedule.images));
        if schedule.rows(gan.completed()) < batch {
            // Back to the epoch's beginning.
            gan.set_completed(0)?;
        }
    }
    // Reading a loss waits for the device.
    gan.metrics(gan.completed())?;
    Ok(begun.elapsed().as_secs_f64() * 1e3 / f64::from(count.max(1)))
}

fn images(preset: &Preset, model: &Model) -> Result<Dataset> {
    let settings = model.settings();
    match preset.dataset {
        Some(kind @ DatasetKind::Mnist) => {
            let (places, image) = (SearchPaths::for_dataset(kind, None), settings.image);
            Ok(kind.load(&places)?.with_shape(image.height, image.channels)?)
        }
        _ => {
            let count = SYNTHETIC_IMAGES.max(settings.batch_size);
            memory::require(count * settings.image.pixels(), "ask for a smaller batch")
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
        bytes: work.product_bytes + work.adam_bytes,
        adam_bytes: work.adam_bytes,
        peak_bytes: memory::peak(),
    }
}

fn print(args: &Args, report: &Report) -> Result<()> {
    if args.json {
        return print_json(report);
    }
    say!(
        "{} on {}, batch {}: {:.3} ms an iteration (10 % below {:.3}, 10 % above {:.3}), {:.0} images/s",
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
