//! Several GANs that are trained at the same time, each by its own thread, on one device and one data set.

use std::sync::Arc;
use std::thread;

use gan_cuda::device::cpu::Cpu;
use gan_cuda::device::cuda::Cuda;
use gan_cuda::gan::dataset::{DeviceDataset, DeviceImages};
use gan_cuda::gan::preset::presets;

use super::same_bits::bits;
use super::{IMAGES, Learner};
use crate::open::Tested;
use crate::runs::{digits, small};

/// Enough to capture and launch the graphs of both batch sizes.
const ITERATIONS: u32 = 10;
const REPLICAS: u64 = 4;

/// Opens the streams of replicas from their own threads.
pub trait Replicated: Tested {
    fn opener(&self) -> impl Fn() -> Self + Send + Sync;
}

impl Replicated for Cpu<f32> {
    fn opener(&self) -> impl Fn() -> Self + Send + Sync {
        || Cpu::new(1)
    }
}

impl Replicated for Cuda {
    fn opener(&self) -> impl Fn() -> Self + Send + Sync {
        let open = Cuda::opener(self);
        move || open().unwrap()
    }
}

/// While one replica is captured, others begin, run, and end, which destroys their handles.
pub fn replicas_in_threads_have_the_same_bits_as_alone<D: Replicated>()
where
    Arc<DeviceImages<D>>: Send + Sync,
{
    let (first, device) = (&presets()[2], D::open(true));
    let data = digits(IMAGES, small(first).image);
    let images = Arc::new(DeviceImages::new(&device, &data.images, &data.labels).unwrap());
    let open = device.opener();
    let train = |seed: u64| {
        let learner = Learner::new(open(), small(first), &data, seed);
        let schedule = learner.images.schedule();
        let images = DeviceDataset::of(learner.gan.device(), images.clone(), schedule).unwrap();
        let mut learner = Learner { images, ..learner };
        learner.train(ITERATIONS);
        bits(&learner.gan)
    };
    for _ in 0..3 {
        let all: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> =
                (0..REPLICAS).map(|seed| scope.spawn(move || train(seed))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        for (seed, got) in (0..).zip(all) {
            assert!(got == train(seed), "seed {seed}: other bits than alone");
        }
    }
}
