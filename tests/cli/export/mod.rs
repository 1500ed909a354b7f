//! `gan-cuda export`.

mod arrays;
mod refusals;
mod weights;

use super::sample::{CHECKPOINT, RUN, trained};
