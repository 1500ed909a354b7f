//! Timing of operations: the requested number of calls is timed.

use std::time::Duration;

use gan_cuda::device::Memory;
use gan_cuda::device::cuda::Cuda;
use gan_cuda::device::ops::Penalties;

use crate::open::Tested;

/// Less than a graph holds, as much, and more.
const COUNTS: [u64; 4] = [1, 7, 64, 200];

/// Counts all calls on the device, including those before the timing and those that fill up the last
/// graph.
pub fn the_requested_number_of_calls_is_timed() {
    let device = <Cuda as Tested>::open(true);
    for count in COUNTS {
        let [mut calls_made, mut one] = [(); 2].map(|()| device.allocate::<f32>(1).unwrap());
        device.constant_fill(Cuda::view_mut(&mut one, 0..1), 1.0);
        let mut queued = 0;
        let took = device.time(count, || {
            queued += 1;
            let (made, one) = (Cuda::view_mut(&mut calls_made, 0..1), Cuda::view(&one, 0..1));
            device.rows_scale(made, one, one, 1, true);
        });
        assert!(took.unwrap() > Duration::ZERO, "{count}");
        let calls = count.min(64);
        assert_eq!(queued, 2 * calls, "{count}: queued once to load, once to capture");
        let done = device.download(Cuda::view(&calls_made, 0..1)).unwrap()[0];
        assert_eq!(done as u64, calls * (3 + count.div_ceil(calls)), "{count}");
    }
}
