//! The device that a command computes on.

use crate::cli::error::{Error, Result};
use gan_cuda::device::cpu::Cpu;
use gan_cuda::device::cuda::{Cuda, probe};
use gan_cuda::device::{DeviceChoice, Precision};
use gan_cuda::text::with_causes;
use tracing::{debug, info};

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
        _ => Err(only_on_a_gpu(precision, reason)),
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
fn only_on_a_gpu(precision: Precision, reason: Option<String>) -> Error {
    let reason = reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
    let problem = format!(
        "is {precision}, but the CPU computes in f32 alone{reason}; leave it at f32, or choose a \
         GPU with --device cuda"
    );
    Error::Flag { flag: "--precision", problem }
}
