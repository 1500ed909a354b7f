//! The flags of `train`, as they were given.

use std::path::PathBuf;

use clap::{ArgAction, ValueHint};
use gan_cuda::data::Source;
use gan_cuda::device::ops::Latent;
use gan_cuda::device::{ConvolutionForm, DeviceChoice, Precision};
use gan_cuda::formats::stats::Measure;
use gan_cuda::gan::interval::Interval;
use gan_cuda::gan::settings::{Fakes, Loss, Order};
use gan_cuda::nn::Init;
use gan_cuda::ranges;

use crate::cli::ranges::{
    Optional, channels, choice, choice_or_none, interval_or_never, may_be_negative, preset,
    run_name, within,
};
use crate::cli::sizes::SizeArgs;
use crate::cli::spelling::{all_widths, gpus};

/// Flags of `train`, as they were given.
#[derive(clap::Args)]
// So that `--lr -1` is a number out of range and not an unknown flag.
#[command(mut_args(may_be_negative))]
pub struct Args {
    /// Set-up to train, of those that `gan-cuda presets` lists [default: cgan]
    #[arg(long, value_name = "NAME", value_parser = preset(), hide_possible_values = true)]
    pub(super) preset: Option<String>,
    /// Begin a run with all values of a TOML file of one's own (`presets NAME --toml` prints one to
    /// begin with), or of another run's folder; flags override them, but for those of layers
    #[arg(long, value_name = "FILE", conflicts_with = "resume")]
    pub(super) config: Option<PathBuf>,
    /// Print what the run would be, as a config.toml, and write nothing
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Seed of weights, noise, labels, dropout and the order of images [default: 0]
    #[arg(long, value_name = "N", value_parser = within::<u64, _>(ranges::SEED))]
    pub(super) seed: Option<u64>,
    #[command(flatten)]
    pub(super) data: DataArgs,
    #[command(flatten)]
    pub(super) length: LengthArgs,
    #[command(flatten)]
    pub(super) values: ValueArgs,
    #[command(flatten)]
    pub(super) output: OutputArgs,
}

#[derive(clap::Args)]
#[command(next_help_heading = "Data")]
pub(super) struct DataArgs {
    /// Images to learn from: mnist, fashion-mnist, a folder of images, whose sub-folders are the
    /// classes of a conditional set-up, or a folder with the IDX files of a data set like MNIST, or
    /// such a file of images, with the labels beside it [default: the preset's]
    #[arg(long, value_name = "NAME|DIR", value_hint = ValueHint::AnyPath, value_parser = Source::from_argument)]
    pub(super) dataset: Option<Source>,
    /// Folder that holds the files of mnist or fashion-mnist; then no other place is searched
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(super) data_dir: Option<PathBuf>,
    /// Leave out images of a folder that cannot be read, with a warning; else the first is an error
    #[arg(long)]
    pub(super) skip_bad_images: bool,
    /// Side of an image in pixels; images of other sizes are resized. For dcgan-rgb a power of two from
    /// 16: both networks get a level for each doubling
    #[arg(long, value_name = "N", value_parser = within::<usize, _>(ranges::IMAGE_SIZE))]
    pub(super) image_size: Option<usize>,
    /// 1 (grey) or 3 (colour; grey is repeated)
    #[arg(long, value_name = "1|3", value_parser = channels)]
    pub(super) channels: Option<usize>,
    /// As PyTorch-GAN's scripts have it. The data set decides; this must say the same
    #[arg(long, value_name = "N", hide = true, value_parser = within::<usize, _>(ranges::CLASSES))]
    pub(super) n_classes: Option<usize>,
}

#[derive(clap::Args)]
#[command(next_help_heading = "Length and place")]
pub(super) struct LengthArgs {
    /// Epochs in all, from the run's beginning [default: the preset's, unless --iterations is given]
    #[arg(long, value_name = "N", value_parser = within::<u32, _>(ranges::EPOCHS))]
    pub(super) epochs: Option<u32>,
    /// Iterations in all, from the run's beginning; of the two, if both are given, the first reached
    /// ends the run
    #[arg(long, value_name = "N", value_parser = within::<u32, _>(ranges::ITERATIONS))]
    pub(super) iterations: Option<u32>,
    /// Where to compute: auto, cpu, cuda or cuda:N [default: auto]
    #[arg(long, value_name = "DEVICE")]
    pub(super) device: Option<DeviceChoice>,
    /// How exactly a GPU multiplies matrices; all else is in f32 [default: f32]
    #[arg(long, value_parser = choice::<Precision>())]
    pub(super) precision: Option<Precision>,
    /// Queue the work of an iteration piece by piece, not as one CUDA graph; results are the same
    #[arg(long)]
    pub(super) no_graph: bool,
    /// CPU threads; results do not depend on it [default: physical cores of a NUMA node, at most 16]
    #[arg(long, value_name = "N", value_parser = within::<usize, _>(ranges::THREADS))]
    pub(super) threads: Option<usize>,
    /// How the CPU computes convolutions [default: direct]
    #[arg(long, value_parser = choice::<ConvolutionForm>())]
    pub(super) conv: Option<ConvolutionForm>,
    /// As PyTorch's DCGAN example has it
    #[arg(long, value_name = "N", hide = true, value_parser = gpus)]
    pub(super) ngpu: Option<usize>,
    /// As PyTorch's scripts have it: processes that load images, of which none are needed here
    #[arg(long, value_name = "N", hide = true)]
    workers: Option<u32>,
}

#[derive(clap::Args)]
#[command(next_help_heading = "Values of the set-up [default: the preset's]")]
pub(super) struct ValueArgs {
    #[command(flatten)]
    pub(super) sizes: SizeArgs,
    /// Adam's learning rate
    #[arg(long, value_name = "RATE", value_parser = within::<f64, _>(ranges::LEARNING_RATE))]
    pub(super) lr: Option<f64>,
    /// Adam's decay of the mean of gradients
    #[arg(long, value_name = "B1", value_parser = within::<f64, _>(ranges::SHARE))]
    pub(super) b1: Option<f64>,
    /// Adam's decay of the mean of squared gradients
    #[arg(long, value_name = "B2", value_parser = within::<f64, _>(ranges::SHARE))]
    pub(super) b2: Option<f64>,
    /// Distribution of the noise
    #[arg(long, value_parser = choice::<Latent>())]
    pub(super) latent: Option<Latent>,
    /// Formula of the losses; another than before adds the discriminator's closing Sigmoid, or takes
    /// it off, as it needs
    #[arg(long, value_parser = choice::<Loss>())]
    pub(super) loss: Option<Loss>,
    /// Factor of the discriminator's loss (real + fake)
    #[arg(long, value_name = "X", value_parser = within::<f64, _>(ranges::FACTOR))]
    pub(super) d_loss_scale: Option<f64>,
    /// Network that is updated first
    #[arg(long, value_parser = choice::<Order>())]
    pub(super) order: Option<Order>,
    /// Generated images of the second update: the first's, or fresh ones
    #[arg(long, value_parser = choice::<Fakes>())]
    pub(super) fakes: Option<Fakes>,
    /// Slope of LeakyReLU for negative numbers
    #[arg(long, value_name = "X", value_parser = within::<f64, _>(ranges::POSITIVE_SHARE))]
    pub(super) leaky_slope: Option<f64>,
    /// Share of the discriminator's activations that dropout sets to zero
    #[arg(long, value_name = "P", value_parser = within::<f64, _>(ranges::SHARE))]
    pub(super) dropout: Option<f64>,
    /// Number that BatchNorm adds to the variance
    #[arg(long, value_name = "X", value_parser = within::<f64, _>(ranges::EPSILON))]
    pub(super) bn_eps: Option<f64>,
    /// Share of the new batch in BatchNorm's running statistics
    #[arg(long, value_name = "X", value_parser = within::<f64, _>(ranges::POSITIVE_SHARE))]
    pub(super) bn_momentum: Option<f64>,
    /// How weights begin: default (as PyTorch) or normal:STD
    #[arg(long, value_name = "INIT")]
    pub(super) init: Option<Init>,
    /// Weights that the generator begins with: PyTorch's state_dict as safetensors [default: random]
    #[arg(long, value_name = "FILE", conflicts_with = "resume")]
    pub(super) init_generator: Option<PathBuf>,
    /// The same for the discriminator [default: random]
    #[arg(long, value_name = "FILE", conflicts_with = "resume")]
    pub(super) init_discriminator: Option<PathBuf>,
    /// Put one more ReLU behind the discriminator's last layer
    #[arg(long)]
    pub(super) d_final_relu: bool,
    /// As PyTorch's DCGAN example has it
    #[arg(long, value_name = "N", hide = true, value_parser = all_widths("--g-hidden", [8, 4, 2, 1]))]
    ngf: Option<usize>,
    /// The same of the discriminator
    #[arg(long, value_name = "N", hide = true, value_parser = all_widths("--d-hidden", [1, 2, 4, 8]))]
    ndf: Option<usize>,
}

#[derive(clap::Args)]
#[command(next_help_heading = "Output")]
pub(super) struct OutputArgs {
    /// Sample grid every N iterations, or every 'epoch' [default: the preset's]
    #[arg(long, value_name = "N|epoch")]
    pub(super) sample_interval: Option<Interval>,
    /// Iterations from one record of losses to the next [default: 50]
    #[arg(long, value_name = "N", value_parser = within::<u32, _>(ranges::ITERATIONS))]
    pub(super) log_interval: Option<u32>,
    /// Checkpoint every N iterations, or every 'epoch' [default: epoch, at most one a minute]
    #[arg(long, value_name = "N|epoch")]
    pub(super) checkpoint_interval: Option<Interval>,
    /// Checkpoints that are kept [default: 3]
    #[arg(long, value_name = "N", value_parser = within::<usize, _>(ranges::EXTENT))]
    pub(super) keep: Option<usize>,
    /// Score the generator every N iterations, or every 'epoch', and at the end: class fidelity, FCD
    /// and KID [default: never]
    #[arg(long, value_name = "N|epoch|never", value_parser = interval_or_never)]
    pub(super) evaluate_interval: Option<Optional<Interval>>,
    /// With --evaluate-interval: keep the checkpoint with the best score, too, and write it when it
    /// is scored [default: none]
    #[arg(long, value_name = "SCORE", value_parser = choice_or_none::<Measure>())]
    pub(super) keep_best: Option<Optional<Measure>>,
    /// Write losses, samples, scores and histograms of weights and gradients for TensorBoard [default]
    #[arg(long, overrides_with = "no_tensorboard")]
    pub(super) tensorboard: bool,
    /// Write nothing for TensorBoard
    #[arg(long)]
    pub(super) no_tensorboard: bool,
    /// Folder of run folders
    #[arg(long, value_name = "DIR", default_value = "runs", value_hint = ValueHint::DirPath)]
    pub(super) runs_dir: PathBuf,
    /// Name of a new run, behind its number [default: PRESET-DATASET]
    #[arg(long, value_name = "NAME", value_parser = run_name)]
    pub(super) name: Option<String>,
    /// Go on with the newest run, or that of a run folder, from its newest checkpoint; or from the
    /// checkpoint whose folder is given, in a new run if it lies in no run's folder
    #[arg(long, value_name = "PATH", num_args = 0..=1, value_hint = ValueHint::DirPath)]
    pub(super) resume: Option<Option<PathBuf>>,
    /// With --resume: begin a new run from the checkpoint, and leave the other as it is; images,
    /// rates, batches and losses may differ, the networks may not. Iterations go on counting
    #[arg(long, requires = "resume")]
    pub(super) branch: bool,
    /// With --resume and an older checkpoint: remove what the run has of later iterations
    #[arg(long, requires = "resume", conflicts_with = "branch")]
    pub(super) force: bool,
    /// Say nothing but errors
    #[arg(short, long, conflicts_with = "verbose")]
    pub(super) quiet: bool,
    /// Say more: every file that is written
    #[arg(short, long, action = ArgAction::SetTrue)]
    pub(super) verbose: bool,
}
