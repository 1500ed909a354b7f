//! Environment variables, each tested in a child process.

use crate::common::{self, Device, code};
use cudarc::driver::CudaContext;
use cudarc::driver::sys::{CUresult, cuDriverGetVersion};
use std::path::Path;

/// Runs a test in a child process with a variable set.
fn with_variable(name: &str, value: &str, test: &str, body: impl FnOnce()) {
    if !common::on_gpu() {
        common::in_child(&format!("environment::{test}"), &[(name, Path::new(value))], body);
    }
}

#[test]
fn there_can_be_no_device() {
    with_variable("GAN_CUDA_EMULATOR_DEVICES", "0", "there_can_be_no_device", || {
        common::load();
        assert_eq!(code(CudaContext::new(0)), CUresult::CUDA_ERROR_NO_DEVICE);
    });
}

#[test]
fn devices_can_be_older() {
    with_variable("GAN_CUDA_EMULATOR_CAPABILITY", "7.5", "devices_can_be_older", || {
        let device = Device::new();
        assert_eq!(device.context.compute_capability().unwrap(), (7, 5));
        assert!(device.context.name().unwrap().starts_with("Emulated"));
    });
}

#[test]
fn drivers_can_be_older() {
    with_variable("GAN_CUDA_EMULATOR_DRIVER", "12080", "drivers_can_be_older", || {
        common::load();
        let mut version = 0;
        // SAFETY: the pointer is to a number.
        unsafe { cuDriverGetVersion(&mut version) }.result().unwrap();
        assert_eq!(version, 12080);
        let context = CudaContext::new(0).unwrap();
        let ptx = cudarc::nvrtc::compile_ptx("").unwrap();
        let refused = code(context.load_module(ptx));
        assert_eq!(refused, CUresult::CUDA_ERROR_UNSUPPORTED_PTX_VERSION);
        let stream = context.new_stream().unwrap();
        assert!(cudarc::cublas::CudaBlas::new(stream).is_err());
    });
}

#[test]
fn memory_can_be_small() {
    with_variable("GAN_CUDA_EMULATOR_MEMORY", "1000", "memory_can_be_small", || {
        let device = Device::new();
        assert_eq!(device.context.mem_get_info().unwrap(), (1000, 1000));
        let held = device.zeros(250);
        let more = device.stream.alloc_zeros::<f32>(1);
        assert_eq!(code(more), CUresult::CUDA_ERROR_OUT_OF_MEMORY);
        drop(held);
        device.zeros(250);
    });
}
