//! Why a GPU cannot be used, and what to do about it.

use super::nvrtc::Version;
use crate::device::Precision;

/// Why CUDA, or one GPU, cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unavailable {
    /// There is no driver.
    #[error(
        "there is no NVIDIA driver: libcuda.so.1 not found (searched: {}); install the driver",
        searched.join(", ")
    )]
    NoDriver {
        /// Where it was looked for, and what could not be opened.
        searched: Vec<String>,
    },

    /// There is no cuBLAS.
    #[error(
        "cuBLAS not found (searched: {}); pip install {}, or name the folder that has it with \
         GAN_CUDA_LIB_DIR",
        searched.join(", "),
        package("nvidia-cublas", *driver)
    )]
    NoLibrary {
        /// Where it was looked for, and what could not be opened.
        searched: Vec<String>,
        /// The newest CUDA that the driver takes.
        driver: Version,
    },

    /// The driver has no GPU.
    #[error("the NVIDIA driver is there, but it sees no GPU{}", visible(visible_devices))]
    NoDevice {
        /// `CUDA_VISIBLE_DEVICES`, if set.
        visible_devices: Option<String>,
    },

    /// There are GPUs, but none of this number.
    #[error(
        "there is no GPU {ordinal}: the driver sees {count}, numbered from 0{}",
        visible(visible_devices)
    )]
    NoSuchDevice {
        /// The number that was asked for.
        ordinal: usize,
        /// How many there are.
        count: usize,
        /// `CUDA_VISIBLE_DEVICES`, if set.
        visible_devices: Option<String>,
    },

    /// The GPU is older than what the kernels are written for.
    #[error("{name} is too old: it has compute capability {capability}, and 7.5 is needed")]
    DeviceTooOld {
        /// The GPU.
        name: String,
        /// What it has.
        capability: Version,
    },

    /// The GPU has no tensor cores for a precision.
    #[error(
        "{name} has no {precision} products: it has compute capability {capability}, and 8.0 is \
         needed; choose f32"
    )]
    NoPrecision {
        /// The GPU.
        name: String,
        /// What it has.
        capability: Version,
        /// What was asked for.
        precision: Precision,
    },

    /// The driver is older than any library that can be used.
    #[error("the NVIDIA driver is too old: it is made for CUDA {driver}, and 12.0 is needed")]
    DriverTooOld {
        /// The newest CUDA that it takes.
        driver: Version,
    },

    /// Nothing that was embedded fits, and nothing can compile the kernels here.
    #[error(
        "no kernels for compute capability {capability} with a driver for CUDA {driver}: {}, and \
         there is no NVRTC for this driver to compile them here (searched: {}); pip install {}",
        embedded(*built_by),
        searched.join(", "),
        package("nvidia-cuda-nvrtc", *driver)
    )]
    NoImage {
        /// The GPU's.
        capability: Version,
        /// The newest CUDA that the driver takes.
        driver: Version,
        /// The NVRTC that the build had.
        built_by: Option<Version>,
        /// Where one was looked for, and what could not be opened.
        searched: Vec<String>,
    },

    /// A function of the driver failed.
    #[error("the NVIDIA driver fails: {function} says {name} ({text})")]
    Driver {
        /// The function.
        function: &'static str,
        /// The error's name, as `CUDA_ERROR_UNKNOWN`.
        name: String,
        /// The driver's words for it.
        text: String,
    },
}

/// What NVIDIA's Python package is called for a driver.
fn package(name: &str, driver: Version) -> String {
    match driver.major {
        12 => format!("{name}-cu12"),
        _ => format!("'{name}=={}.*'", driver.major),
    }
}

fn visible(devices: &Option<String>) -> String {
    let tell = |devices| format!(" (CUDA_VISIBLE_DEVICES is {devices:?})");
    devices.as_ref().map(tell).unwrap_or_default()
}

fn embedded(built_by: Option<Version>) -> String {
    match built_by {
        Some(version) => {
            format!("those that were compiled into the program by NVRTC {version} do not fit")
        }
        None => "none were compiled into the program".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_name_the_package_for_the_driver() {
        let missing = |major| Unavailable::NoLibrary {
            searched: vec!["/a".to_owned(), "/b".to_owned()],
            driver: Version { major, minor: 4 },
        };
        let [old, new] = [12, 13].map(|major| missing(major).to_string());
        assert!(old.contains("(searched: /a, /b); pip install nvidia-cublas-cu12,"), "{old}");
        assert!(new.contains("pip install 'nvidia-cublas==13.*',"), "{new}");
    }

    #[test]
    fn hidden_devices_are_mentioned() {
        let none = |visible_devices| Unavailable::NoDevice { visible_devices }.to_string();
        assert!(none(None).ends_with("no GPU"));
        assert!(none(Some(String::new())).ends_with("(CUDA_VISIBLE_DEVICES is \"\")"));
    }
}
