//! From a GAN in training to a checkpoint.

use std::iter;

use super::contents::{
    CONFIG, DATA_CHECKSUM, ITERATION, METRICS, MOMENTS, Numbers, Progress, SECONDS, class_names,
    network_metadata, steps_key,
};
use crate::device::ops::RING_COLUMNS;
use crate::device::{Device, Real};
use crate::formats::tensor_file::TensorWriter;
use crate::gan::metrics::check_finite;
use crate::gan::trained_network::TrainedNetwork;
use crate::gan::{Gan, Role};
use crate::nn::Network;
use crate::run::checkpoint::CheckpointWriter;
use crate::run::config::Config;
use crate::run::{Error, Result};

/// A checkpoint of a GAN with the metrics of its last iteration ([`Gan::save_metrics`]). Its tensors are
/// copied to the host while it is written.
///
/// Saving it fails with [`Error::NotFinite`] if a weight is NaN or infinite, and if the device
/// fails.
///
/// # Errors
/// If the configuration cannot be written as text.
pub fn checkpoint_writer<'a, D: Device>(
    gan: &'a Gan<D>,
    config: &Config,
    progress: Progress,
    metrics: &[f64; RING_COLUMNS],
) -> Result<CheckpointWriter<'a>> {
    let mut state = TensorWriter::new();
    let mut network = |role: Role| -> Result<TensorWriter<'a, Error>> {
        let (trained, passes) = (gan.trained_network(role), gan.batches_tracked(role));
        push_moments(&mut state, gan.device(), role, trained)?;
        let mut file = state_dict(gan.device(), &trained.network, role, passes, progress.iteration);
        file.metadata.extend(owned(network_metadata(gan.model(), config)));
        file.metadata.extend(class_names(config));
        Ok(file)
    };
    let (generator, discriminator) = (network(Role::Generator)?, network(Role::Discriminator)?);
    let average = gan.average().map(|average| {
        let passes = gan.batches_tracked(Role::Generator);
        let mut file =
            state_dict(gan.device(), average, Role::Generator, passes, progress.iteration);
        file.metadata = generator.metadata.clone();
        file
    });
    state.metadata.insert(METRICS.to_owned(), Numbers(*metrics).to_string());
    state.metadata.extend(owned([
        (ITERATION, progress.iteration.to_string()),
        (SECONDS, progress.seconds.to_string()),
        (DATA_CHECKSUM, progress.data.to_string()),
        (CONFIG, config.to_text()?),
    ]));
    progress.lengths.store(&mut state);
    Ok(CheckpointWriter { generator, average, discriminator, state })
}

/// Adds the Adam step count of a network and its moments, each as one tensor over all parameters.
fn push_moments<'a, D: Device>(
    state: &mut TensorWriter<'a, Error>,
    device: &'a D,
    role: Role,
    trained: &'a TrainedNetwork<D>,
) -> Result<()> {
    let (params, adam) = (trained.network.params(), &trained.adam);
    state.metadata.insert(steps_key(role), adam.steps(device)?.to_string());
    for (key, moment) in MOMENTS.iter().zip(adam.moments()) {
        let read = move |param| Ok(to_f32(moment.read(device, param)?));
        let name = format!("{}.{key}", role.name());
        state.push(name, &[params.count()], params.list().iter().map(read));
    }
    Ok(())
}

fn owned<const N: usize>(
    values: [(&'static str, String); N],
) -> impl Iterator<Item = (String, String)> {
    values.into_iter().map(|(key, value)| (key.to_owned(), value))
}

/// The `state_dict` of a network as in PyTorch, after `iteration` iterations and `passes` forward
/// passes through BatchNorm in training mode.
fn state_dict<'a, D: Device>(
    device: &'a D,
    network: &'a Network<D>,
    role: Role,
    passes: u64,
    iteration: u32,
) -> TensorWriter<'a, Error> {
    let mut file = TensorWriter::new();
    for params in [network.params(), network.statistics()] {
        for param in params.list() {
            let read = move || {
                let values = to_f32(params.read(device, param)?);
                let of = format!("{}'s {}", role.name(), param.name);
                values.iter().try_for_each(|&x| check_finite(&of, f64::from(x), iteration))?;
                Ok(values)
            };
            file.push(param.name.clone(), &param.shape, iter::once_with(read));
        }
    }
    for key in network.spec().counters() {
        file.push(key, &[], [Ok(vec![passes as i64])]);
    }
    file
}

/// Converts to f32; reuses the memory if the numbers are f32 already.
fn to_f32<T: Real>(values: Vec<T>) -> Vec<f32> {
    values.into_iter().map(|x| x.to_f64() as f32).collect()
}
