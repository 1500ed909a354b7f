//! The measures: compared with other programs, sensitive to damage, and independent of the number
//! of threads.

mod clusters;
mod damage;
mod peers;
#[path = "../common/python.rs"]
mod python;
mod scores;
mod threads;
