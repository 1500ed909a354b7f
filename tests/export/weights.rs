//! Exported weights, and generators that cannot be exported.

use std::path::Path;

use gan_cuda::formats::tensor_file::{TensorFile, TensorWriter};
use gan_cuda::gan::preset::find;
use gan_cuda::gan::rewrite::Rewrite;

use crate::runs::tensors;
use crate::{every_kind, trained};

/// Names, types, shapes and numbers of all tensors, as the bytes of a file without metadata.
fn without_metadata(file: &TensorFile) -> Vec<u8> {
    let mut copy: TensorWriter<'_> = tensors::copy(file);
    copy.metadata.clear();
    tensors::bytes(copy)
}

#[test]
fn safetensors_file_has_the_generators_state_dict_and_metadata() {
    for (name, trained) in every_kind() {
        let path = Path::new("weights.safetensors");
        let bytes = trained.generator().to_safetensors(path).unwrap();
        let file = TensorFile::from_bytes(path, &bytes).unwrap();
        let [exported, saved] = [&file, trained.checkpoint.sampled()].map(without_metadata);
        assert!(exported == saved, "{name}");
        for (key, value) in [
            ("format", "pt"),
            ("preset", &trained.config.preset),
            ("iteration", "5"),
            ("latent", &trained.config.gan.latent.to_string()),
        ] {
            assert_eq!(file.metadata_value(key).unwrap(), value, "{name}");
        }
    }
}

#[test]
fn checkpoint_with_another_configuration_is_refused() {
    let mut trained = trained(find("mlp").unwrap(), |_| {});
    let other = Rewrite { latent_dim: Some(11), ..Rewrite::default() };
    other.apply("mlp", &mut trained.config.gan).unwrap();
    let error = gan_cuda::export::Generator::of(&trained.checkpoint, &trained.config);
    let error = error.err().unwrap().to_string();
    assert!(error.contains("latent_dim") && error.contains("10, not 11"), "{error}");
}

#[test]
fn missing_misshapen_and_non_finite_tensors_are_named() {
    let whole = trained(find("mlp").unwrap(), |_| {});
    let bad = |shape: &[usize], number: f32| {
        let mut trained = trained(find("mlp").unwrap(), |_| {});
        let (old, mut new) = (&trained.checkpoint.generator, TensorWriter::new());
        new.metadata.clone_from(old.metadata());
        for tensor in old.tensors() {
            match &*tensor.name {
                "2.bias" if shape.is_empty() => {}
                "2.bias" => {
                    new.push("2.bias", shape, [Ok(vec![number; shape.iter().product()])]);
                }
                _ => new.copy(old, tensor),
            }
        }
        let new = TensorFile::from_bytes(Path::new("changed"), &tensors::bytes(new)).unwrap();
        trained.checkpoint.generator = new;
        let error = trained.generator().to_onnx().unwrap_err().to_string();
        assert_eq!(trained.generator().to_html().unwrap_err().to_string(), error);
        error
    };
    let tensors = whole.checkpoint.generator.tensors();
    let width = tensors.iter().find(|tensor| tensor.name == "2.bias").unwrap().shape[0];
    assert!(whole.generator().to_onnx().is_ok());
    assert!(bad(&[], 0.0).contains("no tensor 2.bias"));
    assert!(bad(&[width + 1], 0.0).contains("tensor 2.bias"));
    assert!(bad(&[width], f32::NAN).contains("numbers that are not finite"));
}
