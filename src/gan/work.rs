//! The least that an iteration must compute and move, derived from the layers alone. Benchmarks
//! compare measured times with it.

use super::iteration::{Images, Parts, Step, iteration_of};
use super::model::Model;
use super::role::Role;
use crate::nn::plan::{ConvolutionStage, LinearStage};
use crate::nn::{NetworkSpec, Stage};

/// Floats that an Adam step reads or writes for each parameter: it reads the parameter, its
/// gradient and both moments, and writes the parameter and the moments.
const ADAM: u64 = 7;
const BYTES: u64 = size_of::<f32>() as u64;

/// The minimum work of an iteration on a full batch, in single precision.
///
/// It counts the matrix multiplications that [`super::Gan::iterate`] queues, each of which reads
/// both operands and writes its result once, and one Adam step for each network. Everything else
/// counts as free, as it could be fused into these.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Floating-point operations of the matrix multiplications: 2·m·n·k each.
    pub flop: u64,
    /// Bytes that the matrix multiplications read and write.
    pub gemm_bytes: u64,
    /// Bytes that Adam reads and writes: 28 for each parameter.
    pub adam_bytes: u64,
}

impl Work {
    /// The work of one iteration; the mean, if not all iterations have the same parts.
    pub fn new(model: &Model) -> Self {
        let (mut sum, mut iterations) = (Self::default(), 0);
        for parts in Parts::of_period(model.settings()) {
            iteration_of(model, parts).into_iter().for_each(|step| sum.step(model, step));
            iterations += 1;
        }
        Self {
            flop: sum.flop / iterations,
            gemm_bytes: sum.gemm_bytes / iterations,
            adam_bytes: sum.adam_bytes / iterations,
        }
    }

    fn step(&mut self, model: &Model, step: Step) {
        let (settings, images) = (model.settings(), model.settings().batch_size);
        let (generator, discriminator) = (model.generator(), model.discriminator());
        let rows = images / settings.pack;
        match step {
            Step::Generate { .. } => self.forward(generator, images),
            Step::Discriminate { images: Images::FakeTwice, .. } => {
                self.forward_merged(discriminator, rows);
            }
            Step::Discriminate { images, .. } => {
                self.forward(discriminator, images.batches().len() * rows);
            }
            Step::Backward(Role::Discriminator) => {
                self.backward_to_parameters(discriminator, 2 * rows);
            }
            Step::BackwardToFakes => self.backward_to_input(discriminator, rows, rows),
            // The gradients of inputs are those of three batches, the others of fewer.
            Step::BackwardMerged => {
                self.backward_to_input(discriminator, 3 * rows, rows);
                gemms(discriminator).for_each(|layer| self.gemm(&layer, 2 * rows));
                self.backward_to_label(discriminator, 2 * rows);
            }
            Step::Backward(Role::Generator) => self.backward_to_parameters(generator, images),
            Step::Penalize => {
                let penalized = settings.penalized_batches().len() * rows;
                let all = if settings.gp > 0.0 { 3 * rows } else { 2 * rows };
                self.backward_penalized(discriminator, all, penalized);
            }
            Step::AdamStep { role, .. } => {
                self.adam_bytes += BYTES * ADAM * model.network(role).parameters() as u64;
            }
            Step::PrepareInputs
            | Step::Augment { .. }
            | Step::Interpolate
            | Step::Loss { .. }
            | Step::Losses
            // Counted together with `Penalize`.
            | Step::BackwardPenalized
            | Step::AllReduce(_)
            | Step::BackwardSpectralNorm
            | Step::SpectralNorm
            | Step::Average
            | Step::CarryMetrics => {}
        }
    }

    fn forward(&mut self, network: &NetworkSpec, rows: usize) {
        gemms(network).for_each(|layer| self.gemm(&layer, rows));
    }

    /// Two batches, and from the first layer with dropout on the second one once more.
    fn forward_merged(&mut self, network: &NetworkSpec, rows: usize) {
        for (i, stage) in network.stages().iter().enumerate() {
            let batches = network.multiplied_batches(i);
            gemm_of(stage).iter().for_each(|layer| self.gemm(layer, batches * rows));
        }
    }

    /// Gradients of all weights, of the inputs of all layers but the first, and of the label
    /// columns of the first layer's input.
    fn backward_to_parameters(&mut self, network: &NetworkSpec, rows: usize) {
        gemms(network).for_each(|layer| self.gemm(&layer, rows));
        gemms(network).skip(1).for_each(|layer| self.gemm(&layer, rows));
        self.backward_to_label(network, rows);
    }

    /// Gradients with respect to the images of `penalized` rows, the tangents of these, and the
    /// gradients of all weights.
    fn backward_penalized(&mut self, network: &NetworkSpec, all: usize, penalized: usize) {
        self.backward_to_input(network, all, penalized);
        let tangents = gemms(network).count() - 1;
        gemms(network).take(tangents).for_each(|layer| self.gemm(&layer, penalized));
        gemms(network).for_each(|layer| self.gemm(&layer, all));
        self.backward_to_label(network, all);
    }

    /// Gradients of the label columns of the first layer's input.
    fn backward_to_label(&mut self, network: &NetworkSpec, rows: usize) {
        if let (Some(label), Some(first)) = (&network.input().label, gemms(network).next()) {
            self.gemm(&first.of_columns(label.classes, network), rows);
        }
    }

    /// Gradients of the inputs of all layers; for some rows, of the first layer's input without the
    /// label columns.
    fn backward_to_input(&mut self, network: &NetworkSpec, rows: usize, of_first: usize) {
        gemms(network).skip(1).for_each(|layer| self.gemm(&layer, rows));
        if let Some(first) = gemms(network).next() {
            let columns = network.input().shape.elements() / network.input_pixels();
            self.gemm(&first.of_columns(columns, network), of_first);
        }
    }

    /// A matrix multiplication of a layer: forward, or the gradient of its weights or of its input.
    /// All three take the same number of operations and involve the same three matrices.
    fn gemm(&mut self, layer: &Gemm, rows: usize) {
        self.flop += 2 * (rows * layer.multiplications) as u64;
        let moved = rows * (layer.inputs + layer.outputs) + layer.weights;
        self.gemm_bytes += BYTES * moved as u64;
    }
}

/// The matrix multiplication of a layer, for one row of the batch.
struct Gemm {
    multiplications: usize,
    inputs: usize,
    outputs: usize,
    weights: usize,
}

impl Gemm {
    /// The multiplication restricted to `columns` columns of each pixel of the network's input.
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

fn gemms(network: &NetworkSpec) -> impl Iterator<Item = Gemm> {
    network.stages().iter().filter_map(gemm_of)
}

fn gemm_of(stage: &Stage) -> Option<Gemm> {
    match stage {
        Stage::Linear(LinearStage { inputs, outputs, .. }) => Some(Gemm {
            multiplications: inputs * outputs,
            inputs: *inputs,
            outputs: *outputs,
            weights: inputs * outputs,
        }),
        Stage::Convolution(ConvolutionStage { shape, transposed, .. }) => {
            let (x, y) = (shape.x_len(), shape.y_len());
            Some(Gemm {
                multiplications: shape.positions() * shape.w_len(),
                inputs: if *transposed { y } else { x },
                outputs: if *transposed { x } else { y },
                weights: shape.w_len(),
            })
        }
        Stage::BatchNorm(_) | Stage::Activation(_) | Stage::Transpose(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::ImageShape;
    use crate::gan::preset::find;
    use crate::gan::rewrite::Rewrite;
    use crate::gan::settings::{Fakes, Order, Settings};

    fn work(name: &str, rewrite: Rewrite, change: impl FnOnce(&mut Settings)) -> Work {
        let mut settings = find(name).unwrap().gan.clone();
        change(&mut settings);
        rewrite.apply(name, &mut settings).unwrap();
        Work::new(&Model::new(settings).unwrap())
    }

    fn published(name: &str) -> Work {
        work(name, Rewrite::default(), |_| ())
    }

    /// `mlp`, batch 256: 96→1024→1024→784 and 784→256→256→1, which runs twice.
    #[test]
    fn operations_of_mlp_are_those_counted_by_hand() {
        let generator = 96 * 1024 + 1024 * 1024 + 1024 * 784;
        let discriminator = 784 * 256 + 256 * 256 + 256;
        let generated = 256 * generator;
        let discriminated = (512 + 256) * discriminator;
        let d_backward = 512 * discriminator + 512 * (256 * 256 + 256);
        let through_d = 256 * discriminator;
        let g_backward = 256 * generator + 256 * (1024 * 1024 + 1024 * 784);
        let multiplications = generated + discriminated + d_backward + through_d + g_backward;
        assert_eq!(published("mlp").flop, 2 * multiplications);
        assert_eq!(2 * multiplications, 3_830_448_128);
    }

    /// One layer for each network, small enough to count by hand: 2→9 and 9→1, with a batch of 3.
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
        let floats = 2 * of_g + 2 * of_d(6) + 2 * of_d(3);
        assert_eq!(small.gemm_bytes, 4 * floats);
        assert_eq!(small.adam_bytes, 28 * (2 * 9 + 9 + 9 + 1));
    }

    #[test]
    fn fresh_fakes_cost_another_generator_pass() {
        let fresh = work("mlp", Rewrite::default(), |settings| settings.fakes = Fakes::Fresh);
        let generator = 96 * 1024 + 1024 * 1024 + 1024 * 784;
        assert_eq!(fresh.flop - published("mlp").flop, 2 * 256 * generator);
    }

    #[test]
    fn merged_updates_share_the_forward_pass_up_to_the_first_dropout() {
        let behind = 512 * 512 + 512;
        let whole = 794 * 512 + 512 * 512 + behind;
        let shared = work("cgan", Rewrite { dropout: Some(0.0), ..Rewrite::default() }, |_| ());
        assert_eq!(published("cgan").flop - shared.flop, 2 * 64 * behind);
        let separate = work("cgan", Rewrite::default(), |gan| gan.order = Order::DFirst);
        assert_eq!(separate.flop - shared.flop, 2 * 64 * whole);
    }

    /// Without labels, `cgan` would have 110 and 784 inputs and no gradients of embedding tables.
    #[test]
    fn labels_cost_the_gradients_of_their_embedding_tables() {
        let with = published("cgan");
        let without = work("cgan", Rewrite::default(), |settings| {
            (settings.classes, settings.latent_dim) = (None, 110);
            settings.generator.input.remove(0);
            settings.discriminator.input.pop();
        });
        let columns = (128 + 128) * 10 * 512; // of D's input: forward, and D's own weights
        let tables = 128 * 10 * 512 + 64 * 10 * 128;
        assert_eq!(with.flop - without.flop, 2 * (columns + tables));
    }
}
