//! Parts of a checkpoint: its configuration, its generator.

use super::contents::{CONFIG, DATA_CHECKSUM, ITERATION, network_metadata};
use crate::device::{Device, Real};
use crate::formats::tensor_file::TensorFile;
use crate::gan::sampler::Sampler;
use crate::gan::{Model, Role};
use crate::nn::{Network, Params};
use crate::run::Result;
use crate::run::checkpoint::{Checkpoint, CheckpointProblem};
use crate::run::config::Config;

/// Checks that a metadata value of a network's file is the expected one. Older files have no
/// layers.
pub(super) fn expect_metadata(file: &TensorFile, key: &'static str, expected: &str) -> Result<()> {
    match file.metadata().get(key) {
        Some(got) if got != expected => {
            let (path, got, expected) = (file.path().to_owned(), got.clone(), expected.to_owned());
            Err(CheckpointProblem::OtherNetworks { path, key, got, expected }.into())
        }
        _ => Ok(()),
    }
}

/// The configuration of the run of a checkpoint.
///
/// # Errors
/// As [`Config::from_text`].
pub fn config(checkpoint: &Checkpoint) -> Result<Config> {
    let state = &checkpoint.state;
    Config::from_text(state.path(), state.metadata_value(CONFIG)?)
}

/// The completed iterations of a checkpoint.
///
/// # Errors
/// [`TensorProblem::Metadata`](crate::formats::tensor_file::TensorProblem::Metadata) if the value
/// is missing.
pub fn iteration(checkpoint: &Checkpoint) -> Result<u32> {
    Ok(checkpoint.state.parse_metadata(ITERATION)?)
}

/// The checksum of the data set of a checkpoint.
///
/// # Errors
/// As [`iteration`].
pub fn data_checksum(checkpoint: &Checkpoint) -> Result<u32> {
    Ok(checkpoint.state.parse_metadata(DATA_CHECKSUM)?)
}

/// Checks that the networks of a checkpoint are those of a configuration; reads no weights.
///
/// # Errors
/// [`CheckpointProblem::OtherNetworks`].
pub fn expect_networks(checkpoint: &Checkpoint, config: &Config) -> Result<()> {
    let metadata = network_metadata(&config.model()?, config);
    Role::BOTH.into_iter().map(|role| checkpoint.network(role)).try_for_each(|file| {
        metadata.iter().try_for_each(|(key, value)| expect_metadata(file, key, value))
    })
}

/// The model of a configuration; checks that it has the generator of the checkpoint.
///
/// # Errors
/// [`CheckpointProblem::OtherNetworks`].
pub fn model(checkpoint: &Checkpoint, config: &Config) -> Result<Model> {
    let model = config.model()?;
    for (key, value) in network_metadata(&model, config) {
        expect_metadata(checkpoint.sampled(), key, &value)?;
    }
    Ok(model)
}

/// A sampler with the generator of a checkpoint, for up to `rows` images at once; `config` is the
/// checkpoint's own. The generator is the moving average, if there is one.
///
/// # Errors
/// [`CheckpointProblem::OtherNetworks`] and
/// [`TensorProblem`](crate::formats::tensor_file::TensorProblem) if tensors and configuration do
/// not match; as [`Sampler::new`].
pub fn sampler<D: Device>(
    device: D,
    checkpoint: &Checkpoint,
    config: &Config,
    rows: usize,
) -> Result<Sampler<D>> {
    let mut sampler = Sampler::new(device, &model(checkpoint, config)?, rows)?;
    let (device, network) = sampler.network_mut();
    read_network(device, network, checkpoint.sampled())?;
    Ok(sampler)
}

/// Reads parameters and running statistics.
pub(in crate::run) fn read_network<D: Device>(
    device: &D,
    network: &mut Network<D>,
    file: &TensorFile,
) -> Result<()> {
    read_params(device, network.params_mut(), file)?;
    read_params(device, network.statistics_mut(), file)?;
    network.normalize(device, false);
    Ok(())
}

fn read_params<D: Device>(device: &D, params: &mut Params<D>, file: &TensorFile) -> Result<()> {
    for i in 0..params.list().len() {
        let param = &params.list()[i];
        let values = file.floats(&param.name, &param.shape, D::Real::from_f64)?;
        params.write(device, i, &values)?;
    }
    Ok(())
}
