//! The ONNX graph of a generator, with nodes in topological order.

use crate::export::{Generator, Result};
use crate::formats::onnx::{
    ATTRIBUTE_FLOAT, ATTRIBUTE_INT, ATTRIBUTE_INTS, AttributeProto, Dimension, FLOAT, GraphProto,
    INT64, NodeProto, TensorProto, TensorShapeProto, TensorType, TypeProto, ValueInfoProto,
};
use crate::formats::tensor_file::TensorFile;
use crate::nn::layer::{BatchNorm, Convolution};
use crate::nn::sequence::Embedding;
use crate::nn::{Layer, Shape};

const NOISE: &str = "noise";
const LABELS: &str = "labels";
const IMAGES: &str = "images";
/// The name of the dynamic dimension.
const BATCH: &str = "batch";

/// The graph from noise, and labels if the GAN is conditional, to images.
pub(super) fn graph(generator: &Generator) -> Result<GraphProto> {
    let Generator { spec, image, file, metadata, .. } = generator;
    let mut graph = Graph { file, nodes: Vec::new(), tensors: Vec::new() };
    let latent = format!("{} noise", metadata["latent"]);
    let mut input = vec![value(NOISE, FLOAT, &[spec.input().shape.elements()], latent)];
    let mut x = NOISE.to_owned();
    if let Some(label) = &spec.input().label {
        input.push(value(LABELS, INT64, &[], format!("classes from 0 to {}", label.classes - 1)));
        x = graph.embed(x, label)?;
    }
    for sequence in spec.sequences() {
        if let Some(view) = sequence.view {
            x = graph.reshape(x, &format!("{}view", sequence.key_prefix), view);
        }
        for (i, &layer) in sequence.layers.iter().enumerate() {
            x = graph.layer(x, &sequence.key(i), layer)?;
        }
    }
    let shape = Shape::Image([image.channels, image.height, image.width]);
    graph.reshape_to(x, IMAGES, shape, IMAGES.to_owned());
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

/// Builds the graph.
struct Graph<'a> {
    file: &'a TensorFile,
    nodes: Vec<NodeProto>,
    tensors: Vec<TensorProto>,
}

impl Graph<'_> {
    /// Concatenates x with the labels' embedding.
    fn embed(&mut self, x: String, label: &Embedding) -> Result<String> {
        let key = &label.key;
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
            Layer::Conv2d(convolution) => {
                let channels = [convolution.outputs, convolution.inputs];
                return self.convolution(x, key, "Conv", convolution, channels, None);
            }
            Layer::ConvTranspose2d { convolution, output_padding } => {
                let channels = [convolution.inputs, convolution.outputs];
                let padding = Some(output_padding);
                return self.convolution(x, key, "ConvTranspose", convolution, channels, padding);
            }
            Layer::BatchNorm1d(norm) | Layer::BatchNorm2d(norm) => {
                return self.batch_norm(x, key, norm);
            }
            Layer::Unflatten(extents) => return Ok(self.reshape(x, key, Shape::Image(extents))),
            Layer::Flatten => ("Flatten", vec![int("axis", 1)]),
            Layer::LeakyRelu(slope) => ("LeakyRelu", vec![float("alpha", slope)]),
            Layer::Relu => ("Relu", vec![]),
            Layer::Tanh => ("Tanh", vec![]),
            Layer::Sigmoid => ("Sigmoid", vec![]),
            // Dropout is the identity in evaluation mode.
            Layer::Dropout(_) => return Ok(x),
        };
        Ok(self.node(key, op, vec![x], attributes))
    }

    /// A separate node, not folded into the layer before it, so that all weights are those of the
    /// `state_dict`. Runtimes fold it.
    fn batch_norm(&mut self, x: String, key: &str, norm: BatchNorm) -> Result<String> {
        let mut input = vec![x];
        for name in ["weight", "bias", "running_mean", "running_var"] {
            input.push(self.weight(format!("{key}.{name}"), &[norm.features])?);
        }
        Ok(self.node(key, "BatchNormalization", input, vec![float("epsilon", norm.eps)]))
    }

    /// `[outer, inner]` are the first two dimensions of the weight; `output_padding` is set for a
    /// transposed convolution.
    fn convolution(
        &mut self,
        x: String,
        key: &str,
        op: &str,
        convolution: Convolution,
        [outer, inner]: [usize; 2],
        output_padding: Option<usize>,
    ) -> Result<String> {
        let Convolution { outputs, kernel, stride, padding, bias, .. } = convolution;
        let shape = [outer, inner, kernel, kernel];
        let mut input = vec![x, self.weight(format!("{key}.weight"), &shape)?];
        if bias {
            input.push(self.weight(format!("{key}.bias"), &[outputs])?);
        }
        let mut attributes = vec![
            ints("kernel_shape", &[kernel; 2]),
            ints("pads", &[padding; 4]),
            ints("strides", &[stride; 2]),
        ];
        attributes.extend(output_padding.map(|padding| ints("output_padding", &[padding; 2])));
        Ok(self.node(key, op, input, attributes))
    }

    /// Reshapes x.
    fn reshape(&mut self, x: String, key: &str, shape: Shape) -> String {
        let output = format!("{key}.Reshape");
        self.reshape_to(x, key, shape, output.clone());
        output
    }

    fn reshape_to(&mut self, x: String, key: &str, shape: Shape, output: String) {
        let extents = match shape {
            Shape::Features(features) => vec![features],
            Shape::Image(extents) => extents.to_vec(),
        };
        // In ONNX, 0 keeps the dimension of x: the batch.
        let extents = std::iter::once(0).chain(extents);
        let raw_data: Vec<u8> = extents.flat_map(|extent| (extent as i64).to_le_bytes()).collect();
        let (name, dims) =
            (format!("{key}.shape"), vec![(raw_data.len() / size_of::<i64>()) as i64]);
        self.tensors.push(TensorProto { dims, data_type: INT64, name: name.clone(), raw_data });
        self.nodes.push(NodeProto {
            input: vec![x, name],
            output: vec![output],
            name: format!("{key}.Reshape"),
            op_type: "Reshape".to_owned(),
            attribute: vec![],
        });
    }

    /// Adds a node of the module `key`. Returns the name of its output.
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

    /// Adds a tensor of the `state_dict`. Returns its name.
    fn weight(&mut self, name: String, shape: &[usize]) -> Result<String> {
        let numbers: Vec<f32> = self.file.floats(&name, shape, |x| x as f32)?;
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
    attribute(AttributeProto { i: Some(value), ..AttributeProto::default() }, name, ATTRIBUTE_INT)
}

fn ints(name: &str, values: &[usize]) -> AttributeProto {
    let ints = values.iter().map(|&value| value as i64).collect();
    attribute(AttributeProto { ints, ..AttributeProto::default() }, name, ATTRIBUTE_INTS)
}

fn float(name: &str, value: f64) -> AttributeProto {
    let f = Some(value as f32);
    attribute(AttributeProto { f, ..AttributeProto::default() }, name, ATTRIBUTE_FLOAT)
}

fn attribute(value: AttributeProto, name: &str, kind: i32) -> AttributeProto {
    AttributeProto { name: name.to_owned(), kind, ..value }
}

/// An input or output of shape (batch, extents…).
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
    fn label_embedding_is_concatenated_on_the_side_given_by_the_network() {
        let (path, mut bytes) = (Path::new("g.safetensors"), Vec::new());
        let mut writer: TensorWriter<'_> = TensorWriter::new();
        writer.push("label_embedding.weight", &[2, 2], [Ok(vec![0.0_f32; 4])]);
        writer.write(path, &mut bytes).unwrap();
        let file = TensorFile::from_bytes(path, &bytes).unwrap();
        for first in [true, false] {
            let mut graph = Graph { file: &file, nodes: Vec::new(), tensors: Vec::new() };
            let label = Embedding { key: "label_embedding".to_owned(), classes: 2, first };
            let x = graph.embed(NOISE.to_owned(), &label).unwrap();
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
