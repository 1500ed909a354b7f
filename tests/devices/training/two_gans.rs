//! Two GANs on one device, each with a stream of operations of its own.

use gan_cuda::device::cuda::Cuda;
use gan_cuda::gan::preset::{Preset, presets};

use super::Learner;
use super::same_bits::bits;
use crate::open::Tested;

/// Enough for the full batch of an epoch to be replayed.
const ITERATIONS: u32 = 10;

/// What either of them queues must not reach into what the other does.
pub fn two_gans_that_take_turns_end_with_the_bits_that_each_has_alone<D: Tested>() {
    let device = D::open(true);
    let alone: Vec<_> = presets().iter().map(alone::<D>).collect();
    for (pair, alone) in presets().windows(2).zip(alone.windows(2)) {
        for ((learner, want), of) in taking_turns(&device, pair).iter().zip(alone).zip(pair) {
            let name = &of.name;
            assert!(bits(&learner.gan) == *want, "{name}: other bits than alone");
        }
    }
}

/// Neither waits for the other to record, nor records what the other queues.
pub fn two_gans_that_take_turns_have_a_graph_each() {
    let device = <Cuda as Tested>::open(true);
    let learners = taking_turns(&device, &presets()[..2]);
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

/// Two learners on one device, after an iteration of the one, one of the other, and so on.
fn taking_turns<D: Tested>(device: &D, pair: &'static [Preset]) -> [Learner<D>; 2] {
    let mut learners = [0, 1].map(|of| Learner::small(device.new_stream().unwrap(), &pair[of]));
    for _ in 0..ITERATIONS {
        learners.iter_mut().for_each(Learner::iterate);
    }
    learners
}
