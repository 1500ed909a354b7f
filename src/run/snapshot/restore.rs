//! From a checkpoint to a GAN in training.

use super::contents::{
    ITERATION, METRICS, MOMENTS, Numbers, Progress, SECONDS, network_metadata, steps_key,
};
use super::read::{data_checksum, expect_metadata, read_network};
use crate::device::{Device, Real};
use crate::formats::tensor_file::TensorFile;
use crate::gan::{Gan, Role};
use crate::nn::{Adam, Params};
use crate::run::Result;
use crate::run::checkpoint::Checkpoint;
use crate::run::config::Config;
use crate::run::journal::JournalLengths;

/// Loads a checkpoint into the GAN of a configuration.
///
/// # Errors
/// [`CheckpointProblem::OtherNetworks`](crate::run::checkpoint::CheckpointProblem::OtherNetworks) for a
/// checkpoint of other networks; if a tensor is missing
/// or has another shape, and if the device fails.
pub fn restore<D: Device>(
    gan: &mut Gan<D>,
    checkpoint: &Checkpoint,
    config: &Config,
) -> Result<Progress> {
    let state = &checkpoint.state;
    // Shapes alone are not enough: two GANs may differ in activations only.
    let metadata = network_metadata(gan.model(), config);
    for role in Role::BOTH {
        let file = checkpoint.network(role);
        metadata.iter().try_for_each(|(key, value)| expect_metadata(file, key, value))?;
        let (device, trained) = gan.trained_network_mut(role);
        read_network(device, &mut trained.network, file)?;
        read_adam(device, trained.network.params(), &mut trained.adam, state, role)?;
    }
    let progress = Progress {
        iteration: state.parse_metadata(ITERATION)?,
        seconds: state.parse_metadata(SECONDS)?,
        lengths: JournalLengths::load(state)?,
        data: data_checksum(checkpoint)?,
    };
    gan.set_completed(progress.iteration)?;
    restore_average(gan, checkpoint)?;
    gan.align_decay()?;
    // Older checkpoints have none; they are of runs that compute all metrics in every iteration.
    if state.metadata().contains_key(METRICS) {
        let Numbers(metrics) = state.parse_metadata(METRICS)?;
        gan.restore_metrics(&metrics)?;
    }
    let passes = |role| batches_tracked(gan, role, checkpoint.network(role));
    gan.set_batches_tracked([passes(Role::Generator)?, passes(Role::Discriminator)?]);
    Ok(progress)
}

/// Restores the moving average of the generator. A branch may begin one: then it starts from the
/// generator's weights.
fn restore_average<D: Device>(gan: &mut Gan<D>, checkpoint: &Checkpoint) -> Result<()> {
    let file = checkpoint.sampled();
    match gan.average_mut() {
        (device, Some(average)) => read_network(device, average, file),
        (_, None) => Ok(()),
    }
}

/// The number of batches that the BatchNorms of a network have tracked (`num_batches_tracked`),
/// which a branch may count differently from its origin.
fn batches_tracked<D: Device>(gan: &Gan<D>, role: Role, file: &TensorFile) -> Result<u64> {
    let mut keys = gan.trained_network(role).network.spec().counters();
    let there = |key: &String| file.tensors().iter().any(|tensor| tensor.name == *key);
    match keys.next().filter(there) {
        Some(key) => Ok(file.get::<i64>(&key, &[])?.iter().map(|count| count.unsigned_abs()).sum()),
        None => Ok(gan.batches_tracked(role)),
    }
}

fn read_adam<D: Device>(
    device: &D,
    params: &Params<D>,
    adam: &mut Adam<D>,
    state: &TensorFile,
    role: Role,
) -> Result<()> {
    // Older checkpoints have one step count for both networks.
    let key = steps_key(role);
    let older = !state.metadata().contains_key(&key);
    adam.set_steps(device, state.parse_metadata(if older { ITERATION } else { &key })?)?;
    for (key, moment) in MOMENTS.iter().zip(adam.moments_mut()) {
        let (key, mut begin) = (format!("{}.{key}", role.name()), 0);
        for param in params.list() {
            let end = begin + param.count();
            let values = from_f32(state.slice(&key, &[params.count()], begin..end)?);
            moment.write(device, param, &values)?;
            begin = end;
        }
    }
    Ok(())
}

/// Converts from f32.
fn from_f32<T: Real>(values: Vec<f32>) -> Vec<T> {
    values.into_iter().map(|x| T::from_f64(f64::from(x))).collect()
}
