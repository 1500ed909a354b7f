//! Presets and configurations, as JSON: Python's own parser makes the objects.

use std::collections::BTreeMap;

use gan_cuda::gan::preset;
use pyo3::prelude::*;

use crate::error::UsageError;

/// All presets by name: the contents of their TOML files.
#[pyfunction]
pub fn presets() -> PyResult<String> {
    let table = |text| toml::from_str::<toml::Table>(text).map_err(refused);
    let presets = preset::presets().iter().map(|preset| Ok((&preset.name, table(preset.text)?)));
    serde_json::to_string(&presets.collect::<PyResult<BTreeMap<_, _>>>()?).map_err(refused)
}

/// The TOML of a configuration in JSON.
#[pyfunction]
pub fn to_toml(json: &str) -> PyResult<String> {
    let table: toml::Table = serde_json::from_str(json).map_err(refused)?;
    toml::to_string(&table).map_err(refused)
}

fn refused(problem: impl std::error::Error) -> PyErr {
    UsageError::new_err(format!("config cannot be written as TOML: {problem}"))
}
