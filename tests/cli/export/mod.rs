//! `gan-cuda export`.

mod arrays;
mod page;
mod pytorch;
mod weights;

use super::sample::{CHECKPOINT, RUN, trained};
