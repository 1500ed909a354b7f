//! Malformed files of other programs, which common readers tolerate, and truncated files that are
//! hard to detect.

use gan_cuda::data::folder::ImageProblem;
use image::codecs::jpeg::JpegEncoder;
use image::codecs::webp::WebPEncoder;
use image::{ExtendedColorType, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};

use super::images::{decode, encode, plain, shape};

/// An image with different content in every corner.
fn image() -> RgbImage {
    RgbImage::from_fn(40, 40, |x, y| Rgb([(6 * x) as u8, (5 * y) as u8, (x * y) as u8]))
}

/// Asserts that malformed files decode to the same image as a valid one.
#[track_caller]
fn decode_equally(valid: &[u8], malformed: &[(&str, Vec<u8>)]) {
    let want = decode(valid, shape(3, 40)).unwrap();
    for (what, bytes) in malformed {
        match decode(bytes, shape(3, 40)) {
            Ok(image) => assert!(image == want, "{what}: a different image"),
            Err(problem) => panic!("{what}: {problem}"),
        }
    }
}

fn jpeg(image: &RgbImage) -> Vec<u8> {
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, 90).encode_image(image).unwrap();
    bytes
}

/// A PNG chunk with its checksum.
fn chunk(name: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let sum = crc32fast::hash(&[&name[..], data].concat());
    [&(data.len() as u32).to_be_bytes(), &name[..], data, &sum.to_be_bytes()].concat()
}

#[test]
fn padding_and_junk_after_an_image_are_ignored() {
    use ImageFormat::{Bmp, Gif, Jpeg, Png, Pnm, Qoi, Tiff, WebP};
    for format in [Png, Jpeg, WebP, Bmp, Gif, Tiff, Pnm, Qoi] {
        let bytes = encode(image(), format);
        let zeros = [&bytes[..], &[0; 1000]].concat();
        let junk = [&bytes[..], &b"and then something else".repeat(50)].concat();
        decode_equally(&bytes, &[("zeros", zeros), ("junk", junk)]);
    }
}

#[test]
fn invalid_png_chunks_are_ignored() {
    let png = encode(image(), ImageFormat::Png);
    let (header, rest) = png.split_at(33);
    let with = |name, data: &[u8]| [header, &chunk(name, data), rest].concat();
    let rgba = encode(
        RgbaImage::from_fn(40, 40, |x, y| {
            let Rgb([r, g, b]) = *image().get_pixel(x, y);
            Rgba([r, g, b, 255])
        }),
        ImageFormat::Png,
    );
    let (rgba_header, rgba_rest) = rgba.split_at(33);
    let mut wrong_sum = with(b"tEXt", b"a\0b");
    wrong_sum[33 + 8 + 3] ^= 1;
    decode_equally(
        &png,
        &[
            (
                "tRNS in an image with alpha",
                [rgba_header, &chunk(b"tRNS", &[0; 6]), rgba_rest].concat(),
            ),
            ("transparency too short", with(b"tRNS", &[0])),
            ("gamma cut short", with(b"gAMA", &[0])),
            ("gamma of zero", with(b"gAMA", &[0; 4])),
            ("profile of junk", with(b"iCCP", b"x\0\0junk")),
            ("text without an end", with(b"tEXt", b"no zero")),
            ("wrong checksum", wrong_sum),
            ("animation without frames", with(b"acTL", &[0; 8])),
            ("no end", png[..png.len() - 12].to_vec()),
        ],
    );
}

#[test]
fn complete_jpeg_without_end_marker_is_read() {
    let bytes = jpeg(&image());
    let (body, _) = bytes.split_at(bytes.len() - 2);
    let note = |marker: u8, note: &[u8]| {
        let length = (note.len() as u16 + 2).to_be_bytes();
        [&bytes[..2], &[0xff, marker], &length, note, &bytes[2..]].concat()
    };
    decode_equally(
        &bytes,
        &[
            ("no end", body.to_vec()),
            ("zeros in its place", [body, &[0; 64]].concat()),
            ("fill bytes before a marker", [&bytes[..2], &[0xff; 3], &bytes[2..]].concat()),
            ("a second image", bytes.repeat(2)),
            ("metadata that is too short", note(0xee, b"Adobe\0d\0\0\0\0")),
            ("invalid Exif metadata", note(0xe1, b"Exif\0\0II*\0\xff\xff\xff\xff\xff")),
            ("part of a profile", note(0xe2, b"ICC_PROFILE\0\x01")),
        ],
    );
    // Plain images look as if the decoder had filled in missing parts.
    let white = jpeg(&plain(40, [255; 3]));
    decode_equally(&white, &[("no end", white[..white.len() - 2].to_vec())]);
    assert_eq!(decode(&white, shape(1, 4)).unwrap(), [255; 16]);
}

#[test]
fn truncated_jpeg_with_an_end_marker_is_an_error() {
    // In two sizes; noise takes the most bytes.
    let noise = |x: u32, y: u32| ((x * 7919 + y * 104_729) ^ (x * y * 31)) as u8;
    let noisy = RgbImage::from_fn(70, 50, |x, y| Rgb([noise(x, y), noise(y, x), noise(x + y, x)]));
    for bytes in [jpeg(&image()), jpeg(&noisy)] {
        // The headers have about 600 bytes.
        for eighths in 1..7 {
            let body = &bytes[..620 + (bytes.len() - 620) * eighths / 8];
            for end in [&[][..], &[0xff, 0xd9]] {
                let problem = decode(&[body, end].concat(), shape(3, 8)).unwrap_err();
                let truncated = matches!(problem, ImageProblem::CutOff);
                assert!(truncated, "{eighths} eighths, {} bytes of end: {problem}", end.len());
            }
        }
    }
}

/// The image of [`image`] as a progressive JPEG.
const PROGRESSIVE: &[u8] = include_bytes!("progressive.jpg");

#[test]
fn progressive_jpeg_is_complete_or_an_error() {
    let body = PROGRESSIVE.strip_suffix(&[0xff, 0xd9]).unwrap();
    decode_equally(PROGRESSIVE, &[("no end", body.to_vec())]);
    // Truncated in the middle of the first and of the last scan, some of them with an end marker.
    let is_scan = |&at: &usize| body[at..].starts_with(&[0xff, 0xda]);
    let scans: Vec<_> = (0..body.len()).filter(is_scan).chain([body.len()]).collect();
    let middle = |ends: &[usize]| ends[0].midpoint(ends[1]) + 8;
    for middle in [middle(&scans[..2]), middle(&scans[scans.len() - 2..])] {
        for end in [&[][..], &[0xff, 0xd9]] {
            let decoded = decode(&[&body[..middle], end].concat(), shape(3, 8));
            assert!(decoded.is_err(), "{middle} of {} bytes", body.len());
        }
    }
}

#[test]
fn jpeg_with_invalid_metadata_may_have_a_plain_corner() {
    let half = RgbImage::from_fn(40, 40, |x, y| match y {
        0..20 => *image().get_pixel(x, y),
        _ => Rgb([255; 3]),
    });
    let bytes = jpeg(&half);
    let note = [&bytes[..2], b"\xff\xee\x00\x07Adobe", &bytes[2..]].concat();
    decode_equally(&bytes, &[("metadata that is too short", note)]);
}

/// A 32-bit bitmap with a header of this length.
fn bitmap(alpha: u8, header: u32) -> Vec<u8> {
    let masks = [0xff_0000_u32, 0xff00, 0xff, 0xff00_0000];
    let compression = if header > 40 { 3_u32 } else { 0 };
    let mut bytes = b"BM\0\0\0\0\0\0\0\0".to_vec();
    bytes.extend((14 + header).to_le_bytes());
    bytes.extend(header.to_le_bytes());
    bytes.extend([40_u32.to_le_bytes(), 40_u32.to_le_bytes()].concat());
    bytes.extend([1, 0, 32, 0]);
    bytes.extend(compression.to_le_bytes());
    bytes.resize(14 + 40, 0);
    if header > 40 {
        bytes.extend(masks.map(u32::to_le_bytes).concat());
    }
    bytes.resize(14 + header as usize, 0);
    for y in (0..40).rev() {
        for x in 0..40 {
            let Rgb([r, g, b]) = *image().get_pixel(x, y);
            bytes.extend([b, g, r, alpha]);
        }
    }
    bytes
}

#[test]
fn blank_alpha_channel_is_ignored() {
    let plain = encode(image(), ImageFormat::Bmp);
    decode_equally(
        &plain,
        &[
            ("no alpha", bitmap(0, 40)),
            ("blank alpha", bitmap(0, 56)),
            ("blank alpha, version 4", bitmap(0, 108)),
            ("blank alpha, version 5", bitmap(0, 124)),
            ("opaque", bitmap(255, 108)),
        ],
    );
}

/// An extended WebP file with these flags.
fn extended(flags: u8) -> Vec<u8> {
    let mut plain = Vec::new();
    let image = image();
    WebPEncoder::new_lossless(&mut plain).encode(&image, 40, 40, ExtendedColorType::Rgb8).unwrap();
    let header = [&b"VP8X"[..], &[10, 0, 0, 0, flags, 0, 0, 0, 39, 0, 0, 39, 0, 0]].concat();
    let body = [b"WEBP", &header[..], &plain[12..]].concat();
    [&b"RIFF"[..], &(body.len() as u32).to_le_bytes(), &body].concat()
}

#[test]
fn webp_flags_for_missing_chunks_are_ignored() {
    let plain = encode(image(), ImageFormat::WebP);
    let flags = [("none", 0), ("alpha", 0x10), ("Exif", 8), ("XMP", 4), ("all", 0x3c)];
    let files: Vec<_> = flags.iter().map(|&(what, flags)| (what, extended(flags))).collect();
    decode_equally(&plain, &files);
}
