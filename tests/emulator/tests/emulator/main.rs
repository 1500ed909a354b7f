//! The emulator's own tests, through cudarc, like the CUDA device.
//!
//! The kernels are those in `tests/kernels`, some of which are faulty on purpose. With
//! `GAN_CUDA_EMULATOR_TESTS_ON_GPU=1`, tests of CUDA's own rules run on a real GPU, and the others are
//! skipped.

mod blas;
mod capture;
mod common;
mod environment;
mod images;
mod kernels;
mod memory;
mod sanitizers;
mod streams;
