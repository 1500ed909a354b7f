//! Training: the run folder and its formats.
pub mod checkpoint;
pub mod files;
pub mod grid;
pub mod journal;
mod loss_curve;
pub mod plot;
pub mod records;
pub mod run_dir;
pub mod run_lock;
pub mod tensor_file;
