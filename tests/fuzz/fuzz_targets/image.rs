//! Any bytes as a picture of a folder of images.
#![no_main]

use gan_cuda::data::ImageShape;
use gan_cuda::data::folder::decode_image;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    for channels in [1, 3] {
        let shape = ImageShape { channels, height: 5, width: 5 };
        if let Ok(pixels) = decode_image(bytes, shape) {
            assert_eq!(pixels.len(), shape.pixels());
        }
    }
});
