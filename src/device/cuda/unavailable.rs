//! Why a GPU cannot be used, and the remedy.

use super::nvrtc::Version;
use crate::device::Precision;

/// Why CUDA, or one GPU, cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unavailable {
    /// There is no driver.
    #[error(
        "no NVIDIA driver: libcuda.so.1 not found (searched: {}); install the driver",
        searched.join(", ")
    )]
    NoDriver {
        /// The folders that were searched, and what could not be opened.
        searched: Vec<String>,
    },

    /// There is no cuBLAS.
    #[error(
        "cuBLAS not found (searched: {}); pip install {}, or set GAN_CUDA_LIB_DIR to its folder",
        searched.join(", "),
        package("nvidia-cublas", *driver)
    )]
    NoLibrary {
        /// The folders that were searched, and what could not be opened.
        searched: Vec<String>,
        /// The newest CUDA version that the driver supports.
        driver: Version,
    },

    /// The driver sees no GPU.
    #[error("the NVIDIA driver is installed, but it sees no GPU{}", visible(visible_devices))]
    NoDevice {
        /// `CUDA_VISIBLE_DEVICES`, if set.
        visible_devices: Option<String>,
    },

    /// There are GPUs, but none with this ordinal.
    #[error(
        "there is no GPU {ordinal}: the driver sees {count}, numbered from 0{}",
        visible(visible_devices)
    )]
    NoSuchDevice {
        /// The requested ordinal.
        ordinal: usize,
        /// The number of GPUs.
        count: usize,
        /// `CUDA_VISIBLE_DEVICES`, if set.
        visible_devices: Option<String>,
    },

    /// The GPU is older than the kernels support.
    #[error("{name} is too old: it has compute capability {capability}, and 7.5 is required")]
    DeviceTooOld {
        /// The GPU.
        name: String,
        /// Its compute capability.
        capability: Version,
    },

    /// The GPU has no tensor cores for a precision.
    #[error(
        "{name} does not support {precision}: it has compute capability {capability}, and 8.0 is \
         required; choose f32"
    )]
    NoPrecision {
        /// The GPU.
        name: String,
        /// Its compute capability.
        capability: Version,
        /// The requested precision.
        precision: Precision,
    },

    /// The driver is older than any supported library.
    #[error("the NVIDIA driver is too old: it supports CUDA {driver}, and 12.0 is required")]
    DriverTooOld {
        /// The newest CUDA version that it supports.
        driver: Version,
    },

    /// No embedded image fits, and there is no NVRTC to compile the kernels.
    #[error(
        "no kernels for compute capability {capability} with a driver for CUDA {driver}: {}, and \
         there is no NVRTC for this driver to compile them here (searched: {}); pip install {}",
        embedded(*built_by),
        searched.join(", "),
        package("nvidia-cuda-nvrtc", *driver)
    )]
    NoImage {
        /// The GPU's compute capability.
        capability: Version,
        /// The newest CUDA version that the driver supports.
        driver: Version,
        /// The NVRTC that compiled the embedded images.
        built_by: Option<Version>,
        /// The folders that were searched for NVRTC, and what could not be opened.
        searched: Vec<String>,
    },

    /// A function of the driver failed.
    #[error("the NVIDIA driver failed: {function} returned {name} ({text})")]
    Driver {
        /// The function.
        function: &'static str,
        /// The error's name, such as `CUDA_ERROR_UNKNOWN`.
        name: String,
        /// The driver's description of it.
        text: String,
    },
}

/// The name of NVIDIA's Python package that fits the driver.
fn package(name: &str, driver: Version) -> String {
    match driver.major {
        12 => format!("{name}-cu12"),
        _ => format!("'{name}=={}.*'", driver.major),
    }
}

fn visible(devices: &Option<String>) -> String {
    let describe = |devices| format!(" (CUDA_VISIBLE_DEVICES is {devices:?})");
    devices.as_ref().map(describe).unwrap_or_default()
}

fn embedded(built_by: Option<Version>) -> String {
    match built_by {
        Some(version) => {
            format!("those compiled into the program by NVRTC {version} do not fit")
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
