//! A trained generator.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use gan_cuda::cli::call::{self, Inputs};
use gan_cuda::data::ImageShape;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::arguments::{flags, of_checkpoint};
use crate::array;
use crate::error::{UsageError, to_python};

/// `_native.pyi` describes it.
#[pyclass(frozen, module = "gan_cuda")]
pub struct Generator {
    generator: Mutex<call::Generator>,
    #[pyo3(get)]
    checkpoint: PathBuf,
    #[pyo3(get)]
    iteration: u32,
    #[pyo3(get)]
    preset: String,
    #[pyo3(get)]
    classes: Option<usize>,
    #[pyo3(get)]
    class_names: Vec<String>,
    #[pyo3(get)]
    latent_dim: usize,
    image: ImageShape,
}

#[pymethods]
impl Generator {
    #[staticmethod]
    #[pyo3(signature = (path=None, **keywords))]
    fn load(
        py: Python<'_>,
        path: Option<PathBuf>,
        keywords: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        let arguments = of_checkpoint(path, keywords)?;
        let generator = py.detach(|| call::Generator::load(arguments)).map_err(to_python)?;
        let (config, gan) = (generator.config(), &generator.config().gan);
        Ok(Generator {
            checkpoint: generator.folder().to_owned(),
            iteration: generator.iteration(),
            preset: config.preset.clone(),
            classes: gan.classes,
            class_names: config.class_names.clone(),
            latent_dim: gan.latent_dim,
            image: gan.image,
            generator: Mutex::new(generator),
        })
    }

    #[getter]
    fn image_shape(&self) -> (usize, usize, usize) {
        (self.image.channels, self.image.height, self.image.width)
    }

    #[pyo3(signature = (count=None, labels=None, seed=None))]
    fn sample<'py>(
        &self,
        py: Python<'py>,
        count: Option<Bound<'py, PyAny>>,
        labels: Option<Bound<'py, PyAny>>,
        seed: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let flags = flags([("count", count), ("labels", labels), ("seed", seed)])?;
        let images = py.detach(|| {
            self.with_generator(|generator| {
                let Inputs { noise, labels } = generator.inputs(flags).map_err(to_python)?;
                generate(generator, &noise, &labels)
            })
        })?;
        self.images(py, &images)
    }

    #[pyo3(signature = (count, seed=None))]
    fn noise<'py>(
        &self,
        py: Python<'py>,
        count: Bound<'py, PyAny>,
        seed: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let flags = flags([("count", Some(count)), ("seed", seed)])?;
        let inputs = py.detach(|| self.with_generator(|generator| generator.inputs(flags)));
        let noise = inputs.map_err(to_python)?.noise;
        let rows = noise.len() / self.latent_dim;
        array::of_floats(py, &noise, &[rows, self.latent_dim])
    }

    #[pyo3(signature = (noise, labels=None))]
    fn generate<'py>(
        &self,
        py: Python<'py>,
        noise: Bound<'py, PyAny>,
        labels: Option<Vec<u32>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (noise, shape) = array::floats(&noise)?;
        if shape.len() != 2 || shape[1] != self.latent_dim {
            let latent_dim = self.latent_dim;
            let problem = format!("noise has shape {shape:?}; it must have {latent_dim} columns");
            return Err(UsageError::new_err(problem));
        }
        let labels = labels.unwrap_or_default();
        let images =
            py.detach(|| self.with_generator(|generator| generate(generator, &noise, &labels)))?;
        self.images(py, &images)
    }

    fn __repr__(&self) -> String {
        format!("Generator({}, preset {})", self.checkpoint.display(), self.preset)
    }
}

impl Generator {
    /// Without the GIL, as another thread that holds the lock may need it.
    fn with_generator<T>(&self, work: impl FnOnce(&mut call::Generator) -> T) -> T {
        work(&mut self.generator.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn images<'py>(&self, py: Python<'py>, images: &[f32]) -> PyResult<Bound<'py, PyAny>> {
        let ImageShape { channels, height, width } = self.image;
        let count = images.len() / self.image.pixels();
        array::of_floats(py, images, &[count, channels, height, width])
    }
}

/// Generates all images. Ctrl-C interrupts it between two batches.
fn generate(generator: &mut call::Generator, noise: &[f32], labels: &[u32]) -> PyResult<Vec<f32>> {
    let mut all = Vec::new();
    for images in generator.generate(noise, labels).map_err(to_python)? {
        all.extend(images.map_err(to_python)?);
        Python::attach(|py| py.check_signals())?;
    }
    Ok(all)
}
