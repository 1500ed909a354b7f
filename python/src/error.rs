//! Errors and warnings as Python's, in the words of the command line.

use std::ffi::CString;

use gan_cuda::cli::call;
use pyo3::exceptions::PyUserWarning;
use pyo3::prelude::*;

pyo3::import_exception!(gan_cuda._errors, Error);
pyo3::import_exception!(gan_cuda._errors, UsageError);

pub fn to_python(error: call::Error) -> PyErr {
    let message = error.lines().join("\n");
    match error.is_usage() {
        true => UsageError::new_err(message),
        false => Error::new_err(message),
    }
}

/// Warns the caller of the function of `__init__.py` that called this module.
pub fn warn(py: Python<'_>, text: &str) -> PyResult<()> {
    let category = py.get_type::<PyUserWarning>();
    let text = CString::new(text.strip_prefix("warning: ").unwrap_or(text))?;
    PyErr::warn(py, &category, &text, 2)
}
