//! `gan-cuda export`.

mod arrays;
mod weights;

use super::sample::{CHECKPOINT, RUN, trained};
