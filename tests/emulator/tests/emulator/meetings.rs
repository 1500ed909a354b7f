//! Which ranks can be a communicator, and what those that cannot are told.

use crate::common::{Device, on_gpu};
use crate::nccl::*;
use crate::ranks::{Rank, with_ranks};

/// Asserts that joining fails.
#[track_caller]
fn refused(joined: Result<Communicator, Failure>, code: i32, words: &str) {
    joined.err().expect("it joined").is(code, words);
}

#[test]
fn version_and_errors_have_nccls_words() {
    if on_gpu() {
        return;
    }
    assert_eq!(version(), 22809);
    assert_eq!(error_string(0), "no error");
    assert!(error_string(REMOTE_ERROR).starts_with("remote process exited"));
    assert_eq!(error_string(99), "unknown result code");
}

#[test]
fn two_ranks_on_one_device_are_refused() {
    with_ranks("meetings::two_ranks_on_one_device_are_refused", 3, &[], |rank| {
        // Ranks 1 and 2 have the same.
        let shared = Device::numbered(rank.rank.min(1));
        let words = "Duplicate GPU detected : rank 1 and rank 2 both on CUDA device 1";
        let joined = rank.try_to_join("same", rank.rank, rank.ranks);
        // Whoever came first is named first.
        let swapped = words.replace("rank 1 and rank 2", "rank 2 and rank 1");
        let failure = joined.err().unwrap();
        failure.is(INVALID_USAGE, if failure.text.contains(words) { words } else { &swapped });
        // Other hosts have other devices.
        // SAFETY: no other thread reads the environment now.
        unsafe { std::env::set_var("NCCL_HOSTID", format!("host {}", rank.rank)) };
        rank.join("other hosts").destroy().unwrap();
        drop(shared);
    });
}

#[test]
fn ranks_that_do_not_fit_are_refused() {
    with_ranks("meetings::ranks_that_do_not_fit_are_refused", 3, &[], |rank| {
        let _device = rank.device(0);
        let twice = rank.try_to_join("twice", rank.rank.min(1), 3);
        refused(twice, INVALID_USAGE, "rank 1 of 3 ranks has already checked in");
        if rank.rank < 2 {
            let other = rank.try_to_join("other", rank.rank, 2 + 2 * rank.rank);
            refused(other, INVALID_USAGE, "mismatch in rank count from procs 2 : 4");
        }
        // Only the process that made the ID can be rank 0.
        if rank.rank == 2 {
            let elsewhere = Communicator::new(rank.id("elsewhere"), 0, 1);
            refused(elsewhere, INVALID_USAGE, "rank 0 is the process that called ncclGetUniqueId");
            rank.tell("seen", &[]);
        } else if rank.rank == 0 {
            let id = rank.id("elsewhere");
            rank.ask("seen");
            Communicator::new(id, 0, 1).unwrap().destroy().unwrap();
            refused(Communicator::new(id, 0, 1), INVALID_USAGE, "an ID serves once");
            refused(Communicator::new(id, 1, 2), SYSTEM_ERROR, "no rank 0 waits at this ID");
        }
    });
}

#[test]
fn absent_ranks_are_not_waited_for_forever() {
    let variables = [("GAN_CUDA_EMULATOR_MEETING", "1")];
    let test = "meetings::absent_ranks_are_not_waited_for_forever";
    with_ranks(test, 3, &variables, |rank: &Rank| {
        let _device = rank.device(0);
        if rank.rank == 2 {
            return;
        }
        // Rank 1 also waits for a second.
        let failure = rank.try_to_join("id", rank.rank, rank.ranks).err().unwrap();
        let told = failure.text.contains("only 2 of 3 ranks came within 1 seconds");
        failure.is(SYSTEM_ERROR, if told { "only 2 of 3" } else { "not all ranks came within 1" });
    });
}

#[test]
fn ranks_in_one_process_are_refused() {
    if on_gpu() {
        return;
    }
    let id = unique_id();
    let join = |rank| {
        move || {
            let _device = Device::new();
            let words = "are in one process; emulated, each needs a process of its own";
            refused(Communicator::new(id, rank, 2), INVALID_USAGE, words);
        }
    };
    std::thread::scope(|scope| {
        let threads = [0, 1].map(|rank| scope.spawn(join(rank)));
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

#[test]
fn impossible_ranks_and_ids_are_an_error() {
    let Some(_device) = Device::emulated() else { return };
    for (rank, ranks) in [(0, 0), (2, 2), (usize::MAX, 2)] {
        refused(Communicator::new(unique_id(), rank, ranks), INVALID_ARGUMENT, "ncclCommInitRank");
    }
    let id = UniqueId([7; 128]);
    refused(Communicator::new(id, 0, 1), INVALID_ARGUMENT, "not an ID of ncclGetUniqueId");
}

#[test]
fn a_communicator_needs_a_context() {
    if on_gpu() {
        return;
    }
    let id = unique_id();
    // A new thread has no context.
    let joined = std::thread::spawn(move || Communicator::new(id, 0, 1)).join().unwrap();
    refused(joined, UNHANDLED_CUDA_ERROR, "ncclCommInitRank: ");
}
