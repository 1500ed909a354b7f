//! Memory: several ranks have room for larger batches.

use super::super::scratch::Scratch;
use super::{Process, Ranks};

/// Emulated memory: cuBLAS takes 2 × 32 MiB, its code and the driver 256 MiB: 16 MiB remain.
const MEMORY: &str = "352321536";

/// The answers of ranks with this batch size.
fn try_batch(ranks: &Ranks<'_>, batch: u32) -> Vec<super::Answer> {
    let flags = "--iterations 1 --device cuda --g-hidden 64 --d-hidden 64";
    let start = |rank| {
        let mut command = ranks.command(rank, &format!("train {flags} --batch-size {batch}"));
        command.env("GAN_CUDA_EMULATOR_MEMORY", MEMORY);
        Process::start(command)
    };
    let all: Vec<_> = (0..ranks.size).map(start).collect();
    all.into_iter().map(Process::finish).collect()
}

/// The largest batch that fits, as every rank says.
fn largest(scratch: &Scratch, size: usize) -> Option<u32> {
    let ranks = Ranks::new(scratch, size)?;
    let stated = try_batch(&ranks, 9000).into_iter().map(|answer| {
        let message = answer.fails(1, &["not enough memory", "are needed", "are free"]);
        let (_, largest) = message.split_once("largest batch that fits has ").unwrap();
        largest.trim().parse::<u32>().unwrap()
    });
    let stated: Vec<_> = stated.collect();
    assert!(stated.iter().all(|&batch| batch == stated[0]), "{stated:?}");
    for answer in try_batch(&ranks, stated[0] + 1) {
        answer.fails(1, &["not enough memory"]);
    }
    for answer in try_batch(&ranks, stated[0]) {
        answer.succeeds();
    }
    Some(stated[0])
}

#[test]
fn a_batch_that_fits_on_several_ranks_is_larger() {
    let scratch = Scratch::new();
    let Some(alone) = largest(&scratch, 1) else { return };
    let two = largest(&scratch, 2).unwrap();
    assert!(two > alone, "{two} with two ranks, {alone} alone");
}
