//! Arbitrary bytes as an image file.
#![no_main]

use std::path::Path;

use gan_cuda::data::ImageShape;
use gan_cuda::data::folder::decode_image;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    // TGA is the only format that is detected by its extension.
    for (name, channels) in [("x", 1), ("x", 3), ("x.tga", 3)] {
        let shape = ImageShape { channels, height: 5, width: 5 };
        if let Ok(pixels) = decode_image(bytes, Path::new(name), shape) {
            assert_eq!(pixels.len(), shape.pixels());
        }
    }
});
