//! The nodes of a generator's graph, in the order in which they compute.

use crate::data::ImageShape;
use crate::export::{Generator, Result};
use crate::formats::onnx::{
    ATTRIBUTE_FLOAT, ATTRIBUTE_INT, AttributeProto, Dimension, FLOAT, GraphProto, INT64, NodeProto,
    TensorProto, TensorShapeProto, TensorType, TypeProto, ValueInfoProto,
};
use crate::formats::tensor_file::TensorFile;
use crate::nn::Layer;
use crate::nn::layer::BatchNorm;
use crate::nn::sequence::Embedding;

const NOISE: &str = "noise";
const LABELS: &str = "labels";
const IMAGES: &str = "images";
/// The name of the one extent that is open.
const BATCH: &str = "batch";

/// The graph from noise, and labels where there are classes, to images.
pub(super) fn graph(generator: &Generator) -> Result<GraphProto> {
    let Generator { spec, image, file, metadata } = generator;
    let mut graph = Graph { file, nodes: Vec::new(), tensors: Vec::new() };
    let latent = format!("{} noise", metadata["latent"]);
    let mut input = vec![value(NOISE, FLOAT, &[spec.input().shape.numbers()], latent)];
    let mut x = NOISE.to_owned();
    if let Some(label) = spec.input().label {
        input.push(value(LABELS, INT64, &[], format!("classes from 0 to {}", label.classes - 1)));
        x = graph.embed(x, label)?;
    }
    for (key, layer) in spec.layers() {
        x = graph.layer(x, &key, layer)?;
    }
    graph.reshape(x, *image);
    let extents = [image.channels, image.height, image.width];
    let range = "from -1 (black) to 1 (white)".to_owned();
    Ok(GraphProto {
        node: graph.nodes,
        name: "generator".to_owned(),
        initializer: graph.tensors,
        input,
        output: vec![value(IMAGES, FLOAT, &extents, range)],
    })
}

/// A graph in the making.
struct Graph<'a> {
    file: &'a TensorFile,
    nodes: Vec<NodeProto>,
    tensors: Vec<TensorProto>,
}

impl Graph<'_> {
    /// Puts the labels' embedding beside x.
    fn embed(&mut self, x: String, label: Embedding) -> Result<String> {
        let key = "label_embedding";
        let table = self.weight(format!("{key}.weight"), &[label.classes, label.classes])?;
        let row = self.node(key, "Gather", vec![table, LABELS.to_owned()], vec![]);
        let input = if label.first { vec![row, x] } else { vec![x, row] };
        Ok(self.node(key, "Concat", input, vec![int("axis", 1)]))
    }

    fn layer(&mut self, x: String, key: &str, layer: Layer) -> Result<String> {
        let (op, attributes) = match layer {
            Layer::Linear { inputs, outputs } => {
                let weight = self.weight(format!("{key}.weight"), &[outputs, inputs])?;
                let bias = self.weight(format!("{key}.bias"), &[outputs])?;
                return Ok(self.node(key, "Gemm", vec![x, weight, bias], vec![int("transB", 1)]));
            }
            Layer::BatchNorm1d(norm) => return self.batch_norm(x, key, norm),
            Layer::LeakyRelu(slope) => ("LeakyRelu", vec![float("alpha", slope)]),
            Layer::Relu => ("Relu", vec![]),
            Layer::Tanh => ("Tanh", vec![]),
            Layer::Sigmoid => ("Sigmoid", vec![]),
            // Nothing is dropped after training, and rows of features stay what they are.
            Layer::Dropout(_) | Layer::Flatten | Layer::Unflatten(_) => return Ok(x),
            // In no network that can be trained.
            Layer::Conv2d(_) | Layer::ConvTranspose2d { .. } | Layer::BatchNorm2d(_) => {
                return Ok(x);
            }
        };
        Ok(self.node(key, op, vec![x], attributes))
    }

    /// A node of its own, so that every weight stays the `state_dict`'s; runtimes fold it.
    fn batch_norm(&mut self, x: String, key: &str, norm: BatchNorm) -> Result<String> {
        let mut input = vec![x];
        for name in ["weight", "bias", "running_mean", "running_var"] {
            input.push(self.weight(format!("{key}.{name}"), &[norm.features])?);
        }
        Ok(self.node(key, "BatchNormalization", input, vec![float("epsilon", norm.eps)]))
    }

    /// Rows of pixels as images.
    fn reshape(&mut self, x: String, image: ImageShape) {
        // 0 stands for the extent that x has there, the batch.
        let extents = [0, image.channels, image.height, image.width];
        let raw_data = extents.iter().flat_map(|&extent| (extent as i64).to_le_bytes()).collect();
        let (name, dims) = (format!("{IMAGES}.shape"), vec![extents.len() as i64]);
        self.tensors.push(TensorProto { dims, data_type: INT64, name: name.clone(), raw_data });
        self.nodes.push(NodeProto {
            input: vec![x, name],
            output: vec![IMAGES.to_owned()],
            name: format!("{IMAGES}.Reshape"),
            op_type: "Reshape".to_owned(),
            attribute: vec![],
        });
    }

    /// Adds a node of the module `key`, and answers what its output is called.
    fn node(
        &mut self,
        key: &str,
        op: &str,
        input: Vec<String>,
        attribute: Vec<AttributeProto>,
    ) -> String {
        let name = format!("{key}.{op}");
        let (output, op_type) = (vec![name.clone()], op.to_owned());
        self.nodes.push(NodeProto { input, output, name: name.clone(), op_type, attribute });
        name
    }

    /// Adds a tensor of the `state_dict`, and answers its name.
    fn weight(&mut self, name: String, shape: &[usize]) -> Result<String> {
        let numbers: Vec<f32> = self.file.reals(&name, shape, |x| x as f32)?;
        self.tensors.push(TensorProto {
            dims: shape.iter().map(|&extent| extent as i64).collect(),
            data_type: FLOAT,
            name: name.clone(),
            raw_data: numbers.iter().flat_map(|number| number.to_le_bytes()).collect(),
        });
        Ok(name)
    }
}

fn int(name: &str, value: i64) -> AttributeProto {
    AttributeProto { name: name.to_owned(), f: None, i: Some(value), kind: ATTRIBUTE_INT }
}

fn float(name: &str, value: f64) -> AttributeProto {
    AttributeProto { name: name.to_owned(), f: Some(value as f32), i: None, kind: ATTRIBUTE_FLOAT }
}

/// An input or output: (batch, extents…).
fn value(name: &str, elem_type: i32, extents: &[usize], doc_string: String) -> ValueInfoProto {
    let batch = Dimension { dim_value: None, dim_param: Some(BATCH.to_owned()) };
    let fixed = |&n: &usize| Dimension { dim_value: Some(n as i64), dim_param: None };
    let dim = std::iter::once(batch).chain(extents.iter().map(fixed)).collect();
    let tensor = TensorType { elem_type, shape: Some(TensorShapeProto { dim }) };
    let kind = Some(TypeProto { tensor_type: Some(tensor) });
    ValueInfoProto { name: name.to_owned(), kind, doc_string }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::formats::tensor_file::TensorWriter;

    #[test]
    fn label_stands_on_the_side_that_the_network_has_it_on() {
        let (path, mut bytes) = (Path::new("g.safetensors"), Vec::new());
        let mut writer: TensorWriter<'_> = TensorWriter::new();
        writer.push("label_embedding.weight", &[2, 2], [Ok(vec![0.0_f32; 4])]);
        writer.write(path, &mut bytes).unwrap();
        let file = TensorFile::from_bytes(path, &bytes).unwrap();
        for first in [true, false] {
            let mut graph = Graph { file: &file, nodes: Vec::new(), tensors: Vec::new() };
            let x = graph.embed(NOISE.to_owned(), Embedding { classes: 2, first }).unwrap();
            let concat = graph.nodes.pop().unwrap();
            let mut expected = ["label_embedding.Gather", NOISE];
            if !first {
                expected.reverse();
            }
            assert_eq!((concat.input, concat.output), (expected.map(String::from).into(), vec![x]));
            assert_eq!(concat.attribute, [int("axis", 1)]);
        }
    }
}
