//! Every kind of layer, alone and in sequences, as a network runs it.

use super::check::{Case, Point, sides};
use super::random::Numbers;
use gan_cuda::device::cpu::Cpu;
use gan_cuda::device::{FloatBuffer, Memory};
use gan_cuda::nn::plan::{ConvolutionStage, LinearStage};
use gan_cuda::nn::sequence::{Embedding, Input, SpecProblem};
use gan_cuda::nn::{
    Activations, Batches, Flat, Init, Masks, Matrix, Mode, Network, NetworkSpec,
    ParameterGradients, PassInput, Sequence, Shape, Stage,
};
use gan_cuda::rng;

/// Consecutive batches, of which the first one is not used.
const BATCHES: usize = 3;
const INPUTS: usize = 5;
const CLASSES: usize = 3;
const ACTIVATIONS: [&str; 4] = ["ReLU()", "LeakyReLU(0.2)", "Tanh()", "Sigmoid()"];

const DEEP: &str = "Linear(8, 4)|LeakyReLU(0.2)|Linear(4, 5)|BatchNorm1d(5, eps=0.8)|\
    LeakyReLU(0.2)|Linear(5, 6)|BatchNorm1d(6, eps=0.8)|ReLU()|Linear(6, 4)|Dropout(0.3)|\
    LeakyReLU(0.2)|Dropout(0.3)|Linear(4, 5)|Tanh()|BatchNorm1d(5, eps=0.8)";

/// The side of the input on which the label's embedding is.
#[derive(Clone, Copy, PartialEq)]
enum Label {
    Before,
    Behind,
}

pub fn cases() -> Vec<Case> {
    let (before, behind) = (Some(Label::Before), Some(Label::Behind));
    let mut all = Vec::new();
    for activation in ACTIVATIONS {
        for layers in [
            "Linear(5, 4)|ACT",
            "Linear(5, 4)|BatchNorm1d(4, eps=0.8)|ACT",
            "Linear(5, 4)|Dropout(0.3)|ACT",
            "Linear(5, 4)|ACT|Dropout(0.3)",
            "Linear(5, 4)|ACT|BatchNorm1d(4, eps=0.8)",
            "Linear(5, 4)|Tanh()|ACT",
            "Linear(5, 4)|BatchNorm1d(4, eps=0.8)|Dropout(0.3)|ACT",
            "Linear(5, 4)|Dropout(0.3)|ACT|Linear(4, 1)",
            "Linear(5, 4)|BatchNorm1d(4, eps=0.8)|ACT|Linear(4, 1)|Linear(1, 1)",
        ] {
            all.push(case(None, &layers.replace("ACT", activation)));
        }
    }
    for label in [before, behind] {
        all.push(case(label, "Linear(8, 4)|Tanh()"));
        all.push(case(label, DEEP));
    }
    all.extend((1..6).flat_map(convolutions));
    for (image, label, layers) in [
        (
            [2, 5, 3],
            None,
            "Conv2d(2, 3, 3)|BatchNorm2d(3, eps=0.8)|LeakyReLU(0.2)|Flatten()|Linear(9, 2)",
        ),
        (
            [2, 5, 3],
            None,
            "Conv2d(2, 3, 3, bias=False)|BatchNorm2d(3, eps=0.8)|Dropout(0.3)|Tanh()",
        ),
        (
            [1, 5, 5],
            None,
            "Conv2d(1, 2, 3, 2)|Dropout(0.3)|LeakyReLU(0.2)|Flatten()|BatchNorm1d(8, eps=0.8)",
        ),
        ([2, 3, 3], None, "Conv2d(2, 4, 2)|Sigmoid()|Flatten()|Unflatten(2, 2, 4)|Conv2d(2, 1, 2)"),
        ([8, 1, 1], None, LEVELS),
        ([5, 1, 1], before, LEVELS),
        ([1, 4, 5], before, "Conv2d(4, 2, 3)|LeakyReLU(0.2)|Flatten()|Linear(12, 1)"),
        ([2, 4, 5], behind, "Conv2d(5, 2, 3)|BatchNorm2d(2, eps=0.8)|LeakyReLU(0.2)"),
        ([2, 4, 5], behind, "ConvTranspose2d(5, 2, 3, 2)|Tanh()"),
    ] {
        let sides = image.map(|side: usize| side.to_string()).join("×");
        all.push(case_of(&format!("{sides}: "), Shape::Image(image), label, layers, &[1, 2, 7]));
    }
    all
}

/// A generator of images: features, then two upsampling levels.
const LEVELS: &str = "Linear(8, 12)|BatchNorm1d(12, eps=0.8)|ReLU()|Unflatten(3, 2, 2)|\
    ConvTranspose2d(3, 2, 4, 2, 1)|BatchNorm2d(2, eps=0.8)|ReLU()|ConvTranspose2d(2, 2, 4, 2, 1)|Tanh()";

/// Every stride and padding of a kernel, for both kinds of convolution. In some cases pixels are outside
/// all windows.
fn convolutions(kernel: usize) -> [Case; 2] {
    let mut cases = ["Conv2d", "ConvTranspose2d"]
        .map(|kind| Case::new(format!("layers: {kind}, kernel {kernel}")));
    for (stride, padding) in (1..4).flat_map(|stride| (0..3).map(move |padding| (stride, padding)))
    {
        // Every combination of extents.
        let turn = kernel + stride + padding;
        let [inputs, outputs] = [[1, 1], [2, 3], [3, 2], [1, 2]][turn % 4];
        let (rows, bias) = ([1, 2, 7][turn % 3], ["", ", bias=False"][turn % 2]);
        let arguments = format!("{inputs}, {outputs}, {kernel}, {stride}, {padding}{bias}");
        let extra = if stride > 1 { ", output_padding=1" } else { "" };
        let layers = [
            ([inputs, 5, 7], format!("Conv2d({arguments})|Tanh()")),
            ([inputs, 3, 4], format!("ConvTranspose2d({arguments}{extra})|Tanh()")),
        ];
        for (case, (image, layers)) in cases.iter_mut().zip(layers) {
            // With that much padding the output of a small kernel may be empty.
            if let Ok(spec) = network(Shape::Image(image), None, &layers) {
                Subject::new(&spec, rows).check(case);
            }
        }
    }
    cases
}

/// All gradients of a network of these layers, at several batch sizes.
fn case(label: Option<Label>, layers: &str) -> Case {
    case_of("", Shape::Features(INPUTS), label, layers, &[1, 2, 7])
}

fn case_of(
    what: &str,
    shape: Shape,
    label: Option<Label>,
    layers: &str,
    batches: &[usize],
) -> Case {
    // A layer of features takes an image as features.
    let shape = match layers.starts_with("Linear") {
        true => Shape::Features(shape.elements()),
        false => shape,
    };
    let spec = network(shape, label, layers).unwrap();
    let place = match label {
        Some(Label::Before) => "label, ",
        Some(Label::Behind) => "…, label: ",
        None => "",
    };
    let mut case = Case::new(format!("layers: {what}{place}{}", layers.replace('|', ", ")));
    let least = if spec.has_batch_norm() { 2 } else { 1 };
    for &rows in batches.iter().filter(|&&rows| rows >= least) {
        Subject::new(&spec, rows).check(&mut case);
    }
    case
}

fn network(shape: Shape, label: Option<Label>, layers: &str) -> Result<NetworkSpec, SpecProblem> {
    let list = layers.split('|').map(|layer| layer.parse().unwrap()).collect();
    let sequence = Sequence { key_prefix: String::new(), view: None, layers: list };
    let label = label.map(|side| {
        let first = side == Label::Before;
        Embedding { key: "label".to_owned(), classes: CLASSES, first }
    });
    NetworkSpec::new(Input { shape, label }, vec![sequence])
}

/// A network, its inputs, and the weights of its outputs.
struct Subject {
    device: Cpu<f64>,
    network: Network<Cpu<f64>>,
    activations: Activations<Cpu<f64>>,
    gradients: Flat<Cpu<f64>>,
    y: Matrix<Cpu<f64>>,
    /// The masks of all stages with dropout, one after the other.
    masks: FloatBuffer<Cpu<f64>>,
    batches: Batches,
    x: Vec<f64>,
    labels: Option<Vec<u32>>,
    weights: Vec<f64>,
}

impl Subject {
    /// Two batches of `rows` rows, after one that is not used.
    fn new(spec: &NetworkSpec, rows: usize) -> Self {
        let device = Cpu::<f64>::new(1);
        let batches = Batches { rows, which: 1..BATCHES, across: None };
        let (all, outputs) = (batches.all_rows(), spec.output().elements());
        let mut numbers = Numbers::new(50 + rows as u64);
        let mut network = Network::new(&device, spec.clone()).unwrap();
        network.initialize(&device, Init::Default, &mut rng::host(5, 0)).unwrap();
        scatter(&device, &mut network, &mut numbers);
        let drawn = numbers.mask(0.3, all * spec.mask_len());
        let mut masks = device.allocate(drawn.len()).unwrap();
        Cpu::<f64>::view_mut(&mut masks, 0..drawn.len()).copy_from_slice(&drawn);
        Self {
            x: numbers.normal(all * spec.input().shape.elements()),
            labels: (spec.classes() > 0).then(|| numbers.labels(spec.classes(), all)),
            weights: numbers.normal(all * outputs),
            activations: Activations::new(&device, spec, rows, BATCHES).unwrap(),
            gradients: Flat::like(&device, network.params()).unwrap(),
            y: Matrix::zeros(&device, rows * BATCHES, outputs).unwrap(),
            device,
            network,
            masks,
            batches,
        }
    }

    fn forward(&mut self, x: &[f64]) -> Point {
        let Self { device, network, activations, y, masks, batches, labels, .. } = self;
        let masks = Some(Masks { buffer: masks, first: 0, rows: batches.all_rows(), start: 0 });
        let input = PassInput { x, labels: labels.as_deref(), masks };
        let rows = y.rows_mut(batches.range());
        network.forward(device, activations, &input, rows, batches, Mode::Training);
        let sides = network_sides(network, activations, y, batches);
        Point { outputs: y.rows(batches.range()).to_vec(), sides }
    }

    /// The gradient of x, and of the parameters depending on the mode.
    fn backward(&mut self, mode: &str) -> Vec<f64> {
        let Self { device, network, activations, gradients, y, masks, batches, x, labels, weights } =
            self;
        activations.output_gradient(batches).copy_from_slice(weights);
        let masks = Some(Masks { buffer: masks, first: 0, rows: batches.all_rows(), start: 0 });
        let input = PassInput { x: &x[..], labels: labels.as_deref(), masks };
        let parameters = match mode {
            "ignore" => ParameterGradients::Ignore,
            "overwrite" => ParameterGradients::Overwrite(gradients),
            _ => ParameterGradients::Accumulate(gradients),
        };
        let mut dx = vec![f64::NAN; x.len()];
        let y = y.rows(batches.range());
        network.backward(device, activations, &input, y, batches, parameters, Some(&mut dx[..]));
        dx
    }

    fn gradients(&self) -> Vec<Vec<f64>> {
        let params = self.network.params().list().iter();
        params.map(|param| self.gradients.read(&self.device, param).unwrap()).collect()
    }

    fn check(&mut self, case: &mut Case) {
        let (x, weights) = (self.x.clone(), self.weights.clone());
        self.forward(&x);
        let untouched = self.gradients();
        let dx = self.backward("ignore");
        assert_eq!(self.gradients(), untouched, "ignored gradients are left alone");
        let at = format!("batch {}", self.batches.rows);
        case.check(&format!("{at}: x"), &dx, &x, &weights, |x| self.forward(x));
        assert_eq!(self.backward("overwrite"), dx);
        let once = self.gradients();
        self.backward("accumulate");
        self.expect_doubled(&once);
        for (i, param) in self.network.params().list().to_vec().iter().enumerate() {
            let values = self.network.params().read(&self.device, param).unwrap();
            let tensor = format!("{at}: {}", param.name);
            if feeds_batch_norm(&self.network, &param.name) {
                case.check_zero(&tensor, &once[i]);
            }
            case.check(&tensor, &once[i], &values, &weights, |values| {
                self.network.params_mut().write(&self.device, i, values).unwrap();
                self.forward(&x)
            });
        }
    }

    fn expect_doubled(&self, once: &[Vec<f64>]) {
        for (twice, once) in self.gradients().iter().flatten().zip(once.iter().flatten()) {
            assert!((twice - 2.0 * once).abs() <= 1e-12 * (1.0 + once.abs()), "{twice}, {once}");
        }
    }
}

/// Changes all parameters from their initial values: a gain of 1 or a shift of 0 would hide mistakes.
pub fn scatter(device: &Cpu<f64>, network: &mut Network<Cpu<f64>>, numbers: &mut Numbers) {
    for (i, param) in network.params().list().to_vec().iter().enumerate() {
        let mut values = network.params().read(device, param).unwrap();
        let moves = numbers.around(0.0, 0.4, values.len());
        values.iter_mut().zip(moves).for_each(|(value, by)| *value += by);
        network.params_mut().write(device, i, &values).unwrap();
    }
}

/// The side of the kink for every (Leaky)ReLU of a network, after a forward pass to y.
pub fn network_sides(
    network: &Network<Cpu<f64>>,
    activations: &Activations<Cpu<f64>>,
    y: &Matrix<Cpu<f64>>,
    batches: &Batches,
) -> Vec<bool> {
    let stages = network.spec().stages();
    let last = stages.len() - 1;
    let mut all = Vec::new();
    for (i, stage) in stages.iter().enumerate() {
        let output =
            if i < last { activations.output(i, batches) } else { y.rows(batches.range()) };
        all.extend(sides(output, stage.activation()));
    }
    all
}

/// Whether a parameter is the bias of a layer right before a BatchNorm, which subtracts the mean: its
/// gradient is zero.
pub fn feeds_batch_norm(network: &Network<Cpu<f64>>, name: &str) -> bool {
    network.spec().stages().iter().any(|stage| match stage {
        Stage::Linear(LinearStage { key, normalized, .. })
        | Stage::Convolution(ConvolutionStage { key, normalized, .. }) => {
            *normalized && name == format!("{key}.bias")
        }
        _ => false,
    })
}
