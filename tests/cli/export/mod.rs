//! `gan-cuda export`.

mod arrays;
mod refusals;
mod weights;

use super::scratch::Scratch;

const RUN: &str = "runs/00000-cgan-mnist";
const CHECKPOINT: &str = "runs/00000-cgan-mnist/checkpoint-000004";

/// A folder with a run of four iterations; flags as for `train`.
fn trained(flags: &str) -> Scratch {
    let scratch = Scratch::with_digits();
    scratch.train(&format!("--iterations 4 {flags}")).succeeds();
    scratch
}
