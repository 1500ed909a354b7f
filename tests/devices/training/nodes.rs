//! The number of nodes of an iteration's graph: each takes the GPU a microsecond or two, whatever it
//! computes, which is most of the time of a small network.

use gan_cuda::device::cuda::Cuda;
use gan_cuda::gan::Role;
use gan_cuda::gan::preset::{Preset, presets};
use gan_cuda::gan::rewrite::Rewrite;
use gan_cuda::gan::settings::{Layers, Settings};
use gan_cuda::nn::Layer;
use gan_cuda_emulator::{executables, streams};

use super::{IMAGES, Learner};
use crate::notes;
use crate::open::{Tested, open_own};
use crate::runs::digits;
use crate::runs::sizes::is_convolutional;

/// Nodes of each preset's graph, and those of its longest chain; a matrix multiplication counts as one.
/// ARCHITECTURE.md has the same numbers.
const NODES: [(&str, usize, usize); 11] = [
    ("mlp", 36, 33),
    ("mlp-dropout", 50, 45),
    ("cgan", 47, 38),
    ("mlp-rgb", 56, 51),
    ("mlp-batchnorm", 43, 35),
    ("dcgan", 58, 58),
    ("dcgan-rgb", 121, 121),
    ("cdcgan", 65, 65),
    ("cgan-ema", 49, 40),
    ("wgan-gp", 90, 89),
    ("r3gan-small", 80, 80),
];

/// The same with products by our own kernels.
const OWN_NODES: [(&str, usize, usize); 11] = [
    ("mlp", 27, 24),
    ("mlp-dropout", 35, 30),
    ("cgan", 34, 26),
    ("mlp-rgb", 38, 33),
    ("mlp-batchnorm", 30, 22),
    ("dcgan", 57, 57),
    ("dcgan-rgb", 121, 121),
    ("cdcgan", 64, 64),
    ("cgan-ema", 36, 28),
    ("wgan-gp", 88, 87),
    ("r3gan-small", 79, 79),
];

/// Narrow layers, but as many as the preset has.
fn narrow(preset: &Preset) -> Settings {
    let products = |layers: &Layers| {
        let layers = layers.sequences.iter().flat_map(|sequence| &sequence.layers);
        let multiplies = |layer: &&Layer| {
            matches!(layer, Layer::Linear { .. } | Layer::Conv2d(_) | Layer::ConvTranspose2d { .. })
        };
        layers.filter(multiplies).count()
    };
    let hidden = |role| Some(vec![16; products(preset.gan.layers(role)) - 1]);
    let published = is_convolutional(preset);
    let rewrite = Rewrite {
        g_hidden: hidden(Role::Generator),
        d_hidden: hidden(Role::Discriminator),
        latent_dim: Some(10),
        image_size: (!published).then_some(12),
        ..Rewrite::default()
    };
    Settings { batch_size: 16, ..preset.rewritten(&rewrite).unwrap() }
}

/// Trains until the graph of a full batch is captured, and counts its nodes, and those of its longest
/// chain; of iterations with different parts, that with all of them.
fn nodes(preset: &'static Preset, device: Cuda) -> (usize, usize) {
    let settings = narrow(preset);
    let data = digits(IMAGES, settings.image);
    let mut learner = Learner::new(device, settings, &data, 7);
    let period = learner.gan.settings().n_critic * learner.gan.settings().penalty_interval;
    // Some batches are short.
    learner.train(1 + 2 * period);
    let counts = learner.gan.graphs().filter_map(|graph| {
        Some((graph.nodes().unwrap()?, graph.longest_chain().unwrap().unwrap()))
    });
    counts.max().expect("a captured iteration")
}

/// The main stream, which the next layer waits for, has CUDA's highest priority, and the branch for
/// weight gradients the lowest; nodes of graphs keep these priorities.
pub fn the_branch_has_the_lowest_priority() {
    const USE_NODE_PRIORITY: u64 = 8;
    let preset = presets().iter().find(|preset| preset.name == "mlp").unwrap();
    let mut learner = Learner::small(<Cuda as Tested>::open(true), preset);
    assert_eq!([-5, 0].map(|priority| streams(priority).unwrap()), [1, 1]);
    learner.train(2);
    assert_eq!(executables(USE_NODE_PRIORITY).unwrap(), 1);
}

/// On a GPU the number is only noted: cuBLAS may use several kernels for a matrix multiplication.
pub fn iteration_is_one_graph_of_few_nodes() {
    check("", &NODES, <Cuda as Tested>::open);
}

pub fn own_gemm_needs_fewer_nodes() {
    check(", own GEMM", &OWN_NODES, open_own);
}

fn check(words: &str, wanted: &[(&str, usize, usize)], open: impl Fn(bool) -> Cuda) {
    assert_eq!(wanted.len(), presets().len());
    let emulated = open(false).is_emulated();
    let mut wrong = Vec::new();
    for &(name, nodes_wanted, chain_wanted) in wanted {
        let preset = presets().iter().find(|preset| preset.name == name).unwrap();
        let (got, chain) = nodes(preset, open(true));
        notes::note(format!("nodes of an iteration, {name}{words}"), got);
        notes::note(format!("nodes of its longest chain, {name}{words}"), chain);
        if emulated && (got, chain) != (nodes_wanted, chain_wanted) {
            wrong.push(format!(
                "{name}: {got} nodes, {chain} in a chain, not {nodes_wanted} and {chain_wanted}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("; "));
}
