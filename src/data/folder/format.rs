//! Detects image formats by file extension and magic number.

use std::path::Path;

use image::ImageFormat;

/// File extensions of images.
const EXTENSIONS: [&str; 17] = [
    "png", "apng", "jpg", "jpeg", "jpe", "jfif", "webp", "bmp", "gif", "tif", "tiff", "pnm", "pbm",
    "pgm", "ppm", "pam", "qoi",
];
/// The file extension of TGA, which has no magic number.
const TGA: &str = "tga";

/// Whether a file has the extension of an image; `None` without an extension.
pub(super) fn has_image_extension(path: &Path) -> Option<bool> {
    let extension = path.extension()?;
    Some(is_tga(path) || EXTENSIONS.iter().any(|known| extension.eq_ignore_ascii_case(known)))
}

pub(super) fn is_tga(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case(TGA))
}

/// The format of an image, by its magic number.
pub(super) fn format_of(bytes: &[u8]) -> Option<ImageFormat> {
    use ImageFormat::{Bmp, Gif, Jpeg, Png, Pnm, Qoi, Tiff, WebP};
    let format = image::guess_format(bytes).ok()?;
    [Png, Jpeg, WebP, Bmp, Gif, Tiff, Pnm, Qoi].contains(&format).then_some(format)
}

/// Whether a file without an extension is an image. Magic numbers of two letters alone do not
/// count: a text may start with them.
pub(super) fn looks_like_an_image(bytes: &[u8]) -> bool {
    match bytes {
        [b'P', b'1'..=b'7', next, ..] => next.is_ascii_whitespace(),
        // The size of the second header is less than 256.
        [b'B', b'M', rest @ ..] => rest.get(13..16) == Some(&[0; 3]),
        _ => format_of(bytes).is_some(),
    }
}

/// The name of a known image format that is not supported.
pub(super) fn unsupported_format(bytes: &[u8]) -> Option<&'static str> {
    Some(match bytes {
        [_, _, _, _, b'f', b't', b'y', b'p', b'a', b'v', b'i', ..] => "AVIF",
        [_, _, _, _, b'f', b't', b'y', b'p', b'h' | b'm', b'e' | b'i', ..] => "HEIC",
        [0xff, 0x0a, ..] | [0, 0, 0, 12, b'J', b'X', b'L', ..] => "JPEG XL",
        [0, 0, 0, 12, b'j', b'P', ..] | [0xff, 0x4f, 0xff, 0x51, ..] => "JPEG 2000",
        [b'8', b'B', b'P', b'S', ..] => "a Photoshop file",
        [b'%', b'P', b'D', b'F', ..] => "PDF",
        [0, 0, 1, 0, ..] => "an icon",
        [b'D', b'D', b'S', b' ', ..] => "DDS",
        [0x76, 0x2f, 0x31, 1, ..] => "OpenEXR",
        [b'#', b'?', b'R', ..] => "Radiance HDR",
        [b'<', b's', b'v', b'g', ..] => "SVG",
        _ => return None,
    })
}
