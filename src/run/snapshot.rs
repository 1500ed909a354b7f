//! Saves a GAN in training as a [`Checkpoint`] and restores it; only one tensor at a time is in
//! host memory.

use std::str::FromStr;
use std::{fmt, iter};

use crate::device::ops::RING_COLUMNS;
use crate::device::{Device, Real};
use crate::formats::tensor_file::{TensorFile, TensorWriter};
use crate::gan::metrics::check_finite;
use crate::gan::model::sequential;
use crate::gan::sampler::Sampler;
use crate::gan::trained_network::TrainedNetwork;
use crate::gan::{Gan, Model, Role};
use crate::nn::{Adam, Network, Params};
use crate::run::checkpoint::{Checkpoint, CheckpointProblem, CheckpointWriter};
use crate::run::config::Config;
use crate::run::journal::JournalLengths;
use crate::run::{Error, Result};

const ITERATION: &str = "iteration";
const SECONDS: &str = "seconds";
const DATA_CHECKSUM: &str = "data_crc32";
const CONFIG: &str = "config";
const METRICS: &str = "metrics";
const MOMENTS: [&str; 2] = ["first_moment", "second_moment"];

/// The state of a run that its checkpoint stores besides the networks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// Completed iterations.
    pub iteration: u32,
    /// Seconds of training so far.
    pub seconds: f64,
    /// Lengths of the journal files.
    pub lengths: JournalLengths,
    /// Checksum of the data set.
    pub data: u32,
}

/// The metrics of an iteration, as text with spaces between the numbers.
struct Numbers([f64; RING_COLUMNS]);

impl fmt::Display for Numbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.map(|number| number.to_string()).join(" "))
    }
}

impl FromStr for Numbers {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let numbers = text.split(' ').map(str::parse).collect::<Result<Vec<f64>, _>>();
        numbers.ok().and_then(|numbers| numbers.try_into().ok()).map(Numbers).ok_or(())
    }
}

/// A checkpoint of a GAN, whose tensors are copied to the host while it is written.
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
    let metrics = gan.save_metrics(progress.iteration)?;
    state.metadata.insert(METRICS.to_owned(), Numbers(metrics).to_string());
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

fn steps_key(role: Role) -> String {
    format!("{}_steps", role.name())
}

fn owned<const N: usize>(
    values: [(&'static str, String); N],
) -> impl Iterator<Item = (String, String)> {
    values.into_iter().map(|(key, value)| (key.to_owned(), value))
}

/// Loads a checkpoint into the GAN of a configuration.
///
/// # Errors
/// [`CheckpointProblem::OtherNetworks`] for a checkpoint of other networks; if a tensor is missing
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

/// Checks that a metadata value of a network's file is the expected one. Older files have no
/// layers.
fn expect_metadata(file: &TensorFile, key: &'static str, expected: &str) -> Result<()> {
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

/// The class names for the metadata of a file, as a JSON array; `None` where classes are just
/// numbers.
pub fn class_names(config: &Config) -> Option<(String, String)> {
    let names = serde_json::json!(config.class_names).to_string();
    (!config.class_names.is_empty()).then(|| ("class_names".to_owned(), names))
}

/// The metadata that identifies the networks.
fn network_metadata(model: &Model, config: &Config) -> [(&'static str, String); 6] {
    let settings = model.settings();
    let image = [settings.image.channels, settings.image.height, settings.image.width];
    [
        ("preset", config.preset.clone()),
        ("latent_dim", settings.latent_dim.to_string()),
        ("image_shape", format!("{image:?}")),
        ("classes", settings.classes.unwrap_or(0).to_string()),
        ("generator", sequential(model.generator())),
        ("discriminator", sequential(model.discriminator())),
    ]
}

pub(super) fn read_network<D: Device>(
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

/// Converts to f32; reuses the memory if the numbers are f32 already.
fn to_f32<T: Real>(values: Vec<T>) -> Vec<f32> {
    values.into_iter().map(|x| x.to_f64() as f32).collect()
}

/// Converts from f32.
fn from_f32<T: Real>(values: Vec<f32>) -> Vec<T> {
    values.into_iter().map(|x| T::from_f64(f64::from(x))).collect()
}
