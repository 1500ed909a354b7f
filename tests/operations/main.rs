//! Every operation on a device against the reference, `Cpu<f64>`, on the same inputs.
//!
//! | module | holds |
//! |---|---|
//! | `cases` | the list of cases |
//! | `run` | how each operation is run on any device |
//! | `bench` | inputs, guarded outputs |
//! | `tolerance` | what each operation may be off by, and why |
//!
//! A new device goes through the same list with a test of three lines, as the one for the CPU in
//! single precision. Run with `-- --nocapture` to see the largest error of each operation as a
//! share of its tolerance.

mod bench;
mod cases;
#[path = "../common/mod.rs"]
mod common;
mod run;
mod tolerance;

use std::collections::BTreeMap;

use bench::Output;
use cases::Case;
use common::compare;
use gan_cuda::device::Device;
use gan_cuda::device::cpu::Cpu;

#[test]
fn cpu_in_single_precision_agrees_with_the_reference() {
    agrees_with_the_reference(&Cpu::<f32>::new(2));
}

#[test]
fn cpu_in_single_precision_is_bitwise_the_same_with_any_number_of_threads() {
    let [alone, two, three] = [1, 2, 3].map(Cpu::<f32>::new);
    is_bitwise_the_same(&alone, &two);
    is_bitwise_the_same(&alone, &three);
    is_bitwise_the_same(&alone, &alone);
}

/// Compares all outputs of all cases on a device with the reference's.
fn agrees_with_the_reference<D: Device<Real = f32>>(device: &D) {
    let reference = Cpu::<f64>::new(2);
    let mut worst: BTreeMap<String, f64> = BTreeMap::new();
    let mut problems = Vec::new();
    for case in cases::all() {
        for (got, want) in both(&case, device, &reference) {
            let operation = case.operation();
            let tolerance = tolerance::of(operation, got.name, got.summands);
            match compare(&got.values, &want.values, tolerance) {
                Ok(share) => {
                    let worst = worst.entry(format!("{operation}: {}", got.name)).or_default();
                    *worst = worst.max(share);
                }
                Err(problem) => problems.push(format!("{case:?}: {}: {problem}", got.name)),
            }
        }
    }
    println!("{}", device.describe());
    worst.iter().for_each(|(output, share)| println!("{output:45} {share:7.4}"));
    assert!(problems.is_empty(), "{}:\n{}", device.describe(), problems.join("\n"));
}

/// Compares all outputs of all cases on two devices, bit by bit.
fn is_bitwise_the_same<D: Device, E: Device>(a: &D, b: &E) {
    for case in cases::all() {
        for (a, b) in both(&case, a, b) {
            let pairs = a.values.iter().zip(&b.values);
            let differ = pairs.filter(|(a, b)| a.to_bits() != b.to_bits()).count();
            assert_eq!(differ, 0, "{case:?}: {}: {differ} numbers differ", a.name);
            assert_eq!(a.values.len(), b.values.len(), "{case:?}: {}", a.name);
        }
    }
}

/// A case's outputs on two devices, in pairs.
fn both<D: Device, E: Device>(case: &Case, a: &D, b: &E) -> Vec<(Output, Output)> {
    let (a, b) = (case.run(a), case.run(b));
    assert_eq!(a.len(), b.len());
    a.into_iter().zip(b).collect()
}
