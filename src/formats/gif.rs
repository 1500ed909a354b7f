//! Pictures as the frames of an animated GIF that runs for ever, with [our mark](crate::mark).

use std::time::Duration;

use gif::{Encoder, Extension, Frame, Repeat};

use crate::mark;

/// How carefully colours are chosen, from 1 to 30; the crate's word for a good one is 10.
const COLOUR_SPEED: i32 = 10;

/// A GIF in the making.
pub struct Animation {
    encoder: Encoder<Vec<u8>>,
    size: (u16, u16),
    channels: usize,
}

impl Animation {
    /// Begins one of frames of this width and height, grey (one channel) or RGB (three).
    ///
    /// # Errors
    /// In words: a GIF's sides are 1 to 65,535 pixels.
    pub fn new((width, height): (usize, usize), channels: usize) -> Result<Animation, String> {
        let side = |length: usize| u16::try_from(length).ok().filter(|&side| side > 0);
        let (Some(width), Some(height)) = (side(width), side(height)) else {
            return Err(format!("{width} × {height} pixels are too many for a GIF: 65,535 a side"));
        };
        // The shades of grey are every frame's; colours are chosen for each.
        let greys: Vec<u8> = (0..=255).flat_map(|grey| [grey; 3]).collect();
        let palette = if channels == 1 { &greys[..] } else { &[] };
        let mut encoder = Encoder::new(Vec::new(), width, height, palette).map_err(words)?;
        encoder.set_repeat(Repeat::Infinite).map_err(words)?;
        let mark = [mark::NAME.as_bytes()];
        encoder.write_raw_extension(Extension::Comment.into(), &mark).map_err(words)?;
        Ok(Animation { encoder, size: (width, height), channels })
    }

    /// Adds a frame, shown for so long (in hundredths of a second).
    ///
    /// `pixels`: (height, width, channels), row by row.
    ///
    /// # Errors
    /// In words.
    ///
    /// # Panics
    /// When the pixels are not as many as the frame's.
    pub fn add(&mut self, pixels: &[u8], shown: Duration) -> Result<(), String> {
        let (width, height) = self.size;
        let mut frame = match self.channels {
            1 => Frame { width, height, buffer: pixels.into(), ..Frame::default() },
            _ => Frame::from_rgb_speed(width, height, pixels, COLOUR_SPEED),
        };
        frame.delay = u16::try_from(shown.as_millis() / 10).unwrap_or(u16::MAX);
        self.encoder.write_frame(&frame).map_err(words)
    }

    /// The bytes of the GIF.
    ///
    /// # Errors
    /// In words.
    pub fn finish(self) -> Result<Vec<u8>, String> {
        self.encoder.into_inner().map_err(|error| error.to_string())
    }
}

fn words(error: gif::EncodingError) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Width, height, delay and RGBA of each frame.
    fn read(gif: &[u8]) -> Vec<(u16, u16, u16, Vec<u8>)> {
        let mut options = gif::DecodeOptions::new();
        options.set_color_output(gif::ColorOutput::RGBA);
        let mut decoder = options.read_info(gif).unwrap();
        assert_eq!(decoder.repeat(), Repeat::Infinite);
        let mut frames = Vec::new();
        while let Some(frame) = decoder.read_next_frame().unwrap() {
            frames.push((frame.width, frame.height, frame.delay, frame.buffer.to_vec()));
        }
        frames
    }

    #[test]
    fn grey_frames_come_back_exactly() {
        let pixels: Vec<u8> = (0..=255).collect();
        let mut animation = Animation::new((32, 8), 1).unwrap();
        animation.add(&pixels, Duration::from_millis(100)).unwrap();
        animation.add(&[7; 256], Duration::from_secs(2)).unwrap();
        let gif = animation.finish().unwrap();
        assert!(mark::is_ours(&gif) && !mark::is_ours(&gif[..780]));
        let frames = read(&gif);
        let rgba: Vec<u8> = pixels.iter().flat_map(|&grey| [grey, grey, grey, 255]).collect();
        assert_eq!(frames[0], (32, 8, 10, rgba));
        assert_eq!(frames[1], (32, 8, 200, [7, 7, 7, 255].repeat(256)));
    }

    #[test]
    fn few_colours_come_back_exactly() {
        let pixels: Vec<u8> = [[200, 10, 60], [0, 0, 0], [255, 255, 255], [9, 99, 199]].concat();
        let mut animation = Animation::new((2, 2), 3).unwrap();
        animation.add(&pixels, Duration::from_millis(40)).unwrap();
        let frames = read(&animation.finish().unwrap());
        let rgba: Vec<u8> = pixels.chunks(3).flat_map(|p| [p[0], p[1], p[2], 255]).collect();
        assert_eq!(frames, [(2, 2, 4, rgba)]);
    }

    #[test]
    fn sides_that_no_gif_has_are_refused() {
        for size in [(0, 5), (70_000, 5), (5, 65_536)] {
            assert!(Animation::new(size, 1).is_err_and(|words| words.contains("65,535")));
        }
    }
}
