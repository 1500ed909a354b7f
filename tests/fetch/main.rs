//! Downloads of data sets, from a server on the loopback address that has every fault.

mod already_there;
mod faults;
#[path = "../common/idx.rs"]
mod idx;
mod local;
#[path = "../common/mirror.rs"]
mod mirror;
mod resume;
mod stand_in;
mod whole;
