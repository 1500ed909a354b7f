//! `gan-cuda doctor`.

use std::process::ExitCode;

use gan_cuda::device::Precision;
use gan_cuda::device::cuda::images::BUILT;
use gan_cuda::device::cuda::libraries::{self, Cublas, Driver, Looked};
use gan_cuda::device::cuda::probe::{self, Gpu};

/// The exit code where only the CPU can be used.
const CPU_ONLY: u8 = 3;

/// Prints what there is of CUDA, and whether it can be used.
pub fn run() -> ExitCode {
    say!("gan-cuda {}", env!("CARGO_PKG_VERSION"));
    say!("\nlibraries");
    let driver = libraries::driver();
    library("driver", driver, |Driver { path, version }| {
        format!("{}, for CUDA up to {version}", path.display())
    });
    library("cuBLAS", libraries::cublas(), |Cublas { path, version }| {
        let version = version.map_or_else(|| "unknown".to_owned(), |version| version.to_string());
        format!("{}, version {version}", path.display())
    });
    library("NVRTC", libraries::nvrtc(), |(path, nvrtc)| {
        format!("{}, version {}", path.display(), nvrtc.version())
    });
    say!("\nkernels");
    entry("compiled", &compiled());
    say!("\ndevices");
    devices();
    verdict()
}

/// A line of a section.
fn entry(name: &str, text: &str) {
    say!("{}", format!("  {name:<9} {text}").trim_end());
}

/// What was found, or where it was looked for.
fn library<T>(name: &str, looked: &Looked<T>, describe: impl FnOnce(&T) -> String) {
    match looked {
        Ok(found) => entry(name, &describe(found)),
        Err(searched) => {
            entry(name, "not found; searched:");
            for place in searched {
                entry("", &format!("  {place}"));
            }
        }
    }
}

/// What the build made of the kernels.
fn compiled() -> String {
    let Some(version) = BUILT.nvrtc else {
        return "at first use, by this machine's NVRTC: the build had none".to_owned();
    };
    let images = BUILT.files.first().map_or(&[][..], |file| file.images);
    let targets: Vec<_> = images.iter().map(|(target, _)| target.to_string()).collect();
    format!("by the build's NVRTC {version} for {}", targets.join(", "))
}

fn devices() {
    match probe::count() {
        Err(_) => entry("none", ""),
        Ok(count) => (0..count).for_each(device),
    }
}

fn device(ordinal: usize) {
    let name = format!("cuda:{ordinal}");
    match probe::probe(ordinal) {
        Err(reason) => entry(&name, &format!("cannot be used: {reason}")),
        Ok(gpu) => {
            let Gpu { name: model, capability, memory, kernels, .. } = &gpu;
            entry(&name, &format!("{model}, compute capability {capability}"));
            let free = probe::free_memory(&gpu);
            let free = free.map_or_else(|reason| reason.to_string(), |free| gib(free) + " free");
            entry("", &format!("memory {}, {free}", gib(*memory)));
            entry("", &format!("kernels: {kernels}"));
            entry("", &format!("precision: {}", precisions(&gpu)));
        }
    }
}

fn precisions(gpu: &Gpu) -> String {
    let can = Precision::ALL.iter().filter(|precision| gpu.check(**precision).is_ok());
    can.map(Precision::to_string).collect::<Vec<_>>().join(", ")
}

fn gib(bytes: usize) -> String {
    format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30))
}

fn verdict() -> ExitCode {
    say!("");
    match probe::first_usable() {
        Ok(gpu) => {
            say!("CUDA can be used: --device auto computes on cuda:{}", gpu.ordinal);
            ExitCode::SUCCESS
        }
        Err(reason) => {
            say!("CUDA cannot be used: {reason}");
            say!("--device auto computes on the CPU");
            ExitCode::from(CPU_ONLY)
        }
    }
}
