//! Decoding of single images: cropping, resizing, transparency, limits.

use gan_cuda::data::folder::{ImageProblem, MAX_SIDE};
use image::{ImageFormat, Luma, LumaA, Rgb, RgbImage, Rgba, RgbaImage};

use super::images::{decode, encode, folder, levels, load, plain, requirements, shape};

fn decoded(bytes: &[u8], channels: usize, side: usize) -> Vec<u8> {
    decode(bytes, shape(channels, side)).unwrap()
}

#[test]
fn planes_are_consecutive_and_images_of_the_right_size_unchanged() {
    let image = RgbImage::from_fn(3, 3, |x, y| Rgb([x as u8, 10 + y as u8, 20 + 3 * x as u8]));
    let planes = [
        [0, 1, 2, 0, 1, 2, 0, 1, 2],
        [10, 10, 10, 11, 11, 11, 12, 12, 12],
        [20, 23, 26, 20, 23, 26, 20, 23, 26],
    ];
    assert_eq!(decoded(&encode(image, ImageFormat::Png), 3, 3), planes.concat());
}

#[test]
fn wide_and_tall_images_are_cropped_to_the_central_square() {
    let level = |along: u32| Rgb([10 * along as u8; 3]);
    for side in [5, 6] {
        let wide = RgbImage::from_fn(side, 3, |x, _| level(x));
        let want = [10, 20, 30].repeat(3);
        assert_eq!(decoded(&encode(wide, ImageFormat::Png), 1, 3), want, "{side}×3");
        let tall = RgbImage::from_fn(3, side, |_, y| level(y));
        let want = [[10; 3], [20; 3], [30; 3]].concat();
        assert_eq!(decoded(&encode(tall, ImageFormat::Png), 1, 3), want, "3×{side}");
    }
}

#[test]
fn shrinking_averages_all_pixels() {
    let fine = RgbImage::from_fn(64, 64, |x, y| Rgb([255 * ((x + y) % 2) as u8; 3]));
    let small = decoded(&encode(fine, ImageFormat::Png), 1, 8);
    assert!(small.iter().all(|&level| level.abs_diff(127) <= 2), "{small:?}");
}

#[test]
fn transparent_pixels_are_white_whatever_their_colour() {
    for (pixel, want) in [
        ([0, 0, 0, 0], [255, 255, 255]),
        ([200, 17, 99, 0], [255, 255, 255]),
        ([200, 17, 99, 255], [200, 17, 99]),
        ([0, 255, 100, 128], [127, 255, 177]),
    ] {
        let image = RgbaImage::from_pixel(2, 2, Rgba(pixel));
        for format in [ImageFormat::Png, ImageFormat::WebP] {
            let planes = want.map(|level| [level; 4]).concat();
            assert_eq!(decoded(&encode(image.clone(), format), 3, 2), planes, "{pixel:?}");
        }
    }
    let grey = image::GrayAlphaImage::from_pixel(2, 2, LumaA([40, 0]));
    assert_eq!(decoded(&encode(grey, ImageFormat::Png), 1, 2), [255; 4]);
}

#[test]
fn sixteen_bits_are_rounded_to_eight() {
    type Deep<P> = image::ImageBuffer<P, Vec<u16>>;
    for (deep, level) in [(0, 0), (128, 0), (129, 1), (0x8080, 128), (65_535, 255)] {
        let grey = Deep::from_pixel(2, 2, Luma([deep]));
        assert_eq!(decoded(&encode(grey, ImageFormat::Png), 1, 2), [level; 4], "{deep}");
        let colour = Deep::from_pixel(2, 2, Rgb([deep; 3]));
        assert_eq!(decoded(&encode(colour, ImageFormat::Png), 3, 2), [level; 12], "{deep}");
    }
}

#[test]
fn grey_has_the_bt601_weights() {
    for (colour, grey) in [([255, 0, 0], 76), ([0, 255, 0], 150), ([0, 0, 255], 29), ([7; 3], 7)] {
        assert_eq!(decoded(&encode(plain(2, colour), ImageFormat::Png), 1, 2), [grey; 4]);
    }
}

#[test]
fn format_is_detected_by_content_not_by_extension() {
    let bytes = encode(plain(4, [90; 3]), ImageFormat::Bmp);
    let folder = folder(&[("x.png", &bytes), ("y.Gif", &bytes)]);
    assert_eq!(levels(&load(folder.path(), &requirements()).unwrap()), [90, 90]);
}

#[test]
fn unsupported_formats_are_errors() {
    for bytes in [&b"hello"[..], b"\x89PN", b"RIFF\x08\0\0\0WAVE"] {
        let problem = decode(bytes, shape(1, 4)).unwrap_err();
        assert!(matches!(problem, ImageProblem::UnknownFormat), "{problem}");
    }
    assert!(matches!(decode(b"", shape(1, 4)), Err(ImageProblem::Empty)));
    for (bytes, what) in [
        (&b"\0\0\0\x1cftypavif\0\0\0\0"[..], "AVIF"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "HEIC"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0", "HEIC"),
        (b"\xff\x0a\xfa\x1f", "JPEG XL"),
        (b"%PDF-1.7", "PDF"),
        (b"8BPS\0\x01", "Photoshop"),
    ] {
        let message = decode(bytes, shape(1, 4)).unwrap_err().to_string();
        assert!(
            message.contains(what) && message.contains("convert it to PNG or JPEG"),
            "{message}"
        );
    }
}

#[test]
fn truncated_files_are_errors() {
    let image = RgbImage::from_fn(64, 64, |x, y| Rgb([(x * y) as u8, (x ^ y) as u8, x as u8]));
    use ImageFormat::{Bmp, Gif, Jpeg, Png, WebP};
    for format in [Png, Jpeg, WebP, Bmp, Gif] {
        let bytes = encode(image.clone(), format);
        decode(&bytes, shape(3, 8)).unwrap();
        for part in [1, 2, 3, 5, 7] {
            let cut = &bytes[..bytes.len() * part / 8];
            let result = decode(cut, shape(3, 8));
            assert!(result.is_err(), "{format:?}, {part} eighths");
        }
    }
}

/// A PNG whose header announces this size, with little data.
fn bomb(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = encode(plain(1, [0; 3]), ImageFormat::Png);
    bytes[16..20].copy_from_slice(&width.to_be_bytes());
    bytes[20..24].copy_from_slice(&height.to_be_bytes());
    let sum = crc32fast::hash(&bytes[12..29]);
    bytes[29..33].copy_from_slice(&sum.to_be_bytes());
    bytes
}

#[test]
fn decompression_bombs_are_refused_with_a_message_about_the_limits() {
    let side = MAX_SIDE;
    for (width, height) in
        [(60_000, 60_000), (side + 1, 1), (1, side + 1), (side, side), (side, side / 4 + 1)]
    {
        let problem = decode(&bomb(width, height), shape(1, 4)).unwrap_err();
        assert!(matches!(problem, ImageProblem::TooLarge), "{width}×{height}: {problem}");
        let message = problem.to_string();
        assert!(
            message.contains("16,384")
                && message.contains("67,108,864")
                && message.contains("512 MiB"),
            "{message}"
        );
    }
    // Another format: the canvas size of a GIF.
    let mut gif = encode(plain(1, [0; 3]), ImageFormat::Gif);
    gif[6..10].fill(0xff);
    assert!(matches!(decode(&gif, shape(1, 4)).unwrap_err(), ImageProblem::TooLarge));
}
