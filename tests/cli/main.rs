//! The command line: the real binary in a scratch folder.

#[path = "../common/python.rs"]
mod python;

mod animation;
mod commands;
mod completions;
mod config;
mod cuda;
mod doctor;
mod dry_run;
mod errors;
mod export;
mod fetch;
mod flags;
mod folder;
mod graph;
mod health;
mod help;
mod job;
mod json;
mod layers;
mod log;
mod man;
mod memory;
#[path = "../common/mirror.rs"]
mod mirror;
mod pipe;
mod ranges;
mod readme;
mod replay;
mod resume;
mod runs;
mod sample;
mod scratch;
mod stop;
mod tensorboard;
#[path = "../common/tensors.rs"]
mod tensors;
mod weights;
