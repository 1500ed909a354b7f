//! `--device cuda` and `doctor`: on the emulator, and where there is no CUDA.

use std::env;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use super::scratch::{Answer, RUN, SECOND, Scratch, TINY};

/// The folder of the emulator's libraries; prints a note if it was not built.
pub fn emulator() -> Option<&'static Path> {
    match gan_cuda_emulator::library_dir() {
        Ok(folder) => Some(folder),
        Err(reason) => {
            assert!(env::var_os("GAN_CUDA_REQUIRE_EMULATOR").is_none(), "no emulator: {reason}");
            eprintln!("skipped: no emulator: {reason}");
            None
        }
    }
}

/// A folder with the emulator's libraries except NCCL.
pub fn without_nccl(scratch: &Scratch) -> Option<PathBuf> {
    let (stand_ins, folder) = (emulator()?, scratch.path("without-nccl"));
    fs::create_dir(&folder).unwrap();
    for file in fs::read_dir(stand_ins).unwrap() {
        let file = file.unwrap();
        if !file.file_name().to_string_lossy().starts_with("libnccl") {
            symlink(file.path(), folder.join(file.file_name())).unwrap();
        }
    }
    Some(folder)
}

/// Runs the program on emulated CUDA; `knobs` are variables of the emulator.
pub fn emulated(scratch: &Scratch, arguments: &str, knobs: &[(&str, &str)]) -> Option<Answer> {
    let mut variables = vec![("GAN_CUDA_LIB_DIR", emulator()?)];
    variables.extend(knobs.iter().map(|&(name, value)| (name, Path::new(value))));
    Some(scratch.run_with(arguments, &variables))
}

fn train(flags: &str) -> String {
    format!("train {TINY} --device cuda {flags}")
}

/// The networks and pictures of a run, without files that contain times.
fn networks(scratch: &Scratch, run: &str) -> Vec<(String, Vec<u8>)> {
    let files = scratch.files(run).into_iter();
    files.filter(|(name, _)| name.contains("rator.safe") || name.ends_with(".png")).collect()
}

#[test]
fn without_a_driver_cuda_is_refused_and_auto_takes_the_cpu() {
    let scratch = Scratch::with_digits();
    for device in ["cuda", "cuda:1"] {
        let flags = format!("--device {device} --iterations 1");
        let words = [device.split(':').next().unwrap(), "no NVIDIA driver", "libcuda.so.1"];
        scratch.train(&flags).fails(1, &words);
    }
    assert!(!scratch.path("runs").exists());
    let words = ["CPU, 1 thread", "no GPU: ", "no NVIDIA driver"];
    scratch.train("--iterations 1").prints(&words);
}

#[test]
fn each_reason_for_having_no_gpu_has_its_message() {
    let scratch = Scratch::with_digits();
    for (knob, device, words) in [
        (("GAN_CUDA_EMULATOR_DEVICES", "0"), "cuda", ["sees no GPU", ""]),
        (("GAN_CUDA_EMULATOR_DEVICES", "2"), "cuda:2", ["no GPU 2", "sees 2"]),
        (("GAN_CUDA_EMULATOR_CAPABILITY", "6.1"), "cuda", ["6.1", "7.5"]),
        (("GAN_CUDA_EMULATOR_DRIVER", "11080"), "cuda", ["driver is too old", "11.8"]),
    ] {
        let command = format!("train {TINY} --iterations 1 --device {device}");
        let Some(answer) = emulated(&scratch, &command, &[knob]) else { return };
        answer.fails(1, &words);
    }
    let folder = scratch.path("driver-alone");
    fs::create_dir(&folder).unwrap();
    for name in ["libcuda.so", "libcuda.so.1"] {
        symlink(emulator().unwrap().join(name), folder.join(name)).unwrap();
    }
    scratch
        .run_with(&train("--iterations 1"), &[("GAN_CUDA_LIB_DIR", &folder)])
        .fails(1, &["cuBLAS not found", "GAN_CUDA_LIB_DIR", "pip install"]);
    assert!(!scratch.path("runs").exists());
}

#[test]
fn training_with_and_without_cuda_graphs_gives_the_same_bits() {
    let scratch = Scratch::with_digits();
    let flags = "--iterations 8 --sample-interval 4";
    let Some(answer) = emulated(&scratch, &train(flags), &[]) else { return };
    answer.prints(&["device    Emulated", "done: 8 iterations"]);
    let eager = train(&format!("{flags} --no-graph"));
    emulated(&scratch, &eager, &[]).unwrap().succeeds();
    let [recorded, queued] = [RUN, SECOND].map(|run| networks(&scratch, run));
    assert!(recorded.len() >= 6 && recorded == queued, "other bits");
}

#[test]
fn precision_is_kept_until_a_resume_changes_it() {
    let scratch = Scratch::with_digits();
    let flags = train("--precision tf32 --iterations 4");
    let Some(answer) = emulated(&scratch, &flags, &[]) else { return };
    answer.prints(&["precision tf32"]);
    emulated(&scratch, "train --config runs/00000-cgan-mnist", &[]).unwrap().succeeds();
    emulated(&scratch, &train("--iterations 4"), &[]).unwrap().succeeds();
    let [tf32, again, f32] = ["00000", "00001", "00002"].map(|number| {
        let run = format!("runs/{number}-cgan-mnist");
        (scratch.config(&run)["precision"].as_str().unwrap().to_owned(), networks(&scratch, &run))
    });
    assert_eq!((tf32.0.as_str(), f32.0.as_str()), ("tf32", "f32"));
    assert!(tf32 == again, "the same configuration gives other bits");
    assert!(tf32.1 != f32.1, "nothing was rounded");

    let resume = "train --resume runs/00000-cgan-mnist --iterations 6 --device";
    for (flags, want) in [("cuda", "tf32"), ("cuda --precision bf16", "bf16")] {
        emulated(&scratch, &format!("{resume} {flags}"), &[])
            .unwrap()
            .prints(&[&format!("precision {want}")]);
    }
    let words = ["--precision is tf32", "CPU supports f32 only", "--device cuda"];
    scratch.run(&format!("{resume} cpu --precision tf32")).fails(2, &words);
    scratch.run(&format!("{resume} cpu --precision f32")).succeeds();
}

#[test]
fn own_gemm_is_chosen_by_a_flag_that_a_resume_may_change() {
    let scratch = Scratch::with_digits();
    let flags = train("--gemm own --iterations 4");
    let Some(answer) = emulated(&scratch, &flags, &[]) else { return };
    answer.prints(&["precision f32, gemm own"]);
    assert_eq!(scratch.config(RUN)["gemm"].as_str(), Some("own"));
    // A GPU without programmatic dependent launch, which changes nothing but the time.
    let old = [("GAN_CUDA_EMULATOR_CAPABILITY", "8.0")];
    emulated(&scratch, &flags, &old).unwrap().succeeds();
    emulated(&scratch, &train("--iterations 4"), &[]).unwrap().succeeds();
    let third = "runs/00002-cgan-mnist";
    let [own, without, cublas] = [RUN, SECOND, third].map(|run| networks(&scratch, run));
    assert!(own == without, "other bits");
    assert!(own != cublas, "the same products");

    let resume = format!("train --resume {RUN} --iterations 6 --device");
    let words = ["--gemm is own", "CPU multiplies matrices in one way only", "--device cuda"];
    scratch.run(&format!("{resume} cpu")).fails(2, &words);
    scratch.run(&format!("{resume} cpu --gemm cublas")).succeeds();
    assert!(scratch.config(RUN).get("gemm").is_none());
    scratch.run("bench --device cpu --gemm own").fails(2, &words);
}

#[test]
fn winograd_convolutions_are_refused_on_cuda() {
    let scratch = Scratch::with_digits();
    let Some(answer) = emulated(&scratch, &train("--conv winograd"), &[]) else { return };
    let words = ["--conv is winograd", "direct convolutions only", "--device cpu"];
    answer.fails(2, &words);
    let auto = format!("train {TINY} --conv winograd");
    emulated(&scratch, &auto, &[]).unwrap().fails(2, &words);
    assert!(!scratch.path("runs").exists());
}

#[test]
fn unsupported_precisions_are_refused() {
    let scratch = Scratch::with_digits();
    let reasons = [("cpu", "CPU supports f32 only; omit"), ("auto", "no NVIDIA driver")];
    for (device, reason) in reasons {
        for command in [format!("train {TINY}"), "bench".to_owned()] {
            let command = format!("{command} --iterations 1 --precision bf16 --device {device}");
            let words = ["--precision is bf16", "CPU supports f32 only", reason];
            scratch.run(&command).fails(2, &words);
        }
    }
    let old = [("GAN_CUDA_EMULATOR_CAPABILITY", "7.5")];
    let Some(answer) = emulated(&scratch, &train("--precision tf32"), &old) else { return };
    answer.fails(1, &["does not support tf32", "7.5, and 8.0 is required", "choose f32"]);
    let auto = format!("train {TINY} --precision tf32");
    emulated(&scratch, &auto, &old).unwrap().fails(2, &["no GPU: ", "does not support tf32"]);
    assert!(!scratch.path("runs").exists());
    emulated(&scratch, &train("--iterations 1"), &old).unwrap().succeeds();
    let doctor = |knobs| emulated(&scratch, "doctor", knobs).unwrap().succeeds();
    let (old, new) = (doctor(&old), doctor(&[]));
    assert!(old.contains("precision: f32\n"), "{old}");
    assert!(new.contains("precision: f32, tf32, bf16\n"), "{new}");
}

#[test]
fn too_large_a_batch_is_refused_with_the_largest_that_fits() {
    let scratch = Scratch::with_digits();
    // cuBLAS takes 2 × 32 MiB, its code and the driver 256 MiB: 24 MiB remain.
    let knob = [("GAN_CUDA_EMULATOR_MEMORY", "360710144")];
    let digits = "train --iterations 1 --device cuda --g-hidden 64 --d-hidden 64 --batch-size ";
    let Some(answer) = emulated(&scratch, &format!("{digits}8000"), &knob) else { return };
    let message = answer.fails(1, &["not enough memory", "are needed", "are free"]);
    let (_, largest) = message.split_once("largest batch that fits has ").unwrap();
    let largest: usize = largest.trim().parse().unwrap();
    assert!(!scratch.path("runs").exists());
    emulated(&scratch, &format!("{digits}{largest}"), &knob).unwrap().succeeds();
    emulated(&scratch, &format!("{digits}{}", largest + 1), &knob).unwrap().fails(1, &["memory"]);
}

#[test]
fn benchmark_refuses_the_emulator() {
    let scratch = Scratch::new();
    if let Some(answer) = emulated(&scratch, "bench --device cuda", &[]) {
        answer.fails(2, &["Emulated", "says nothing about a GPU"]);
    }
}

#[test]
fn doctor_shows_libraries_and_devices() {
    let scratch = Scratch::new();
    let Some(answer) = emulated(&scratch, "doctor", &[]) else { return };

    let out = answer.prints(&["Emulated", "sm_90", "CUDA can be used"]);
    for (name, file) in [
        ("driver", "libcuda.so.1, for CUDA up to 13.0"),
        ("cuBLAS", "libcublas.so.13, version 13."),
        ("NVRTC", "libnvrtc.so.13, version 13."),
        ("NCCL", "libnccl.so.2, version 2."),
    ] {
        let line = out.lines().find(|line| line.trim_start().starts_with(name)).unwrap();
        assert!(line.contains(file), "{line}");
    }
}

#[test]
fn doctor_finds_one_gpu_usable_without_nccl() {
    let scratch = Scratch::new();
    let Some(folder) = without_nccl(&scratch) else { return };
    let variables = [("GAN_CUDA_LIB_DIR", folder.as_path())];
    let searched = format!("NCCL      not found; searched:\n              {}\n", folder.display());
    scratch.run_with("doctor", &variables).prints(&[&searched, "CUDA can be used"]);
    scratch.run_with("doctor --json", &variables).prints(&["\"nccl\":{\"searched\":["]);
}
