//! `gan-cuda export`.

mod arrays;
mod pytorch;
mod weights;

use super::sample::{CHECKPOINT, RUN, trained};
