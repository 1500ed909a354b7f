//! Calls of NCCL's functions that are wrong by themselves: communicators with one rank are enough.

use crate::common::Device;
use crate::nccl::*;
use cudarc::driver::sys::{CUgraphInstantiate_flags, CUresult, CUstreamCaptureMode};
use cudarc::driver::{CudaGraph, CudaSlice};

const MODE: CUstreamCaptureMode = CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_THREAD_LOCAL;

/// A device with a communicator, and some memory; none on a real GPU.
struct Alone {
    device: Device,
    communicator: Communicator,
    x: CudaSlice<f32>,
}

impl Alone {
    fn new() -> Option<Self> {
        let device = Device::emulated()?;
        let communicator = Communicator::new(unique_id(), 0, 1).unwrap();
        let x = device.numbers(10);
        device.stream.synchronize().unwrap();
        Some(Self { device, communicator, x })
    }

    fn x(&self) -> u64 {
        self.device.address(&self.x)
    }

    fn call(&self, call: Call) -> Result<(), Failure> {
        self.communicator.call(call, self.device.stream.cu_stream())
    }

    fn end_capture(&self) -> Result<CudaGraph, CUresult> {
        let ended = self.device.stream.end_capture(CUgraphInstantiate_flags(0));
        ended.map(Option::unwrap).map_err(|error| error.0)
    }
}

#[test]
fn wrong_arguments_are_an_error() {
    let Some(alone) = Alone::new() else { return };
    let sum = Call::sum(alone.x(), alone.x(), 4);
    let gather = Call { kind: Kind::Gather, ..sum };
    let wrong = [
        (Call { kind: Kind::Reduce(MAX), ..sum }, "sums only"),
        (Call { data: FLOAT16, ..sum }, "does not implement type 6"),
        (Call { data: INT32, ..sum }, "does not implement type 2"),
        (Call { data: UINT8, ..gather }, "does not implement type 1"),
        (Call { kind: Kind::Broadcast(1), ..sum }, "root 1 of 1 ranks"),
        (Call { kind: Kind::Broadcast(-1), ..sum }, "root -1 of 1 ranks"),
        (Call { count: usize::MAX / 2, ..sum }, "elements"),
        (Call { to: sum.from + 4, ..sum }, "overlap"),
        (Call { from: sum.from + 8, ..gather }, "overlap"),
        (Call { to: sum.from + 17, ..sum }, "misaligned"),
    ];
    for (call, words) in wrong {
        alone.call(call).unwrap_err().is(INVALID_ARGUMENT, words);
    }
    alone.call(Call { to: sum.from + 16, ..sum }).unwrap();
    alone.call(Call { count: 0, ..sum }).unwrap();
    assert_eq!(alone.device.download(&alone.x)[..8], [0.0, 1.0, 2.0, 3.0, 0.0, 1.0, 2.0, 3.0]);
}

/// The memory has ten numbers.
#[test]
fn buffers_beyond_their_memory_are_an_error() {
    let (reduce, gather, broadcast) = (Kind::Reduce(SUM), Kind::Gather, Kind::Broadcast(0));
    for (kind, offsets, words) in [
        (reduce, [24, 0], "ncclAllReduce: sendbuff at"),
        (reduce, [0, 24], "ncclAllReduce: recvbuff at"),
        (gather, [24, 0], "ncclAllGather: sendbuff at"),
        (gather, [0, 24], "ncclAllGather: recvbuff at"),
        (broadcast, [24, 0], "ncclBroadcast: sendbuff at"),
        (broadcast, [0, 24], "ncclBroadcast: recvbuff at"),
    ] {
        let Some(alone) = Alone::new() else { return };
        let call =
            |[from, to]: [u64; 2]| Call { kind, ..Call::sum(alone.x() + from, alone.x() + to, 5) };
        alone.call(call([0, 20])).unwrap();
        alone.device.stream.synchronize().unwrap();
        alone.call(call(offsets)).unwrap();
        alone.device.failed(CUresult::CUDA_ERROR_ILLEGAL_ADDRESS, &[words]);
    }
}

#[test]
fn freed_buffers_are_an_error() {
    let Some(alone) = Alone::new() else { return };
    let sum = Call::sum(alone.x(), alone.x(), 10);
    let Alone { device, communicator, x } = alone;
    drop(x);
    communicator.call(sum, device.stream.cu_stream()).unwrap();
    device.failed(CUresult::CUDA_ERROR_ILLEGAL_ADDRESS, &["ncclAllReduce: sendbuff at"]);
}

#[test]
fn streams_and_contexts_of_other_devices_are_an_error() {
    let Some(alone) = Alone::new() else { return };
    let sum = Call::sum(alone.x(), alone.x(), 10);
    let other = Device::new();
    let stream = alone.device.stream.cu_stream();
    // Now the other's context is current.
    for stream in [stream, other.stream.cu_stream()] {
        let refused = alone.communicator.call(sum, stream).unwrap_err();
        refused.is(INVALID_ARGUMENT, "the current context is not the communicator's");
    }
    alone.device.context.bind_to_thread().unwrap();
    let refused = alone.communicator.call(sum, other.stream.cu_stream()).unwrap_err();
    refused.is(UNHANDLED_CUDA_ERROR, "not a stream of this context");
    alone.call(sum).unwrap();
}

#[test]
fn communicators_begin_and_end_outside_captures() {
    let Some(alone) = Alone::new() else { return };
    let words = "while a stream is captured";
    alone.device.stream.begin_capture(MODE).unwrap();
    let begun = Communicator::new(unique_id(), 0, 1).err().unwrap();
    begun.is(UNHANDLED_CUDA_ERROR, &format!("ncclCommInitRank {words}"));
    let invalidated = CUresult::CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
    assert_eq!(alone.end_capture().err(), Some(invalidated));
    alone.device.stream.begin_capture(MODE).unwrap();
    let ended = alone.communicator.destroy().unwrap_err();
    ended.is(UNHANDLED_CUDA_ERROR, &format!("ncclCommDestroy {words}"));
    assert_eq!(alone.end_capture().err(), Some(invalidated));
}

#[test]
fn a_graph_that_outlives_its_communicator_fails() {
    let Some(alone) = Alone::new() else { return };
    alone.device.stream.begin_capture(MODE).unwrap();
    alone.call(Call::sum(alone.x(), alone.x(), 10)).unwrap();
    let graph = alone.end_capture().unwrap();
    graph.launch().unwrap();
    alone.communicator.destroy().unwrap();
    graph.launch().unwrap();
    let words = "ncclAllReduce: the communicator was destroyed";
    alone.device.failed(CUresult::CUDA_ERROR_LAUNCH_FAILED, &[words]);
    alone.communicator.destroy().unwrap_err().is(INVALID_ARGUMENT, "not a communicator");
}
