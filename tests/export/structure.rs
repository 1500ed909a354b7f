//! What the model holds: weights, nodes, names and documentation.

use std::collections::{BTreeMap, BTreeSet};

use gan_cuda::gan::preset::find;
use safetensors::Dtype;

use crate::messages::NodeProto;
use crate::{every_kind, model, trained};

#[test]
fn weights_are_the_state_dicts_under_its_keys() {
    for (name, trained) in every_kind() {
        let graph = model(&trained).graph;
        let mut weights: BTreeMap<_, _> =
            graph.initializer.into_iter().map(|tensor| (tensor.name.clone(), tensor)).collect();
        assert_eq!(weights.remove("images.shape").unwrap().dims, [4], "{name}");
        for tensor in trained.checkpoint.generator.tensors() {
            if tensor.dtype != Dtype::F32 {
                continue;
            }
            let file = &trained.checkpoint.generator;
            let numbers = file.get::<f32>(&tensor.name, &tensor.shape).unwrap();
            let found = weights.remove(&tensor.name).unwrap();
            let shape: Vec<_> = found.dims.iter().map(|&extent| extent as usize).collect();
            let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
            assert_eq!((shape, found.raw_data), (tensor.shape.clone(), bytes), "{name}");
            let still = tensor.name.ends_with("running_mean") && numbers.iter().all(|&x| x == 0.0);
            assert!(!still, "{name}: the test's statistics have not moved");
        }
        // Shapes that numbers are given on their way.
        weights.retain(|key, _| !key.ends_with(".shape"));
        assert!(weights.is_empty(), "{name}: {:?}", weights.keys());
    }
}

#[test]
fn nodes_compute_in_order_and_every_name_is_new() {
    for (name, trained) in every_kind() {
        let graph = model(&trained).graph;
        let mut known: BTreeSet<_> = graph.input.iter().map(|value| value.name.clone()).collect();
        known.extend(graph.initializer.iter().map(|tensor| tensor.name.clone()));
        for node in &graph.node {
            assert!(node.input.iter().all(|input| known.contains(input)), "{name}: {}", node.name);
            assert!(known.insert(node.output[0].clone()), "{name}: {}", node.output[0]);
        }
        assert_eq!(graph.output[0].name, "images");
        assert!(known.contains("images"), "{name}");
    }
}

#[test]
fn conditional_model_is_as_its_layers_are() {
    let trained = trained(find("cgan").unwrap(), |_| {});
    let graph = model(&trained).graph;
    let word = |node: &NodeProto| format!("{} {}", node.op_type, node.input.join(" "));
    assert_eq!(
        graph.node.iter().map(word).collect::<Vec<_>>(),
        [
            "Gather label_embedding.weight labels",
            "Concat label_embedding.Gather noise",
            "Gemm label_embedding.Concat model.0.weight model.0.bias",
            "LeakyRelu model.0.Gemm",
            "Gemm model.1.LeakyRelu model.2.weight model.2.bias",
            "BatchNormalization model.2.Gemm model.3.weight model.3.bias model.3.running_mean \
             model.3.running_var",
            "LeakyRelu model.3.BatchNormalization",
            "Gemm model.4.LeakyRelu model.5.weight model.5.bias",
            "Tanh model.5.Gemm",
            "Reshape model.6.Tanh images.shape",
        ]
    );
}

#[test]
fn model_says_what_it_is_and_what_goes_in() {
    let trained = trained(find("cgan").unwrap(), |_| {});
    let model = model(&trained);
    assert_eq!((model.ir_version, model.opset_import[0].version), (8, 17));
    assert_eq!(model.producer_name, "gan-cuda");
    assert_eq!(model.producer_version, env!("CARGO_PKG_VERSION"));
    assert!(model.doc_string.contains("cgan after 5 iterations"), "{}", model.doc_string);
    let words: BTreeMap<_, _> =
        model.metadata_props.iter().map(|word| (&*word.key, &*word.value)).collect();
    for (key, value) in
        [("preset", "cgan"), ("latent", "normal"), ("classes", "10"), ("iteration", "5")]
    {
        assert_eq!(words[key], value, "{key}");
    }
    assert!(words["modules"].starts_with("Sequential(Linear(20, 24), LeakyReLU(0.2), "));
    let graph = model.graph;
    let said: Vec<_> = graph.input.iter().chain(&graph.output).collect();
    let said: Vec<_> = said.iter().map(|value| (&*value.name, &*value.doc_string)).collect();
    assert_eq!(
        said,
        [
            ("noise", "normal noise"),
            ("labels", "classes from 0 to 9"),
            ("images", "from -1 (black) to 1 (white)")
        ]
    );
}
