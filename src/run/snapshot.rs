//! A GAN in training as the tensors of a [`Checkpoint`], and back: a tensor at a time is on the host.

use std::iter;

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
use crate::run::journal::Positions;
use crate::run::{Error, Result};

const ITERATION: &str = "iteration";
const SECONDS: &str = "seconds";
const DATA: &str = "data_crc32";
const CONFIG: &str = "config";
const MOMENTS: [&str; 2] = ["first_moment", "second_moment"];

/// How far a run is: what its checkpoint holds beside the networks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// Completed iterations.
    pub iteration: u32,
    /// Seconds of training so far.
    pub seconds: f64,
    /// Lengths of the run's growing files.
    pub positions: Positions,
    /// Checksum of the data set.
    pub data: u32,
}

/// A checkpoint of a GAN, which is copied to the host as the checkpoint is written.
///
/// Saving it fails with [`Error::NotFinite`] when a weight is NaN or
/// infinite, and when the device fails.
///
/// # Errors
/// When the configuration cannot be written as text.
pub fn take<'a, D: Device>(
    gan: &'a Gan<D>,
    config: &Config,
    progress: Progress,
) -> Result<CheckpointWriter<'a>> {
    let mut state = TensorWriter::new();
    let mut network = |role: Role| -> Result<TensorWriter<'a, Error>> {
        let (player, passes) = (gan.trained_network(role), gan.batches_tracked(role));
        push_moments(&mut state, gan.device(), role, player)?;
        let mut file = state_dict(gan.device(), &player.network, role, passes, progress.iteration);
        file.metadata.extend(owned(words(gan.model(), config)));
        file.metadata.extend(class_names(config));
        Ok(file)
    };
    let (generator, discriminator) = (network(Role::Generator)?, network(Role::Discriminator)?);
    state.metadata.extend(owned([
        (ITERATION, progress.iteration.to_string()),
        (SECONDS, progress.seconds.to_string()),
        (DATA, progress.data.to_string()),
        (CONFIG, config.to_text()?),
    ]));
    progress.positions.store(&mut state);
    Ok(CheckpointWriter { generator, discriminator, state })
}

/// Adds the count of a network's steps of Adam, and its moments, each as one tensor: the numbers of
/// all parameters.
fn push_moments<'a, D: Device>(
    state: &mut TensorWriter<'a, Error>,
    device: &'a D,
    role: Role,
    player: &'a TrainedNetwork<D>,
) -> Result<()> {
    let (params, adam) = (player.network.params(), &player.adam);
    state.metadata.insert(steps_key(role), adam.steps(device)?.to_string());
    for (key, moment) in MOMENTS.iter().zip(adam.moments()) {
        let read = move |param| Ok(single(moment.read(device, param)?));
        let name = format!("{}.{key}", role.name());
        state.push(name, &[params.count()], params.list().iter().map(read));
    }
    Ok(())
}

fn steps_key(role: Role) -> String {
    format!("{}_steps", role.name())
}

fn owned<const N: usize>(
    words: [(&'static str, String); N],
) -> impl Iterator<Item = (String, String)> {
    words.into_iter().map(|(key, word)| (key.to_owned(), word))
}

/// Puts a checkpoint's tensors into the GAN of a configuration.
///
/// # Errors
/// [`CheckpointProblem::OfAnother`] for another set-up's checkpoint; when a tensor is missing or of
/// another shape, or the device fails.
pub fn restore<D: Device>(
    gan: &mut Gan<D>,
    checkpoint: &Checkpoint,
    config: &Config,
) -> Result<Progress> {
    let state = &checkpoint.state;
    // Shapes alone do not tell: two GANs may differ in activations only.
    let words = words(gan.model(), config);
    for role in Role::BOTH {
        let file = checkpoint.network(role);
        words.iter().try_for_each(|(key, word)| expect_word(file, key, word))?;
        let (device, player) = gan.trained_network_mut(role);
        read_network(device, &mut player.network, file)?;
        read_adam(device, player.network.params(), &mut player.adam, state, role)?;
    }
    let progress = Progress {
        iteration: state.parse(ITERATION)?,
        seconds: state.parse(SECONDS)?,
        positions: Positions::load(state)?,
        data: data_checksum(checkpoint)?,
    };
    gan.set_completed(progress.iteration)?;
    let passes = |role| counted(gan, role, checkpoint.network(role));
    gan.set_batches_tracked([passes(Role::Generator)?, passes(Role::Discriminator)?]);
    Ok(progress)
}

/// The batches that a network's BatchNorms counted; a branch may count otherwise than from where it
/// branched off.
fn counted<D: Device>(gan: &Gan<D>, role: Role, file: &TensorFile) -> Result<u64> {
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
    // Older checkpoints have one count for all.
    let key = steps_key(role);
    let older = !state.metadata().contains_key(&key);
    adam.set_steps(device, state.parse(if older { ITERATION } else { &key })?)?;
    for (key, moment) in MOMENTS.iter().zip(adam.moments_mut()) {
        let (key, mut begin) = (format!("{}.{key}", role.name()), 0);
        for param in params.list() {
            let end = begin + param.count();
            let values = widened(state.part(&key, &[params.count()], begin..end)?);
            moment.write(device, param, &values)?;
            begin = end;
        }
    }
    Ok(())
}

/// Makes sure that a word of a network's file is the one that the network needs. Older files have
/// no layers.
fn expect_word(file: &TensorFile, key: &'static str, expected: &str) -> Result<()> {
    match file.metadata().get(key) {
        Some(got) if got != expected => {
            let (path, got, expected) = (file.path().to_owned(), got.clone(), expected.to_owned());
            Err(CheckpointProblem::OfAnother { path, key, got, expected }.into())
        }
        _ => Ok(()),
    }
}

/// The configuration of the run that a checkpoint is of.
///
/// # Errors
/// As [`Config::from_text`].
pub fn config(checkpoint: &Checkpoint) -> Result<Config> {
    let state = &checkpoint.state;
    Config::from_text(state.path(), state.word(CONFIG)?)
}

/// The iterations that a checkpoint's networks have learnt for.
///
/// # Errors
/// [`TensorProblem::Metadata`](crate::formats::tensor_file::TensorProblem::Metadata) when it does not say.
pub fn iteration(checkpoint: &Checkpoint) -> Result<u32> {
    Ok(checkpoint.state.parse(ITERATION)?)
}

/// The checksum of the images that a checkpoint's networks have learnt from.
///
/// # Errors
/// As [`iteration`].
pub fn data_checksum(checkpoint: &Checkpoint) -> Result<u32> {
    Ok(checkpoint.state.parse(DATA)?)
}

/// Makes sure that a checkpoint's networks are those of a configuration; reads no weights.
///
/// # Errors
/// [`CheckpointProblem::OfAnother`].
pub fn expect_networks(checkpoint: &Checkpoint, config: &Config) -> Result<()> {
    let words = words(&config.model()?, config);
    Role::BOTH
        .into_iter()
        .map(|role| checkpoint.network(role))
        .try_for_each(|file| words.iter().try_for_each(|(key, word)| expect_word(file, key, word)))
}

/// The GAN of a configuration, whose generator a checkpoint has.
///
/// # Errors
/// [`CheckpointProblem::OfAnother`].
pub fn model(checkpoint: &Checkpoint, config: &Config) -> Result<Model> {
    let model = config.model()?;
    for (key, word) in words(&model, config) {
        expect_word(&checkpoint.generator, key, &word)?;
    }
    Ok(model)
}

/// A checkpoint's generator alone, to draw up to `rows` images at once; `config` is the
/// checkpoint's own.
///
/// # Errors
/// [`CheckpointProblem::OfAnother`] and
/// [`TensorProblem`](crate::formats::tensor_file::TensorProblem) when tensors and configuration do not fit
/// each other; as [`Sampler::new`].
pub fn sampler<D: Device>(
    device: D,
    checkpoint: &Checkpoint,
    config: &Config,
    rows: usize,
) -> Result<Sampler<D>> {
    let mut sampler = Sampler::new(device, &model(checkpoint, config)?, rows)?;
    let (device, network) = sampler.network_mut();
    read_network(device, network, &checkpoint.generator)?;
    Ok(sampler)
}

/// What PyTorch's `state_dict` of the network would hold after `iteration` iterations and `passes`
/// through BatchNorm in training.
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
                let values = single(params.read(device, param)?);
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

/// What the classes are called, for a file's metadata: a JSON array; nothing where they are only
/// numbered.
pub fn class_names(config: &Config) -> Option<(String, String)> {
    let names = serde_json::json!(config.class_names).to_string();
    (!config.class_names.is_empty()).then(|| ("class_names".to_owned(), names))
}

/// What the networks are, for the files' metadata.
fn words(model: &Model, config: &Config) -> [(&'static str, String); 6] {
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
    read_params(device, network.statistics_mut(), file)
}

fn read_params<D: Device>(device: &D, params: &mut Params<D>, file: &TensorFile) -> Result<()> {
    for i in 0..params.list().len() {
        let param = &params.list()[i];
        let values = file.reals(&param.name, &param.shape, D::Real::from_f64)?;
        params.write(device, i, &values)?;
    }
    Ok(())
}

/// As f32; takes the memory over where the numbers are f32 already.
fn single<T: Real>(values: Vec<T>) -> Vec<f32> {
    values.into_iter().map(|x| x.to_f64() as f32).collect()
}

/// The reverse.
fn widened<T: Real>(values: Vec<f32>) -> Vec<T> {
    values.into_iter().map(|x| T::from_f64(f64::from(x))).collect()
}
