//! Two GANs on one device, each with its own stream.

use gan_cuda::device::cuda::Cuda;
use gan_cuda::gan::preset::{Preset, presets};

use super::Learner;
use super::same_bits::bits;
use crate::open::Tested;

/// Enough to launch the graph of a full batch.
const ITERATIONS: u32 = 10;

/// The operations of one GAN must not affect the other.
pub fn two_gans_that_alternate_have_the_same_bits_as_alone<D: Tested>() {
    let device = D::open(true);
    let alone: Vec<_> = presets().iter().map(alone::<D>).collect();
    let pairs = presets().windows(2).zip(alone.windows(2)).enumerate();
    // Each preset is in a pair; the last one overlaps the one before if the number of presets is odd.
    let needed = |first: usize| first.is_multiple_of(2) || first + 2 == presets().len();
    for (_, (pair, alone)) in pairs.filter(|&(first, _)| needed(first)) {
        for ((learner, want), of) in alternate(&device, pair).iter().zip(alone).zip(pair) {
            let name = &of.name;
            assert!(bits(&learner.gan) == *want, "{name}: other bits than alone");
        }
    }
}

/// Each captures its own operations, and only these.
pub fn two_gans_that_alternate_have_separate_graphs() {
    let device = <Cuda as Tested>::open(true);
    // Separate updates on fresh fakes, and merged ones.
    let learners = alternate(&device, &presets()[3..5]);
    let nodes = learners.each_ref().map(|learner| {
        let mut recordings = learner.gan.graphs();
        recordings.find_map(|recording| recording.nodes().unwrap()).expect("a recorded iteration")
    });
    assert_ne!(nodes[0], nodes[1], "presets that differ in their graphs");
}

fn alone<D: Tested>(preset: &'static Preset) -> [Vec<u32>; 2] {
    let mut learner = Learner::small(D::open(true), preset);
    learner.train(ITERATIONS);
    bits(&learner.gan)
}

/// Two learners on one device, trained in alternating iterations.
fn alternate<D: Tested>(device: &D, pair: &'static [Preset]) -> [Learner<D>; 2] {
    let mut learners = [0, 1].map(|of| Learner::small(device.new_stream().unwrap(), &pair[of]));
    for _ in 0..ITERATIONS {
        learners.iter_mut().for_each(Learner::iterate);
    }
    learners
}
