//! Formats and colour types, including those that the `image` encoders do not write.

use gan_cuda::data::Requirements;
use gan_cuda::data::folder::ImageProblem;
use image::codecs::gif::GifEncoder;
use image::codecs::jpeg::JpegEncoder;
use image::{Delay, ExtendedColorType, Frame, GrayImage, ImageEncoder, ImageFormat, Luma, Rgb};
use image::{RgbImage, Rgba, RgbaImage};

use super::images::{decode, encode, folder, load, plain, requirements, shape};

#[test]
fn all_formats_are_read() {
    for (format, tolerance) in [
        (ImageFormat::Png, 0),
        (ImageFormat::Jpeg, 4),
        (ImageFormat::WebP, 0),
        (ImageFormat::Bmp, 0),
        (ImageFormat::Gif, 0),
        (ImageFormat::Tiff, 0),
        (ImageFormat::Pnm, 0),
        (ImageFormat::Qoi, 0),
    ] {
        let bytes = encode(plain(16, [200, 100, 50]), format);
        let image = decode(&bytes, shape(3, 2)).unwrap();
        for (level, want) in image.iter().zip([200_u8, 100, 50].map(|level| [level; 4]).concat()) {
            assert!(level.abs_diff(want) <= tolerance, "{format:?}: {image:?}");
        }
    }
}

/// TGA has no magic number.
#[test]
fn tga_is_detected_by_its_extension() {
    let bytes = encode(plain(8, [200, 100, 50]), ImageFormat::Tga);
    let folder = folder(&[("x.tga", &bytes), ("y.TGA", &bytes)]);
    let requirements = Requirements { shape: shape(3, 1), ..requirements() };
    assert_eq!(load(folder.path(), &requirements).unwrap().images, [200, 100, 50].repeat(2));
    assert!(matches!(decode(&bytes, shape(3, 1)), Err(ImageProblem::UnknownFormat)));
}

#[test]
fn grey_jpeg_is_read_as_one_or_three_channels() {
    let bytes = encode(GrayImage::from_pixel(8, 8, Luma([77])), ImageFormat::Jpeg);
    for channels in [1, 3] {
        let image = decode(&bytes, shape(channels, 8)).unwrap();
        assert_eq!(image, vec![77; 64 * channels]);
    }
}

#[test]
fn cmyk_jpeg_is_converted_to_rgb() {
    let image = decode(&red_cmyk_jpeg(), shape(3, 8)).unwrap();
    let (red, rest) = image.split_at(64);
    assert!(red.iter().all(|&level| level >= 253) && rest.iter().all(|&level| level <= 2));
}

/// 8×8 pixels of pure red in CMYK, stored inverted as Adobe programs do. With all quantizers 8 and
/// one flat block per component, the DC coefficient is the level minus 128.
fn red_cmyk_jpeg() -> Vec<u8> {
    let mut bytes = b"\xff\xd8\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x00".to_vec();
    bytes.extend(b"\xff\xdb\x00\x43\x00");
    bytes.extend([8; 64]);
    bytes.extend(b"\xff\xc0\x00\x14\x08\x00\x08\x00\x08\x04");
    bytes.extend((1..=4).flat_map(|ink| [ink, 0x11, 0]));
    // DC: 7 bits follow code 00, 8 bits code 01. AC: code 0 ends the block.
    bytes.extend(b"\xff\xc4\x00\x15\x00\x00\x02");
    bytes.extend([0; 14]);
    bytes.extend([7, 8]);
    bytes.extend(b"\xff\xc4\x00\x14\x10\x01");
    bytes.extend([0; 16]);
    bytes.extend(b"\xff\xda\x00\x0e\x04");
    bytes.extend((1..=4).flat_map(|ink| [ink, 0]));
    bytes.extend([0, 63, 0]);
    // Cyan and black 255 (127 more than 128), magenta and yellow 0 (128 less).
    let (full, none) = ("0011111110", "01011111110");
    let bits = [full, none, none, full].concat() + "111111";
    for byte in bits.as_bytes().chunks_exact(8) {
        bytes.push(u8::from_str_radix(std::str::from_utf8(byte).unwrap(), 2).unwrap());
    }
    bytes.extend(b"\xff\xd9");
    bytes
}

#[test]
fn png_palettes_are_applied_with_transparency() {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 2, 2);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(png::BitDepth::Two);
    encoder.set_palette([10, 20, 30, 40, 50, 60, 0, 0, 0].as_slice());
    encoder.set_trns([255, 255, 0].as_slice());
    let mut writer = encoder.write_header().unwrap();
    // Rows of two pixels: 0 1, 2 1.
    writer.write_image_data(&[0b0001_0000, 0b1001_0000]).unwrap();
    writer.finish().unwrap();
    let image = decode(&bytes, shape(3, 2)).unwrap();
    assert_eq!(image, [10, 40, 255, 40, 20, 50, 255, 50, 30, 60, 255, 60]);
}

#[test]
fn first_frame_of_an_animated_gif_is_read() {
    let mut bytes = Vec::new();
    let mut encoder = GifEncoder::new(&mut bytes);
    for level in [60, 120, 180] {
        let frame = RgbaImage::from_pixel(4, 4, Rgba([level, level, level, 255]));
        let delay = Delay::from_numer_denom_ms(100, 1);
        encoder.encode_frame(Frame::from_parts(frame, 0, 0, delay)).unwrap();
    }
    drop(encoder);
    assert_eq!(decode(&bytes, shape(1, 4)).unwrap(), [60; 16]);
}

/// An Exif block with this orientation.
fn exif(orientation: u8) -> Vec<u8> {
    let mut block = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
    block.extend([orientation, 0, 0, 0, 0, 0, 0, 0]);
    block
}

#[test]
fn exif_orientation_is_applied() {
    // Bright in the top left quarter.
    let quarter = |x: u32, y: u32| if x < 8 && y < 8 { 250 } else { 0 };
    let image = RgbImage::from_fn(16, 16, |x, y| Rgb([quarter(x, y); 3]));
    for (orientation, bright) in [(1, 0), (2, 1), (3, 3), (6, 1), (8, 2), (99, 0)] {
        let mut bytes = Vec::new();
        let mut encoder = JpegEncoder::new_with_quality(&mut bytes, 95);
        encoder.set_exif_metadata(exif(orientation)).unwrap();
        encoder.write_image(&image, 16, 16, ExtendedColorType::Rgb8).unwrap();
        let decoded = decode(&bytes, shape(1, 2)).unwrap();
        let brightest = (0..4).max_by_key(|&at| decoded[at]).unwrap();
        assert_eq!(brightest, bright, "orientation {orientation}: {decoded:?}");
    }
}
