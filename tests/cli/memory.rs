//! Memory: runs that do not fit, and the printed estimate.

#[cfg(target_os = "linux")]
use std::{fs, process::Stdio};

#[cfg(target_os = "linux")]
use gan_cuda::run::dir::RunDir;

use super::scratch::Scratch;
#[cfg(target_os = "linux")]
use super::stop::wait_for;

#[test]
fn too_large_a_batch_is_refused_with_the_largest_that_fits() {
    let scratch = Scratch::with_digits();
    let flags = "--preset mlp-rgb --dataset mnist --data-dir digits --image-size 256 \
                 --g-hidden 12 --d-hidden 12 --batch-size 1000000";
    for more in ["", "--dry-run"] {
        let error = scratch.run(&format!("train {flags} {more}"));
        let words = ["not enough memory on CPU", "TiB are needed", "are free"];
        let message = error.fails(1, &words);
        let (_, largest) = message.split_once("largest batch that fits has ").unwrap();
        let largest: u32 = largest.trim().parse().unwrap();
        assert!((1..1_000_000).contains(&largest), "{message}");
    }
    assert!(!scratch.path("runs").exists());
}

#[test]
fn largest_valid_values_are_refused_for_lack_of_memory() {
    let scratch = Scratch::with_digits();
    let most = ["1000000"; 64].join(",");
    for flags in [
        "--latent-dim 1000000 --g-hidden 1000000,1000000".to_owned(),
        format!("--g-hidden {most} --d-hidden {most} --latent-dim 1000000 --batch-size 1000000"),
    ] {
        let words = ["not enough memory", "not even the smallest batch fits"];
        scratch.run(&format!("train --data-dir digits {flags}")).fails(1, &words);
    }
    let shape = "--image-size 1024 --channels 3";
    scratch.run(&format!("train {shape}")).fails(1, &["1024×1024 rgb", "do not fit into memory"]);
    let bench = "bench --preset mlp-rgb --batch-size 1000000";
    scratch.run(bench).fails(1, &["not enough memory", "smaller batch"]);
    assert!(!scratch.path("runs").exists());
}

/// The peak memory of a process in bytes.
#[cfg(target_os = "linux")]
fn peak(process: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    1024.0 * line.trim().strip_suffix(" kB").unwrap().parse::<f64>().unwrap()
}

/// The memory in bytes that the banner of a run prints.
#[cfg(target_os = "linux")]
fn printed_memory(out: &str) -> f64 {
    let line = out.lines().find_map(|line| line.strip_prefix("memory    about ")).unwrap();
    let (size, rest) = line.split_once(' ').unwrap();
    let unit = match &rest[..3] {
        "MiB" => f64::from(1 << 20),
        "GiB" => f64::from(1 << 30),
        other => panic!("{other} in {line}"),
    };
    size.parse::<f64>().unwrap() * unit
}

#[cfg(target_os = "linux")]
#[test]
fn printed_memory_is_close_to_the_peak() {
    // Colour images, with layers that are written in a moment.
    let colour = "--preset mlp-rgb --dataset mnist --image-size 64 --g-hidden 512 --d-hidden 512";
    for flags in ["", "--preset dcgan", colour] {
        let scratch = Scratch::new();
        let train = format!("train --device cpu --threads 1 --checkpoint-interval 1 {flags}");
        let newest = || {
            let run = RunDir::open(&scratch.path("runs/00000-a")).ok();
            run.and_then(|(run, _)| run.newest_checkpoint().ok()).unwrap_or(0)
        };
        for more in ["--name a", "--resume"] {
            let start = newest();
            let mut command = scratch.command(&format!("{train} {more} --iterations 1000000"));
            let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
            wait_for("a checkpoint", || {
                assert!(child.try_wait().unwrap().is_none(), "the run ended by itself");
                newest() > start + 1
            });
            let peak = peak(child.id());
            child.kill().unwrap();
            let out = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
            let printed = printed_memory(&out);
            let off = (printed / peak - 1.0).abs();
            assert!(off < 0.15, "{flags} {more}: printed {printed}, took {peak}");
        }
    }
}
