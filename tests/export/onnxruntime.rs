//! Exported models in ONNX Runtime and in ONNX's checker.

use std::fs;
use std::path::Path;

use gan_cuda::formats::npy::npy_header;

use crate::python::python;
use crate::{BATCHES, Batch, assert_images, every_kind};

/// Runs `model.onnx` of each folder on each `noise-*.npy` in it.
const SCRIPT: &str = r#"
import glob, sys
import numpy, onnx, onnxruntime
for folder in sys.argv[1:]:
    onnx.checker.check_model(f"{folder}/model.onnx", full_check=True)
    session = onnxruntime.InferenceSession(f"{folder}/model.onnx", providers=["CPUExecutionProvider"])
    for path in glob.glob(f"{folder}/noise-*.npy"):
        inputs = {"noise": numpy.load(path)}
        if len(session.get_inputs()) == 2:
            inputs["labels"] = numpy.load(path.replace("noise-", "labels-"))
        (images,) = session.run(["images"], inputs)
        assert images.dtype == numpy.float32 and images.ndim == 4, (images.dtype, images.shape)
        assert len(images) == len(inputs["noise"]), images.shape
        images.tofile(path.replace("noise-", "images-"))
"#;

fn write(folder: &Path, columns: usize, batch: &Batch) {
    let rows = batch.noise.len() / columns;
    let mut noise = npy_header("<f4", &[rows, columns]);
    noise.extend(batch.noise.iter().flat_map(|x| x.to_le_bytes()));
    fs::write(folder.join(format!("noise-{rows}.npy")), noise).unwrap();
    let mut labels = npy_header("<i8", &[batch.labels.len()]);
    labels.extend(batch.labels.iter().flat_map(|&label| i64::from(label).to_le_bytes()));
    fs::write(folder.join(format!("labels-{rows}.npy")), labels).unwrap();
}

fn images(folder: &Path, rows: usize) -> Vec<f32> {
    let bytes = fs::read(folder.join(format!("images-{rows}.npy"))).unwrap();
    bytes.chunks_exact(4).map(|x| f32::from_le_bytes(x.try_into().unwrap())).collect()
}

#[test]
fn onnxruntime_generates_the_images_of_sample() {
    let root = tempfile::tempdir().unwrap();
    let all: Vec<_> = every_kind()
        .into_iter()
        .map(|(name, trained)| (root.path().join(&name), name, trained))
        .collect();
    for (folder, _, trained) in &all {
        fs::create_dir(folder).unwrap();
        fs::write(folder.join("model.onnx"), trained.generator().to_onnx().unwrap()).unwrap();
        for rows in BATCHES {
            write(folder, trained.config.gan.latent_dim, &trained.batch(rows));
        }
    }
    let folders = all.iter().map(|(folder, ..)| folder);
    let Some(_) = python(&["numpy", "onnx", "onnxruntime"], SCRIPT, folders) else { return };
    for (folder, name, trained) in &all {
        for rows in BATCHES {
            let what = format!("{name}, {rows} images");
            assert_images(&images(folder, rows), &trained.batch(rows).images, &what);
        }
    }
}
