//! What an iteration must compute and move, known from the layers alone: what a benchmark holds
//! measured times against.

use super::iteration::{Step, iteration};
use super::model::Model;
use super::role::Role;
use crate::nn::plan::{ConvolutionStage, LinearStage};
use crate::nn::{NetworkSpec, Stage};

/// Numbers that a step of Adam moves for each parameter: it reads value, gradient and both moments,
/// and writes value and moments.
const ADAM: u64 = 7;
const BYTES: u64 = size_of::<f32>() as u64;

/// The least that an iteration on a full batch does, in single precision.
///
/// Counted are the matrix products as [`super::Gan::iterate`] queues them, each reading both factors
/// and writing its result once, and one pass of Adam over each network. All else is counted as free:
/// it could be fused into these.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Floating-point operations of the matrix products: 2·m·n·k each.
    pub flop: u64,
    /// Bytes that the matrix products read and write.
    pub product_bytes: u64,
    /// Bytes that Adam reads and writes: 28 for each parameter.
    pub adam_bytes: u64,
}

impl Work {
    /// The work of one iteration.
    pub fn new(model: &Model) -> Self {
        let (rows, mut work) = (model.settings().batch_size, Self::default());
        let (generator, discriminator) = (model.generator(), model.discriminator());
        for step in iteration(model) {
            match step {
                Step::Generate { .. } => work.forward(generator, rows),
                Step::Discriminate { real, .. } => {
                    work.forward(discriminator, if real { 2 * rows } else { rows });
                }
                Step::Backward(Role::Discriminator) => {
                    work.backward_to_parameters(discriminator, 2 * rows);
                }
                Step::Backward(Role::Generator) => {
                    work.backward_to_input(discriminator, rows);
                    work.backward_to_parameters(generator, rows);
                }
                Step::AdamStep(role) => {
                    work.adam_bytes += BYTES * ADAM * model.network(role).parameters() as u64;
                }
                Step::Draw | Step::Loss { .. } | Step::Advance => {}
            }
        }
        work
    }

    fn forward(&mut self, network: &NetworkSpec, rows: usize) {
        products(network).for_each(|layer| self.product(&layer, rows));
    }

    /// Gradients of all weights, of every input but the first, and of a label's columns of that.
    fn backward_to_parameters(&mut self, network: &NetworkSpec, rows: usize) {
        products(network).for_each(|layer| self.product(&layer, rows));
        products(network).skip(1).for_each(|layer| self.product(&layer, rows));
        if let (Some(label), Some(first)) = (network.input().label, products(network).next()) {
            self.product(&first.of_columns(label.classes, network), rows);
        }
    }

    /// Gradients of every input, of the first without a label's columns.
    fn backward_to_input(&mut self, network: &NetworkSpec, rows: usize) {
        products(network).skip(1).for_each(|layer| self.product(&layer, rows));
        if let Some(first) = products(network).next() {
            let columns = network.input().shape.elements() / network.input_pixels();
            self.product(&first.of_columns(columns, network), rows);
        }
    }

    /// A product of a layer: forward, or for the gradient of its weights or its input. All three
    /// multiply as many numbers, and each reads or writes what the others do.
    fn product(&mut self, layer: &Product, rows: usize) {
        self.flop += 2 * (rows * layer.multiplications) as u64;
        let moved = rows * (layer.inputs + layer.outputs) + layer.weights;
        self.product_bytes += BYTES * moved as u64;
    }
}

/// A layer's product, for one row.
struct Product {
    multiplications: usize,
    inputs: usize,
    outputs: usize,
    weights: usize,
}

impl Product {
    /// With some columns only of each pixel of a network's input.
    fn of_columns(&self, columns: usize, network: &NetworkSpec) -> Self {
        let all = self.inputs / network.input_pixels();
        let part = |numbers: usize| numbers / all * columns;
        Self {
            multiplications: part(self.multiplications),
            inputs: part(self.inputs),
            outputs: self.outputs,
            weights: part(self.weights),
        }
    }
}

fn products(network: &NetworkSpec) -> impl Iterator<Item = Product> {
    network.stages().iter().filter_map(|stage| match stage {
        Stage::Linear(LinearStage { inputs, outputs, .. }) => Some(Product {
            multiplications: inputs * outputs,
            inputs: *inputs,
            outputs: *outputs,
            weights: inputs * outputs,
        }),
        Stage::Convolution(ConvolutionStage { shape, transposed, .. }) => {
            let (x, y) = (shape.x_len(), shape.y_len());
            Some(Product {
                multiplications: shape.positions() * shape.w_len(),
                inputs: if *transposed { y } else { x },
                outputs: if *transposed { x } else { y },
                weights: shape.w_len(),
            })
        }
        Stage::BatchNorm(_) | Stage::Activation(_) | Stage::Transpose(_) => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::ImageShape;
    use crate::gan::preset::find;
    use crate::gan::rewrite::Rewrite;
    use crate::gan::settings::{Fakes, Settings};

    fn work(name: &str, rewrite: Rewrite, change: impl FnOnce(&mut Settings)) -> Work {
        let mut settings = find(name).unwrap().gan.clone();
        change(&mut settings);
        rewrite.apply(name, &mut settings).unwrap();
        Work::new(&Model::new(settings).unwrap())
    }

    fn published(name: &str) -> Work {
        work(name, Rewrite::default(), |_| ())
    }

    /// `mlp`, batch 256: 96→1024→1024→784 and 784→256→256→1, which judges twice.
    #[test]
    fn operations_of_mlp_are_those_counted_by_hand() {
        let generator = 96 * 1024 + 1024 * 1024 + 1024 * 784;
        let discriminator = 784 * 256 + 256 * 256 + 256;
        let generated = 256 * generator;
        let judged = (512 + 256) * discriminator;
        let learnt_by_d = 512 * discriminator + 512 * (256 * 256 + 256);
        let through_d = 256 * discriminator;
        let learnt_by_g = 256 * generator + 256 * (1024 * 1024 + 1024 * 784);
        let products = generated + judged + learnt_by_d + through_d + learnt_by_g;
        assert_eq!(published("mlp").flop, 2 * products);
        assert_eq!(2 * products, 3_830_448_128);
    }

    /// One layer a network, so few enough numbers to count: 2→9 and 9→1, a batch of 3.
    #[test]
    fn bytes_of_two_layers_are_those_counted_by_hand() {
        let mut settings = find("mlp").unwrap().gan.clone();
        (settings.latent_dim, settings.batch_size) = (2, 3);
        settings.image = ImageShape { channels: 1, height: 3, width: 3 };
        settings.generator.sequences[0].layers = vec!["Linear(2, 9)".parse().unwrap()];
        settings.discriminator.sequences[0].layers = vec!["Linear(9, 1)".parse().unwrap()];
        let small = Work::new(&Model::new(settings).unwrap());
        let of_g = 3 * 2 + 2 * 9 + 3 * 9; // forward and the weights' gradient
        let of_d = |rows: u64| rows * 9 + 9 + rows; // forward on 6 and 3, weights 6, input 3
        let products = 2 * of_g + 2 * of_d(6) + 2 * of_d(3);
        assert_eq!(small.product_bytes, 4 * products);
        assert_eq!(small.adam_bytes, 28 * (2 * 9 + 9 + 9 + 1));
    }

    #[test]
    fn fresh_fakes_cost_a_pass_of_the_generator() {
        let fresh = work("mlp", Rewrite::default(), |settings| settings.fakes = Fakes::Fresh);
        let generator = 96 * 1024 + 1024 * 1024 + 1024 * 784;
        assert_eq!(fresh.flop - published("mlp").flop, 2 * 256 * generator);
    }

    #[test]
    fn a_discriminator_without_dropout_that_learns_second_judges_once() {
        let discriminator = 794 * 512 + 512 * 512 + 512 * 512 + 512;
        let once = work("cgan", Rewrite { dropout: Some(0.0), ..Rewrite::default() }, |_| ());
        assert_eq!(published("cgan").flop - once.flop, 2 * 64 * discriminator);
    }

    /// `cgan` without its labels would have 110 and 784 inputs and none of the tables' gradients.
    #[test]
    fn labels_cost_the_gradients_of_their_tables() {
        let with = published("cgan");
        let without = work("cgan", Rewrite::default(), |settings| {
            (settings.classes, settings.latent_dim) = (None, 110);
            settings.generator.input.remove(0);
            settings.discriminator.input.pop();
        });
        let columns = (64 * 3 + 128) * 10 * 512; // of D's input: forward, and D's own weights
        let tables = 128 * 10 * 512 + 64 * 10 * 128;
        assert_eq!(with.flop - without.flop, 2 * (columns + tables));
    }
}
