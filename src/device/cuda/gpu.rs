//! A GPU, shared by all streams on it.

use std::collections::BTreeMap;
use std::sync::Arc;

use cudarc::driver::{CudaContext, CudaModule};
use cudarc::nvrtc::Ptx;

use super::kernels::Kernels;
use super::nvrtc::Version;
use super::{CudaOptions, CudaProblem, failed, images, probe};
use crate::device::{Gemm, Result};

/// The oldest architecture for which kernels wait for the one before them, in programmatic dependent
/// launch: 9.0. Kernels that were compiled for an older one do not, even on a newer GPU.
const EARLY_ARCHITECTURE: u32 = 90;
/// The oldest driver that captures such launches.
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
        let launches_early = launches_early(gpu.kernels, driver);
        Ok(Self { kernels, context, options, launches_early, description })
    }
}

/// Whether these kernels may be launched before the ones before them end, by such a driver.
fn launches_early(kernels: images::Choice, driver: Version) -> bool {
    kernels.architecture() >= EARLY_ARCHITECTURE && driver >= EARLY_DRIVER
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

#[cfg(test)]
mod tests {
    use super::super::target::Target::{self, Cubin, Ptx};
    use super::*;

    #[test]
    fn kernels_start_early_only_if_they_wait_and_the_driver_captures_it() {
        let version = |major, minor| Version { major, minor };
        let embedded = |target: Target| images::Choice::Embedded(target);
        let (old, new) = (version(12, 2), version(12, 3));
        assert!(launches_early(embedded(Cubin(90)), new));
        assert!(launches_early(images::Choice::Compiled { by: new, target: Ptx(100) }, new));
        assert!(!launches_early(embedded(Cubin(90)), old));
        // PTX for an older architecture, on whatever GPU, has no wait.
        assert!(!launches_early(embedded(Ptx(75)), new));
        assert!(!launches_early(embedded(Cubin(89)), new));
    }
}
