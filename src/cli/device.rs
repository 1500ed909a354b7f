//! The device of a command: flags, and opening it.

use crate::device::cpu::{Cpu, default_threads};
use crate::device::cuda::{Cuda, probe};
use crate::device::{ConvolutionForm, DeviceChoice, Precision};
use crate::ranges;
use crate::text::with_causes;
use tracing::{debug, info};

use super::value_parsers::within;
use crate::cli::error::{Result, refuse};

/// Device flags of the commands that do not train.
#[derive(clap::Args)]
pub(super) struct DeviceArgs {
    /// Device to compute on: auto, cpu, cuda or cuda:N
    #[arg(long, value_name = "DEVICE", default_value_t = DeviceChoice::Auto)]
    device: DeviceChoice,
    /// Number of CPU threads [default: physical cores of a NUMA node, at most 16]
    #[arg(long, value_name = "N", value_parser = within::<usize, _>(ranges::THREADS))]
    threads: Option<usize>,
}

impl DeviceArgs {
    /// Opens the device. `conv` is the run's algorithm, so that a CPU generates the same images as
    /// in training.
    pub(super) fn open(&self, conv: ConvolutionForm) -> Result<ChosenDevice> {
        let cpu = CpuOptions { threads: self.threads(), conv };
        open_device(self.device, Precision::F32, cpu, false)
    }

    /// The number of CPU threads, also for work that always runs on the CPU.
    pub(super) fn threads(&self) -> usize {
        self.threads.unwrap_or_else(default_threads)
    }
}

/// A CPU or CUDA device; each command has one generic function for both.
pub enum AnyDevice {
    Cpu(Cpu<f32>),
    Cuda(Box<Cuda>),
}

/// A device and, with `--device auto`, why it was chosen.
pub struct ChosenDevice {
    pub device: AnyDevice,
    pub reason: Option<String>,
}

impl ChosenDevice {
    /// The same device, if it supports the requested convolution algorithm.
    pub fn supporting(self, conv: ConvolutionForm) -> Result<Self> {
        match (&self.device, conv) {
            (AnyDevice::Cuda(_), ConvolutionForm::Winograd) => refuse(
                "--conv",
                format!(
                    "is {conv}, but a GPU supports direct convolutions only; omit it, or choose \
                     the CPU with --device cpu"
                ),
            ),
            _ => Ok(self),
        }
    }
}

/// Options of the CPU device.
#[derive(Clone, Copy)]
pub struct CpuOptions {
    pub threads: usize,
    pub conv: ConvolutionForm,
}

/// Opens the requested device; `precision` and `graphs` apply to a GPU.
pub fn open_device(
    choice: DeviceChoice,
    precision: Precision,
    cpu: CpuOptions,
    graphs: bool,
) -> Result<ChosenDevice> {
    let CpuOptions { threads, conv } = cpu;
    debug!(requested = %choice, %precision, threads, %conv, graphs, "choosing a device");
    let cpu = |reason| match precision {
        Precision::F32 => {
            info!(threads, %conv, reason, "computing on the CPU");
            Ok(ChosenDevice { device: AnyDevice::Cpu(Cpu::with_form(threads, conv)), reason })
        }
        _ => refuse_precision(precision, reason),
    };
    let gpu = |cuda| ChosenDevice { device: AnyDevice::Cuda(Box::new(cuda)), reason: None };
    match choice {
        DeviceChoice::Cpu => cpu(None),
        DeviceChoice::Cuda(number) => Ok(gpu(Cuda::open(number, precision, graphs)?)),
        DeviceChoice::Auto => match first_gpu(precision, graphs) {
            Ok(cuda) => Ok(gpu(cuda)),
            Err(problem) => cpu(Some(format!("no GPU: {problem}"))),
        },
    }
}

/// The first usable GPU, or why there is none.
fn first_gpu(precision: Precision, graphs: bool) -> Result<Cuda, String> {
    let gpu = probe::first_usable().map_err(|reason| reason.to_string())?;
    Cuda::open(gpu.ordinal, precision, graphs).map_err(|error| with_causes(&error))
}

/// Refuses a precision that the CPU does not support; `reason` says why the CPU was chosen.
fn refuse_precision<T>(precision: Precision, reason: Option<String>) -> Result<T> {
    let reason = reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
    refuse(
        "--precision",
        format!(
            "is {precision}, but the CPU supports f32 only{reason}; omit it, or choose a GPU with \
             --device cuda"
        ),
    )
}
