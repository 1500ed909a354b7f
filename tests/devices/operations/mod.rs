//! Every operation on a device against the reference, `Cpu<f64>`, on the same inputs.
//!
//! | module | holds |
//! |---|---|
//! | `cases` | the list of cases |
//! | `run` | how each operation is run on any device |
//! | `bench` | inputs, guarded outputs |
//! | `contract` | arguments of wrong lengths |
//! | `softmax` | cross-entropy by numbers known by hand, labels that are no classes |
//! | `tolerance` | what each operation may be off by, and why |
//!
//! A test per operation and device. It runs each of the operation's cases with buffers that begin
//! on a vector's boundary and with buffers that do not, in every way that must give the same bits,
//! and with buffers that are whole allocations.
//! What an iteration draws, and copies, must have the CPU's bits too.

mod bench;
mod cases;
mod contract;
mod run;
mod softmax;
mod tolerance;

use std::collections::{BTreeMap, BTreeSet};

pub use bench::writing_beside_a_buffer_is_noticed;
use bench::{Output, Placement};
use cases::Case;
pub use contract::wrong_lengths_are_refused_by_name_and_number;
use gan_cuda::device::cpu::Cpu;
use gan_cuda_emulator::set_schedule;
pub use softmax::{
    a_label_that_is_no_class_makes_its_loss_nan_and_no_other,
    a_label_that_is_no_class_panics_on_the_cpu, softmax_cross_entropy_gives_what_is_known_by_hand,
};

use crate::comparator::compare;
use crate::notes;
use crate::open::{Tested, Way};

/// The names of all operations.
pub fn names() -> BTreeSet<&'static str> {
    cases::all().iter().map(Case::operation).collect()
}

/// Compares all outputs of an operation's cases with the reference's, and with each other.
pub fn agrees_with_the_reference<D: Tested>(operation: &str) {
    let (reference, ways) = (Cpu::<f64>::new(2), D::ways());
    let mut verdict = Verdict::default();
    for case in cases::all().iter().filter(|case| case.operation() == operation) {
        let want = case.run(&reference, Placement::Aligned);
        for placement in Placement::GUARDED {
            let what = format!("{case:?}, {placement:?}");
            let first = ways[0].run(case, placement);
            verdict.near(&what, case, &first, &want);
            if case.is_the_same_everywhere() {
                let on_the_cpu = case.run(&Cpu::<f32>::new(2), placement);
                verdict.same(&format!("{what}, on the CPU"), &first, &on_the_cpu);
            }
            for way in &ways[1..] {
                let other = way.run(case, placement);
                verdict.same(&format!("{what}, {}", way.name), &other, &first);
            }
        }
        let alone = ways[0].run(case, Placement::Alone);
        verdict.near(&format!("{case:?}, alone"), case, &alone, &want);
    }
    verdict.pass(operation);
}

impl<D: Tested> Way<D> {
    fn run(&self, case: &Case, placement: Placement) -> Vec<Output> {
        // Outputs are read before this returns, so nothing is left to run under another one.
        self.schedule.map_or(Ok(()), set_schedule).unwrap();
        case.run(&self.device, placement)
    }
}

/// What the comparisons of an operation came to.
#[derive(Default)]
struct Verdict {
    /// The largest share of its tolerance that each output used.
    worst: BTreeMap<&'static str, f64>,
    problems: Vec<String>,
}

impl Verdict {
    /// Outputs must be as near to the reference's as the operation's tolerance says.
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
                self.problems.push(format!("{what}: {}: {differ} other numbers", got.name));
            }
        }
    }

    /// Fails if there was a problem.
    fn pass(self, operation: &str) {
        for (output, share) in self.worst {
            notes::share(format!("{operation}: {output}"), share);
        }
        assert!(self.problems.is_empty(), "{operation}:\n{}", self.problems.join("\n"));
    }
}
