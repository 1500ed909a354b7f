//! The native part of the Python package `gan_cuda`: the functions of `gan_cuda::cli` with Python's
//! types. `python/gan_cuda/__init__.py` turns keyword arguments into their flags.

mod arguments;
mod array;
mod config;
mod error;
mod follower;
mod generator;
mod progress;

use pyo3::prelude::*;

#[pymodule]
mod _native {
    use std::ffi::OsString;
    use std::path::PathBuf;

    use gan_cuda::cli;
    use gan_cuda::cli::call;
    use pyo3::prelude::*;
    use pyo3::types::PyDict;

    use crate::arguments::{of_checkpoint, of_keywords};
    #[pymodule_export]
    use crate::config::{presets, to_toml};
    use crate::error::{to_python, warn};
    use crate::follower::Follower;
    #[pymodule_export]
    use crate::generator::Generator;
    #[pymodule_export]
    use crate::progress::Progress;

    #[pymodule_export]
    #[expect(non_upper_case_globals, reason = "Python's name")]
    const __version__: &str = env!("CARGO_PKG_VERSION");

    /// The program: runs a command line, and returns the exit code.
    #[pyfunction]
    fn main(py: Python<'_>, arguments: Vec<OsString>) -> u8 {
        py.detach(|| cli::main(arguments.into_iter()))
    }

    /// Trains, and returns the run's folder.
    #[pyfunction]
    #[pyo3(signature = (callback, **keywords))]
    fn train(
        py: Python<'_>,
        callback: Option<Py<PyAny>>,
        keywords: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<PathBuf> {
        let flags = of_keywords(keywords)?;
        let mut follower = Follower::new(callback);
        let trained = py.detach(|| call::train(flags, &mut follower));
        follower.into_result()?;
        Ok(trained.map_err(to_python)?.run.path().to_owned())
    }

    /// Scores a generator, and returns the JSON.
    #[pyfunction]
    #[pyo3(signature = (path, **keywords))]
    fn evaluate(
        py: Python<'_>,
        path: Option<PathBuf>,
        keywords: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<String> {
        let arguments = of_checkpoint(path, keywords)?;
        let mut warnings = Vec::new();
        let report = py.detach(|| call::evaluate(arguments, &mut |text| warnings.push(text)));
        warnings.iter().try_for_each(|warning| warn(py, warning))?;
        report.map_err(to_python)
    }
}
