//! The numbers by which kernels know what is one of several: a module for each `enum` of
//! `kernels/`, which the build generates.

include!(concat!(env!("OUT_DIR"), "/codes.rs"));
