//! A GPU, shared by all streams on it.

use std::collections::BTreeMap;
use std::sync::Arc;

use cudarc::driver::{CudaContext, CudaModule};
use cudarc::nvrtc::Ptx;

use super::kernels::Kernels;
use super::nvrtc::Version;
use super::{CudaOptions, CudaProblem, failed, images, probe};
use crate::device::{Gemm, Result};

/// The oldest GPU with programmatic dependent launch, and the oldest driver that captures it.
const EARLY_DEVICE: Version = Version { major: 9, minor: 0 };
const EARLY_DRIVER: Version = Version { major: 12, minor: 3 };

/// A GPU's context with the kernels loaded, and its settings.
pub(super) struct Gpu {
    // Fields are dropped in this order: the context last.
    pub kernels: Kernels,
    pub context: Arc<CudaContext>,
    pub options: CudaOptions,
    /// Whether a kernel may be launched before the one before it ends.
    pub launches_early: bool,
    /// A human-readable description.
    pub description: String,
}

impl Gpu {
    /// Opens the GPU with this ordinal.
    ///
    /// # Errors
    /// When there is no such GPU, or it cannot be used this way, with the reason.
    pub fn open(ordinal: usize, options: CudaOptions) -> Result<Self> {
        let CudaOptions { precision, gemm, .. } = options;
        let unavailable =
            |reason| CudaProblem::Unavailable { device: format!("cuda:{ordinal}"), reason };
        let gpu = probe::probe(ordinal).map_err(unavailable)?;
        gpu.check(precision).map_err(unavailable)?;
        let context = CudaContext::new(ordinal).map_err(failed("starting"))?;
        // SAFETY: cudarc's events synchronize several streams. Our streams are independent, and each
        // branch has events of its own; a capture must not wait for events from outside.
        unsafe { context.disable_event_tracking() };
        let mut description = format!(
            "{} (cuda:{ordinal}), kernels: {}, precision {precision}",
            gpu.name, gpu.kernels
        );
        if gemm != Gemm::Cublas {
            description += &format!(", gemm {gemm}");
        }
        let kernels = load_kernels(&context, gpu.kernels)?;
        let driver = probe::driver().map_err(unavailable)?;
        let launches_early = gpu.capability >= EARLY_DEVICE && driver >= EARLY_DRIVER;
        Ok(Self { kernels, context, options, launches_early, description })
    }
}

/// Loads every kernel from the image chosen for the device.
fn load_kernels(context: &Arc<CudaContext>, choice: images::Choice) -> Result<Kernels> {
    let loading = "loading kernels";
    let mut modules: BTreeMap<&str, Arc<CudaModule>> = BTreeMap::new();
    for file in images::BUILT.files {
        let image = Ptx::from_binary(images::image(choice, file)?);
        modules.insert(file.name, context.load_module(image).map_err(failed(loading))?);
    }
    Kernels::load(|file, kernel| modules[file].load_function(kernel).map_err(failed(loading)))
}
