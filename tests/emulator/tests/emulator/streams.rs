//! Streams: work runs only when something waits for it, and events order streams.

use crate::common::Device;
use cudarc::driver::PinnedHostSlice;

/// Page-locked memory with the numbers 7, 7, …
fn sevens(device: &Device, n: usize) -> PinnedHostSlice<f32> {
    // SAFETY: it is filled at once.
    let mut host = unsafe { device.context.alloc_pinned::<f32>(n) }.unwrap();
    host.as_mut_slice().unwrap().fill(7.0);
    host
}

#[test]
fn copies_to_pinned_memory_run_when_waited_for() {
    let Some(device) = Device::emulated() else { return };
    let x = device.numbers(4);
    let mut host = sevens(&device, 4);
    let to = host.as_mut_slice().unwrap();
    let (address, stream) = (device.address(&x), device.stream.cu_stream());
    // SAFETY: the host's memory outlives the copy.
    unsafe { cudarc::driver::result::memcpy_dtoh_async(to, address, stream) }.unwrap();
    assert_eq!(to, [7.0; 4]);
    device.stream.synchronize().unwrap();
    assert_eq!(to, [0.0, 1.0, 2.0, 3.0]);
}

#[test]
fn copies_from_pageable_memory_are_complete_on_return() {
    let device = Device::new();
    let mut host = vec![1.0f32; 4];
    let x = device.upload(&host);
    host.fill(2.0);
    assert_eq!(device.download(&x), [1.0; 4]);
}

#[test]
fn streams_do_not_synchronize_implicitly() {
    let Some(device) = Device::emulated() else { return };
    let mut x = device.zeros(4);
    device.stream.synchronize().unwrap();
    device.step(&device.stream, &mut x).unwrap();
    let other = device.context.new_stream().unwrap();
    assert_eq!(other.clone_dtoh(&x).unwrap(), [0.0; 4]);
    // Neither does the default stream.
    assert_eq!(device.context.default_stream().clone_dtoh(&x).unwrap(), [0.0; 4]);
    other.join(&device.stream).unwrap();
    assert_eq!(other.clone_dtoh(&x).unwrap(), [1.0; 4]);
}

#[test]
fn events_order_streams_both_ways() {
    let device = Device::new();
    let other = device.context.new_stream().unwrap();
    let mut x = device.zeros(4);
    for _ in 0..3 {
        device.step(&device.stream, &mut x).unwrap();
        other.join(&device.stream).unwrap();
        device.step(&other, &mut x).unwrap();
        device.stream.join(&other).unwrap();
    }
    assert_eq!(device.download(&x), [63.0; 4]);
}

#[test]
fn event_queries_make_progress() {
    let device = Device::new();
    let mut x = device.zeros(4);
    for _ in 0..5 {
        device.step(&device.stream, &mut x).unwrap();
    }
    let event = device.stream.record_event(None).unwrap();
    while !event.try_is_complete().unwrap() {}
    assert_eq!(device.download(&x), [31.0; 4]);
}

#[test]
fn long_queues_are_drained() {
    let device = Device::new();
    let other = device.context.new_stream().unwrap();
    let mut x = device.zeros(1);
    for _ in 0..10_000 {
        device.step(&device.stream, &mut x).unwrap();
        device.stream.memset_zeros(&mut x).unwrap();
        other.join(&device.stream).unwrap();
        device.stream.join(&other).unwrap();
    }
    device.step(&device.stream, &mut x).unwrap();
    assert_eq!(device.download(&x), [1.0]);
}

#[test]
fn several_host_threads_have_their_own_streams() {
    let device = Device::new();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let stream = device.context.new_stream().unwrap();
                let mut x = stream.alloc_zeros::<f32>(100).unwrap();
                for _ in 0..10 {
                    device.step(&stream, &mut x).unwrap();
                }
                assert_eq!(stream.clone_dtoh(&x).unwrap(), [1023.0; 100]);
            });
        }
    });
}
