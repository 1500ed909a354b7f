//! Training: the run folder and its formats.
pub mod files;
pub mod tensor_file;
