//! Stand-ins built with sanitizers report file and line of a kernel's invalid accesses. Each faulty
//! kernel runs in a child process, which it aborts.

use crate::common::{self, Device, grid};
use cudarc::driver::PushKernelArg;
use gan_cuda_emulator::{FOLDER, sanitizer_runtime};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Stand-ins with sanitizers and the sanitizer library; none without a sanitizer.
fn sanitized() -> Option<&'static (PathBuf, PathBuf)> {
    static BUILT: OnceLock<Option<(PathBuf, PathBuf)>> = OnceLock::new();
    let build = || {
        if common::on_gpu() {
            return None;
        }
        let runtime = sanitizer_runtime().map_err(|problem| println!("skipped: {problem}")).ok()?;
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("sanitized");
        Some((common::build(&folder, true), runtime))
    };
    BUILT.get_or_init(build).as_ref()
}

/// Whether the sanitizers are GCC's, which detect more than Clang's.
fn of_gcc() -> bool {
    sanitized().is_some_and(|(_, runtime)| runtime.ends_with("libasan.so"))
}

/// The variables that make a process use sanitized stand-ins; none without a sanitizer.
fn variables() -> Option<[(&'static str, &'static Path); 3]> {
    let (folder, runtime) = sanitized()?;
    // Leaks of the test program do not matter.
    let options = Path::new("detect_leaks=0");
    Some([(FOLDER, folder), ("LD_PRELOAD", runtime), ("ASAN_OPTIONS", options)])
}

/// Runs `body` in a child process, whose report must contain all `parts`.
fn assert_reported(test: &str, parts: &[&str], body: impl FnOnce()) {
    let Some(variables) = variables() else { return };
    let test = format!("sanitizers::{test}");
    let Some(output) = common::run_in_child(&test, &variables, body) else { return };
    let report = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{test} was not noticed");
    for part in parts {
        assert!(report.contains(part), "no {part} in the report: {report}");
    }
}

/// Launches an elementwise kernel y ← x on 32 threads, with y offset by `skipped` elements.
fn run(kernel: &str, skipped: usize, n: i32) {
    let device = Device::new();
    let (x, y) = (device.numbers(200), device.zeros(100));
    let y_address = device.address(&y) + 4 * skipped as u64;
    let kernel = device.kernel(kernel);
    device
        .launch(&kernel, grid(1, 32), |launch| launch.arg(&y_address).arg(&x).arg(&n).arg(&1.0f32));
    device.stream.synchronize().unwrap();
}

#[test]
fn writes_beyond_an_allocation_are_reported() {
    let parts = ["heap-buffer-overflow", "scale_too_far", "elements.cu:22"];
    assert_reported("writes_beyond_an_allocation_are_reported", &parts, || {
        run("scale_too_far", 0, 100);
    });
}

#[test]
fn misaligned_vectors_are_reported() {
    if of_gcc() {
        let parts = ["misaligned address", "elements.cu:56"];
        assert_reported("misaligned_vectors_are_reported", &parts, || run("copy_fours", 1, 16));
    }
}

#[test]
fn writes_beyond_a_shared_variable_are_reported() {
    if of_gcc() {
        let test = "writes_beyond_a_shared_variable_are_reported";
        assert_reported(test, &["barriers.cu:74"], || run("share_too_far", 0, 32));
    }
}

#[test]
fn right_kernels_are_not_reported() {
    let Some(variables) = variables() else { return };
    common::in_child("sanitizers::right_kernels_are_not_reported", &variables, || {
        run("scale", 0, 100);
        let device = Device::new();
        let (x, mut y) = (device.numbers(4096), device.zeros(4));
        let kernel = device.kernel("tree_sum");
        device.launch(&kernel, grid(4, 1024), |launch| launch.arg(&mut y).arg(&x).arg(&1u32));
        assert_eq!(device.download(&y)[0], (0..1024).sum::<i32>() as f32);
    });
}
