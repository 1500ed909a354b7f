//! The command line: the real binary in a scratch folder.

mod commands;
mod cuda;
mod doctor;
mod errors;
mod flags;
mod folder;
mod job;
mod pipe;
mod readme;
mod resume;
mod scratch;
