//! A trained generator.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use gan_cuda::cli::call::{self, Inputs};
use gan_cuda::data::ImageShape;
use numpy::{
    AllowTypeChange, PyArray1, PyArray2, PyArray4, PyArrayLike1, PyArrayLike2, PyArrayMethods,
    PyUntypedArrayMethods,
};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::arguments::{flags, of_checkpoint};
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
    ) -> PyResult<Bound<'py, PyArray4<f32>>> {
        let flags = flags([("count", count), ("labels", labels), ("seed", seed)])?;
        let images = py.detach(|| {
            self.with_generator(|generator| {
                let Inputs { noise, labels } = generator.inputs(flags).map_err(to_python)?;
                generate(generator, &noise, &labels)
            })
        })?;
        self.array(py, images)
    }

    #[pyo3(signature = (count, seed=None))]
    fn noise<'py>(
        &self,
        py: Python<'py>,
        count: Bound<'py, PyAny>,
        seed: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyArray2<f32>>> {
        let flags = flags([("count", Some(count)), ("seed", seed)])?;
        let inputs = py.detach(|| self.with_generator(|generator| generator.inputs(flags)));
        let noise = inputs.map_err(to_python)?.noise;
        let rows = noise.len() / self.latent_dim;
        PyArray1::from_vec(py, noise).reshape([rows, self.latent_dim])
    }

    #[pyo3(signature = (noise, labels=None))]
    fn generate<'py>(
        &self,
        py: Python<'py>,
        noise: PyArrayLike2<'py, f32, AllowTypeChange>,
        labels: Option<PyArrayLike1<'py, u32, AllowTypeChange>>,
    ) -> PyResult<Bound<'py, PyArray4<f32>>> {
        if noise.shape()[1] != self.latent_dim {
            let (shape, latent_dim) = (noise.shape(), self.latent_dim);
            let problem = format!("noise has shape {shape:?}; it must have {latent_dim} columns");
            return Err(UsageError::new_err(problem));
        }
        let noise: Vec<f32> = noise.as_array().iter().copied().collect();
        let labels = labels.map_or(Vec::new(), |labels| labels.as_array().to_vec());
        let images =
            py.detach(|| self.with_generator(|generator| generate(generator, &noise, &labels)))?;
        self.array(py, images)
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

    fn array<'py>(&self, py: Python<'py>, images: Vec<f32>) -> PyResult<Bound<'py, PyArray4<f32>>> {
        let ImageShape { channels, height, width } = self.image;
        let count = images.len() / self.image.pixels();
        PyArray1::from_vec(py, images).reshape([count, channels, height, width])
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
