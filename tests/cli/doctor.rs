//! `doctor` on a machine without CUDA, simulated by a folder without libraries.

use std::fs;

use super::scratch::Scratch;

/// The output of `doctor` if libraries are searched in `libraries`, a folder of `scratch`.
#[track_caller]
fn examined(scratch: &Scratch) -> String {
    let folder = scratch.path("libraries");
    scratch.run_with("doctor", &[("GAN_CUDA_LIB_DIR", &folder)]).ends_with(3)
}

#[test]
fn doctor_lists_missing_libraries_with_search_paths_and_exits_with_3() {
    let scratch = Scratch::new();
    let out = examined(&scratch);
    let looked = format!("searched:\n              {}\n", scratch.path("libraries").display());
    assert!(out.contains(&format!("cuBLAS    not found; {looked}")), "{out}");
    assert!(out.contains(&format!("NVRTC     not found; {looked}")), "{out}");
    assert!(out.contains(&format!("NCCL      not found; {looked}")), "{out}");
    assert!(out.contains(&format!("driver    not found; {looked}")), "{out}");
    assert!(out.contains("CUDA cannot be used: no NVIDIA driver: "), "{out}");
    assert!(out.ends_with("--device auto computes on the CPU\n"), "{out}");
}

#[test]
fn doctor_shows_why_a_library_cannot_be_opened() {
    let scratch = Scratch::new();
    fs::create_dir(scratch.path("libraries")).unwrap();
    let file = scratch.path("libraries/libnvrtc.so.12");
    fs::write(&file, "no library").unwrap();
    let out = examined(&scratch);
    assert!(out.contains(&format!("cannot open {}: ", file.display())), "{out}");
}

#[test]
fn doctor_shows_the_targets_of_the_compiled_kernels() {
    let out = examined(&Scratch::new());
    let line = out.lines().find(|line| line.starts_with("  compiled")).unwrap();
    let by_build = line.contains("by the build's NVRTC") && line.contains("sm_90");
    assert!(by_build || line.contains("at first use"), "{line}");
}
