//! The emulator's own tests, through cudarc, like the CUDA device.
//!
//! The kernels are those in `tests/kernels`, some of which are faulty on purpose. With
//! `GAN_CUDA_EMULATOR_TESTS_ON_GPU=1`, tests of CUDA's own rules run on a real GPU, and the others are
//! skipped.

mod blas;
mod calls;
mod capture;
mod collectives;
mod common;
mod environment;
mod images;
mod kernels;
mod meetings;
mod memory;
mod nccl;
mod partings;
mod ranks;
mod sanitizers;
mod streams;
