//! Generates code from `kernels/*.cu`:
//!
//! - `contracts.rs`: checks of the lengths of arguments, for all devices
//! - `codes.rs`: the values of the kernels' `enum`s
//! - `launchers.rs`: typed Rust functions that launch the kernels
//! - `images.rs`: the kernels as compiled by NVRTC, and their sources
//! - `registers.txt`: registers and shared memory of each kernel
//!
//! NVRTC needs no GPU and no driver. Without it only the sources are embedded, and compiled at run
//! time.

#[path = "build/compile.rs"]
mod compile;
#[path = "build/contracts.rs"]
mod contracts;
#[path = "build/enums.rs"]
mod enums;
#[path = "build/images.rs"]
mod images;
#[path = "build/launchers.rs"]
mod launchers;
#[allow(dead_code)]
#[path = "src/device/cuda/nvrtc.rs"]
mod nvrtc;
#[path = "build/registers.rs"]
mod registers;
#[allow(dead_code)]
#[path = "src/device/cuda/search_paths.rs"]
mod search_paths;
#[path = "build/signature.rs"]
mod signature;
#[path = "src/device/cuda/target.rs"]
mod target;

use std::path::{Path, PathBuf};
use std::{env, fs};

use nvrtc::Nvrtc;

/// If set, the only folder to search for NVRTC.
const FOLDER: &str = "GAN_CUDA_NVRTC_DIR";
/// If this is set to 1, a build without NVRTC fails.
const REQUIRE: &str = "GAN_CUDA_REQUIRE_NVRTC";
/// Modules that are shared with the program.
const SHARED: [&str; 3] =
    ["src/device/cuda/nvrtc.rs", "src/device/cuda/search_paths.rs", "src/device/cuda/target.rs"];

fn main() {
    for path in ["build.rs", "build", "kernels"].iter().chain(&SHARED) {
        println!("cargo::rerun-if-changed={path}");
    }
    for variable in search_paths::VARIABLES.iter().chain(&[FOLDER, REQUIRE]) {
        println!("cargo::rerun-if-env-changed={variable}");
    }
    if let Err(problem) = run() {
        report("error", &problem);
    }
}

fn run() -> Result<(), String> {
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo sets no OUT_DIR")?);
    let (sources, headers) = (kernel_files(".cu")?, kernel_files(".cuh")?);
    let kernels = signature::parse_all(named(&sources))?;
    write(&out, "contracts.rs", &contracts::generate(&kernels))?;
    write(&out, "launchers.rs", &launchers::generate(&kernels))?;
    write(&out, "codes.rs", &enums::generate(named(&sources).chain(named(&headers)))?)?;

    let nvrtc = find_nvrtc()?;
    let compiled = match &nvrtc {
        Some(nvrtc) => compile::compile_all(nvrtc, &sources, &headers, threads())?,
        None => compile::Compiled::default(),
    };
    for warning in &compiled.warnings {
        report("warning", warning);
    }
    write(&out, "registers.txt", &registers::table(&compiled.uses))?;
    let version = nvrtc.as_ref().map(Nvrtc::version);
    let table = images::generate(&out, &sources, &headers, &compiled.images, version)?;
    write(&out, "images.rs", &table)
}

fn named(files: &[(String, String)]) -> impl Iterator<Item = (&str, &str)> {
    files.iter().map(|(name, text)| (name.as_str(), text.as_str()))
}

/// Name and text of each file in `kernels` with this extension, by name.
fn kernel_files(extension: &str) -> Result<Vec<(String, String)>, String> {
    let unreadable = |error| format!("cannot read the folder kernels: {error}");
    let mut names = Vec::new();
    for entry in fs::read_dir("kernels").map_err(unreadable)? {
        let name = entry.map_err(unreadable)?.file_name().to_string_lossy().into_owned();
        if name.ends_with(extension) {
            names.push(format!("kernels/{name}"));
        }
    }
    names.sort();
    names.into_iter().map(|name| read(&name).map(|text| (name, text))).collect()
}

/// NVRTC, if it is on this machine; a warning if it is not.
fn find_nvrtc() -> Result<Option<Nvrtc>, String> {
    let only = search_paths::env_var(FOLDER).map(PathBuf::from);
    let names = search_paths::MAJORS.map(|major| format!("libnvrtc.so.{major}"));
    let opened = match only.clone() {
        Some(folder) => search_paths::open_first(&names, [folder], Nvrtc::open),
        None => search_paths::open_first(&names, search_paths::folders(), Nvrtc::open),
    };
    let how = match only {
        Some(_) => format!("correct {FOLDER} or unset it"),
        None => format!(
            "pip install 'nvidia-cuda-nvrtc==13.0.*' and touch build.rs, or set {FOLDER} to its folder"
        ),
    };
    match opened {
        Ok((path, nvrtc)) => {
            if path.is_file() {
                println!("cargo::rerun-if-changed={}", path.display());
            }
            Ok(Some(nvrtc))
        }
        Err(searched) if search_paths::env_var(REQUIRE).is_some_and(|value| value != "0") => {
            Err(format!(
                "no NVRTC to compile the CUDA kernels, but {REQUIRE} is set (searched: {}); {how}",
                searched.join(", ")
            ))
        }
        Err(_) => {
            let what = "no NVRTC found: the CUDA kernels will be compiled at first use on a GPU";
            report("warning", &format!("{what} ({how})"));
            Ok(None)
        }
    }
}

/// The number of threads that cargo allows a build script.
fn threads() -> usize {
    env::var("NUM_JOBS").ok().and_then(|jobs| jobs.parse().ok()).unwrap_or(1)
}

/// Passes a message to cargo, which prints it.
fn report(kind: &str, message: &str) {
    for line in message.lines().filter(|line| !line.trim().is_empty()) {
        println!("cargo::{kind}={line}");
    }
}

fn read(name: &str) -> Result<String, String> {
    fs::read_to_string(name).map_err(|error| format!("cannot read {name}: {error}"))
}

fn write(out: &Path, name: &str, text: &str) -> Result<(), String> {
    let path = out.join(name);
    fs::write(&path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))
}
