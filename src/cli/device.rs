//! The device that a command computes on.

use gan_cuda::device::cpu::{Cpu, default_threads};
use gan_cuda::device::cuda::{Cuda, probe};
use gan_cuda::device::{DeviceChoice, Precision};
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
    /// The device.
    pub(super) fn open(&self) -> Result<Chosen> {
        let threads = self.threads.unwrap_or_else(default_threads);
        open_device(self.device, Precision::F32, threads, false)
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

/// The device that was asked for; `precision` and `graphs` are for a GPU, `threads` for the CPU.
pub fn open_device(
    choice: DeviceChoice,
    precision: Precision,
    threads: usize,
    graphs: bool,
) -> Result<Chosen> {
    debug!(asked_for = %choice, %precision, threads, graphs, "choosing a device");
    let cpu = |reason| match precision {
        Precision::F32 => {
            info!(threads, reason, "computing on the CPU");
            Ok(Chosen { device: AnyDevice::Cpu(Cpu::new(threads)), reason })
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
