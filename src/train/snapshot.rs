//! A GAN in training as the tensors of a [`Checkpoint`], and back.

use super::checkpoint::Checkpoint;
use super::config::Config;
use super::health::check_finite;
use super::journal::Positions;
use super::tensor_file::TensorFile;
use crate::Result;
use crate::device::{Device, Real};
use crate::gan::Gan;
use crate::gan::preset::Preset;
use crate::gan::sampler::Sampler;
use crate::gan::settings::Settings;
use crate::nn::{Network, Params};

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

/// Copies a GAN to the host.
///
/// # Errors
/// [`Error::NotFinite`](crate::Error::NotFinite) when a weight is NaN or infinite; when the device
/// fails.
pub fn take<D: Device>(gan: &Gan<D>, config: &Config, progress: Progress) -> Result<Checkpoint> {
    let passes = [gan.generator_passes(), 0];
    let mut state = TensorFile::new();
    let mut files = Vec::new();
    let networks = [("generator", gan.generator()), ("discriminator", gan.discriminator())];
    for ((name, network), passes) in networks.into_iter().zip(passes) {
        let mut file = state_dict(gan.device(), network, name, passes, progress.iteration)?;
        file.metadata
            .extend(words(gan.preset(), gan.settings()).map(|(key, word)| (key.to_owned(), word)));
        files.push(file);
        let moments = network.params().read_moments(gan.device())?;
        for (moment, values) in MOMENTS.iter().zip(moments) {
            let values = single(&values);
            state.push(format!("{name}.{moment}"), &[values.len()], values);
        }
    }
    let words = [
        (ITERATION, progress.iteration.to_string()),
        (SECONDS, progress.seconds.to_string()),
        (DATA, progress.data.to_string()),
        (CONFIG, config.to_text()?),
    ];
    state.metadata.extend(words.map(|(key, word)| (key.to_owned(), word)));
    progress.positions.store(&mut state);
    let discriminator = files.pop().unwrap_or_default();
    let generator = files.pop().unwrap_or_default();
    Ok(Checkpoint { generator, discriminator, state })
}

/// Puts a checkpoint's tensors into a GAN of the same set-up.
///
/// # Errors
/// [`CheckpointProblem::OfAnother`](super::checkpoint::CheckpointProblem::OfAnother) for another set-up's
/// checkpoint; when a tensor is missing or of another shape, or the device fails.
pub fn restore<D: Device>(gan: &mut Gan<D>, checkpoint: &Checkpoint) -> Result<Progress> {
    let state = &checkpoint.state;
    // Shapes alone do not tell: two set-ups may differ in activations only.
    for (key, word) in words(gan.preset(), gan.settings()) {
        checkpoint.generator.expect_word(key, &word)?;
        checkpoint.discriminator.expect_word(key, &word)?;
    }
    let (device, generator, discriminator) = gan.networks_mut();
    for (name, network, file) in [
        ("generator", generator, &checkpoint.generator),
        ("discriminator", discriminator, &checkpoint.discriminator),
    ] {
        read_network(device, network, file)?;
        let len = network.params().len();
        let moment = |moment: &str| state.get::<f32>(&format!("{name}.{moment}"), &[len]);
        let moments = [moment(MOMENTS[0])?, moment(MOMENTS[1])?].map(widened);
        network.params_mut().write_moments(device, [&moments[0], &moments[1]])?;
    }
    let progress = Progress {
        iteration: state.parse(ITERATION)?,
        seconds: state.parse(SECONDS)?,
        positions: Positions::load(state)?,
        data: state.parse(DATA)?,
    };
    gan.set_completed(progress.iteration)?;
    Ok(progress)
}

/// Gives networks the weights that the configuration names files of: PyTorch's `state_dict`s as
/// safetensors. `num_batches_tracked` may be there or not.
///
/// # Errors
/// When a file cannot be read, lacks a tensor, has one too many or one of another shape, and when
/// the device fails.
pub fn initialize<D: Device>(gan: &mut Gan<D>, config: &Config) -> Result<()> {
    let (device, generator, discriminator) = gan.networks_mut();
    for (path, network) in
        [(&config.init_generator, generator), (&config.init_discriminator, discriminator)]
    {
        let Some(path) = path else { continue };
        let file = TensorFile::read(path)?;
        read_network(device, network, &file)?;
        file.expect_no_more(&keys(network))?;
    }
    Ok(())
}

/// The keys that a `state_dict` of the network may have.
fn keys<D: Device>(network: &Network<D>) -> Vec<String> {
    let params = network.params().list().iter().chain(network.statistics().list());
    params.map(|param| param.name.clone()).chain(counters(network)).collect()
}

/// The keys of the numbers of passes that PyTorch's BatchNorm keeps.
fn counters<D: Device>(network: &Network<D>) -> impl Iterator<Item = String> {
    let blocks = network.spec().blocks.iter().filter(|block| block.batch_norm.is_some());
    blocks.map(|block| format!("{}.num_batches_tracked", block.batch_norm_key))
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
/// [`TensorProblem::Metadata`](super::tensor_file::TensorProblem::Metadata) when it does not say.
pub fn iteration(checkpoint: &Checkpoint) -> Result<u32> {
    checkpoint.state.parse(ITERATION)
}

/// Makes sure that a checkpoint's generator is of a configuration, whose set-up is answered.
///
/// # Errors
/// [`CheckpointProblem::OfAnother`](super::checkpoint::CheckpointProblem::OfAnother).
pub fn expect_generator(checkpoint: &Checkpoint, config: &Config) -> Result<&'static Preset> {
    let preset = config.preset()?;
    for (key, word) in words(preset, &config.gan) {
        checkpoint.generator.expect_word(key, &word)?;
    }
    Ok(preset)
}

/// A checkpoint's generator alone, to draw up to `rows` images at once; `config` is the
/// checkpoint's own.
///
/// # Errors
/// [`CheckpointProblem::OfAnother`](super::checkpoint::CheckpointProblem::OfAnother) and
/// [`TensorProblem`](super::tensor_file::TensorProblem) when tensors and configuration do not fit
/// each other; as [`Sampler::new`].
pub fn sampler<D: Device>(
    device: D,
    checkpoint: &Checkpoint,
    config: &Config,
    rows: usize,
) -> Result<Sampler<D>> {
    let preset = expect_generator(checkpoint, config)?;
    let mut sampler = Sampler::new(device, preset, &config.gan, rows)?;
    let (device, network) = sampler.network_mut();
    read_network(device, network, &checkpoint.generator)?;
    Ok(sampler)
}

/// What PyTorch's `state_dict` of the network would hold after `iteration` iterations and `passes`
/// through BatchNorm in training.
fn state_dict<D: Device>(
    device: &D,
    network: &Network<D>,
    name: &str,
    passes: u64,
    iteration: u32,
) -> Result<TensorFile> {
    let mut file = TensorFile::new();
    for params in [network.params(), network.statistics()] {
        for param in params.list() {
            let values = single(&params.read(device, param)?);
            let of = format!("{name}'s {}", param.name);
            values.iter().try_for_each(|&x| check_finite(&of, f64::from(x), iteration))?;
            file.push(param.name.clone(), &param.shape, values);
        }
    }
    for key in counters(network) {
        file.push(key, &[], vec![passes as i64]);
    }
    Ok(file)
}

/// What the networks are, for the files' metadata.
fn words(preset: &Preset, settings: &Settings) -> [(&'static str, String); 6] {
    let image = [settings.image.channels, settings.image.height, settings.image.width];
    [
        ("preset", preset.name.to_owned()),
        ("latent_dim", settings.latent_dim.to_string()),
        ("g_hidden", format!("{:?}", settings.g_hidden)),
        ("d_hidden", format!("{:?}", settings.d_hidden)),
        ("image_shape", format!("{image:?}")),
        ("classes", settings.classes.unwrap_or(0).to_string()),
    ]
}

fn read_network<D: Device>(device: &D, network: &mut Network<D>, file: &TensorFile) -> Result<()> {
    read_params(device, network.params_mut(), file)?;
    read_params(device, network.statistics_mut(), file)
}

fn read_params<D: Device>(device: &D, params: &mut Params<D>, file: &TensorFile) -> Result<()> {
    for i in 0..params.list().len() {
        let param = &params.list()[i];
        let values = file.reals(&param.name, &param.shape)?;
        params.write(device, i, &values)?;
    }
    Ok(())
}

fn single<T: Real>(values: &[T]) -> Vec<f32> {
    values.iter().map(|x| x.to_f64() as f32).collect()
}

fn widened<T: Real>(values: &[f32]) -> Vec<T> {
    values.iter().map(|&x| T::from_f64(f64::from(x))).collect()
}
