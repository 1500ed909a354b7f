//! NumPy's arrays. NumPy itself makes them, so that no second library of matrices is needed.

use pyo3::prelude::*;
use pyo3::types::PyByteArray;

/// A float32 array of this shape, row-major and writable.
pub fn of_floats<'py>(
    py: Python<'py>,
    numbers: &[f32],
    shape: &[usize],
) -> PyResult<Bound<'py, PyAny>> {
    let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    let bytes = PyByteArray::new(py, &bytes);
    let array = py.import("numpy")?.call_method1("frombuffer", (bytes, "<f4"))?;
    array.call_method1("reshape", (shape,))
}

/// The numbers of anything that NumPy makes an array of, row-major, and their shape.
pub fn floats(numbers: &Bound<'_, PyAny>) -> PyResult<(Vec<f32>, Vec<usize>)> {
    let array = numbers.py().import("numpy")?.call_method1("asarray", (numbers, "<f4"))?;
    let bytes: Vec<u8> = array.call_method0("tobytes")?.extract()?;
    let (words, _) = bytes.as_chunks();
    let numbers = words.iter().map(|&word| f32::from_le_bytes(word)).collect();
    Ok((numbers, array.getattr("shape")?.extract()?))
}
