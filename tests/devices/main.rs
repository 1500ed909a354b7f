//! One suite, run on every device: the CPU, the CUDA device on its emulator, and a GPU.
//!
//! | module | holds |
//! |---|---|
//! | `operations` | every operation against the reference, `Cpu<f64>`, on the same inputs |
//! | `precision` | matrix products whose factors are rounded |
//! | `golden` | PyTorch's recorded runs, replayed |
//! | `failure` | a GPU that fails: what is reported |
//! | `timing` | how long operations take, by replays of a graph |
//! | `training` | whole iterations and runs: the same as the CPU's, the same again, learning |
//! | `suite` | which tests there are for which device |
//! | `open` | how a device is had, and what to say when there is none |
//! | `processes` | the process that runs each group of tests in a process of its own |
//! | `tally`, `notes` | what is told at the end |
//! | `comparator` | what "the same" means |
//!
//! A GPU and the emulator cannot share a process, and a GPU that fails is lost to its process. So
//! each group of a device's tests (`golden`, `training`, …) has a process of its own, a child of the
//! one that was called. `GAN_CUDA_TEST_DEVICE` = `cpu`, `emulated` or `cuda` runs one device without
//! children; the emulator is then that of `GAN_CUDA_LIB_DIR`, where it is set.
//!
//! A device that is not there is skipped and said to be; `GAN_CUDA_REQUIRE_EMULATOR=1` and
//! `GAN_CUDA_REQUIRE_GPU=1` make its absence a failure. Run with `-- --nocapture` to see the
//! largest error of each comparison as a share of its tolerance.

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

use gan_cuda::device::Precision;
use gan_cuda::device::cuda::Cuda;
use libtest_mimic::Arguments;
use open::Kind;
use tally::Tally;

/// Names the one device that a process runs the suite on.
const DEVICE: &str = "GAN_CUDA_TEST_DEVICE";
/// Names the one group of tests that a child runs.
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
        // Trials share the GPU's context: what one of them waits for or destroys would break what
        // another captures. And the emulator's schedule, which some change, is the whole process's.
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
    // Tests open the device anew; as long as it is open here too, a GPU keeps its context, which
    // takes half a second to make. The emulator's is to end, to tell what was never freed.
    let _open = (kind == Kind::Cuda).then(|| Cuda::open(0, Precision::F32, false));
    let conclusion = libtest_mimic::run(&arguments, trials);
    if arguments.nocapture {
        notes::print();
    }
    Tally::of(kind, &conclusion).tell(kind);
    conclusion.exit_code()
}
