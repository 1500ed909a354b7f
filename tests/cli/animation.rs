//! Decoding of GIF animations.

use std::fs::File;
use std::path::Path;

/// Width, height, delay in hundredths of a second and red of each pixel, frame by frame.
pub fn grey_frames(path: &Path) -> Vec<(u16, u16, u16, Vec<u8>)> {
    let mut options = gif::DecodeOptions::new();
    options.set_color_output(gif::ColorOutput::RGBA);
    let mut decoder = options.read_info(File::open(path).unwrap()).unwrap();
    let mut frames = Vec::new();
    while let Some(frame) = decoder.read_next_frame().unwrap() {
        let grey = frame.buffer.iter().step_by(4).copied().collect();
        frames.push((frame.width, frame.height, frame.delay, grey));
    }
    frames
}
