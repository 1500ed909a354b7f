//! Animated GIFs that loop forever, with [our mark](crate::mark).

use std::time::Duration;

use gif::{Encoder, Extension, Frame, Repeat};

use crate::mark;

/// Speed of the colour quantization, from 1 (best) to 30 (fastest); 10 is the default of the `gif`
/// crate.
const COLOUR_SPEED: i32 = 10;

/// An encoder for an animated GIF.
pub struct Animation {
    encoder: Encoder<Vec<u8>>,
    size: (u16, u16),
    channels: usize,
}

impl Animation {
    /// Starts an animation with frames of this width and height, grey (one channel) or RGB (three).
    ///
    /// # Errors
    /// A message if the width or height is not 1 to 65,535 pixels.
    pub fn new((width, height): (usize, usize), channels: usize) -> Result<Animation, String> {
        let side = |length: usize| u16::try_from(length).ok().filter(|&side| side > 0);
        let (Some(width), Some(height)) = (side(width), side(height)) else {
            return Err(format!(
                "{width} × {height} pixels are not possible in a GIF, whose width and height are 1 to 65,535"
            ));
        };
        // Grey frames share a palette; colours are chosen per frame.
        let greys: Vec<u8> = (0..=255).flat_map(|grey| [grey; 3]).collect();
        let palette = if channels == 1 { &greys[..] } else { &[] };
        let mut encoder = Encoder::new(Vec::new(), width, height, palette).map_err(message)?;
        encoder.set_repeat(Repeat::Infinite).map_err(message)?;
        let mark = [mark::NAME.as_bytes()];
        encoder.write_raw_extension(Extension::Comment.into(), &mark).map_err(message)?;
        Ok(Animation { encoder, size: (width, height), channels })
    }

    /// Adds a frame with its display time, in steps of 10 ms.
    ///
    /// `pixels`: (height, width, channels), row by row.
    ///
    /// # Errors
    /// The encoder's message.
    ///
    /// # Panics
    /// If the number of pixels is wrong.
    pub fn add(&mut self, pixels: &[u8], shown: Duration) -> Result<(), String> {
        let (width, height) = self.size;
        let mut frame = match self.channels {
            1 => Frame { width, height, buffer: pixels.into(), ..Frame::default() },
            _ => Frame::from_rgb_speed(width, height, pixels, COLOUR_SPEED),
        };
        frame.delay = u16::try_from(shown.as_millis() / 10).unwrap_or(u16::MAX);
        self.encoder.write_frame(&frame).map_err(message)
    }

    /// The bytes of the GIF.
    ///
    /// # Errors
    /// The encoder's message.
    pub fn finish(self) -> Result<Vec<u8>, String> {
        self.encoder.into_inner().map_err(|error| error.to_string())
    }
}

fn message(error: gif::EncodingError) -> String {
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
    fn grey_frames_round_trip_exactly() {
        let pixels: Vec<u8> = (0..=255).collect();
        let mut animation = Animation::new((32, 8), 1).unwrap();
        animation.add(&pixels, Duration::from_millis(100)).unwrap();
        animation.add(&[7; 256], Duration::from_secs(2)).unwrap();
        let gif = animation.finish().unwrap();
        assert!(mark::is_own_output(&gif) && !mark::is_own_output(&gif[..780]));
        let frames = read(&gif);
        let rgba: Vec<u8> = pixels.iter().flat_map(|&grey| [grey, grey, grey, 255]).collect();
        assert_eq!(frames[0], (32, 8, 10, rgba));
        assert_eq!(frames[1], (32, 8, 200, [7, 7, 7, 255].repeat(256)));
    }

    #[test]
    fn frames_with_few_colours_round_trip_exactly() {
        let pixels: Vec<u8> = [[200, 10, 60], [0, 0, 0], [255, 255, 255], [9, 99, 199]].concat();
        let mut animation = Animation::new((2, 2), 3).unwrap();
        animation.add(&pixels, Duration::from_millis(40)).unwrap();
        let frames = read(&animation.finish().unwrap());
        let rgba: Vec<u8> = pixels.chunks(3).flat_map(|p| [p[0], p[1], p[2], 255]).collect();
        assert_eq!(frames, [(2, 2, 4, rgba)]);
    }

    #[test]
    fn sizes_outside_the_gif_limits_are_refused() {
        for size in [(0, 5), (70_000, 5), (5, 65_536)] {
            assert!(Animation::new(size, 1).is_err_and(|message| message.contains("65,535")));
        }
    }
}
