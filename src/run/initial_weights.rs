//! Initial weights from files: `state_dict`s of other programs as safetensors.

use std::path::Path;

use crate::device::Device;
use crate::formats::tensor_file::TensorFile;
use crate::gan::{Gan, Model, Role};
use crate::nn::Network;
use crate::run::Result;
use crate::run::config::Config;
use crate::run::snapshot::read_network;

/// Loads the initial weights from the files in the configuration: PyTorch `state_dict`s as
/// safetensors. `num_batches_tracked` is optional, and all keys may have the prefix of a wrapper
/// such as DataParallel.
///
/// # Errors
/// If a file cannot be read, lacks a tensor, has an additional one or one of another shape, and if
/// the device fails.
pub fn initialize<D: Device>(gan: &mut Gan<D>, config: &Config) -> Result<()> {
    for (role, path) in files(config) {
        let file = open::<D>(path, gan.model(), role)?;
        let (device, trained) = gan.trained_network_mut(role);
        read_network(device, &mut trained.network, &file)?;
    }
    gan.restart_average();
    Ok(())
}

/// Checks the files before the networks exist, without reading the weights.
///
/// # Errors
/// As [`initialize`].
pub fn check<D: Device>(config: &Config) -> Result<()> {
    let model = config.model()?;
    files(config).try_for_each(|(role, path)| open::<D>(path, &model, role).map(drop))
}

fn files(config: &Config) -> impl Iterator<Item = (Role, &Path)> {
    let files = [
        (Role::Generator, &config.init_generator),
        (Role::Discriminator, &config.init_discriminator),
    ];
    files.into_iter().filter_map(|(role, path)| Some((role, path.as_deref()?)))
}

/// Opens a file, which must have exactly the tensors of the network.
///
/// # Errors
/// As [`initialize`].
pub fn open<D: Device>(path: &Path, model: &Model, role: Role) -> Result<TensorFile> {
    let spec = model.network(role);
    let tensors = Network::<D>::tensors(spec);
    let names = tensors.iter().map(|param| param.name.clone()).chain(spec.counters());
    let names: Vec<_> = names.collect();
    let file = TensorFile::open(path)?.without_wrapper_prefixes(&names);
    tensors.iter().try_for_each(|param| file.expect_floats(&param.name, &param.shape))?;
    file.expect_no_others(&names)?;
    Ok(file)
}
