//! Keyword arguments as flags of the command line.

use std::ffi::OsString;
use std::path::PathBuf;

use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict};

/// A checkpoint and the flags of a command that reads it.
pub fn of_checkpoint(
    path: Option<PathBuf>,
    keywords: Option<&Bound<'_, PyDict>>,
) -> PyResult<Vec<OsString>> {
    let mut arguments = of_keywords(keywords)?;
    // A path may begin with a hyphen.
    arguments.push("--".into());
    arguments.extend(path.map(PathBuf::into_os_string));
    Ok(arguments)
}

/// The flags of the keyword arguments of a Python function.
pub fn of_keywords(keywords: Option<&Bound<'_, PyDict>>) -> PyResult<Vec<OsString>> {
    let pairs = keywords.into_iter().flat_map(|keywords| keywords.iter());
    let pairs = pairs.map(|(name, value)| Ok((name.extract::<String>()?, Some(value))));
    flags(pairs.collect::<PyResult<Vec<_>>>()?)
}

/// `g_hidden=[64, 64], no_graph=True` is `--g-hidden=64,64 --no-graph`. None and False omit a flag.
pub fn flags<'py>(
    keywords: impl IntoIterator<Item = (impl AsRef<str>, Option<Bound<'py, PyAny>>)>,
) -> PyResult<Vec<OsString>> {
    let given = keywords.into_iter().filter_map(|(name, value)| Some((name, value?)));
    let flags = given.map(|(name, value)| flag(name.as_ref(), &value));
    flags.filter_map(Result::transpose).collect()
}

fn flag(name: &str, value: &Bound<'_, PyAny>) -> PyResult<Option<OsString>> {
    let py = value.py();
    if value.is_none() || value.is(PyBool::new(py, false)) {
        return Ok(None);
    }
    let mut flag = OsString::from(format!("--{}", name.replace('_', "-")));
    if !value.is(PyBool::new(py, true)) {
        flag.push("=");
        flag.push(text(value)?);
    }
    Ok(Some(flag))
}

/// A string or path as it is, a sequence with commas, and anything else as `str` shows it.
fn text(value: &Bound<'_, PyAny>) -> PyResult<OsString> {
    if let Ok(path) = value.extract::<PathBuf>() {
        return Ok(path.into_os_string());
    }
    let Ok(items) = value.try_iter() else { return Ok(value.str()?.to_string().into()) };
    let items = items.map(|item| text(&item?)).collect::<PyResult<Vec<_>>>()?;
    Ok(items.join(",".as_ref()))
}
