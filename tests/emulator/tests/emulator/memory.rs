//! Device memory: initial content, frees, and detected errors.

use crate::common::{Device, code, grid};
use cudarc::driver::sys::CUresult;
use cudarc::driver::{PushKernelArg, result};
use gan_cuda_emulator::allocated;

#[test]
fn fresh_memory_is_nan() {
    let Some(device) = Device::emulated() else { return };
    // SAFETY: numbers have no invalid bits.
    let fresh = unsafe { device.stream.alloc::<f32>(100) }.unwrap();
    assert!(device.download(&fresh).iter().all(|x| x.is_nan()));
}

#[test]
fn allocations_beyond_the_devices_memory_are_an_error() {
    let Some(device) = Device::emulated() else { return };
    let (free, total) = device.context.mem_get_info().unwrap();
    assert_eq!((free, total), (4 << 30, 4 << 30));
    // SAFETY: nothing is read.
    let too_much = unsafe { device.stream.alloc::<u8>(free + 1) };
    assert_eq!(code(too_much), CUresult::CUDA_ERROR_OUT_OF_MEMORY);
    let some = device.zeros(1000);
    assert_eq!(device.context.mem_get_info().unwrap().0, free - 4000);
    // SAFETY: as above.
    let still_too_much = unsafe { device.stream.alloc::<u8>(free - 3999) };
    assert_eq!(code(still_too_much), CUresult::CUDA_ERROR_OUT_OF_MEMORY);
    drop(some);
    // A queued free releases memory.
    assert_eq!(allocated(device.context.ordinal() as i32).unwrap(), 4000);
    device.stream.synchronize().unwrap();
    assert_eq!(allocated(device.context.ordinal() as i32).unwrap(), 0);
}

#[test]
fn a_double_free_is_an_error() {
    let device = Device::new();
    device.context.bind_to_thread().unwrap();
    // SAFETY: the errors are what is looked for.
    unsafe {
        let memory = result::malloc_sync(100).unwrap();
        assert_eq!(code(result::free_sync(memory + 4)), CUresult::CUDA_ERROR_INVALID_VALUE);
        result::free_sync(memory).unwrap();
        assert_eq!(code(result::free_sync(memory)), CUresult::CUDA_ERROR_INVALID_VALUE);
        assert_eq!(code(result::malloc_sync(0)), CUresult::CUDA_ERROR_INVALID_VALUE);
    }
}

#[test]
fn a_queued_double_free_is_an_error() {
    let Some(device) = Device::emulated() else { return };
    let stream = device.stream.cu_stream();
    // SAFETY: the errors are what is looked for.
    unsafe {
        let memory = result::malloc_async(stream, 100).unwrap();
        result::free_async(memory, stream).unwrap();
        let again = result::free_async(memory, stream);
        assert_eq!(code(again), CUresult::CUDA_ERROR_INVALID_VALUE);
        device.stream.synchronize().unwrap();
        let error = result::free_async(memory, stream).unwrap_err();
        assert_eq!(error.0, CUresult::CUDA_ERROR_INVALID_VALUE);
        assert!(error.to_string().contains("was freed"), "{error}");
    }
}

#[test]
fn copies_and_fills_beyond_an_allocation_are_an_error() {
    let device = Device::new();
    let x = device.zeros(10);
    let (address, stream) = (device.address(&x), device.stream.cu_stream());
    let mut host = [0u8; 48];
    // SAFETY: calls that fail access nothing.
    unsafe {
        let results = [
            result::memcpy_dtoh_async(&mut host[..41], address, stream),
            result::memcpy_htod_async(address + 4, &host[..37], stream),
            result::memset_d8_async(address + 40, 0, 1, stream),
            result::memcpy_dtod_async(address, address + 20, 24, stream),
            result::memcpy_dtoh_sync(&mut host[..4], 0x1000),
        ];
        for result in results {
            assert_eq!(code(result), CUresult::CUDA_ERROR_INVALID_VALUE);
        }
        result::memcpy_dtoh_async(&mut host[..40], address, stream).unwrap();
    }
}

/// Queues y ← 2·x for the first `n` numbers by a kernel.
fn scale(device: &Device, kernel: &str, y: u64, x: u64, n: i32) {
    let kernel = device.kernel(kernel);
    device.launch(&kernel, grid(2, 32), |launch| launch.arg(&y).arg(&x).arg(&n).arg(&2.0f32));
}

#[test]
fn an_out_of_bounds_write_is_reported_with_kernel_and_argument() {
    let Some(device) = Device::emulated() else { return };
    let x = device.numbers(101);
    let y = device.zeros(100);
    let (y, x) = (device.address(&y), device.address(&x));
    scale(&device, "scale", y, x, 100);
    device.stream.synchronize().unwrap();
    scale(&device, "scale_too_far", y, x, 100);
    device.failed(CUresult::CUDA_ERROR_ILLEGAL_ADDRESS, &["`scale_too_far`", "argument `y`"]);
}

#[test]
fn a_kernel_with_freed_memory_fails() {
    let Some(device) = Device::emulated() else { return };
    let x = device.numbers(10);
    let y = device.zeros(10);
    let freed = device.address(&x);
    drop(x);
    scale(&device, "scale", device.address(&y), freed, 10);
    device.failed(CUresult::CUDA_ERROR_ILLEGAL_ADDRESS, &["argument `x`"]);
}

#[test]
fn host_memory_is_not_device_memory() {
    let Some(device) = Device::emulated() else { return };
    let host = [1.0f32; 8];
    let y = device.zeros(8);
    scale(&device, "scale", device.address(&y), host.as_ptr() as u64, 8);
    device.failed(CUresult::CUDA_ERROR_ILLEGAL_ADDRESS, &[]);
}

#[test]
fn the_end_of_a_context_frees_its_memory() {
    let Some(device) = Device::emulated() else { return };
    let ordinal = device.context.ordinal() as i32;
    let leaked = device.zeros(10).leak();
    assert_ne!(leaked, 0);
    device.stream.synchronize().unwrap();
    assert_eq!(allocated(ordinal).unwrap(), 40);
    drop(device);
    assert_eq!(allocated(ordinal).unwrap(), 0);
}
