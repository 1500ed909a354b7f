//! The content of exported models: weights, nodes, names and documentation.

use std::collections::{BTreeMap, BTreeSet};

use gan_cuda::gan::preset::find;
use safetensors::Dtype;

use crate::messages::NodeProto;
use crate::{every_kind, model, trained};

#[test]
fn weights_are_those_of_the_state_dict_under_its_keys() {
    for (name, trained) in every_kind() {
        let graph = model(&trained).graph;
        let mut weights: BTreeMap<_, _> =
            graph.initializer.into_iter().map(|tensor| (tensor.name.clone(), tensor)).collect();
        assert_eq!(weights.remove("images.shape").unwrap().dims, [4], "{name}");
        for tensor in trained.checkpoint.sampled().tensors() {
            if tensor.dtype != Dtype::F32 {
                continue;
            }
            let file = trained.checkpoint.sampled();
            let numbers = file.get::<f32>(&tensor.name, &tensor.shape).unwrap();
            let found = weights.remove(&tensor.name).unwrap();
            let shape: Vec<_> = found.dims.iter().map(|&extent| extent as usize).collect();
            let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
            assert_eq!((shape, found.raw_data), (tensor.shape.clone(), bytes), "{name}");
            let initial =
                tensor.name.ends_with("running_mean") && numbers.iter().all(|&x| x == 0.0);
            assert!(!initial, "{name}: running statistics have not changed");
        }
        // Arguments of Reshape nodes.
        weights.retain(|key, _| !key.ends_with(".shape"));
        assert!(weights.is_empty(), "{name}: {:?}", weights.keys());
    }
}

#[test]
fn nodes_are_in_topological_order_with_unique_names() {
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
fn nodes_of_a_conditional_model_match_its_layers() {
    let trained = trained(find("cgan").unwrap(), |_| {});
    let graph = model(&trained).graph;
    let describe = |node: &NodeProto| format!("{} {}", node.op_type, node.input.join(" "));
    assert_eq!(
        graph.node.iter().map(describe).collect::<Vec<_>>(),
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
fn model_has_metadata_and_documented_inputs_and_outputs() {
    let trained = trained(find("cgan").unwrap(), |_| {});
    let model = model(&trained);
    assert_eq!((model.ir_version, model.opset_import[0].version), (8, 17));
    assert_eq!(model.producer_name, "gan-cuda");
    assert_eq!(model.producer_version, env!("CARGO_PKG_VERSION"));
    assert!(model.doc_string.contains("cgan after 5 iterations"), "{}", model.doc_string);
    let metadata: BTreeMap<_, _> =
        model.metadata_props.iter().map(|entry| (&*entry.key, &*entry.value)).collect();
    for (key, value) in
        [("preset", "cgan"), ("latent", "normal"), ("classes", "10"), ("iteration", "5")]
    {
        assert_eq!(metadata[key], value, "{key}");
    }
    assert!(metadata["modules"].starts_with("Sequential(Linear(20, 24), LeakyReLU(0.2), "));
    let graph = model.graph;
    let values: Vec<_> = graph.input.iter().chain(&graph.output).collect();
    let docs: Vec<_> = values.iter().map(|value| (&*value.name, &*value.doc_string)).collect();
    assert_eq!(
        docs,
        [
            ("noise", "normal noise"),
            ("labels", "classes from 0 to 9"),
            ("images", "from -1 (black) to 1 (white)")
        ]
    );
}
