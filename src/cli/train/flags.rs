//! The flags of `train`, as they were given.

use std::path::PathBuf;
use std::time::Duration;

use super::sweep::{Seeds, Sweep};
use crate::cli::aliases::{all_widths, gpus};
use crate::cli::sizes::SizeArgs;
use crate::cli::value_parsers::{
    Optional, channels, choice, choice_or_none, interval_or_never, may_be_negative, preset,
    run_name, within,
};
use crate::data::Source;
use crate::device::ops::{Augmentation, Latent, LrDecay};
use crate::device::{ConvolutionForm, DeviceChoice, Gemm, Precision};
use crate::formats::stats::Measure;
use crate::gan::interval::Interval;
use crate::gan::settings::{Fakes, Loss, Order};
use crate::nn::Init;
use crate::ranges;
use clap::{ArgAction, ValueHint};

/// Flags of `train`, as they were given.
#[derive(clap::Args)]
// So that `--lr -1` is a number out of range and not an unknown flag.
#[command(mut_args(may_be_negative))]
pub struct Args {
    /// Preset to train; `gan-cuda presets` lists them [default: cgan]
    #[arg(long, value_name = "NAME", value_parser = preset(), hide_possible_values = true)]
    pub(super) preset: Option<String>,
    /// Take all settings from a TOML file: your own (`presets NAME --toml` prints one to start
    /// from) or that of another run (its folder or config.toml); other flags override the settings,
    /// but those that change layers are refused
    #[arg(long, value_name = "FILE", conflicts_with = "resume")]
    pub(super) config: Option<PathBuf>,
    /// Print the resolved config.toml of the run and write nothing
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Seed of initial weights, noise, labels, dropout and shuffling [default: 0]
    #[arg(long, value_name = "N", value_parser = within::<u64, _>(ranges::SEED))]
    pub(super) seed: Option<u64>,
    /// Train several runs at the same time, one for each seed: 0-7 or 1,5,8-9. Their folders are in
    /// one folder, with a summary of all
    #[arg(long, value_name = "SEEDS", conflicts_with = "resume")]
    pub(super) seeds: Option<Seeds>,
    /// Train several runs at the same time, one for each value of a setting: a flag or a value of
    /// config.toml, such as lr=1e-4,2e-4. Can be repeated: one run for each combination
    #[arg(long, value_name = "KEY=VALUES", conflicts_with = "resume")]
    pub(super) sweep: Vec<Sweep>,
    #[command(flatten)]
    pub(super) data: DataArgs,
    #[command(flatten)]
    pub(super) length: LengthArgs,
    #[command(flatten)]
    pub(super) values: ValueArgs,
    #[command(flatten)]
    pub(super) output: OutputArgs,
    #[command(flatten)]
    pub(super) ranks: RankArgs,
}

#[derive(clap::Args)]
#[command(next_help_heading = "Data")]
pub(super) struct DataArgs {
    /// Training images: mnist; fashion-mnist; stacked-mnist, three digits of mnist in red, green and
    /// blue, to measure mode collapse (the preset gets three channels); a folder of images, whose
    /// sub-folders are the classes of a conditional GAN; a folder with IDX files like MNIST's; or one
    /// IDX file of images, with its labels in the same folder [default: the preset's]
    #[arg(long, value_name = "NAME|DIR", value_hint = ValueHint::AnyPath, value_parser = Source::from_argument)]
    pub(super) dataset: Option<Source>,
    /// Folder with the files of mnist (also for stacked-mnist) or fashion-mnist; no other folder is
    /// searched
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(super) data_dir: Option<PathBuf>,
    /// Skip unreadable images with a warning, instead of failing at the first
    #[arg(long)]
    pub(super) skip_bad_images: bool,
    /// Height and width of the images in pixels; images of other sizes are resized. For dcgan-rgb,
    /// a power of two, at least 16: each doubling adds a convolution to both networks [default: the
    /// preset's]
    #[arg(long, value_name = "N", value_parser = within::<usize, _>(ranges::IMAGE_SIZE))]
    pub(super) image_size: Option<usize>,
    /// Image channels: 1 (grey) or 3 (colour; grey images are repeated in each channel) [default:
    /// the preset's]
    #[arg(long, value_name = "1|3", value_parser = channels)]
    pub(super) channels: Option<usize>,
    /// As in PyTorch-GAN's scripts. The data set determines it; this must be the same number
    #[arg(long, value_name = "N", hide = true, value_parser = within::<usize, _>(ranges::CLASSES))]
    pub(super) n_classes: Option<usize>,
}

#[derive(clap::Args)]
#[command(next_help_heading = "Duration and device")]
pub(super) struct LengthArgs {
    /// Total number of epochs, including those before a resume [default: the preset's, unless
    /// --iterations is given]
    #[arg(long, value_name = "N", value_parser = within::<u32, _>(ranges::EPOCHS))]
    pub(super) epochs: Option<u32>,
    /// Total number of iterations, including those before a resume; with --epochs, the limit
    /// reached first ends the run
    #[arg(long, value_name = "N", value_parser = within::<u32, _>(ranges::ITERATIONS))]
    pub(super) iterations: Option<u32>,
    /// Device to compute on: auto, cpu, cuda or cuda:N [default: auto]
    #[arg(long, value_name = "DEVICE")]
    pub(super) device: Option<DeviceChoice>,
    /// Precision of matrix multiplications on a GPU; everything else is in f32 [default: f32]
    #[arg(long, value_parser = choice::<Precision>())]
    pub(super) precision: Option<Precision>,
    /// Matrix multiplications of fully connected layers on a GPU [default: cublas]
    #[arg(long, value_parser = choice::<Gemm>())]
    pub(super) gemm: Option<Gemm>,
    /// Launch kernels one by one instead of as one CUDA graph; results are identical
    #[arg(long)]
    pub(super) no_graph: bool,
    /// Number of CPU threads; results do not depend on it [default: physical cores of a NUMA node,
    /// at most 16]
    #[arg(long, value_name = "N", value_parser = within::<usize, _>(ranges::THREADS))]
    pub(super) threads: Option<usize>,
    /// Convolution algorithm on the CPU [default: direct]
    #[arg(long, value_parser = choice::<ConvolutionForm>())]
    pub(super) conv: Option<ConvolutionForm>,
    /// As in PyTorch's DCGAN example
    #[arg(long, value_name = "N", hide = true, value_parser = gpus)]
    pub(super) ngpu: Option<usize>,
    /// As in PyTorch's scripts: number of data loading processes; ignored
    #[arg(long, value_name = "N", hide = true)]
    workers: Option<u32>,
}

#[derive(clap::Args)]
#[command(next_help_heading = "Model and training (override the preset)")]
pub(super) struct ValueArgs {
    #[command(flatten)]
    pub(super) sizes: SizeArgs,
    /// Adam's learning rate
    #[arg(long, value_name = "RATE", value_parser = within::<f64, _>(ranges::LEARNING_RATE))]
    pub(super) lr: Option<f64>,
    /// The generator's learning rate, if it should differ: lower it if the generator oscillates
    #[arg(long, value_name = "RATE", value_parser = within::<f64, _>(ranges::LEARNING_RATE))]
    pub(super) lr_g: Option<f64>,
    /// The discriminator's learning rate, if it should differ: often 2 to 4 times the generator's
    /// (TTUR)
    #[arg(long, value_name = "RATE", value_parser = within::<f64, _>(ranges::LEARNING_RATE))]
    pub(super) lr_d: Option<f64>,
    /// How the learning rates fall over the run: for a calmer end of a run whose length is known
    #[arg(long, value_parser = choice::<LrDecay>())]
    pub(super) lr_decay: Option<LrDecay>,
    /// Adam's beta1: decay rate of the first moment
    #[arg(long, value_name = "B1", value_parser = within::<f64, _>(ranges::FRACTION))]
    pub(super) b1: Option<f64>,
    /// Adam's beta2: decay rate of the second moment
    #[arg(long, value_name = "B2", value_parser = within::<f64, _>(ranges::FRACTION))]
    pub(super) b2: Option<f64>,
    /// Distribution of the noise vector
    #[arg(long, value_parser = choice::<Latent>())]
    pub(super) latent: Option<Latent>,
    /// Loss function; a final Sigmoid of the discriminator is added or removed as the loss requires
    #[arg(long, value_parser = choice::<Loss>())]
    pub(super) loss: Option<Loss>,
    /// Scale factor of the discriminator loss (real + fake)
    #[arg(long, value_name = "X", value_parser = within::<f64, _>(ranges::FACTOR))]
    pub(super) d_loss_scale: Option<f64>,
    /// Target of real images in the discriminator loss: 0.9 keeps a discriminator from becoming too
    /// confident; for losses with targets
    #[arg(long, value_name = "X", value_parser = within::<f64, _>(ranges::POSITIVE_FRACTION))]
    pub(super) real_label: Option<f64>,
    /// Updates of the discriminator for each of the generator: 5 for --loss wgan
    #[arg(long, value_name = "K", value_parser = within::<u32, _>(ranges::PERIOD))]
    pub(super) n_critic: Option<u32>,
    /// R1 penalty (0: none), GAMMA/2 times the mean of ||grad D(x)||^2 over real images: steadies any loss; 0.1
    /// to 10, larger for larger images
    #[arg(long, value_name = "GAMMA", value_parser = within::<f64, _>(ranges::PENALTY))]
    pub(super) r1: Option<f64>,
    /// R2 penalty, the same over generated images: with --r1 and --loss relativistic against mode
    /// collapse
    #[arg(long, value_name = "GAMMA", value_parser = within::<f64, _>(ranges::PENALTY))]
    pub(super) r2: Option<f64>,
    /// WGAN-GP's penalty, LAMBDA times the mean of (||grad D(x)|| - 1)^2 between real and generated
    /// images: 10 for --loss wgan
    #[arg(long, value_name = "LAMBDA", value_parser = within::<f64, _>(ranges::PENALTY))]
    pub(super) gp: Option<f64>,
    /// Compute the penalties only in every K-th iteration, K times as large: cheaper, as good up to 16
    #[arg(long, value_name = "K", value_parser = within::<u32, _>(ranges::PERIOD))]
    pub(super) penalty_interval: Option<u32>,
    /// Keep a moving average of the generator's weights with this decay rate, for example 0.999 (0:
    /// none), and use it for samples, scores and exports: nearly always better images
    #[arg(long, value_name = "DECAY", value_parser = within::<f64, _>(ranges::FRACTION))]
    pub(super) ema: Option<f64>,
    /// Normalize the weights of the discriminator by their largest singular values (SNGAN): steadies
    /// any loss at little cost, usual with --loss hinge
    #[arg(long)]
    pub(super) spectral_norm: bool,
    /// Augment real and generated images alike before the discriminator (DiffAugment): for fewer than
    /// about 10,000 images; a list of flip, translate, cutout and colour, without flip for digits, or
    /// none
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = choice_or_none::<Augmentation>())]
    pub(super) augment: Option<Vec<Optional<Augmentation>>>,
    /// Show the discriminator M images at once (PacGAN): against mode collapse, for GANs without
    /// classes
    #[arg(long, value_name = "M", value_parser = within::<usize, _>(ranges::PACK))]
    pub(super) pack: Option<usize>,
    /// Network to update first in each iteration
    #[arg(long, value_parser = choice::<Order>())]
    pub(super) order: Option<Order>,
    /// Generated images for the second update: those of the first update, or new ones
    #[arg(long, value_parser = choice::<Fakes>())]
    pub(super) fakes: Option<Fakes>,
    /// Negative slope of LeakyReLU
    #[arg(long, value_name = "X", value_parser = within::<f64, _>(ranges::POSITIVE_FRACTION))]
    pub(super) leaky_slope: Option<f64>,
    /// Dropout probability of the discriminator
    #[arg(long, value_name = "P", value_parser = within::<f64, _>(ranges::FRACTION))]
    pub(super) dropout: Option<f64>,
    /// BatchNorm epsilon: added to the variance for numerical stability
    #[arg(long, value_name = "X", value_parser = within::<f64, _>(ranges::EPSILON))]
    pub(super) bn_eps: Option<f64>,
    /// BatchNorm momentum: weight of the new batch in the running statistics
    #[arg(long, value_name = "X", value_parser = within::<f64, _>(ranges::POSITIVE_FRACTION))]
    pub(super) bn_momentum: Option<f64>,
    /// Weight initialization: default (PyTorch's) or normal:STD (standard deviation)
    #[arg(long, value_name = "INIT")]
    pub(super) init: Option<Init>,
    /// Initial weights of the generator: a PyTorch state_dict in safetensors format [default:
    /// random]
    #[arg(long, value_name = "FILE", conflicts_with = "resume")]
    pub(super) init_generator: Option<PathBuf>,
    /// Initial weights of the discriminator, in the same format [default: random]
    #[arg(long, value_name = "FILE", conflicts_with = "resume")]
    pub(super) init_discriminator: Option<PathBuf>,
    /// Add a ReLU after the discriminator's last linear layer
    #[arg(long)]
    pub(super) d_final_relu: bool,
    /// As in PyTorch's DCGAN example
    #[arg(long, value_name = "N", hide = true, value_parser = all_widths("--g-hidden", [8, 4, 2, 1]))]
    ngf: Option<usize>,
    /// As in PyTorch's DCGAN example
    #[arg(long, value_name = "N", hide = true, value_parser = all_widths("--d-hidden", [1, 2, 4, 8]))]
    ndf: Option<usize>,
}

#[derive(clap::Args)]
#[command(next_help_heading = "Several GPUs (torchrun, srun and mpirun set all but the last two)")]
pub(super) struct RankArgs {
    /// Number of this process, from 0
    #[arg(long, value_name = "N", value_parser = within::<usize, _>(ranges::RANK))]
    pub(super) rank: Option<usize>,
    /// Number of processes, one for each GPU
    #[arg(long, value_name = "N", value_parser = within::<usize, _>(ranges::WORLD_SIZE))]
    pub(super) world_size: Option<usize>,
    /// Number of this process on its host, which is the number of its GPU [default without a launcher:
    /// --rank]
    #[arg(long, value_name = "N", value_parser = within::<usize, _>(ranges::RANK))]
    pub(super) local_rank: Option<usize>,
    /// Host of rank 0 [default without a launcher: 127.0.0.1]
    #[arg(long, value_name = "HOST")]
    pub(super) master_addr: Option<String>,
    /// Port on which rank 0 listens [default without a launcher: 29600]
    #[arg(long, value_name = "PORT", value_parser = within::<u16, _>(ranges::PORT))]
    pub(super) master_port: Option<u16>,
    /// Seconds within which all processes must have started
    #[arg(long, value_name = "SECONDS", default_value = "300", value_parser = within::<u32, _>(ranges::JOIN_TIMEOUT))]
    join_timeout: u32,
    /// Normalize the images of each process separately in BatchNorm, instead of the whole batch
    #[arg(long)]
    pub(super) local_batch_norm: bool,
}

impl RankArgs {
    /// Whether several processes are asked for.
    pub(super) fn are_given(&self) -> bool {
        self.rank.is_some() || self.world_size.is_some()
    }

    pub(super) fn join_timeout(&self) -> Duration {
        Duration::from_secs(self.join_timeout.into())
    }
}

#[derive(clap::Args)]
#[command(next_help_heading = "Output")]
pub(super) struct OutputArgs {
    /// Write a sample grid every N iterations or every 'epoch' [default: the preset's]
    #[arg(long, value_name = "N|epoch")]
    pub(super) sample_interval: Option<Interval>,
    /// Log losses every N iterations [default: 50]
    #[arg(long, value_name = "N", value_parser = within::<u32, _>(ranges::ITERATIONS))]
    pub(super) log_interval: Option<u32>,
    /// Write a checkpoint every N iterations or every 'epoch' [default: epoch, at most one per
    /// minute]
    #[arg(long, value_name = "N|epoch")]
    pub(super) checkpoint_interval: Option<Interval>,
    /// Number of newest checkpoints to keep [default: 3]
    #[arg(long, value_name = "N", value_parser = within::<usize, _>(ranges::EXTENT))]
    pub(super) keep: Option<usize>,
    /// Compute class fidelity, FCD and KID (defined in `gan-cuda evaluate --help`), and the modes of
    /// stacked-mnist, every N iterations or every 'epoch', and after the last iteration [default:
    /// never]
    #[arg(long, value_name = "N|epoch|never", value_parser = interval_or_never)]
    pub(super) evaluate_interval: Option<Optional<Interval>>,
    /// With --evaluate-interval: write a checkpoint at each new best score, and keep the best one
    /// in addition to the newest [default: none]
    #[arg(long, value_name = "SCORE", value_parser = choice_or_none::<Measure>())]
    pub(super) keep_best: Option<Optional<Measure>>,
    /// Write losses, samples, scores and histograms of weights and gradients for TensorBoard (the
    /// default)
    #[arg(long, overrides_with = "no_tensorboard")]
    pub(super) tensorboard: bool,
    /// Do not write a TensorBoard event file
    #[arg(long)]
    pub(super) no_tensorboard: bool,
    /// Folder with the runs
    #[arg(long, value_name = "DIR", default_value = "runs", value_hint = ValueHint::DirPath)]
    pub(super) runs_dir: PathBuf,
    /// Name of the new run, appended to its number [default: PRESET-DATASET]
    #[arg(long, value_name = "NAME", value_parser = run_name)]
    pub(super) name: Option<String>,
    /// Resume the newest run from its newest checkpoint, or the run or checkpoint in PATH; a
    /// checkpoint outside a run folder starts a new run
    #[arg(long, value_name = "PATH", num_args = 0..=1, value_hint = ValueHint::DirPath)]
    pub(super) resume: Option<Option<PathBuf>>,
    /// With --resume: start a new run from the checkpoint and leave the old run unchanged. Images,
    /// learning rate, batch size and loss may differ, the networks may not (nor may a loss that adds
    /// or removes the final Sigmoid, --pack or --spectral-norm); the iteration count continues
    #[arg(long, requires = "resume")]
    pub(super) branch: bool,
    /// With --resume and an older checkpoint: remove everything that the run wrote after it
    #[arg(long, requires = "resume", conflicts_with = "branch")]
    pub(super) force: bool,
    /// Print errors only
    #[arg(short, long, conflicts_with = "verbose")]
    pub(super) quiet: bool,
    /// Also print the path of every file written
    #[arg(short, long, action = ArgAction::SetTrue)]
    pub(super) verbose: bool,
}
