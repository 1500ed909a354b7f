//! The model computed node by node in plain loops, as ONNX's specification of operators defines
//! them (<https://onnx.ai/onnx/operators/>). It shares no code with the engine, and runs where
//! Python has no ONNX Runtime.

use std::collections::HashMap;

use crate::messages::{ModelProto, NodeProto, TensorProto};
use crate::{BATCHES, Batch, assert_images, every_kind, model};

/// `TensorProto.DataType`.
const FLOAT: i32 = 1;
const INT64: i32 = 7;

/// A tensor in row-major order; integers are kept as numbers, too.
#[derive(Clone)]
struct Tensor {
    shape: Vec<usize>,
    values: Vec<f64>,
}

impl Tensor {
    fn of(tensor: &TensorProto) -> Tensor {
        let bytes = &tensor.raw_data;
        let values = match tensor.data_type {
            FLOAT => bytes.as_chunks().0.iter().map(|&x| f32::from_le_bytes(x).into()).collect(),
            INT64 => bytes.as_chunks().0.iter().map(|&x| i64::from_le_bytes(x) as f64).collect(),
            other => panic!("{}: data type {other}", tensor.name),
        };
        let shape = tensor.dims.iter().map(|&extent| extent as usize).collect();
        Tensor { shape, values }
    }

    /// The number of elements behind the first `axes` axes.
    fn stride(&self, axes: usize) -> usize {
        self.shape[axes..].iter().product()
    }

    fn map(mut self, function: impl Fn(f64) -> f64) -> Tensor {
        self.values.iter_mut().for_each(|x| *x = function(*x));
        self
    }
}

/// The images that the model makes of a batch.
fn run(model: &ModelProto, batch: &Batch) -> Vec<f32> {
    let mut tensors: HashMap<_, _> =
        model.graph.initializer.iter().map(|x| (x.name.as_str(), Tensor::of(x))).collect();
    let latent = model.graph.input[0].kind.tensor_type.shape.dim[1].dim_value.unwrap() as usize;
    let rows = batch.noise.len() / latent;
    let noise = batch.noise.iter().map(|&x| x.into()).collect();
    tensors.insert("noise", Tensor { shape: vec![rows, latent], values: noise });
    let labels = batch.labels.iter().map(|&x| x.into()).collect();
    tensors.insert("labels", Tensor { shape: vec![rows], values: labels });
    for node in &model.graph.node {
        let inputs: Vec<_> = node.input.iter().map(|name| tensors[name.as_str()].clone()).collect();
        tensors.insert(&node.output[0], compute(node, inputs));
    }
    tensors["images"].values.iter().map(|&x| x as f32).collect()
}

fn compute(node: &NodeProto, mut inputs: Vec<Tensor>) -> Tensor {
    let first = inputs.remove(0);
    let attribute = |name: &str| node.attribute.iter().find(|attribute| attribute.name == name);
    match node.op_type.as_str() {
        "Gather" => gather(&first, &inputs[0]),
        "Concat" => concat(&first, &inputs[0]),
        "Gemm" => gemm(&first, &inputs[0], &inputs[1]),
        "BatchNormalization" => batch_norm(first, &inputs, attribute("epsilon").unwrap().f.into()),
        "ConvTranspose" => conv_transpose(node, &first, &inputs),
        "Flatten" => Tensor { shape: vec![first.shape[0], first.stride(1)], ..first },
        "Reshape" => reshape(first, &inputs[0]),
        "LeakyRelu" => {
            let slope = f64::from(attribute("alpha").unwrap().f);
            first.map(|x| if x < 0.0 { slope * x } else { x })
        }
        "Relu" => first.map(|x| x.max(0.0)),
        "Tanh" => first.map(f64::tanh),
        other => panic!("{}: operator {other}", node.name),
    }
}

fn gather(table: &Tensor, rows: &Tensor) -> Tensor {
    let width = table.stride(1);
    let row = |&row: &f64| table.values[row as usize * width..][..width].to_vec();
    Tensor {
        shape: vec![rows.values.len(), width],
        values: rows.values.iter().flat_map(row).collect(),
    }
}

/// Along the columns.
fn concat(left: &Tensor, right: &Tensor) -> Tensor {
    let widths = [left.stride(1), right.stride(1)];
    let rows = left.values.chunks(widths[0]).zip(right.values.chunks(widths[1]));
    let values = rows.flat_map(|(left, right)| [left, right].concat()).collect();
    Tensor { shape: vec![left.shape[0], widths[0] + widths[1]], values }
}

/// x · wᵀ + b.
fn gemm(x: &Tensor, w: &Tensor, b: &Tensor) -> Tensor {
    let inputs = w.stride(1);
    let dot = |x: &[f64], w: &[f64]| -> f64 { x.iter().zip(w).map(|(x, w)| x * w).sum() };
    let row = |x| w.values.chunks(inputs).zip(&b.values).map(move |(w, b)| dot(x, w) + b);
    let values = x.values.chunks(inputs).flat_map(row).collect();
    Tensor { shape: vec![x.shape[0], w.shape[0]], values }
}

fn batch_norm(mut x: Tensor, parameters: &[Tensor], epsilon: f64) -> Tensor {
    let (channels, pixels) = (x.shape[1], x.stride(2));
    let [scale, bias, mean, variance] = [0, 1, 2, 3].map(|i| &parameters[i].values);
    for (i, x) in x.values.iter_mut().enumerate() {
        let c = i / pixels % channels;
        *x = (*x - mean[c]) / (variance[c] + epsilon).sqrt() * scale[c] + bias[c];
    }
    x
}

/// Adds each pixel of x, times the kernel, to the window of y that the kernel covers.
fn conv_transpose(node: &NodeProto, x: &Tensor, parameters: &[Tensor]) -> Tensor {
    let int = |name: &str| {
        let attribute = node.attribute.iter().find(|attribute| attribute.name == name).unwrap();
        attribute.ints[0] as usize
    };
    let (kernel, stride, padding) = (int("kernel_shape"), int("strides"), int("pads"));
    let &[batch, inputs, height, width] = &x.shape[..] else { panic!("{:?}", x.shape) };
    let outputs = parameters[0].shape[1];
    let grown =
        |extent: usize| (extent - 1) * stride + kernel + int("output_padding") - 2 * padding;
    let (rows, columns) = (grown(height), grown(width));
    let mut y = vec![0.0; batch * outputs * rows * columns];
    for (i, image) in y.chunks_mut(outputs * rows * columns).enumerate() {
        for (o, plane) in image.chunks_mut(rows * columns).enumerate() {
            plane.fill(parameters.get(1).map_or(0.0, |bias| bias.values[o]));
            for c in 0..inputs {
                let x = &x.values[(i * inputs + c) * height * width..][..height * width];
                let w = &parameters[0].values[(c * outputs + o) * kernel * kernel..];
                for (at, tap) in pairs(height * width, kernel * kernel) {
                    let row = (at / width * stride + tap / kernel).wrapping_sub(padding);
                    let column = (at % width * stride + tap % kernel).wrapping_sub(padding);
                    if row < rows && column < columns {
                        plane[row * columns + column] += x[at] * w[tap];
                    }
                }
            }
        }
    }
    Tensor { shape: vec![batch, outputs, rows, columns], values: y }
}

fn pairs(outer: usize, inner: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..outer).flat_map(move |i| (0..inner).map(move |j| (i, j)))
}

/// 0 keeps the extent of x.
fn reshape(x: Tensor, shape: &Tensor) -> Tensor {
    let extents = shape.values.iter().enumerate();
    let shape = extents.map(|(i, &n)| if n == 0.0 { x.shape[i] } else { n as usize }).collect();
    Tensor { shape, ..x }
}

#[test]
fn interpreted_model_gives_the_images_of_sample() {
    for (name, trained) in every_kind() {
        let model = model(&trained);
        for rows in BATCHES {
            let batch = trained.batch(rows);
            let images = run(&model, &batch);
            assert_images(&images, &batch.images, &format!("{name}, {rows} images"));
        }
    }
}

#[test]
fn batch_is_a_free_dimension_of_every_input_and_of_the_output() {
    for (name, trained) in every_kind() {
        let (model, gan) = (model(&trained), &trained.config.gan);
        let mut expected = vec![format!("batch, {}", gan.latent_dim)];
        expected.extend(gan.classes.map(|_| "batch".to_owned()));
        let image = gan.image;
        expected.push(format!("batch, {}, {}, {}", image.channels, image.height, image.width));
        let values = model.graph.input.iter().chain(&model.graph.output);
        let shapes: Vec<_> = values.map(|value| shape(&value.kind.tensor_type.shape.dim)).collect();
        assert_eq!(shapes, expected, "{name}");
    }
}

fn shape(dimensions: &[crate::messages::Dimension]) -> String {
    let text = dimensions.iter().map(|dimension| match &dimension.dim_param {
        Some(name) => name.clone(),
        None => dimension.dim_value.unwrap().to_string(),
    });
    text.collect::<Vec<_>>().join(", ")
}
