//! The command line: the real binary in a scratch folder.

#[path = "../common/python.rs"]
mod python;

mod aliases;
mod animation;
mod branch;
mod checkpoints;
mod commands;
mod completions;
mod config;
mod cuda;
mod doctor;
mod dry_run;
mod errors;
mod evaluate;
mod evaluate_interval;
mod export;
mod fetch;
mod flags;
mod folder;
#[path = "../common/forge.rs"]
mod forge;
mod graph;
mod health;
mod help;
#[allow(dead_code)] // other tests pack files too
#[path = "../common/idx.rs"]
mod idx;
mod idx_data;
mod import;
mod job;
mod json;
mod layers;
mod log;
mod man;
mod memory;
#[path = "../common/mirror.rs"]
mod mirror;
mod names;
mod pipe;
mod png;
mod ranges;
mod ranks;
mod readme;
mod refusals;
mod replay;
mod resume;
mod runs;
mod sample;
mod scratch;
mod set;
mod stacked;
mod stop;
mod techniques;
mod tensorboard;
#[path = "../common/tensors.rs"]
mod tensors;
mod terminal;
mod weights;
