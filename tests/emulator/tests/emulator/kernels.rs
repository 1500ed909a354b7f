//! Kernels: thread indices, results, barriers and shared memory.

use crate::common::{Device, code, grid};
use cudarc::driver::sys::{
    CUlaunchAttribute, CUlaunchAttributeID, CUlaunchAttributeValue, CUlaunchConfig, CUresult,
    cuLaunchKernelEx,
};
use cudarc::driver::{LaunchConfig, PushKernelArg};
use gan_cuda_emulator::{Schedule, set_schedule};
use std::ptr;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Held by tests that change the schedule, which is global.
pub fn with_schedule(schedule: Schedule) -> MutexGuard<'static, ()> {
    static LOCK: Mutex<()> = Mutex::new(());
    let guard = LOCK.lock().unwrap_or_else(PoisonError::into_inner);
    crate::common::load();
    set_schedule(schedule).unwrap();
    guard
}

#[test]
fn every_thread_of_a_grid_runs_once_with_its_index() {
    let device = Device::new();
    for (grid_dim, block_dim) in
        [((3, 2, 2), (4, 3, 5)), ((1, 1, 1), (1, 1, 1)), ((5, 1, 1), (1024, 1, 1))]
    {
        let threads = [grid_dim.0, grid_dim.1, grid_dim.2, block_dim.0, block_dim.1, block_dim.2];
        let n: u32 = threads.iter().product();
        let mut y = device.stream.alloc_zeros::<u32>(n as usize).unwrap();
        let kernel = device.kernel("coordinates");
        let bias = device.stream.clone_htod(&[7u32]).unwrap();
        device.launch(
            &kernel,
            LaunchConfig { grid_dim, block_dim, shared_mem_bytes: 0 },
            |launch| launch.arg(&mut y).arg(&bias).arg(&3u32),
        );
        let y = device.stream.clone_dtoh(&y).unwrap();
        assert!(y.iter().enumerate().all(|(i, &y)| y == 3 * i as u32 + 7));
    }
}

#[test]
fn functions_are_those_of_cuda() {
    let device = Device::new();
    let mut y = device.zeros(10);
    let kernel = device.kernel("functions");
    device.launch(&kernel, grid(1, 1), |launch| launch.arg(&mut y).arg(&0.25f32));
    let half = 0.5f32.sqrt();
    let x = 0.25f32;
    let want = [x.exp(), x.ln_1p(), x.exp_m1(), x.tanh(), half, half, 2.0, 2.0, 2.0, 3.0];
    for (got, want) in device.download(&y).into_iter().zip(want) {
        assert!((got - want).abs() < 1e-6, "{got} is not {want}");
    }
}

/// The sums of four blocks of 64 numbers, and the expected sums.
fn sums(device: &Device, barrier: u32) -> (Vec<f32>, Vec<f32>) {
    let x = device.numbers(4 * 64);
    let mut y = device.zeros(4);
    let kernel = device.kernel("tree_sum");
    device.launch(&kernel, grid(4, 64), |launch| launch.arg(&mut y).arg(&x).arg(&barrier));
    let want = (0..4).map(|block| (64 * block..64 * (block + 1)).sum::<i32>() as f32).collect();
    (device.download(&y), want)
}

#[test]
fn block_sums_are_correct_under_every_schedule() {
    for schedule in Schedule::ALL {
        let _guard = with_schedule(schedule);
        let (got, want) = sums(&Device::new(), 1);
        assert_eq!(got, want, "{schedule:?}");
    }
}

#[test]
fn missing_barriers_are_detected_by_some_schedule() {
    let Some(device) = Device::emulated() else { return };
    let noticed = Schedule::ALL.map(|schedule| {
        let _guard = with_schedule(schedule);
        let (got, want) = sums(&device, 0);
        got != want
    });
    assert!(noticed.contains(&true), "{noticed:?}");
}

/// The result of `reverse_twice` for 0..64.
fn reverse_twice(device: &Device, second_barrier: u32) -> Vec<f32> {
    let x = device.numbers(64);
    let mut y = device.zeros(64);
    let kernel = device.kernel("reverse_twice");
    device.launch(&kernel, grid(1, 64), |launch| launch.arg(&mut y).arg(&x).arg(&second_barrier));
    device.download(&y)
}

#[test]
fn missing_barrier_between_read_and_write_is_detected_by_some_schedule() {
    let Some(device) = Device::emulated() else { return };
    let want: Vec<f32> = (0..64).map(|i| i as f32).collect();
    let mut noticed = false;
    for schedule in Schedule::ALL {
        let _guard = with_schedule(schedule);
        assert_eq!(reverse_twice(&device, 1), want, "{schedule:?}");
        noticed |= reverse_twice(&device, 0) != want;
    }
    assert!(noticed);
}

/// Asserts that a kernel fails with these words in the message, and that the device fails too.
fn fails(kernel: &str, words: &[&str]) {
    let Some(device) = Device::emulated() else { return };
    let mut y = device.zeros(64);
    let kernel = device.kernel(kernel);
    device.launch(&kernel, grid(1, 64), |launch| launch.arg(&mut y));
    for _ in 0..2 {
        device.failed(CUresult::CUDA_ERROR_LAUNCH_FAILED, words);
    }
}

#[test]
fn threads_at_different_barriers_are_an_error_with_kernel_and_lines() {
    fails("diverge", &["`diverge`", "barriers.cu:40", "barriers.cu:42"]);
}

#[test]
fn threads_that_exit_while_others_wait_are_an_error() {
    fails("leave_early", &["`leave_early`", "1 of 64 threads"]);
}

#[test]
fn shared_memory_is_nan_at_the_start_of_each_block() {
    let Some(device) = Device::emulated() else { return };
    let mut y = device.zeros(5);
    let kernel = device.kernel("read_shared");
    device.launch(&kernel, grid(5, 1), |launch| launch.arg(&mut y));
    assert!(device.download(&y).iter().all(|y| y.is_nan()));
}

/// Launches a block of 64 threads, `all` of which wait for the kernel before, by programmatic dependent
/// launch.
fn launch_early(device: &Device, y: u64, all: u32) {
    let mut attribute = CUlaunchAttribute {
        id: CUlaunchAttributeID::CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION,
        pad: [0; 4],
        value: CUlaunchAttributeValue { programmaticStreamSerializationAllowed: 1 },
    };
    let config = CUlaunchConfig {
        gridDimX: 1,
        gridDimY: 1,
        gridDimZ: 1,
        blockDimX: 64,
        blockDimY: 1,
        blockDimZ: 1,
        sharedMemBytes: 0,
        hStream: device.stream.cu_stream(),
        attrs: &mut attribute,
        numAttrs: 1,
    };
    let kernel = device.kernel("wait_for_kernel_before");
    let (mut y, mut all) = (y, all);
    let mut arguments = [ptr::from_mut(&mut y).cast(), ptr::from_mut(&mut all).cast()];
    let arguments = arguments.as_mut_ptr();
    // SAFETY: the arguments are those of the kernel.
    unsafe { cuLaunchKernelEx(&config, kernel.cu_function(), arguments, ptr::null_mut()) }
        .result()
        .unwrap();
}

#[test]
fn early_kernels_must_wait_for_the_one_before_in_every_thread() {
    let Some(device) = Device::emulated() else { return };
    let y = device.zeros(64);
    let address = device.address(&y);
    launch_early(&device, address, 1);
    assert_eq!(device.download(&y), [1.0; 64]);
    launch_early(&device, address, 0);
    let words = ["`wait_for_kernel_before`", "63 of 64 threads did not wait"];
    device.failed(CUresult::CUDA_ERROR_LAUNCH_FAILED, &words);
}

#[test]
fn invalid_launches_are_an_error() {
    let device = Device::new();
    let mut y = device.zeros(4);
    let kernel = device.kernel("leave_early");
    let mut refused = |grid_dim, block_dim, shared_mem_bytes| {
        let mut launch = device.stream.launch_builder(&kernel);
        launch.arg(&mut y);
        // SAFETY: a launch that fails accesses nothing.
        let result =
            unsafe { launch.launch(LaunchConfig { grid_dim, block_dim, shared_mem_bytes }) };
        code(result) == CUresult::CUDA_ERROR_INVALID_VALUE
    };
    assert!(refused((0, 1, 1), (1, 1, 1), 0));
    assert!(refused((1, 1, 1), (1, 0, 1), 0));
    assert!(refused((1, 1, 1), (1025, 1, 1), 0));
    assert!(refused((1, 1, 1), (64, 32, 1), 0));
    assert!(refused((1, 65536, 1), (1, 1, 1), 0));
    assert!(refused((1, 1, 1), (1, 1, 1), 48 * 1024 + 1));
}

#[test]
fn null_is_an_error_except_for_nullable_arguments() {
    let Some(device) = Device::emulated() else { return };
    let mut y = device.stream.alloc_zeros::<u32>(4).unwrap();
    let kernel = device.kernel("coordinates");
    let null = 0u64;
    device.launch(&kernel, grid(1, 4), |launch| launch.arg(&mut y).arg(&null).arg(&1u32));
    assert_eq!(device.stream.clone_dtoh(&y).unwrap(), [0, 1, 2, 3]);
    device.launch(&kernel, grid(1, 4), |launch| launch.arg(&null).arg(&null).arg(&1u32));
    device.failed(CUresult::CUDA_ERROR_ILLEGAL_ADDRESS, &["argument `y`"]);
}

#[test]
fn the_last_block_is_the_one_with_the_last_ticket() {
    for schedule in Schedule::ALL {
        let _guard = with_schedule(schedule);
        let device = Device::new();
        let mut y = device.stream.alloc_zeros::<u32>(3).unwrap();
        let kernel = device.kernel("count_blocks");
        for launches in 1..=2 {
            device.launch(&kernel, grid(5, 3), |launch| launch.arg(&mut y));
            let count = 5 * launches;
            assert_eq!(device.stream.clone_dtoh(&y).unwrap(), [count, 0, count], "{schedule:?}");
        }
    }
}

#[test]
fn float4_is_copied_as_a_whole() {
    let device = Device::new();
    let x = device.numbers(8);
    let mut y = device.zeros(8);
    let kernel = device.kernel("copy_fours");
    device.launch(&kernel, grid(1, 2), |launch| launch.arg(&mut y).arg(&x).arg(&2i32));
    assert_eq!(device.download(&y), device.download(&x));
}
