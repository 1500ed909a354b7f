//! `gan-cuda sample`.

mod cuda;
mod interpolation;
mod pictures;

use std::fs;

use super::png::{self, Image};
use super::scratch::Scratch;

pub use super::scratch::RUN;
pub const CHECKPOINT: &str = "runs/00000-cgan-mnist/checkpoint-000004";

/// A folder with a run of four iterations; flags as for `train`.
pub fn trained(flags: &str) -> Scratch {
    Scratch::with_run(&format!("--iterations 4 {flags}"))
}

impl Scratch {
    /// The picture that `sample` writes for the newest run.
    #[track_caller]
    fn sample(&self, flags: &str) -> Image {
        self.run(&format!("sample {flags} --out drawn.png")).succeeds();
        png::read(&self.path("drawn.png"))
    }

    /// The files that `sample --separate` writes for the newest run, with their bytes.
    #[track_caller]
    fn separate(&self, flags: &str) -> Vec<(String, Vec<u8>)> {
        self.run(&format!("sample {flags} --separate apart")).succeeds();
        let files = self.files("apart").into_iter().collect();
        fs::remove_dir_all(self.path("apart")).unwrap();
        files
    }
}

/// The bytes alone.
fn images(files: Vec<(String, Vec<u8>)>) -> Vec<Vec<u8>> {
    files.into_iter().map(|(_, bytes)| bytes).collect()
}

/// The 28×28 tile of a grey picture at a row and column.
fn tile(picture: &Image, row: usize, column: usize) -> Vec<u8> {
    let width = picture.size.0 as usize;
    let line = |y: usize| (2 + 30 * row + y) * width + 2 + 30 * column;
    (0..28).flat_map(|y| picture.bytes[line(y)..line(y) + 28].to_vec()).collect()
}
