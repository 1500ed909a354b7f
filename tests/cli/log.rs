//! `RUST_LOG`: logs to standard error, and leaves other output and the progress bar intact.

use std::path::Path;

use super::scratch::{Answer, Scratch, TINY, has};

fn logging(scratch: &Scratch, filter: &str, arguments: &str) -> Answer {
    scratch.run_with(arguments, &[("RUST_LOG", Path::new(filter))])
}

#[test]
fn log_goes_to_standard_error_only() {
    let scratch = Scratch::new();
    let plain = scratch.run("doctor").ends_with(3);
    let logged = logging(&scratch, "gan_cuda=debug", "doctor");
    assert_eq!(logged.out, plain);
    has(&logged.err, &["DEBUG gan_cuda::device::cuda", "cuBLAS", "not found", "no-libraries"]);
    assert!(!logged.err.contains('\x1b'), "{}", logged.err);
}

#[test]
fn log_lists_files_read_and_written() {
    let scratch = Scratch::with_digits();
    let err = logging(&scratch, "debug", &format!("train {TINY} --iterations 4 -q")).warns();
    has(&err, &["computing on the CPU", "train-images-idx3-ubyte", "memory", "a new run"]);
    has(&err, &["config.toml", "samples/000004.png", "elapsed="]);
    has(&err, &["wrote a checkpoint path=runs/00000-cgan-mnist/checkpoint-000004 bytes="]);
    let err = logging(&scratch, "info", "train --resume --iterations 6 -q").warns();
    assert!(err.contains("resuming") && !err.contains("DEBUG"), "{err}");
}

#[test]
fn only_trace_logs_each_iteration() {
    let scratch = Scratch::with_digits();
    let lines = |filter: &str| {
        let filter = ("RUST_LOG", filter);
        let command = format!("train {TINY} --device cuda --iterations 7 -q");
        let answer = super::cuda::emulated(&scratch, &command, &[filter])?;
        let err = answer.warns();
        Some(
            ["captured a CUDA graph", "launching a CUDA graph"]
                .map(|words| err.matches(words).count()),
        )
    };
    let Some(traced) = lines("gan_cuda::device=trace") else { return };
    // Two batches of 16 and one of 8 per epoch: the first iteration of each size launches kernels
    // one by one, the second is captured.
    assert_eq!(traced, [2, 3]);
    assert_eq!(lines("gan_cuda::device=debug"), Some([2, 0]));
    assert_eq!(lines("gan_cuda=warn"), Some([0, 0]));
}

#[test]
fn invalid_filter_gives_a_warning_and_the_command_runs() {
    let scratch = Scratch::new();
    let plain = scratch.run("presets").succeeds();
    for (filter, word) in [
        ("gan_cuda=loud", "is \"gan_cuda=loud\""),
        ("debgu", "has \"debgu\""),
        // The crate is called gan_cuda.
        ("warn,gan-cuda", "has \"gan-cuda\""),
    ] {
        let answer = logging(&scratch, filter, "presets");
        assert_eq!(answer.out, plain);
        let err = answer.warns();
        assert!(err.starts_with(&format!("warning: RUST_LOG {word}")), "{err}");
        assert!(err.contains("gan_cuda=debug") && err.lines().count() == 1, "{err}");
    }
    for filter in ["", "off", "error", "other=debug"] {
        assert_eq!(logging(&scratch, filter, "presets").succeeds(), plain, "{filter:?}");
    }
}

/// The final screen of a run that constantly writes files, prints lines and logs.
#[test]
#[cfg(target_os = "linux")]
fn progress_bar_is_not_broken_by_other_lines() {
    let scratch = Scratch::with_digits();
    let train = format!("train {TINY} --epochs 50 --sample-interval 5 -v");
    let Some(rows) = scratch.screen(&train, &[("RUST_LOG", "debug")]) else { return };
    let count = |word: &str| rows.iter().filter(|row| row.contains(word)).count();
    let logged: Vec<_> = rows.iter().filter(|row| row.contains(" gan_cuda::")).collect();
    assert!(logged.len() > 80 && count("wrote runs/") >= 30, "{rows:#?}");
    for row in logged {
        assert!(row.starts_with("20") && row.matches(" gan_cuda::").count() == 1, "{row:?}");
        assert!(!row.contains("elapsed,") && !row.contains("images/s"), "{row:?}");
    }
    assert_eq!([count("elapsed, "), count("images/s")], [1, 1], "one bar: {rows:#?}");
    let bar = rows.iter().position(|row| row.contains("elapsed, ")).unwrap();
    assert!(rows[bar].starts_with("epoch 50/50") && rows[bar].contains("150/150"), "{rows:#?}");
    assert!(rows[bar + 1].contains("G loss"), "{rows:#?}");
    assert!(rows.last().unwrap().starts_with("done: 150 iterations"), "{rows:#?}");
}
