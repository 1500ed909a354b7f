//! The device that a command computes on.

use gan_cuda::device::cpu::{Cpu, default_threads};
use gan_cuda::device::cuda::{Cuda, probe};
use gan_cuda::device::{ConvolutionForm, DeviceChoice, Precision};
use gan_cuda::ranges;
use gan_cuda::text::with_causes;
use tracing::{debug, info};

use super::ranges::within;
use crate::cli::error::{Result, refuse};

/// Where a command computes that does not train.
#[derive(clap::Args)]
pub(super) struct PlaceArgs {
    /// Where to compute: auto, cpu, cuda or cuda:N
    #[arg(long, value_name = "DEVICE", default_value_t = DeviceChoice::Auto)]
    device: DeviceChoice,
    /// CPU threads [default: physical cores of a NUMA node, at most 16]
    #[arg(long, value_name = "N", value_parser = within::<usize, _>(ranges::THREADS))]
    threads: Option<usize>,
}

impl PlaceArgs {
    /// The device; `conv` is that of the run, so that a CPU draws what it drew in training.
    pub(super) fn open(&self, conv: ConvolutionForm) -> Result<Chosen> {
        let cpu = CpuChoice { threads: self.threads(), conv };
        open_device(self.device, Precision::F32, cpu, false)
    }

    /// CPU threads, also of what is computed beside the device.
    pub(super) fn threads(&self) -> usize {
        self.threads.unwrap_or_else(default_threads)
    }
}

/// A device of either kind; each command has one generic function for both.
pub enum AnyDevice {
    Cpu(Cpu<f32>),
    Cuda(Box<Cuda>),
}

/// A device, and why it is this one where that was left to us.
pub struct Chosen {
    pub device: AnyDevice,
    pub reason: Option<String>,
}

impl Chosen {
    /// The same, where it computes convolutions in the form that was asked for.
    pub fn honouring(self, conv: ConvolutionForm) -> Result<Self> {
        match (&self.device, conv) {
            (AnyDevice::Cuda(_), ConvolutionForm::Winograd) => refuse(
                "--conv",
                format!(
                    "is {conv}, but a GPU has direct convolutions alone; leave it at direct, or \
                     choose the CPU with --device cpu"
                ),
            ),
            _ => Ok(self),
        }
    }
}

/// How the CPU computes, if it is the CPU.
#[derive(Clone, Copy)]
pub struct CpuChoice {
    pub threads: usize,
    pub conv: ConvolutionForm,
}

/// The device that was asked for; `precision` and `graphs` are for a GPU.
pub fn open_device(
    choice: DeviceChoice,
    precision: Precision,
    cpu: CpuChoice,
    graphs: bool,
) -> Result<Chosen> {
    let CpuChoice { threads, conv } = cpu;
    debug!(asked_for = %choice, %precision, threads, %conv, graphs, "choosing a device");
    let cpu = |reason| match precision {
        Precision::F32 => {
            info!(threads, %conv, reason, "computing on the CPU");
            Ok(Chosen { device: AnyDevice::Cpu(Cpu::with_form(threads, conv)), reason })
        }
        _ => only_on_a_gpu(precision, reason),
    };
    let gpu = |cuda| Chosen { device: AnyDevice::Cuda(Box::new(cuda)), reason: None };
    match choice {
        DeviceChoice::Cpu => cpu(None),
        DeviceChoice::Cuda(number) => Ok(gpu(Cuda::open(number, precision, graphs)?)),
        DeviceChoice::Auto => match first_gpu(precision, graphs) {
            Ok(cuda) => Ok(gpu(cuda)),
            Err(problem) => cpu(Some(format!("no GPU: {problem}"))),
        },
    }
}

/// The first GPU that works, or why there is none.
fn first_gpu(precision: Precision, graphs: bool) -> Result<Cuda, String> {
    let gpu = probe::first_usable().map_err(|reason| reason.to_string())?;
    Cuda::open(gpu.ordinal, precision, graphs).map_err(|error| with_causes(&error))
}

/// The CPU was asked for, or taken for a reason.
fn only_on_a_gpu<T>(precision: Precision, reason: Option<String>) -> Result<T> {
    let reason = reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
    refuse(
        "--precision",
        format!(
            "is {precision}, but the CPU computes in f32 alone{reason}; leave it at f32, or choose \
             a GPU with --device cuda"
        ),
    )
}
