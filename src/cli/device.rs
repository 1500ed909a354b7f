//! The device that a command computes on.

use gan_cuda::Result;
use gan_cuda::device::DeviceChoice;
use gan_cuda::device::cpu::Cpu;
use gan_cuda::device::cuda::{Cuda, probe};

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

/// The device that was asked for; `threads` is for the CPU, `graphs` for a GPU.
pub fn open_device(choice: DeviceChoice, threads: usize, graphs: bool) -> Result<Chosen> {
    let cpu = || AnyDevice::Cpu(Cpu::new(threads));
    match choice {
        DeviceChoice::Cpu => Ok(Chosen { device: cpu(), reason: None }),
        DeviceChoice::Cuda(number) => Ok(Chosen {
            device: AnyDevice::Cuda(Box::new(Cuda::open(number, graphs)?)),
            reason: None,
        }),
        DeviceChoice::Auto => Ok(match first_gpu(graphs) {
            Ok(cuda) => Chosen { device: AnyDevice::Cuda(Box::new(cuda)), reason: None },
            Err(problem) => Chosen { device: cpu(), reason: Some(format!("no GPU: {problem}")) },
        }),
    }
}

/// The first GPU that works, or why there is none.
fn first_gpu(graphs: bool) -> Result<Cuda, String> {
    let gpu = probe::first_usable().map_err(|reason| reason.to_string())?;
    Cuda::open(gpu.ordinal, graphs).map_err(|error| crate::chain(&error))
}
