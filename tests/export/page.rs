//! Exported web pages, as far as they can be read without a browser; `tests/page` opens them.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::every_kind;

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

/// The number of bytes that base64 stands for.
fn decoded_len(base64: &str) -> usize {
    base64.len() / 4 * 3 - base64.matches('=').count()
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
        assert_eq!(decoded_len(elements["matrices"]), 2 * matrices, "{name}");
        assert_eq!(decoded_len(elements["vectors"]), 4 * vectors, "{name}");
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

#[test]
fn matrix_multiplication_is_assembled_from_its_source() {
    let assembled = wat::parse_file(format!("{SOURCES}/gemm.wat")).unwrap();
    if std::env::var_os("GAN_CUDA_ASSEMBLE").is_some() {
        std::fs::write(format!("{SOURCES}/gemm.wasm"), &assembled).unwrap();
    }
    let committed = std::fs::read(format!("{SOURCES}/gemm.wasm")).unwrap();
    assert!(assembled == committed, "set GAN_CUDA_ASSEMBLE=1 to write gemm.wasm again");
}
