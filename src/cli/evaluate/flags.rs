//! The flags of `evaluate`, as they were given.

use std::path::PathBuf;
use std::str::FromStr;

use crate::cli::checkpoint::CheckpointArgs;
use crate::cli::device::DeviceArgs;
use crate::cli::images::NoiseArgs;
use crate::cli::value_parsers::{may_be_negative, within};
use crate::data::Source;
use crate::ranges::EVALUATED_SAMPLES;
use clap::ValueHint;

/// Flags of `evaluate`.
#[derive(clap::Args)]
// So that `--seed -1` is a number out of range and not an unknown flag.
#[command(mut_args(may_be_negative))]
#[command(after_help = "\
Rows, each compared with the reference images:

generator: the generated images

real: real images that are not in the reference; about the best scores to expect

noise: random pixels, for comparison

Features: a classifier maps each image to 84 features. For mnist and fashion-mnist it is built in. \
For stacked-mnist, that of mnist classifies each channel: an image has the 252 features of its three \
digits, and its class is right if all three are. \
For a folder with classes it is trained on half of the images (of IDX files with a test set, on \
all training images) and kept in the cache folder. For a folder without classes, the pixels of the \
images reduced to 16×16 are the features, and columns that need a classifier are omitted. A GAN \
trained on a folder has seen all of its images, including the reference.

Columns:

fidelity: class fidelity, the fraction of images that the classifier assigns to the requested \
class (GAN-test accuracy, Shmelkov et al. 2018), with the 95 % Wilson interval; the classifier's \
own error on held-out images is printed above the table

FCD: Fréchet classifier distance: FID with these features instead of Inception's; 0 is best \
(Heusel et al. 2017)

KID: squared maximum mean discrepancy (MMD) with the kernel (x·y/d + 1)³, unbiased, ± its \
standard error; 0 is best (Bińkowski et al. 2018)

precision: fraction of images inside the manifold of the reference images, by k = 5 nearest \
neighbours; recall: fraction of reference images inside the manifold of these images (Kynkäänniemi \
et al. 2019)

density: mean number of reference neighbourhoods around an image, divided by k; may exceed 1; \
coverage: fraction of reference images whose neighbourhood contains an image (Naeem et al. 2020)

modes: for stacked-mnist only, the number of the 1,000 combinations of three digits that occur \
among the images; modes KL: divergence of the combinations from a uniform distribution, in nats; 0 is \
best, and N real images have about 500/N + 0.005 (Metz et al. 2017). Published numbers are for \
--count 26000

KL (not for stacked-mnist): divergence of the class histogram from that of the reference, in nats; 0 is best

rarest class (not for stacked-mnist): the class with the fewest images, and its fraction of all images

NDB (number of statistically different bins): fraction of 100 k-means bins whose number of images \
differs significantly from the reference; 0 is best, 0.05 occurs by chance (Richardson and Weiss \
2018)

nearest: mean pixel distance to the nearest training image, divided by that of the test images \
(for a folder: by that of its images to the nearest other one); values well below 1 indicate memorized \
training images

FCD depends on the number of images: compare only scores with the same --count.")]
pub struct Args {
    #[command(flatten)]
    pub(super) checkpoint: CheckpointArgs,
    #[command(flatten)]
    pub(super) device: DeviceArgs,
    /// Print only one line of JSON: the rows, and what was evaluated
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) data: DataArgs,
    /// Number of images to generate, 10 to 100,000; 26,000 to compare modes of stacked-mnist with
    /// published numbers
    #[arg(long, value_name = "N", default_value_t = crate::eval::COUNT, value_parser = within::<usize, _>(EVALUATED_SAMPLES), help_heading = "Images")]
    pub(super) count: usize,
    #[command(flatten, next_help_heading = "Images")]
    pub(super) noise: NoiseArgs,
    /// Real images to compare with. test: the test images, or for a folder without them, the half on
    /// which its classifier was not trained; train: --count training images, or for such a folder,
    /// images of the other half; DIR: the images of another folder, of the same size
    #[arg(long, value_name = "test|train|DIR", default_value = "test", help_heading = "Images")]
    pub(super) reference: Reference,
}

/// Location of the training images.
#[derive(clap::Args)]
#[command(next_help_heading = "Data")]
pub(super) struct DataArgs {
    /// New location of the run's training images, if they were moved; same values as for train
    #[arg(long, value_name = "NAME|DIR", value_hint = ValueHint::AnyPath, value_parser = Source::from_argument)]
    pub(super) dataset: Option<Source>,
    /// New folder of the files of mnist (also for stacked-mnist) or fashion-mnist
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(super) data_dir: Option<PathBuf>,
    /// Skip unreadable images with a warning [default: as in the run]
    #[arg(long)]
    pub(super) skip_bad_images: bool,
}

/// The real images to compare with.
#[derive(Clone, Debug)]
pub(super) enum Reference {
    Test,
    Train,
    Folder(PathBuf),
}

impl FromStr for Reference {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(match text {
            "test" => Reference::Test,
            "train" => Reference::Train,
            folder => Reference::Folder(folder.into()),
        })
    }
}
