//! Exported web pages, as far as they can be read without a browser; `tests/page` opens them.

use std::collections::BTreeMap;

use base64::prelude::{BASE64_STANDARD, Engine};
use gan_cuda::nn::Layer;
use serde_json::Value;

use crate::{Trained, every_kind};

const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/export/html/page");

/// The text of the elements that have an id.
fn elements<'a>(page: &'a str) -> BTreeMap<&'a str, &'a str> {
    let scripts = page.split("<script ").skip(1);
    let element = |script: &'a str| {
        let (_, element) = script.split("</script>").next()?.split_once("id=\"")?;
        element.split_once("\">")
    };
    scripts.filter_map(element).collect()
}

fn decoded(base64: &str) -> Vec<u8> {
    BASE64_STANDARD.decode(base64).unwrap()
}

fn number(of: &Value, key: &str) -> usize {
    of[key].as_u64().unwrap() as usize
}

#[test]
fn page_has_the_numbers_that_its_operations_read() {
    for (name, trained) in every_kind() {
        let page = trained.generator().to_html().unwrap();
        let elements = elements(&page);
        let description: Value = serde_json::from_str(elements["description"]).unwrap();
        let operations = description["operations"].as_array().unwrap();
        let classes = number(&description, "classes");
        let directions = number(&description, "directions");
        let latent_dim = number(&description, "latentDim");
        assert_eq!(directions, latent_dim.min(8), "{name}");
        let mut vectors = classes * classes + directions * latent_dim;
        let mut matrices = 0;
        for operation in operations {
            match operation["name"].as_str().unwrap() {
                "matmul" => matrices += number(operation, "inputs") * number(operation, "outputs"),
                "affine" => vectors += 2 * number(operation, "columns"),
                _ => {}
            }
        }
        assert_eq!(decoded(elements["matrices"]).len(), 2 * matrices, "{name}");
        assert_eq!(decoded(elements["vectors"]).len(), 4 * vectors, "{name}");
    }
}

#[test]
fn batch_norm_and_bias_become_one_scale_and_shift() {
    // Of an image that was features, neighbours may have different columns.
    for (name, trained) in every_kind().into_iter().filter(|(name, _)| !name.contains("images")) {
        let page = trained.generator().to_html().unwrap();
        let description: Value = serde_json::from_str(elements(&page)["description"]).unwrap();
        let operations = description["operations"].as_array().unwrap();
        let names: Vec<_> = operations.iter().map(|of| of["name"].as_str().unwrap()).collect();
        let count = |name| names.iter().filter(|&&other| other == name).count();
        assert_eq!(count("affine"), count("matmul"), "{name}: {names:?}");
    }
}

/// The length of the first layer's output without bias, for noise along a vector; none if the layer
/// is not a Linear.
fn gain(trained: &Trained, vector: &[f64]) -> Option<f64> {
    let model = trained.config.model().unwrap();
    let spec = model.generator();
    let (key, Layer::Linear { inputs, outputs }) = spec.layers().next()? else { return None };
    let file = &trained.checkpoint.generator;
    let weight: Vec<f64> =
        file.floats(&format!("{key}.weight"), &[outputs, inputs], |x| x).unwrap();
    let label = spec.input().label.as_ref().filter(|label| label.first);
    let first = label.map_or(0, |label| label.classes);
    let output = weight.chunks(inputs).map(|row| {
        row[first..].iter().zip(vector).map(|(weight, number)| weight * number).sum::<f64>()
    });
    Some(output.map(|number| number * number).sum::<f64>().sqrt())
}

#[test]
fn first_direction_changes_the_first_layer_most() {
    for (name, trained) in every_kind() {
        let page = trained.generator().to_html().unwrap();
        let elements = elements(&page);
        let description: Value = serde_json::from_str(elements["description"]).unwrap();
        let (latent_dim, classes) =
            (number(&description, "latentDim"), number(&description, "classes"));
        let bytes = decoded(elements["vectors"]);
        let numbers: Vec<f64> =
            bytes.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes).into()).collect();
        let directions = numbers[classes * classes..].chunks(latent_dim);
        let directions = directions.take(number(&description, "directions"));
        let gains: Option<Vec<f64>> =
            directions.map(|direction| gain(&trained, direction)).collect();
        let Some(gains) = gains else { continue };
        assert!(gains.is_sorted_by(|a, b| *a >= *b - 1e-6), "{name}: {gains:?}");
        for axis in 0..latent_dim {
            let mut unit = vec![0.0; latent_dim];
            unit[axis] = 1.0;
            assert!(gains[0] >= gain(&trained, &unit).unwrap() - 1e-6, "{name}: axis {axis}");
        }
    }
}

#[test]
fn matrix_multiplication_is_assembled_from_its_source() {
    let assembled = wat::parse_file(format!("{SOURCES}/gemm.wat")).unwrap();
    if std::env::var_os("GAN_CUDA_ASSEMBLE").is_some() {
        std::fs::write(format!("{SOURCES}/gemm.wasm"), &assembled).unwrap();
    }
    let committed = std::fs::read(format!("{SOURCES}/gemm.wasm")).unwrap();
    assert!(assembled == committed, "set GAN_CUDA_ASSEMBLE=1 to write gemm.wasm again");
}
