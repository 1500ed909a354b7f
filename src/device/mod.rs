//! Where numbers live and operations run.
pub mod cpu;
