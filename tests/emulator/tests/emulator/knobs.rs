//! What the environment says, each in a process of its own.

use crate::common::{self, Device, code};
use cudarc::driver::CudaContext;
use cudarc::driver::sys::{CUresult, cuDriverGetVersion};

/// Runs a test of this program with a variable set.
fn with_variable(name: &str, value: &str, test: &str) {
    if common::on_gpu() {
        return;
    }
    let output = common::child(&format!("knobs::{test}")).env(name, value).output().unwrap();
    let words = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && words.contains("1 passed"), "{name}={value}: {words}");
}

#[test]
fn there_can_be_no_device() {
    with_variable("GAN_CUDA_EMULATOR_DEVICES", "0", "no_device");
}

#[test]
#[ignore = "run by there_can_be_no_device"]
fn no_device() {
    common::load();
    assert_eq!(code(CudaContext::new(0)), CUresult::CUDA_ERROR_NO_DEVICE);
}

#[test]
fn devices_can_be_older() {
    with_variable("GAN_CUDA_EMULATOR_CAPABILITY", "7.5", "capability_seven_five");
}

#[test]
#[ignore = "run by devices_can_be_older"]
fn capability_seven_five() {
    let device = Device::new();
    assert_eq!(device.context.compute_capability().unwrap(), (7, 5));
    assert!(device.context.name().unwrap().starts_with("Emulated"));
}

#[test]
fn drivers_can_be_older() {
    with_variable("GAN_CUDA_EMULATOR_DRIVER", "12080", "driver_twelve_eight");
}

#[test]
#[ignore = "run by drivers_can_be_older"]
fn driver_twelve_eight() {
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
}

#[test]
fn memory_can_be_small() {
    with_variable("GAN_CUDA_EMULATOR_MEMORY", "1000", "thousand_bytes");
}

#[test]
#[ignore = "run by memory_can_be_small"]
fn thousand_bytes() {
    let device = Device::new();
    assert_eq!(device.context.mem_get_info().unwrap(), (1000, 1000));
    let held = device.zeros(250);
    let more = device.stream.alloc_zeros::<f32>(1);
    assert_eq!(code(more), CUresult::CUDA_ERROR_OUT_OF_MEMORY);
    drop(held);
    device.zeros(250);
}
