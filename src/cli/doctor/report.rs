//! The state of CUDA on this machine, as `--json` prints it.

use std::path::PathBuf;

use crate::choice::Choice;
use crate::device::Precision;
use crate::device::cuda::images::BUILT;
use crate::device::cuda::libraries::{self, SearchResult};
use crate::device::cuda::nvrtc::Version;
use crate::device::cuda::probe;
use serde::{Serialize, Serializer};

/// The report of `doctor`.
#[derive(Serialize)]
pub(super) struct Report {
    pub version: &'static str,
    pub driver: Library,
    pub cublas: Library,
    pub nvrtc: Library,
    /// Needed only for several GPUs.
    pub nccl: Library,
    pub kernels: Kernels,
    pub devices: Vec<Device>,
    /// The choice of `--device auto`: `cpu`, or a GPU such as `cuda:0`.
    pub auto: String,
    /// Why CUDA cannot be used; `None` if it can.
    pub problem: Option<String>,
}

/// A library, or the paths searched for it.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Library {
    Found {
        path: String,
        /// The library's version; for the driver, the newest version of CUDA that it supports.
        version: Option<String>,
    },
    Missing {
        searched: Vec<String>,
    },
}

/// The kernels compiled during the build.
#[derive(Serialize)]
pub(super) struct Kernels {
    /// The version of NVRTC; `None` if the build had none.
    pub compiled_by: Option<String>,
    pub targets: Vec<String>,
}

#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Device {
    Usable(Gpu),
    Unusable { device: String, problem: String },
}

#[derive(Serialize)]
pub(super) struct Gpu {
    pub device: String,
    pub name: String,
    pub capability: String,
    /// In bytes, like `free`.
    pub memory: usize,
    /// Or why the driver does not report it.
    #[serde(serialize_with = "ok_or_null")]
    pub free: Result<usize, String>,
    pub kernels: String,
    pub precisions: Vec<String>,
}

fn ok_or_null<S: Serializer>(
    free: &Result<usize, String>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    free.as_ref().ok().serialize(serializer)
}

pub(super) fn examine() -> Report {
    let usable = probe::first_usable();
    Report {
        version: env!("CARGO_PKG_VERSION"),
        driver: library(libraries::driver(), |driver| (&driver.path, Some(driver.version))),
        cublas: library(libraries::cublas(), |cublas| (&cublas.path, cublas.version)),
        nvrtc: library(libraries::nvrtc(), |(path, nvrtc)| (path, Some(nvrtc.version()))),
        nccl: library(libraries::nccl(), |(path, nccl)| (path, Some(nccl.version()))),
        kernels: kernels(),
        devices: (0..probe::count().unwrap_or(0)).map(device).collect(),
        auto: usable.as_ref().map_or("cpu".to_owned(), |gpu| format!("cuda:{}", gpu.ordinal)),
        problem: usable.err().map(|reason| reason.to_string()),
    }
}

fn library<T>(
    looked: &SearchResult<T>,
    path_and_version: impl FnOnce(&T) -> (&PathBuf, Option<Version>),
) -> Library {
    match looked.as_ref().map(path_and_version) {
        Ok((path, version)) => Library::Found {
            path: path.display().to_string(),
            version: version.map(|version| version.to_string()),
        },
        Err(searched) => Library::Missing { searched: searched.clone() },
    }
}

fn kernels() -> Kernels {
    let images = BUILT.files.first().map_or(&[][..], |file| file.images);
    Kernels {
        compiled_by: BUILT.nvrtc.map(|version| version.to_string()),
        targets: images.iter().map(|(target, _)| target.to_string()).collect(),
    }
}

fn device(ordinal: usize) -> Device {
    let device = format!("cuda:{ordinal}");
    match probe::probe(ordinal) {
        Err(problem) => Device::Unusable { device, problem: problem.to_string() },
        Ok(gpu) => {
            let supported =
                Precision::ALL.iter().filter(|precision| gpu.check(**precision).is_ok());
            Device::Usable(Gpu {
                device,
                free: probe::free_memory(&gpu).map_err(|reason| reason.to_string()),
                precisions: supported.map(Precision::to_string).collect(),
                capability: gpu.capability.to_string(),
                kernels: gpu.kernels.to_string(),
                memory: gpu.memory,
                name: gpu.name,
            })
        }
    }
}
