//! Downloads of data sets from servers on the loopback address, with all kinds of faults.

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
