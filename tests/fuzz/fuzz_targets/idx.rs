//! Arbitrary bytes as an IDX image file and as a label file.
#![no_main]

use gan_cuda::data::idx;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(images) = idx::decode_images(bytes) {
        assert_eq!(images.pixels.len(), images.count * images.height * images.width);
        assert_eq!(images.transposed().transposed(), images);
    }
    if let Ok(labels) = idx::decode_labels(bytes) {
        assert!(!labels.is_empty());
    }
});
