//! A GPU, shared by all streams on it.

use std::collections::BTreeMap;
use std::sync::Arc;

use cudarc::driver::{CudaContext, CudaModule};
use cudarc::nvrtc::Ptx;

use super::kernels::Kernels;
use super::{CudaProblem, failed, images, probe};
use crate::device::{Precision, Result};

/// A GPU's context with the kernels loaded, and its settings.
pub(super) struct Gpu {
    // Fields are dropped in this order: the context last.
    pub kernels: Kernels,
    pub context: Arc<CudaContext>,
    pub precision: Precision,
    /// Whether repeated sequences of operations are captured as CUDA graphs.
    pub graphs: bool,
    /// A human-readable description.
    pub description: String,
}

impl Gpu {
    /// Opens the GPU with this ordinal.
    ///
    /// # Errors
    /// When there is no such GPU, or it cannot be used this way, with the reason.
    pub fn open(ordinal: usize, precision: Precision, graphs: bool) -> Result<Self> {
        let unavailable =
            |reason| CudaProblem::Unavailable { device: format!("cuda:{ordinal}"), reason };
        let gpu = probe::probe(ordinal).map_err(unavailable)?;
        gpu.check(precision).map_err(unavailable)?;
        let context = CudaContext::new(ordinal).map_err(failed("starting"))?;
        // SAFETY: cudarc's events synchronize several streams. Our streams are independent, and each
        // branch has events of its own; a capture must not wait for events from outside.
        unsafe { context.disable_event_tracking() };
        let description = format!(
            "{} (cuda:{ordinal}), kernels: {}, precision {precision}",
            gpu.name, gpu.kernels
        );
        let kernels = load_kernels(&context, gpu.kernels)?;
        Ok(Self { kernels, context, precision, graphs, description })
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
