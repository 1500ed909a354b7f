//! A generator as a web page: a single file with the weights and a small engine that runs them in
//! the browser.
//!
//! The sources of the page are in `page/`. What belongs to a checkpoint, the operations of its
//! generator and their numbers, is in elements of the page that its script reads.

mod directions;
mod program;
mod weights;

use base64::prelude::{BASE64_STANDARD, Engine};
use serde::Serialize;

use super::Generator;
use crate::export::{Error, Result};
use crate::gan::sample_grid::SampleGrid;
use crate::nn::NetworkSpec;
use crate::nn::sequence::Embedding;
use directions::directions;
use program::{Operation, operations};
use weights::Weights;

/// The matrix multiplication, assembled from `gemm.wat`.
const GEMM: &[u8] = include_bytes!("page/gemm.wasm");
/// The script; the last part starts it.
const SCRIPT: &str = concat!(
    include_str!("page/philox.js"),
    include_str!("page/weights.js"),
    include_str!("page/network.js"),
    include_str!("page/operations.js"),
    include_str!("page/latent.js"),
    include_str!("page/generator.js"),
    include_str!("page/mosaic.js"),
    include_str!("page/grid.js"),
    include_str!("page/directions.js"),
    include_str!("page/corners.js"),
    include_str!("page/arithmetic.js"),
    include_str!("page/main.js"),
);
/// Maximum length of the base64 text: Chrome's strings end at 2^29 characters.
const MAX_BASE64: usize = (1 << 29) - (1 << 10);

/// Maximum number of rows of the sample grid; further classes have buttons, too.
const MAX_ROWS: usize = 32;

/// What the page knows of its generator.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Description<'a> {
    /// As text: JavaScript's numbers have 53 bits.
    seed: String,
    /// `normal` or `uniform`.
    latent: &'a str,
    latent_dim: usize,
    classes: usize,
    class_names: &'a [String],
    /// Whether the label's embedding comes before the noise.
    label_first: bool,
    /// Channels, rows and columns.
    image: [usize; 3],
    /// Rows and columns of the sample grid.
    grid: [usize; 2],
    directions: usize,
    operations: Vec<Operation>,
    /// WebAssembly in base64.
    gemm: String,
}

/// The page.
pub(super) fn page(generator: &Generator) -> Result<String> {
    let Generator { spec, config, file, metadata, .. } = generator;
    check_size(base64_len(spec))?;
    let mut weights = Weights::default();
    if let Some(label) = &spec.input().label {
        let (key, shape) = (format!("{}.weight", label.key), [label.classes; 2]);
        weights.push_vector(file.floats(&key, &shape, |x| x)?);
    }
    let directions = directions(spec, file)?;
    directions.iter().for_each(|vector| weights.push_vector(vector.iter().copied()));
    let operations = operations(spec, file, &mut weights)?;
    let description = describe(generator, directions.len(), operations);
    Ok(format!(
        include_str!("page/page.html"),
        title =
            escape(&format!("{} after {} iterations", metadata["preset"], metadata["iteration"])),
        version = env!("CARGO_PKG_VERSION"),
        label = if config.gan.classes.is_some() { ", [0]" } else { "" },
        style = include_str!("page/style.css"),
        // In a string of JSON, `<` can be written so that no name ends the element.
        description = serde_json::json!(description).to_string().replace('<', "\\u003c"),
        matrices = weights.matrices(),
        vectors = weights.vectors(),
        script = SCRIPT,
    ))
}

fn describe<'a>(
    generator: &'a Generator,
    directions: usize,
    operations: Vec<Operation>,
) -> Description<'a> {
    let Generator { spec, image, config, metadata, .. } = generator;
    let grid = SampleGrid::standard(config.sample_grid, config.gan.classes).grid;
    Description {
        seed: config.seed.to_string(),
        latent: &metadata["latent"],
        latent_dim: config.gan.latent_dim,
        classes: spec.classes(),
        class_names: &config.class_names,
        label_first: spec.input().label.as_ref().is_some_and(|label| label.first),
        image: [image.channels, image.height, image.width],
        grid: [grid.rows.min(MAX_ROWS), grid.columns],
        directions,
        operations,
        gemm: BASE64_STANDARD.encode(GEMM),
    }
}

/// Text for HTML.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// The length of the weights in base64, nearly all of the page.
fn base64_len(spec: &NetworkSpec) -> usize {
    let table = spec.input().label.as_ref().map_or(0, Embedding::parameters);
    (2 * (spec.parameters() - table) + 4 * table).div_ceil(3) * 4
}

fn check_size(base64: usize) -> Result<()> {
    match base64 <= MAX_BASE64 {
        true => Ok(()),
        false => Err(Error::PageTooLarge { weights: base64 }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_larger_than_a_browsers_strings_is_refused() {
        check_size(MAX_BASE64).unwrap();
        let error = check_size(3 << 28).unwrap_err().to_string();
        assert!(error.contains("768.00 MiB") && error.contains("512 MiB"), "{error}");
    }
}
