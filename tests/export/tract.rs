//! The model in tract, an engine in Rust.

use tract_onnx::prelude::*;

use crate::{BATCHES, Batch, assert_images, every_kind};

type Model = TypedRunnableModel<TypedModel>;

fn run(model: &Model, columns: usize, batch: &Batch) -> Vec<f32> {
    let rows = batch.noise.len() / columns;
    let mut inputs = tvec![tensor1(&batch.noise).into_shape(&[rows, columns]).unwrap().into()];
    if !batch.labels.is_empty() {
        let labels: Vec<i64> = batch.labels.iter().map(|&label| label.into()).collect();
        inputs.push(tensor1(&labels).into());
    }
    let images = model.run(inputs).unwrap().remove(0);
    assert_eq!(images.shape()[0], rows);
    images.as_slice::<f32>().unwrap().to_vec()
}

#[test]
fn one_model_gives_samples_images_for_batches_of_any_size() {
    for (name, trained) in every_kind() {
        let bytes = trained.generator().to_onnx().unwrap();
        let model = tract_onnx::onnx().model_for_read(&mut &bytes[..]).unwrap();
        let model = model.into_optimized().unwrap().into_runnable().unwrap();
        for rows in BATCHES {
            let batch = trained.batch(rows);
            let images = run(&model, trained.config.gan.latent_dim, &batch);
            assert_images(&images, &batch.images, &format!("{name}, {rows} images"));
        }
    }
}

#[test]
fn batch_is_an_open_extent_of_every_input_and_of_the_output() {
    for (name, trained) in every_kind() {
        let bytes = trained.generator().to_onnx().unwrap();
        let model = tract_onnx::onnx().model_for_read(&mut &bytes[..]).unwrap();
        let model = model.into_typed().unwrap();
        let gan = &trained.config.gan;
        let shape = |fact: &TypedFact| {
            let extents: Vec<_> = fact.shape.iter().map(|extent| extent.to_string()).collect();
            format!("[{}]", extents.join(", "))
        };
        let inputs: Vec<_> =
            (0..model.inputs.len()).map(|i| shape(model.input_fact(i).unwrap())).collect();
        let mut expected = vec![format!("[batch, {}]", gan.latent_dim)];
        expected.extend(gan.classes.map(|_| "[batch]".to_owned()));
        assert_eq!(inputs, expected, "{name}");
        let image = gan.image;
        let images = format!("[batch, {}, {}, {}]", image.channels, image.height, image.width);
        assert_eq!(shape(model.output_fact(0).unwrap()), images, "{name}");
    }
}
