//! One suite, run on every device: the CPU, the CUDA device on its emulator, and a GPU.
//!
//! | module | holds |
//! |---|---|
//! | `operations` | every operation against the reference, `Cpu<f64>`, on the same inputs |
//! | `precision` | matrix multiplications with rounded operands |
//! | `golden` | PyTorch's golden runs |
//! | `failure` | the report of a GPU failure |
//! | `timing` | timing of operations by launches of a graph |
//! | `training` | whole iterations and runs: parity with the CPU, reproducibility, learning |
//! | `suite` | the list of tests for each device |
//! | `open` | opening devices, and the message if there is none |
//! | `processes` | the parent process, which runs each group of tests in a child process |
//! | `tally`, `notes` | the summary at the end |
//! | `comparator` | the comparison of numbers |
//!
//! A GPU and the emulator cannot share a process, and a GPU failure affects the rest of its process.
//! So each group of a device's tests (`golden`, `training`, …) runs in a child process.
//! `GAN_CUDA_TEST_DEVICE` = `cpu`, `emulated` or `cuda` runs one device without children; the emulator
//! is then that of `GAN_CUDA_LIB_DIR`, if set.
//!
//! A missing device is reported as skipped; `GAN_CUDA_REQUIRE_EMULATOR=1` and `GAN_CUDA_REQUIRE_GPU=1`
//! make its absence a failure. Run with `-- --nocapture` to see the largest error of each comparison
//! as a fraction of its tolerance.

mod comparator;
mod failure;
mod golden;
mod notes;
mod open;
mod operations;
mod precision;
mod processes;
#[path = "../common/runs.rs"]
mod runs;
mod suite;
mod tally;
mod timing;
mod training;

use std::env;
use std::process::ExitCode;

use gan_cuda::device::cuda::{Cuda, CudaOptions};
use libtest_mimic::Arguments;
use open::Kind;
use tally::Tally;

/// Selects the device on which a process runs the suite.
const DEVICE: &str = "GAN_CUDA_TEST_DEVICE";
/// Selects the group of tests that a child runs.
const GROUP: &str = "GAN_CUDA_TEST_GROUP";

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let Some(word) = env::var_os(DEVICE) else {
        return processes::run(&arguments);
    };
    match Kind::ALL.into_iter().find(|kind| word == kind.word()) {
        Some(kind) => run(kind, arguments),
        None => {
            let words = Kind::ALL.map(Kind::word).join(", ");
            eprintln!("error: {DEVICE} is {}, not one of {words}", word.display());
            ExitCode::from(2)
        }
    }
}

/// Runs the suite, or a group of it, on one device, in this process.
fn run(kind: Kind, mut arguments: Arguments) -> ExitCode {
    let group = env::var(GROUP).ok();
    let mut trials = suite::trials(kind);
    trials.retain(|trial| group.as_deref().is_none_or(|group| group == suite::group(trial)));
    if kind != Kind::Cpu {
        // Tests share the GPU's context: one that waits or frees memory would break another one's
        // capture. And the emulator's schedule, which some tests change, is global.
        arguments.test_threads = Some(1);
    }
    if arguments.list {
        return libtest_mimic::run(&arguments, trials).exit_code();
    }
    println!(
        "\n{kind}{}: {}",
        group.map_or_else(String::new, |group| format!(", {group}")),
        kind.describe()
    );
    // Each test opens the device; as long as it is open here too, a GPU keeps its context, whose
    // creation takes half a second. The emulator's context must end, to report leaks.
    let _open = (kind == Kind::Cuda).then(|| Cuda::open(0, CudaOptions::default()));
    let conclusion = libtest_mimic::run(&arguments, trials);
    if arguments.nocapture {
        notes::print();
    }
    Tally::of(kind, &conclusion).report(kind);
    conclusion.exit_code()
}
