//! `gan-cuda doctor`.

mod report;

use super::json::print_json;
use crate::cli::error::Result;
use report::{Device, Gpu, Library, Report};

/// The exit code if only the CPU can be used.
const CPU_ONLY: u8 = 3;

/// Flags of `doctor`.
#[derive(clap::Args)]
pub struct Args {
    /// Print one line of JSON: libraries, kernels, devices (memory in bytes) and the choice of
    /// --device auto; the exit code is the same
    #[arg(long)]
    json: bool,
}

/// Prints the report on CUDA and returns the exit code.
pub fn run(args: &Args) -> Result<u8> {
    let report = report::examine();
    match args.json {
        true => print_json(&report)?,
        false => print(&report),
    }
    Ok(if report.problem.is_none() { 0 } else { CPU_ONLY })
}

fn print(report: &Report) {
    print_line!("gan-cuda {}", report.version);
    section("libraries");
    library("driver", &report.driver, "for CUDA up to");
    library("cuBLAS", &report.cublas, "version");
    library("NVRTC", &report.nvrtc, "version");
    library("NCCL", &report.nccl, "version");
    section("kernels");
    entry("compiled", &compiled(report));
    section("devices");
    if report.devices.is_empty() {
        entry("none", "");
    }
    report.devices.iter().for_each(device);
    conclusion(report);
}

fn section(title: &str) {
    print_line!("");
    print_line!("{title}");
}

/// Prints a line of a section.
fn entry(name: &str, text: &str) {
    print_line!("{}", format!("  {name:<9} {text}").trim_end());
}

/// Prints the path and version of a library, or the search paths.
fn library(name: &str, library: &Library, version_of: &str) {
    match library {
        Library::Found { path, version } => {
            let version = version.as_deref().unwrap_or("unknown");
            entry(name, &format!("{path}, {version_of} {version}"));
        }
        Library::Missing { searched } => {
            entry(name, "not found; searched:");
            for path in searched {
                entry("", &format!("  {path}"));
            }
        }
    }
}

/// When and for which GPUs the kernels are compiled.
fn compiled(report: &Report) -> String {
    match &report.kernels.compiled_by {
        None => "at first use, by this machine's NVRTC (the build had no NVRTC)".to_owned(),
        Some(version) => {
            format!("by the build's NVRTC {version} for {}", report.kernels.targets.join(", "))
        }
    }
}

fn device(device: &Device) {
    match device {
        Device::Unusable { device, problem } => {
            entry(device, &format!("cannot be used: {problem}"));
        }
        Device::Usable(gpu) => {
            let Gpu { device, name, capability, memory, free, kernels, precisions } = gpu;
            entry(device, &format!("{name}, compute capability {capability}"));
            let free = match free {
                Ok(free) => gib(*free) + " free",
                Err(problem) => problem.clone(),
            };
            entry("", &format!("memory {}, {free}", gib(*memory)));
            entry("", &format!("kernels: {kernels}"));
            entry("", &format!("precision: {}", precisions.join(", ")));
        }
    }
}

fn gib(bytes: usize) -> String {
    format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30))
}

fn conclusion(report: &Report) {
    match &report.problem {
        None => section(&format!("CUDA can be used: --device auto computes on {}", report.auto)),
        Some(problem) => {
            section(&format!("CUDA cannot be used: {problem}"));
            print_line!("--device auto computes on the CPU");
        }
    }
}
