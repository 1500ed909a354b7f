//! Downloads of data sets, from a server on the loopback address that has every fault.

mod existing_files;
#[path = "../common/idx.rs"]
mod idx;
mod local_errors;
#[path = "../common/mirror.rs"]
mod mirror;
mod mirror_failures;
mod resume;
mod success;
mod test_dataset;
