//! Images and folders of images for tests.

use std::fs;
use std::io::Cursor;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use gan_cuda::data::folder::{ImageProblem, decode_image};
use gan_cuda::data::{ClassOrder, Dataset, ImageShape, Requirements, SearchPaths, Source};
use gan_cuda::text::with_causes;
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use tempfile::TempDir;

/// A square shape.
pub fn shape(channels: usize, side: usize) -> ImageShape {
    ImageShape { channels, height: side, width: side }
}

/// Encodes an image as the bytes of a file.
pub fn encode(image: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.into().write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// Decodes an image whose file name does not matter.
pub fn decode(bytes: &[u8], shape: ImageShape) -> Result<Vec<u8>, ImageProblem> {
    decode_image(bytes, Path::new("x"), shape)
}

/// A square image of one colour.
pub fn plain(side: u32, colour: [u8; 3]) -> RgbImage {
    RgbImage::from_pixel(side, side, Rgb(colour))
}

/// A PNG of 8×8 pixels of one grey.
pub fn grey_png(level: u8) -> Vec<u8> {
    encode(plain(8, [level; 3]), ImageFormat::Png)
}

/// A folder with these files.
pub fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        write(folder.path(), name, bytes);
    }
    folder
}

/// Writes a file, and creates its parent folders.
pub fn write(folder: &Path, name: &str, bytes: &[u8]) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// Default requirements: 4×4 grey, no classes, no cache, no bad images. The source must be set.
pub fn requirements() -> Requirements {
    Requirements {
        source: Source::Folder("".into()),
        search_paths: SearchPaths::default(),
        shape: shape(1, 4),
        exact_size: false,
        classes: false,
        class_order: ClassOrder::Natural,
        skip_bad: false,
        threads: 2,
        cache: None,
        write_cache: true,
    }
}

/// Lists and loads a folder.
pub fn load(folder: &Path, requirements: &Requirements) -> gan_cuda::data::Result<Dataset> {
    load_and_count(folder, requirements).map(|(data, _)| data)
}

/// The same, with the number of decoded images.
pub fn load_and_count(
    folder: &Path,
    requirements: &Requirements,
) -> gan_cuda::data::Result<(Dataset, u64)> {
    let decoded = AtomicU64::new(0);
    let progress = |done, _| {
        decoded.fetch_max(done, Ordering::Relaxed);
    };
    let source = Source::Folder(folder.to_owned());
    let data = Requirements { source, ..requirements.clone() }.load(&progress)?;
    Ok((data, decoded.into_inner()))
}

/// The error message of a folder that cannot be loaded, with its causes.
pub fn failure(folder: &Path, requirements: &Requirements) -> String {
    with_causes(&load(folder, requirements).unwrap_err())
}

/// The level of each image, all of one grey.
pub fn levels(data: &Dataset) -> Vec<u8> {
    (0..data.len()).map(|index| data.image(index)[0]).collect()
}
