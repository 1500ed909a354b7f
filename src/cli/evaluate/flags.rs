//! The flags of `evaluate`, as they were given.

use std::path::PathBuf;
use std::str::FromStr;

use clap::ValueHint;
use gan_cuda::data::Source;
use gan_cuda::ranges::EVALUATED;

use crate::cli::checkpoint::CheckpointArgs;
use crate::cli::device::PlaceArgs;
use crate::cli::images::NoiseArgs;
use crate::cli::ranges::{may_be_negative, within};

/// Flags of `evaluate`.
#[derive(clap::Args)]
// So that `--seed -1` is a number out of range and not an unknown flag.
#[command(mut_args(may_be_negative))]
#[command(after_help = "\
Rows: the generator; real images that are not the reference's, the best that a generator can hope \
for; noise, the worst. Of a folder the GAN has learnt from all images, the reference's too.

Images are seen by a classifier as 84 features: for mnist and fashion-mnist by one inside the \
program, for a folder with classes by one that is trained on half of its images and kept in the \
cache folder. Of a folder without classes, pixels of images of 16×16 stand for features, and \
columns that need a classifier are left out.

Columns:

fidelity: share of images that are taken for the class they were asked to be, with Wilson's 95 % \
interval; the classifier's own error on held-out images is printed above the table

FCD: Fréchet distance of the features, as FID has it; 0 is best (Heusel et al. 2017)

KID: squared MMD with the kernel (x·y/d + 1)³, unbiased, ± its standard error; 0 is best \
(Bińkowski et al. 2018)

precision: share of images that lie among reference images, k = 5 neighbours; recall: share of \
reference images that lie among these (Kynkäänniemi et al. 2019)

density: in how many reference neighbourhoods an image lies, of k, may exceed 1; coverage: share of \
reference images that have one in their neighbourhood (Naeem et al. 2020)

KL: divergence of the histogram of classes from the reference's, in nats; 0 is best

rarest: the class that is rarest among the images, and its share

NDB: share of 100 k-means bins that hold significantly more or fewer images than the reference; 0 is \
best, 0.05 comes by chance (Richardson and Weiss 2018)

nearest: mean distance of pixels to the nearest training image, divided by that of test images \
(of a folder, of its own images among themselves); well below 1, training images are repeated

FCD depends on the number of images: compare only what has the same --count.")]
pub struct Args {
    #[command(flatten)]
    pub(super) checkpoint: CheckpointArgs,
    #[command(flatten)]
    pub(super) place: PlaceArgs,
    /// Print nothing but one line of JSON: an object of the rows, then what they are of
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) data: DataArgs,
    /// Images to draw, 10 to 100,000
    #[arg(long, value_name = "N", default_value_t = gan_cuda::eval::COUNT, value_parser = within::<usize, _>(EVALUATED), help_heading = "Images")]
    pub(super) count: usize,
    #[command(flatten, next_help_heading = "Images")]
    pub(super) noise: NoiseArgs,
    /// What the images are compared with: the data set's test images (of a folder, the half that its
    /// classifier has not learnt from), as many of the training images (of the other half), or the
    /// images of a folder, of the same size
    #[arg(long, value_name = "test|train|DIR", default_value = "test", help_heading = "Images")]
    pub(super) reference: Reference,
}

/// Where the images are that the generator has learnt from.
#[derive(clap::Args)]
#[command(next_help_heading = "Data")]
pub(super) struct DataArgs {
    /// Where the images are that the run has learnt from, if they were moved: as train has it
    #[arg(long, value_name = "NAME|DIR", value_hint = ValueHint::AnyPath, value_parser = Source::from_argument)]
    pub(super) dataset: Option<Source>,
    /// Folder that holds the files of mnist or fashion-mnist now
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(super) data_dir: Option<PathBuf>,
    /// Leave out images of a folder that cannot be read, with a warning [default: as the run]
    #[arg(long)]
    pub(super) skip_bad_images: bool,
}

/// Images to compare with.
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
