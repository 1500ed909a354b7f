//! The device of a command: flags, and opening it.

use std::fmt::Display;

use crate::device::cpu::{Cpu, default_threads};
use crate::device::cuda::{Cuda, CudaOptions, probe};
use crate::device::{ConvolutionForm, DeviceChoice, Gemm, Precision};
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
        let cuda = CudaOptions { graphs: false, ..CudaOptions::default() };
        open_device(self.device, cuda, cpu)
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

/// Opens the requested device, with the options for its kind.
pub fn open_device(
    choice: DeviceChoice,
    cuda: CudaOptions,
    cpu: CpuOptions,
) -> Result<ChosenDevice> {
    let (CpuOptions { threads, conv }, CudaOptions { precision, gemm, graphs }) = (cpu, cuda);
    debug!(requested = %choice, %precision, %gemm, threads, %conv, graphs, "choosing a device");
    let cpu = |reason| match (precision, gemm) {
        (Precision::F32, Gemm::Cublas) => {
            info!(threads, %conv, reason, "computing on the CPU");
            Ok(ChosenDevice { device: AnyDevice::Cpu(Cpu::with_form(threads, conv)), reason })
        }
        (Precision::F32, _) => {
            refuse_on_cpu("--gemm", gemm, "multiplies matrices in one way only", reason)
        }
        _ => refuse_on_cpu("--precision", precision, "supports f32 only", reason),
    };
    let gpu = |cuda| ChosenDevice { device: AnyDevice::Cuda(Box::new(cuda)), reason: None };
    match choice {
        DeviceChoice::Cpu => cpu(None),
        DeviceChoice::Cuda(number) => Ok(gpu(Cuda::open(number, cuda)?)),
        DeviceChoice::Auto => match first_gpu(cuda) {
            Ok(cuda) => Ok(gpu(cuda)),
            Err(problem) => cpu(Some(format!("no GPU: {problem}"))),
        },
    }
}

/// The first usable GPU, or why there is none.
fn first_gpu(options: CudaOptions) -> Result<Cuda, String> {
    let gpu = probe::first_usable().map_err(|reason| reason.to_string())?;
    Cuda::open(gpu.ordinal, options).map_err(|error| with_causes(&error))
}

/// Refuses a value of a flag that the CPU does not support; `reason` says why the CPU was chosen.
fn refuse_on_cpu<T>(
    flag: &str,
    value: impl Display,
    limit: &str,
    reason: Option<String>,
) -> Result<T> {
    let reason = reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
    refuse(
        flag,
        format!(
            "is {value}, but the CPU {limit}{reason}; omit it, or choose a GPU with --device cuda"
        ),
    )
}
