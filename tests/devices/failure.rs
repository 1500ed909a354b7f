//! GPU failures: the first failure is reported, even if further calls fail.

use std::error::Error;

use gan_cuda::device::Memory;
use gan_cuda::device::cuda::{Cuda, Graph};
use gan_cuda::device::ops::{Embedding, EmbeddingShape, Penalties};

use crate::open::Tested;

/// An illegal address corrupts the process's context permanently: freeing memory, destroying cuBLAS
/// handles and everything else that dropping a device does then fails too, but must not panic.
pub fn the_first_failure_is_reported_and_drops_do_not_panic() {
    let device = <Cuda as Tested>::open(true);
    let buffer = device.allocate::<f32>(1).unwrap();
    match device.is_emulated() {
        true => write_to_freed_memory(&device),
        false => read_unmapped_memory(&device),
    }
    let failure = device.download(Cuda::view(&buffer, 0..1)).expect_err("an illegal address");
    assert_eq!(failure.to_string(), "the GPU failed while computing");
    let cause = failure.source().expect("the driver's error").to_string();
    assert!(cause.contains("CUDA_ERROR_ILLEGAL_ADDRESS"), "{cause}");
    drop((buffer, device));
}

/// Launches a graph that outlives its buffer, which the emulator detects; a GPU might not.
fn write_to_freed_memory(device: &Cuda) {
    let mut graph = Graph::default();
    let mut freed = device.allocate::<f32>(1).unwrap();
    for _ in 0..2 {
        assert!(!device.launch_graph(&mut graph));
        device.constant_fill(Cuda::view_mut(&mut freed, 0..1), 1.0);
        device.end_capture(&mut graph);
    }
    drop(freed);
    assert!(device.launch_graph(&mut graph));
}

/// Reads the embedding of an invalid label, 160 GB beyond its table, where no current GPU has memory.
/// On the emulator this would crash the process.
fn read_unmapped_memory(device: &Cuda) {
    let [rows, pixels, classes, width, inputs, stride] = [1, 1, 10, 10, 1, 11];
    let label_first = true;
    let shape = EmbeddingShape { rows, pixels, classes, width, inputs, label_first, stride };
    let (x, table) = (device.allocate(1).unwrap(), device.allocate(100).unwrap());
    let (mut y, mut labels) = (device.allocate(11).unwrap(), device.allocate(1).unwrap());
    device.upload(Cuda::view_mut(&mut labels, 0..1), &[u32::MAX]).unwrap();
    device.embedding_concat(
        Cuda::view_mut(&mut y, 0..11),
        Cuda::view(&x, 0..1),
        Cuda::view(&table, 0..100),
        Cuda::view(&labels, 0..1),
        &shape,
    );
}
