//! Every kind of layer, alone and in a row, as a network runs it.

use std::ops::Range;

use super::check::{Case, Point, sides};
use super::operations::ACTIVATIONS;
use super::random::Numbers;
use gan_cuda::device::cpu::Cpu;
use gan_cuda::device::ops::Activation;
use gan_cuda::device::{Memory, Reals};
use gan_cuda::nn::{BlockSpec, Embedded, Gradients, Init, Masks, Network, NetworkSpec};
use gan_cuda::rng;

/// Rows of the network's memory that are not used, before those that are.
const BEFORE: usize = 2;
const INPUTS: usize = 5;
const CLASSES: usize = 3;

pub fn cases() -> Vec<Case> {
    let leaky = Activation::LeakyRelu { slope: 0.2 };
    let before = Some(Embedded { classes: CLASSES, first: true });
    let behind = Some(Embedded { classes: CLASSES, first: false });
    let mut all = Vec::new();
    for activation in ACTIVATIONS {
        let (plain, dropping) = (block(activation), with_dropout(block(activation)));
        let name = |what: &str| format!("layer: {what}, {activation:?}");
        all.push(case(&name("linear"), None, vec![plain.clone()]));
        all.push(case(&name("linear, BatchNorm"), None, vec![with_batch_norm(plain)]));
        all.push(case(&name("linear, dropout"), None, vec![dropping]));
    }
    all.push(case("layer: label before linear", before, vec![block(Activation::Tanh)]));
    all.push(case("layer: label behind linear", behind, vec![block(Activation::Tanh)]));
    let row = || {
        vec![
            block(leaky),
            with_batch_norm(block(leaky)),
            with_batch_norm(block(Activation::Relu)),
            with_dropout(block(leaky)),
            block(Activation::Tanh),
        ]
    };
    all.push(case("network: label before, five layers of all kinds", before, row()));
    all.push(case("network: label behind, five layers of all kinds", behind, row()));
    all
}

fn block(activation: Activation) -> BlockSpec {
    BlockSpec {
        inputs: 0,
        outputs: 0,
        batch_norm: None,
        dropout: None,
        activation,
        linear_key: String::new(),
        batch_norm_key: String::new(),
    }
}

fn with_batch_norm(block: BlockSpec) -> BlockSpec {
    BlockSpec { batch_norm: Some((0.8, 0.1)), ..block }
}

fn with_dropout(block: BlockSpec) -> BlockSpec {
    BlockSpec { dropout: Some(0.3), ..block }
}

/// All gradients of a network of these blocks, at several batch sizes.
fn case(name: &str, label: Option<Embedded>, mut blocks: Vec<BlockSpec>) -> Case {
    let mut inputs = INPUTS + label.map_or(0, |label| label.classes);
    for (i, block) in blocks.iter_mut().enumerate() {
        (block.inputs, block.outputs) = (inputs, 4 + i % 3);
        (block.linear_key, block.batch_norm_key) = (format!("{i}.linear"), format!("{i}.norm"));
        inputs = block.outputs;
    }
    let least = if blocks.iter().any(|block| block.batch_norm.is_some()) { 2 } else { 1 };
    let spec = NetworkSpec { inputs: INPUTS, label, blocks };
    let mut case = Case::new(name);
    for rows in [1, 2, 7].into_iter().filter(|&rows| rows >= least) {
        Subject::new(&spec, rows).check(&mut case);
    }
    case
}

/// A network, what goes into it, and the weights of what comes out.
struct Subject {
    device: Cpu<f64>,
    network: Network<Cpu<f64>>,
    /// The masks of all blocks that drop, one behind the other.
    masks: Reals<Cpu<f64>>,
    rows: Range<usize>,
    x: Vec<f64>,
    labels: Option<Vec<u32>>,
    weights: Vec<f64>,
}

impl Subject {
    fn new(spec: &NetworkSpec, rows: usize) -> Self {
        let (device, rows) = (Cpu::<f64>::new(1), BEFORE..BEFORE + rows);
        let mut numbers = Numbers::new(50 + rows.len() as u64);
        let mut network = Network::new(&device, spec.clone(), rows.end).unwrap();
        network.initialize(&device, Init::Default, &mut rng::host(5, 0)).unwrap();
        scatter(&device, &mut network, &mut numbers);
        let drawn = numbers.mask(0.3, spec.masks(rows.len()));
        let mut masks = device.allocate(drawn.len()).unwrap();
        Cpu::<f64>::view_mut(&mut masks, 0..drawn.len()).copy_from_slice(&drawn);
        let outputs = spec.blocks[spec.blocks.len() - 1].outputs;
        Self {
            x: numbers.normal(rows.len() * spec.inputs),
            labels: spec.label.map(|label| numbers.labels(label.classes, rows.len())),
            weights: numbers.normal(rows.len() * outputs),
            device,
            network,
            masks,
            rows,
        }
    }

    fn forward(&mut self, x: &[f64]) -> Point {
        let Self { device, network, masks, rows, labels, .. } = self;
        let masks = Masks { buffer: masks, first: 0 };
        network.forward(device, x, labels.as_deref(), rows.clone(), Some(&masks));
        let outputs = network.last().output(rows.clone()).to_vec();
        Point { outputs, sides: network_sides(network, rows.clone()) }
    }

    fn backward(&mut self, gradients: Gradients<'_, Cpu<f64>>) {
        let Self { device, network, masks, rows, x, labels, weights } = self;
        network.last_mut().output_gradient(rows.clone()).copy_from_slice(weights);
        let (labels, masks) = (labels.as_deref(), Masks { buffer: masks, first: 0 });
        network.backward(device, x, labels, rows.clone(), Some(&masks), gradients);
    }

    fn check(&mut self, case: &mut Case) {
        let x = self.x.clone();
        let weights = self.weights.clone();
        self.forward(&x);
        let mut dx = vec![f64::NAN; x.len()];
        self.backward(Gradients::Input(&mut dx[..]));
        let at = format!("batch {}", self.rows.len());
        case.check(&format!("{at}: x"), &dx, &x, &weights, |x| self.forward(x));
        self.backward(Gradients::Parameters);
        for (i, param) in self.network.params().list().to_vec().iter().enumerate() {
            let gradient = self.network.params().read_gradient(&self.device, param).unwrap();
            let values = self.network.params().read(&self.device, param).unwrap();
            let tensor = format!("{at}: {}", param.name);
            if feeds_batch_norm(&self.network, &param.name) {
                case.check_zero(&tensor, &gradient);
            }
            case.check(&tensor, &gradient, &values, &weights, |values| {
                self.network.params_mut().write(&self.device, i, values).unwrap();
                self.forward(&x)
            });
        }
    }
}

/// Moves all parameters away from where they begin: a gain of 1 or a shift of 0 hides mistakes.
pub fn scatter(device: &Cpu<f64>, network: &mut Network<Cpu<f64>>, numbers: &mut Numbers) {
    for (i, param) in network.params().list().to_vec().iter().enumerate() {
        let mut values = network.params().read(device, param).unwrap();
        let moves = numbers.around(0.0, 0.4, values.len());
        values.iter_mut().zip(moves).for_each(|(value, by)| *value += by);
        network.params_mut().write(device, i, &values).unwrap();
    }
}

/// On which side of its kink every (Leaky)ReLU of a network is, after a forward pass.
pub fn network_sides(network: &Network<Cpu<f64>>, rows: Range<usize>) -> Vec<bool> {
    let blocks = network.blocks().iter();
    blocks.flat_map(|block| sides(block.output(rows.clone()), block.spec().activation)).collect()
}

/// Whether a parameter is the bias of a linear layer before a BatchNorm, which takes away the
/// mean that the bias moves: its gradient is zero.
pub fn feeds_batch_norm(network: &Network<Cpu<f64>>, name: &str) -> bool {
    let mut blocks = network.spec().blocks.iter();
    blocks.any(|b| b.batch_norm.is_some() && name == format!("{}.bias", b.linear_key))
}
