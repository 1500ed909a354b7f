//! The measures of a sample: beside other programs, after damage that each of them is there to see,
//! and on any number of threads.

mod clusters;
mod damage;
mod peers;
#[path = "../common/python.rs"]
mod python;
mod scores;
mod threads;
