//! CUDA graphs: what can be captured, and the errors for everything else.

use crate::common::{Device, code};
use crate::kernels::with_schedule;
use cudarc::driver::sys::{
    CUgraphInstantiate_flags, CUgraphNode, CUresult, CUstreamCaptureMode, CUstreamCaptureStatus,
    cuGraphGetEdges_v2,
};
use cudarc::driver::{CudaGraph, CudaSlice, CudaStream, DriverError, result};
use gan_cuda_emulator::Schedule;
use std::ptr;
use std::sync::Arc;

const MODE: CUstreamCaptureMode = CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_THREAD_LOCAL;

fn end(stream: &Arc<CudaStream>) -> Result<CudaGraph, DriverError> {
    stream.end_capture(CUgraphInstantiate_flags(0)).map(Option::unwrap)
}

#[test]
fn each_launch_of_a_graph_runs_the_captured_work() {
    let device = Device::new();
    let mut x = device.zeros(40);
    device.stream.begin_capture(MODE).unwrap();
    device.step(&device.stream, &mut x).unwrap();
    device.step(&device.stream, &mut x).unwrap();
    let graph = end(&device.stream).unwrap();
    assert_eq!(device.download(&x), [0.0; 40]);
    graph.upload().unwrap();
    for want in [3.0, 15.0, 63.0] {
        graph.launch().unwrap();
        assert_eq!(device.download(&x), [want; 40]);
    }
    device.stream.memset_zeros(&mut x).unwrap();
    graph.launch().unwrap();
    graph.launch().unwrap();
    assert_eq!(device.download(&x), [15.0; 40]);
}

#[test]
fn graphs_hold_copies_and_fills() {
    let device = Device::new();
    let x = device.numbers(4);
    let mut y = device.zeros(4);
    device.stream.begin_capture(MODE).unwrap();
    device.stream.memset_zeros(&mut y).unwrap();
    device.step(&device.stream, &mut y).unwrap();
    device.stream.memcpy_dtod(&x, &mut y).unwrap();
    device.step(&device.stream, &mut y).unwrap();
    let graph = end(&device.stream).unwrap();
    graph.launch().unwrap();
    assert_eq!(device.download(&y), [1.0, 3.0, 5.0, 7.0]);
}

#[test]
fn a_fork_is_captured_if_it_is_joined() {
    let device = Device::new();
    let other = device.context.new_stream().unwrap();
    let (mut x, mut y) = (device.zeros(4), device.zeros(4));
    device.stream.synchronize().unwrap();
    device.stream.begin_capture(MODE).unwrap();
    device.step(&device.stream, &mut x).unwrap();
    other.join(&device.stream).unwrap();
    other.memcpy_dtod(&x, &mut y).unwrap();
    device.step(&other, &mut y).unwrap();
    device.stream.join(&other).unwrap();
    device.step(&device.stream, &mut y).unwrap();
    let graph = end(&device.stream).unwrap();
    graph.launch().unwrap();
    assert_eq!(device.download(&y), [7.0; 4]);
}

/// A node, two branches of one and two nodes, and a node behind both.
#[test]
fn edges_are_those_between_a_fork_and_its_join() {
    let device = Device::new();
    let other = device.context.new_stream().unwrap();
    let (mut x, mut y) = (device.zeros(4), device.zeros(4));
    device.stream.synchronize().unwrap();
    device.stream.begin_capture(MODE).unwrap();
    device.step(&device.stream, &mut x).unwrap();
    other.join(&device.stream).unwrap();
    device.step(&other, &mut y).unwrap();
    device.step(&other, &mut y).unwrap();
    device.step(&device.stream, &mut x).unwrap();
    device.stream.join(&other).unwrap();
    device.step(&device.stream, &mut y).unwrap();
    let graph = end(&device.stream).unwrap();
    let mut count = 0;
    let edges = |from: &mut [CUgraphNode], to: &mut [CUgraphNode], count: &mut usize| {
        let [from, to] = [from, to].map(|ends| match ends.is_empty() {
            true => ptr::null_mut(),
            false => ends.as_mut_ptr(),
        });
        unsafe { cuGraphGetEdges_v2(graph.cu_graph(), from, to, ptr::null_mut(), count) }.result()
    };
    edges(&mut [], &mut [], &mut count).unwrap();
    assert_eq!(count, 5);
    let [mut from, mut to] = [[ptr::null_mut(); 5]; 2];
    edges(&mut from, &mut to, &mut count).unwrap();
    assert_eq!(count, 5);
    // How many edges begin and end at each node: the first has two behind it, the last two before it.
    let ends = |ends: &[CUgraphNode; 5]| {
        let mut counts: Vec<usize> =
            ends.iter().map(|end| ends.iter().filter(|other| *other == end).count()).collect();
        counts.sort_unstable();
        counts
    };
    assert_eq!([ends(&from), ends(&to)], [[1, 1, 1, 2, 2]; 2]);
    let first = from.iter().find(|node| !to.contains(node)).unwrap();
    let last = to.iter().find(|node| !from.contains(node)).unwrap();
    let between = from.iter().zip(&to).filter(|(from, to)| *from != first && *to != last);
    assert_eq!(between.count(), 1, "the second node of the longer branch follows the first");
    assert_eq!(code(edges(&mut from, &mut [], &mut count)), CUresult::CUDA_ERROR_INVALID_VALUE);
}

/// The result of a branch that copies x, under each schedule. With `late` it waits until x has been
/// changed.
fn branched(late: bool) -> [f32; 3] {
    let device = Device::new();
    let other = device.context.new_stream().unwrap();
    let (mut x, mut y) = (device.zeros(1), device.zeros(1));
    device.stream.synchronize().unwrap();
    device.stream.begin_capture(MODE).unwrap();
    device.stream.memset_zeros(&mut x).unwrap();
    other.join(&device.stream).unwrap();
    device.step(&device.stream, &mut x).unwrap();
    if late {
        other.join(&device.stream).unwrap();
    }
    other.memcpy_dtod(&x, &mut y).unwrap();
    device.stream.join(&other).unwrap();
    let graph = end(&device.stream).unwrap();
    Schedule::ALL.map(|schedule| {
        let _alone = with_schedule(schedule);
        graph.launch().unwrap();
        device.download(&y)[0]
    })
}

#[test]
fn a_missing_wait_between_branches_shows_under_some_schedule() {
    if Device::emulated().is_none() {
        return;
    }
    assert_eq!(branched(true), [1.0; 3]);
    let [ascending, descending, _] = branched(false);
    assert_eq!([ascending, descending], [1.0, 0.0]);
}

#[test]
fn a_fork_that_is_not_joined_is_an_error() {
    let device = Device::new();
    let other = device.context.new_stream().unwrap();
    let mut x = device.zeros(4);
    device.stream.synchronize().unwrap();
    device.stream.begin_capture(MODE).unwrap();
    other.join(&device.stream).unwrap();
    device.step(&other, &mut x).unwrap();
    assert_eq!(code(end(&device.stream)), CUresult::CUDA_ERROR_STREAM_CAPTURE_UNJOINED);
    // Both streams are usable again.
    device.step(&other, &mut x).unwrap();
    other.synchronize().unwrap();
    assert_eq!(device.download(&x), [1.0; 4]);
}

#[test]
fn the_legacy_default_stream_is_not_captured() {
    let device = Device::new();
    let result = device.context.default_stream().begin_capture(MODE);
    assert_eq!(code(result), CUresult::CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
}

/// The error of `forbidden` during a capture, which it must invalidate.
fn refused(forbidden: impl FnOnce(&Device, &mut CudaSlice<f32>) -> CUresult) -> CUresult {
    let device = Device::new();
    let mut x = device.zeros(4);
    device.stream.synchronize().unwrap();
    device.stream.begin_capture(MODE).unwrap();
    device.step(&device.stream, &mut x).unwrap();
    let refused = forbidden(&device, &mut x);
    let status = device.stream.capture_status().unwrap();
    assert_eq!(status, CUstreamCaptureStatus::CU_STREAM_CAPTURE_STATUS_INVALIDATED);
    let invalidated = CUresult::CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
    assert_eq!(code(device.step(&device.stream, &mut x)), invalidated);
    assert_eq!(code(end(&device.stream)), invalidated);
    // The stream is usable again, and no work was done.
    assert_eq!(device.download(&x), [0.0; 4]);
    refused
}

#[test]
fn waiting_allocating_and_copying_during_a_capture_are_errors() {
    let unsupported = CUresult::CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
    assert_eq!(refused(|device, _| code(device.stream.synchronize())), unsupported);
    assert_eq!(refused(|device, _| code(device.context.synchronize())), unsupported);
    // SAFETY: nothing is allocated, here and below.
    assert_eq!(refused(|_, _| code(unsafe { result::malloc_sync(4) })), unsupported);
    if crate::common::on_gpu() {
        return;
    }
    // SAFETY: as above.
    let queued = refused(|device, _| code(unsafe { device.stream.alloc::<f32>(4) }));
    let read = refused(|device, x| code(device.stream.clone_dtoh(x)));
    let from_pageable = refused(|device, x| code(device.stream.memcpy_htod(&[1.0f32; 4], x)));
    assert_eq!([queued, read, from_pageable], [unsupported; 3]);
}

#[test]
fn waiting_for_an_event_from_outside_the_capture_is_an_error() {
    let isolation = refused(|device, _| {
        let other = device.context.new_stream().unwrap();
        let event = other.record_event(None).unwrap();
        code(device.stream.wait(&event))
    });
    assert_eq!(isolation, CUresult::CUDA_ERROR_STREAM_CAPTURE_ISOLATION);
}

#[test]
fn captured_events_never_complete() {
    let device = Device::new();
    device.stream.begin_capture(MODE).unwrap();
    let event = device.stream.record_event(None).unwrap();
    assert_eq!(code(event.synchronize()), CUresult::CUDA_ERROR_CAPTURED_EVENT);
    assert!(end(&device.stream).is_err());
}

#[test]
fn captures_end_on_the_stream_that_began_them() {
    let device = Device::new();
    let illegal = CUresult::CUDA_ERROR_ILLEGAL_STATE;
    assert_eq!(code(end(&device.stream)), illegal);
    device.stream.begin_capture(MODE).unwrap();
    assert_eq!(code(device.stream.begin_capture(MODE)), illegal);
    let other = device.context.new_stream().unwrap();
    other.join(&device.stream).unwrap();
    assert_eq!(code(end(&other)), CUresult::CUDA_ERROR_STREAM_CAPTURE_UNMATCHED);
    assert!(end(&device.stream).is_err());
}

#[test]
fn another_thread_cannot_end_a_capture() {
    let device = Device::new();
    device.stream.begin_capture(MODE).unwrap();
    let elsewhere = std::thread::scope(|scope| scope.spawn(|| code(end(&device.stream))).join());
    assert_eq!(elsewhere.unwrap(), CUresult::CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD);
    end(&device.stream).unwrap();
}

#[test]
fn other_streams_work_while_one_is_captured() {
    let device = Device::new();
    let other = device.context.new_stream().unwrap();
    let mut x = device.zeros(4);
    device.stream.synchronize().unwrap();
    device.stream.begin_capture(MODE).unwrap();
    device.step(&other, &mut x).unwrap();
    end(&device.stream).unwrap();
    other.synchronize().unwrap();
    assert_eq!(device.download(&x), [1.0; 4]);
}

#[test]
fn a_graph_with_freed_memory_fails() {
    let Some(device) = Device::emulated() else { return };
    let mut x = device.zeros(4);
    device.stream.begin_capture(MODE).unwrap();
    device.step(&device.stream, &mut x).unwrap();
    let graph = end(&device.stream).unwrap();
    drop(x);
    graph.launch().unwrap();
    assert_eq!(code(device.stream.synchronize()), CUresult::CUDA_ERROR_ILLEGAL_ADDRESS);
}

#[test]
fn contradictory_graph_flags_are_an_error() {
    let device = Device::new();
    device.stream.begin_capture(MODE).unwrap();
    let flags = CUgraphInstantiate_flags::CUDA_GRAPH_INSTANTIATE_FLAG_AUTO_FREE_ON_LAUNCH
        | CUgraphInstantiate_flags::CUDA_GRAPH_INSTANTIATE_FLAG_DEVICE_LAUNCH;
    let refused = device.stream.end_capture(flags);
    assert_eq!(code(refused), CUresult::CUDA_ERROR_INVALID_VALUE);
}
