//! Ranks that call something else than the others, leave, are killed, or give up.

use crate::common::Device;
use crate::nccl::*;
use crate::ranks::{Rank, with_ranks};
use cudarc::driver::sys::{CUgraphInstantiate_flags, CUresult, CUstreamCaptureMode};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::Duration;

const FAILED: CUresult = CUresult::CUDA_ERROR_LAUNCH_FAILED;

fn kinds() -> [(&'static str, Call, Call, &'static str); 4] {
    let sum = Call::sum(0, 0, 12);
    let broadcast = Call { kind: Kind::Broadcast(0), ..sum };
    [
        ("kind", sum, Call { kind: Kind::Gather, count: 3, ..sum }, "ncclAllGather of 3 elements"),
        ("count", sum, Call { count: 11, ..sum }, "ncclAllReduce of 11 elements"),
        ("type", broadcast, Call { data: INT32, ..broadcast }, "of type 2"),
        ("root", broadcast, Call { kind: Kind::Broadcast(1), ..broadcast }, "from rank 1"),
    ]
}

#[test]
fn different_calls_fail_on_all_ranks() {
    with_ranks("partings::different_calls_fail_on_all_ranks", 3, &[], |rank| {
        for (number, (name, common, other, words)) in kinds().into_iter().enumerate() {
            let device = rank.device(number);
            let communicator = rank.join(name);
            let stream = device.stream.cu_stream();
            let (x, y) = (device.numbers(40), device.zeros(40));
            let (from, to) = (device.address(&x), device.address(&y));
            communicator.call(Call::sum(from, to, 40), stream).unwrap();
            let call = if rank.rank == 2 { other } else { common };
            communicator.call(Call { from, to, ..call }, stream).unwrap();
            let words =
                [words, "of 12 elements", "as operation 2 on rank 0, ", "as operation 2 on rank 2"];
            device.failed(FAILED, &words);
            assert_eq!(communicator.async_error().unwrap(), INVALID_USAGE);
            // The context has failed, and so do other calls of it.
            let again = communicator.call(Call::sum(from, to, 40), stream).unwrap_err();
            again.is(UNHANDLED_CUDA_ERROR, "ncclAllReduce: unspecified launch failure");
            communicator.destroy().unwrap_err().is(UNHANDLED_CUDA_ERROR, "ncclCommDestroy");
        }
    });
}

/// A rank captures a call without launching the graph; its next call has another number.
#[test]
fn a_call_too_many_fails_on_all_ranks() {
    with_ranks("partings::a_call_too_many_fails_on_all_ranks", 2, &[], |rank| {
        let device = rank.device(0);
        let (communicator, stream) = (rank.join("id"), device.stream.cu_stream());
        let x = device.numbers(4);
        let sum = Call::sum(device.address(&x), device.address(&x), 4);
        device.stream.synchronize().unwrap();
        if rank.rank == 1 {
            let mode = CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_THREAD_LOCAL;
            device.stream.begin_capture(mode).unwrap();
            communicator.call(sum, stream).unwrap();
            device.stream.end_capture(CUgraphInstantiate_flags(0)).unwrap();
        }
        communicator.call(sum, stream).unwrap();
        device.failed(FAILED, &["as operation 1 on rank 0, ", "as operation 2 on rank 1"]);
    });
}

#[test]
fn a_destroyed_communicator_fails_the_other_ranks() {
    with_ranks("partings::a_destroyed_communicator_fails_the_other_ranks", 3, &[], |rank| {
        for leaver in [0, 1] {
            let device = rank.device(leaver);
            let communicator = rank.join(&format!("without {leaver}"));
            let x = device.zeros(4);
            let sum = Call::sum(device.address(&x), device.address(&x), 4);
            communicator.call(sum, device.stream.cu_stream()).unwrap();
            if rank.rank == leaver {
                // It waits for the sum.
                communicator.destroy().unwrap();
                assert_eq!(device.download(&x), [0.0; 4]);
                continue;
            }
            device.stream.synchronize().unwrap();
            assert_eq!(communicator.async_error().unwrap(), 0);
            communicator.call(sum, device.stream.cu_stream()).unwrap();
            let words =
                format!("as operation 2 on rank {}", if leaver == 0 { rank.rank } else { 0 });
            let cause = format!("but rank {leaver} has destroyed the communicator");
            device.failed(FAILED, &[&words, &cause]);
        }
    });
}

/// Runs a sum that does not end, because a rank is lost, until another thread aborts it.
fn hang_until_aborted(device: &Device, communicator: Communicator, sum: Call, async_error: i32) {
    let ended = AtomicBool::new(false);
    communicator.call(sum, device.stream.cu_stream()).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while communicator.async_error().unwrap() != async_error {
                sleep(Duration::from_millis(2));
            }
            sleep(Duration::from_millis(300));
            assert!(!ended.load(Ordering::SeqCst), "it did not hang");
            communicator.abort().unwrap();
        });
        device.failed(FAILED, &["ncclAllReduce: the communicator was aborted"]);
        ended.store(true, Ordering::SeqCst);
    });
    let gone = "not a communicator, or one that was destroyed or aborted";
    let call = communicator.call(sum, device.stream.cu_stream());
    for after in [call, communicator.abort(), communicator.destroy()] {
        after.unwrap_err().is(INVALID_ARGUMENT, gone);
    }
    communicator.async_error().unwrap_err().is(INVALID_ARGUMENT, gone);
}

/// Kills the rank `lost`: between two sums, or when it has begun one. The others survive.
fn lose(rank: &Rank, lost: usize, begun: bool) {
    let device = rank.device(0);
    let communicator = rank.join("id");
    let x = device.zeros(1 << 18);
    let sum = Call::sum(device.address(&x), device.address(&x), x.len());
    communicator.call(sum, device.stream.cu_stream()).unwrap();
    device.stream.synchronize().unwrap();
    if rank.rank == lost && begun {
        communicator.call(sum, device.stream.cu_stream()).unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| device.stream.synchronize());
            sleep(Duration::from_millis(100));
            rank.be_killed()
        });
    } else if rank.rank == lost {
        rank.be_killed();
    }
    rank.wait_for_death(lost);
    // A rank with a connection to the lost one can notice.
    let async_error = if rank.rank == 0 || lost == 0 { REMOTE_ERROR } else { 0 };
    hang_until_aborted(&device, communicator, sum, async_error);
}

#[test]
fn a_killed_rank_hangs_the_others_until_they_abort() {
    let test = "partings::a_killed_rank_hangs_the_others_until_they_abort";
    with_ranks(test, 3, &[], |rank| lose(rank, 2, true));
}

#[test]
fn a_killed_first_rank_hangs_the_others_until_they_abort() {
    let test = "partings::a_killed_first_rank_hangs_the_others_until_they_abort";
    with_ranks(test, 3, &[], |rank| lose(rank, 0, false));
}

#[test]
fn work_that_has_not_begun_fails_after_an_abort() {
    let Some(device) = Device::emulated() else { return };
    let communicator = Communicator::new(unique_id(), 0, 1).unwrap();
    let x = device.zeros(4);
    let sum = Call::sum(device.address(&x), device.address(&x), 4);
    communicator.call(sum, device.stream.cu_stream()).unwrap();
    communicator.abort().unwrap();
    device.failed(FAILED, &["ncclAllReduce: the communicator was aborted"]);
}
