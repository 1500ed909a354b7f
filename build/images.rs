//! Generates `images.rs`: the kernels' sources and compiled images, embedded in the program.
//!
//! Images are compressed, to a quarter of their size: the program embeds eight per file and loads
//! one.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::ZlibEncoder;

use super::compile::Image;
use super::nvrtc::{Target, Version};

/// Writes each image to a file in `out`, and returns the text of a module that embeds them in a
/// `static BUILT: Build`. The including module must define `Build`, `KernelFile`, `Target` and
/// `Version`.
///
/// # Errors
/// When a file cannot be written.
pub fn generate(
    out: &Path,
    sources: &[(String, String)],
    headers: &[(String, String)],
    images: &[Image],
    nvrtc: Option<Version>,
) -> Result<String, String> {
    let mut files = String::new();
    for (name, _) in sources {
        let own = images.iter().filter(|image| image.file == *name);
        let entries: String = own.map(|image| entry(out, image)).collect::<Result<_, _>>()?;
        files += &format!(
            "        KernelFile {{\n            name: {name:?},\n            source: {},\n            \
             images: &[\n{entries}            ],\n        }},\n",
            included_source(name)
        );
    }
    let headers: String = headers
        .iter()
        .map(|(name, _)| format!("        ({name:?}, {}),\n", included_source(name)))
        .collect();
    Ok(format!(
        "/// The kernels as the build embedded them.\n\
         pub static BUILT: Build = Build {{\n    nvrtc: {nvrtc:?},\n    \
         headers: &[\n{headers}    ],\n    files: &[\n{files}    ],\n}};\n"
    ))
}

/// An image's line in the table; its bytes are written to a file.
fn entry(out: &Path, image: &Image) -> Result<String, String> {
    let stem = Path::new(&image.file).file_stem().unwrap_or_default().to_string_lossy();
    let extension = match image.target {
        Target::Ptx(_) => "ptx",
        Target::Cubin(_) => "cubin",
    };
    let name = format!("{stem}.{}.{extension}.zlib", image.target);
    let path = out.join(&name);
    compressed(&image.bytes)
        .and_then(|bytes| fs::write(&path, bytes))
        .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    let file = format!("concat!(env!(\"OUT_DIR\"), \"/{name}\")");
    Ok(format!("                (Target::{:?}, include_bytes!({file})),\n", image.target))
}

fn compressed(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    encoder.finish()
}

fn included_source(name: &str) -> String {
    format!("include_str!(concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/\", {name:?}))")
}
