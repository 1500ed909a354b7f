//! Reading arbitrary bytes yields an image or an error, never a panic.

use std::path::Path;

use gan_cuda::data::Requirements;
use gan_cuda::data::folder::decode_image;
use image::{ImageFormat, Rgb, RgbImage};
use proptest::prelude::*;

use super::images::{encode, folder, grey_png, load, requirements, shape};

const NAMES: [&str; 8] = ["x.png", "x.jpg", "x.jpeg", "x.webp", "x.bmp", "x.tiff", "x.tga", "x"];
const FORMATS: [ImageFormat; 9] = [
    ImageFormat::Png,
    ImageFormat::Jpeg,
    ImageFormat::WebP,
    ImageFormat::Bmp,
    ImageFormat::Gif,
    ImageFormat::Tiff,
    ImageFormat::Pnm,
    ImageFormat::Qoi,
    ImageFormat::Tga,
];
/// Magic numbers, with which random bytes get past the format detection.
const BEGINNINGS: [&[u8]; 11] = [
    b"",
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff",
    b"RIFF\x40\0\0\0WEBPVP8",
    b"BM",
    b"GIF89a",
    b"II*\0\x08\0\0\0",
    b"MM\0*\0\0\0\x08",
    b"P6 3 2 255\n",
    b"P7\nWIDTH 3\n",
    b"qoif\0\0\0\x03\0\0\0\x03",
];

fn check(bytes: &[u8]) {
    for name in ["x", "x.tga"] {
        if let Ok(image) = decode_image(bytes, Path::new(name), shape(3, 5)) {
            assert_eq!(image.len(), 75);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    #[test]
    fn image_reader_never_panics_on_any_bytes(
        beginning in prop::sample::select(&BEGINNINGS[..]),
        bytes in prop::collection::vec(any::<u8>(), 0..400),
    ) {
        check(&[beginning, &bytes].concat());
    }

    #[test]
    fn image_reader_never_panics_on_images_with_wrong_bytes(
        format in prop::sample::select(&FORMATS[..]),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let image = RgbImage::from_fn(9, 7, |x, y| Rgb([(x * 28) as u8, (y * 36) as u8, 77]));
        let mut bytes = encode(image, format);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(cut.map_or(bytes.len(), |cut| cut.index(bytes.len())));
        check(&bytes);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(50) })]

    #[test]
    fn image_folder_reader_never_panics_on_any_bytes(
        name in prop::sample::select(&NAMES[..]),
        bytes in prop::collection::vec(any::<u8>(), 0..400),
        skip_bad: bool,
    ) {
        let folder = folder(&[(name, &bytes), ("good.png", &grey_png(3))]);
        match load(folder.path(), &Requirements { skip_bad, ..requirements() }) {
            Ok(data) => prop_assert!((1..=2).contains(&data.len())),
            Err(error) => prop_assert!(!skip_bad, "{error}"),
        }
    }
}
