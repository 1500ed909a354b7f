//! Every operation on a device against the reference, `Cpu<f64>`, on the same inputs.
//!
//! | module | holds |
//! |---|---|
//! | `cases` | the list of cases |
//! | `run` | running each operation on any device |
//! | `bench` | inputs, guarded outputs |
//! | `fused` | running products with what follows them
//! | `contract` | arguments of wrong lengths |
//! | `augment` | augmentation: running it, known values, the distribution, the transpose |
//! | `softmax` | cross-entropy with values computed by hand, invalid labels |
//! | `spectral_norm` | spectral normalization: running it, PyTorch's values, convergence |
//! | `tolerance` | the tolerance of each operation, and why |
//!
//! There is a test for each operation and device. It runs each of the operation's cases with aligned
//! and unaligned buffers, each time in two configurations that must give the same bits, and with
//! buffers that are whole allocations. Random numbers and copies must also have the same bits as on the
//! CPU.

mod augment;
mod bench;
mod cases;
mod contract;
mod fused;
mod penalties;
mod run;
mod softmax;
mod spectral_norm;
mod tolerance;

use std::collections::{BTreeMap, BTreeSet};

pub use augment::{
    augment_backward_is_the_transpose, augmentations_equal_those_of_the_authors,
    each_augmentation_equals_values_computed_by_hand, shifts_and_holes_are_uniform,
};
pub use bench::out_of_bounds_writes_are_detected;
use bench::{Output, Placement};
use cases::Case;
pub use contract::wrong_lengths_panic_with_names_and_numbers;
use gan_cuda::device::cpu::Cpu;
use gan_cuda_emulator::set_schedule;
pub use softmax::{
    an_invalid_label_makes_only_its_own_loss_nan, an_invalid_label_panics_on_the_cpu,
    softmax_cross_entropy_equals_values_computed_by_hand,
};
pub use spectral_norm::{
    iterations_converge_to_the_largest_singular_value, spectral_norm_equals_pytorchs,
    spectral_norm_waits_for_weight_gradients, without_an_iteration_the_bits_stay_the_same,
};

use crate::comparator::compare;
use crate::notes;
use crate::open::{Configuration, Tested, one_schedule, own_gemm};

/// The names of all operations.
pub fn names() -> BTreeSet<&'static str> {
    cases::all().iter().map(Case::operation).collect()
}

/// Compares all outputs of an operation's cases with the reference's, and with each other.
pub fn agrees_with_the_reference<D: Tested>(operation: &str) {
    agrees_in(operation, &D::configurations(), |_| true);
}

/// Operations that may multiply by kernels of our own.
pub const PRODUCTS: [&str; 3] =
    ["linear_forward", "linear_forward_to_single_output", "linear_backward_input"];

/// The same by these kernels, for as many rows as they multiply.
pub fn own_gemm_agrees_with_the_reference(operation: &str) {
    let few = |case: &Case| case.product_rows().is_some_and(|rows| rows <= 192);
    agrees_in(operation, &own_gemm(), few);
}

fn agrees_in<D: Tested>(
    operation: &str,
    configurations: &[Configuration<D>],
    includes: impl Fn(&Case) -> bool,
) {
    let reference = Cpu::<f64>::new(2);
    // Sanitizers see more of aligned buffers that are whole allocations.
    let placements = if one_schedule() { 1 } else { Placement::GUARDED.len() };
    let mut verdict = Verdict::default();
    let all = cases::all();
    let own = all.iter().filter(|case| case.operation() == operation && includes(case));
    for (number, case) in own.enumerate() {
        if verdict.has_enough() {
            break;
        }
        let want = case.run(&reference, Placement::Aligned);
        let guarded = Placement::GUARDED.into_iter().zip(others(number));
        for (placement, other) in guarded.take(placements) {
            let what = format!("{case:?}, {placement:?}");
            let first = configurations[0].run(case, placement);
            verdict.near(&what, case, &first, &want);
            if case.is_the_same_everywhere() {
                let on_the_cpu = case.run(&Cpu::<f32>::new(2), placement);
                verdict.same(&format!("{what}, on the CPU"), &first, &on_the_cpu);
            }
            let others = &configurations[1..];
            if let Some(configuration) = others.get(other % others.len().max(1)) {
                let other = configuration.run(case, placement);
                verdict.same(&format!("{what}, {}", configuration.name), &other, &first);
            }
        }
        let alone = configurations[0].run(case, Placement::Alone);
        verdict.near(&format!("{case:?}, alone"), case, &alone, &want);
    }
    verdict.pass(operation);
}

/// Which of the other configurations a case is run in, with each placement. They take turns so that
/// neighbouring cases, and pairs of cases, which often differ in a flag only, get different ones.
fn others(number: usize) -> [usize; 2] {
    let turn = number.count_ones() as usize;
    [turn, turn + 1]
}

impl<D: Tested> Configuration<D> {
    fn run(&self, case: &Case, placement: Placement) -> Vec<Output> {
        // Outputs are read before this returns, so no work is left for another schedule.
        self.schedule.map_or(Ok(()), set_schedule).unwrap();
        case.run(&self.device, placement)
    }
}

/// An operation that is wrong is so in most cases: after this many problems the others are not tried.
const ENOUGH: usize = 20;

/// The result of an operation's comparisons.
#[derive(Default)]
struct Verdict {
    /// The largest fraction of its tolerance that each output used.
    worst: BTreeMap<&'static str, f64>,
    problems: Vec<String>,
}

impl Verdict {
    /// Outputs must agree with the reference's within the operation's tolerance.
    fn near(&mut self, what: &str, case: &Case, got: &[Output], want: &[Output]) {
        assert_eq!(got.len(), want.len());
        for (got, want) in got.iter().zip(want) {
            let tolerance = tolerance::of(case.operation(), got.name, got.summands);
            match compare(&got.values, &want.values, tolerance) {
                Ok(share) => {
                    let worst = self.worst.entry(got.name).or_default();
                    *worst = worst.max(share);
                }
                Err(problem) => self.problems.push(format!("{what}: {}: {problem}", got.name)),
            }
        }
    }

    /// Outputs must have the same bits.
    fn same(&mut self, what: &str, got: &[Output], want: &[Output]) {
        assert_eq!(got.len(), want.len());
        for (got, want) in got.iter().zip(want) {
            assert_eq!(got.values.len(), want.values.len());
            let pairs = got.values.iter().zip(&want.values);
            let differ = pairs.filter(|(a, b)| a.to_bits() != b.to_bits()).count();
            if differ > 0 {
                self.problems.push(format!("{what}: {}: {differ} different numbers", got.name));
            }
        }
    }

    /// Whether there are so many problems that further ones would tell nothing new.
    fn has_enough(&self) -> bool {
        self.problems.len() >= ENOUGH
    }

    /// Fails if there was a problem.
    fn pass(self, operation: &str) {
        for (output, share) in self.worst {
            notes::tolerance_used(format!("{operation}: {output}"), share);
        }
        assert!(self.problems.is_empty(), "{operation}:\n{}", self.problems.join("\n"));
    }
}
