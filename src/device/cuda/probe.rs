//! Whether a GPU can be used. Nothing here panics, even if the driver or a library is missing.

use cudarc::driver::CudaContext;
use cudarc::driver::result::{self, DriverError};
use cudarc::driver::sys::{CUdevice, CUdevice_attribute, CUresult};
use tracing::debug;

use super::images::{self, Choice};
use super::libraries;
use super::nvrtc::Version;
use super::unavailable::Unavailable;
use crate::device::Precision;

/// The oldest GPU that the kernels are compiled for.
const OLDEST_DEVICE: Version = Version { major: 7, minor: 5 };
/// The oldest GPU whose tensor cores multiply TF32 and bfloat16.
const OLDEST_TENSOR_CORES: Version = Version { major: 8, minor: 0 };
/// The oldest driver that the libraries work with.
const OLDEST_DRIVER: Version = Version { major: 12, minor: 0 };

/// A usable GPU.
#[derive(Clone, Debug)]
pub struct Gpu {
    /// Its ordinal.
    pub ordinal: usize,
    /// Its name, as the driver reports it.
    pub name: String,
    /// Its compute capability.
    pub capability: Version,
    /// Its total memory in bytes.
    pub memory: usize,
    /// Where the kernels for it come from.
    pub kernels: Choice,
}

impl Gpu {
    /// Checks that it supports a precision of matrix multiplication.
    ///
    /// # Errors
    /// [`Unavailable::NoPrecision`].
    pub fn check(&self, precision: Precision) -> Result<(), Unavailable> {
        if precision == Precision::F32 || self.capability >= OLDEST_TENSOR_CORES {
            return Ok(());
        }
        let (name, capability) = (self.name.clone(), self.capability);
        Err(Unavailable::NoPrecision { name, capability, precision })
    }
}

/// The number of GPUs that the driver sees: at least one.
///
/// # Errors
/// When there is no driver, or it is too old, or it sees no GPU.
pub fn count() -> Result<usize, Unavailable> {
    let driver = driver()?;
    if driver < OLDEST_DRIVER {
        return Err(Unavailable::DriverTooOld { driver });
    }
    let none = || Unavailable::NoDevice { visible_devices: visible_devices() };
    match result::init() {
        Err(DriverError(CUresult::CUDA_ERROR_NO_DEVICE)) => return Err(none()),
        status => status.map_err(failed("cuInit"))?,
    }
    match result::device::get_count().map_err(failed("cuDeviceGetCount"))? {
        count if count > 0 => Ok(count.unsigned_abs() as usize),
        _ => Err(none()),
    }
}

/// The GPU with this ordinal, if it can be used.
///
/// # Errors
/// Why it cannot: no driver, no GPU, too old, no cuBLAS, no kernels for it.
pub fn probe(ordinal: usize) -> Result<Gpu, Unavailable> {
    let probed = examine(ordinal);
    match &probed {
        Ok(gpu) => debug!(
            ordinal,
            name = gpu.name,
            capability = %gpu.capability,
            memory = gpu.memory,
            kernels = %gpu.kernels,
            "this GPU is usable"
        ),
        Err(reason) => debug!(ordinal, %reason, "this GPU is not usable"),
    }
    probed
}

fn examine(ordinal: usize) -> Result<Gpu, Unavailable> {
    let count = count()?;
    let missing =
        || Unavailable::NoSuchDevice { ordinal, count, visible_devices: visible_devices() };
    let number = i32::try_from(ordinal).ok().filter(|_| ordinal < count).ok_or_else(missing)?;
    let device = result::device::get(number).map_err(failed("cuDeviceGet"))?;
    let name = result::device::get_name(device).map_err(failed("cuDeviceGetName"))?;
    let capability = capability(device)?;
    if capability < OLDEST_DEVICE {
        return Err(Unavailable::DeviceTooOld { name, capability });
    }
    let driver = driver()?;
    if let Err(searched) = libraries::cublas() {
        return Err(Unavailable::NoLibrary { searched: searched.clone(), driver });
    }
    // SAFETY: the driver returned this device.
    let memory = unsafe { result::device::total_mem(device) };
    let memory = memory.map_err(failed("cuDeviceTotalMem"))?;
    Ok(Gpu { ordinal, name, capability, memory, kernels: images::choose(capability, driver)? })
}

/// The first usable GPU.
///
/// # Errors
/// Why the first GPU is not usable, if none is.
pub fn first_usable() -> Result<Gpu, Unavailable> {
    let count = count()?;
    let first = probe(0);
    match first {
        Ok(_) => first,
        Err(_) => (1..count).find_map(|ordinal| probe(ordinal).ok()).map_or(first, Ok),
    }
}

/// Free memory of a GPU in bytes; the query creates a context, which takes some memory itself.
///
/// # Errors
/// When the driver fails.
pub fn free_memory(gpu: &Gpu) -> Result<usize, Unavailable> {
    let context = CudaContext::new(gpu.ordinal).map_err(failed("cuDevicePrimaryCtxRetain"))?;
    Ok(context.mem_get_info().map_err(failed("cuMemGetInfo"))?.0)
}

/// The newest CUDA version that the driver supports.
pub(super) fn driver() -> Result<Version, Unavailable> {
    match libraries::driver() {
        Ok(driver) => Ok(driver.version),
        Err(searched) => Err(Unavailable::NoDriver { searched: searched.clone() }),
    }
}

fn capability(device: CUdevice) -> Result<Version, Unavailable> {
    use CUdevice_attribute::{
        CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR,
    };
    let attribute = |attribute| {
        // SAFETY: the driver returned this device.
        let value = unsafe { result::device::get_attribute(device, attribute) };
        value.map(i32::unsigned_abs).map_err(failed("cuDeviceGetAttribute"))
    };
    Ok(Version {
        major: attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)?,
        minor: attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)?,
    })
}

/// For `map_err`: the driver's message.
fn failed(function: &'static str) -> impl FnOnce(DriverError) -> Unavailable {
    move |error| {
        let words = |text: Result<&std::ffi::CStr, DriverError>| {
            text.map_or_else(|_| format!("{:?}", error.0), |text| text.to_string_lossy().into())
        };
        let (name, text) = (words(error.error_name()), words(error.error_string()));
        Unavailable::Driver { function, name, text }
    }
}

fn visible_devices() -> Option<String> {
    Some(std::env::var_os("CUDA_VISIBLE_DEVICES")?.to_string_lossy().into_owned())
}
