//! Writes safetensors files: first the header, then the numbers, chunk by chunk.

use std::collections::{BTreeMap, HashSet};
use std::io::Write;
use std::path::Path;

use super::{Element, TensorFile, TensorInfo, header, problem};
use crate::file_error::FileError;
use crate::formats::{Error, Result};

/// Numbers encoded at once.
const BLOCK: usize = 8192;

/// A file to be written. Names, types and shapes are known in advance; numbers are requested during
/// [`TensorWriter::write`] and are never in memory all at once. Their source may fail with an `E`.
pub struct TensorWriter<'a, E = Error> {
    /// The metadata; it contains `format` = `pt` from the start, which PyTorch's tools expect.
    pub metadata: BTreeMap<String, String>,
    tensors: Vec<(TensorInfo, Numbers<'a, E>)>,
}

/// Writes a tensor's numbers to the sink.
type Numbers<'a, E> = Box<dyn FnOnce(&mut Sink<'_>) -> Result<(), E> + 'a>;

impl<E: From<Error>> Default for TensorWriter<'_, E> {
    fn default() -> Self {
        Self::new()
    }
}

impl<'a, E: From<Error>> TensorWriter<'a, E> {
    /// A file without tensors.
    pub fn new() -> Self {
        let metadata = BTreeMap::from([("format".to_owned(), "pt".to_owned())]);
        Self { metadata, tensors: Vec::new() }
    }

    /// Adds a tensor. Its numbers, row by row, are the concatenation of `pieces`, which are
    /// requested one at a time, when the tensor is written.
    ///
    /// # Panics
    /// If the name is taken; in [`TensorWriter::write`], if the pieces do not fill the shape.
    pub fn push<T: Element>(
        &mut self,
        name: impl Into<String>,
        shape: &[usize],
        pieces: impl IntoIterator<Item = Result<Vec<T>, E>> + 'a,
    ) {
        let (name, shape) = (name.into(), shape.to_owned());
        let info = TensorInfo { name, shape, dtype: T::DTYPE, start: 0 };
        let numbers = |sink: &mut Sink<'_>| {
            pieces.into_iter().try_for_each(|piece| Ok(sink.numbers(&piece?)?))
        };
        self.tensors.push((info, Box::new(numbers)));
    }

    /// Adds a copy of a tensor of another file.
    pub fn copy(&mut self, file: &'a TensorFile, tensor: &'a TensorInfo) {
        let numbers = move |sink: &mut Sink<'_>| {
            Ok(file.blocks(tensor, 0..tensor.bytes(), |b| sink.bytes(b))?)
        };
        self.tensors.push((tensor.clone(), Box::new(numbers)));
    }

    /// Writes the file's bytes to `out`; `path` is for error messages.
    ///
    /// # Errors
    /// The first error of a piece; I/O;
    /// [`TensorProblem::Invalid`](super::TensorProblem::Invalid) if the header would exceed
    /// 100 MB.
    pub fn write(mut self, path: &Path, out: &mut dyn Write) -> Result<(), E> {
        // The `safetensors` crate's order: the widest type first, then by name.
        self.tensors.sort_by(|(a, _), (b, _)| b.dtype.cmp(&a.dtype).then(a.name.cmp(&b.name)));
        self.check_names();
        let infos = self.tensors.iter().map(|(info, _)| info);
        let first =
            header::encode(&self.metadata, infos).map_err(|source| problem(path, source))?;
        let mut sink = Sink { out, path, written: 0 };
        sink.bytes(&first)?;
        for (info, numbers) in self.tensors {
            let end = sink.written + info.bytes();
            numbers(&mut sink)?;
            assert_eq!(sink.written, end, "tensor {} of shape {:?}", info.name, info.shape);
        }
        Ok(())
    }

    fn check_names(&self) {
        let mut names = HashSet::from(["__metadata__"]);
        for (TensorInfo { name, .. }, _) in &self.tensors {
            assert!(names.insert(name), "the name {name} is taken");
        }
    }
}

/// The destination of the numbers.
struct Sink<'a> {
    out: &'a mut dyn Write,
    path: &'a Path,
    /// Bytes written.
    written: usize,
}

impl Sink<'_> {
    fn numbers<T: Element>(&mut self, numbers: &[T]) -> Result<()> {
        let mut buffer = Vec::new();
        numbers.chunks(BLOCK).try_for_each(|block| {
            T::encode(block, &mut buffer);
            self.bytes(&buffer)
        })
    }

    fn bytes(&mut self, bytes: &[u8]) -> Result<()> {
        self.written += bytes.len();
        Ok(self.out.write_all(bytes).map_err(FileError::at("write", self.path))?)
    }
}
