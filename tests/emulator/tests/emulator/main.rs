//! The emulator's own tests, through cudarc, as the CUDA device uses it.
//!
//! The kernels are those of `tests/kernels`, some of them wrong on purpose. Tests of CUDA's own
//! rules also run on a real device where `GAN_CUDA_EMULATOR_TESTS_ON_GPU=1` says so; the others are
//! then left out.

mod blas;
mod capture;
mod common;
mod images;
mod kernels;
mod knobs;
mod memory;
mod sanitizers;
mod streams;
