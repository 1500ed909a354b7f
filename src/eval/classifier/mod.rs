//! The network whose features and classes scores are made of: two convolutions, then two hidden
//! layers, of which the last one's outputs are the features.
//!
//! | module | holds |
//! |---|---|
//! | this one | the layers, and what they make of images |
//! | [`training`] | how it learns |
//! | [`file`] | a classifier as a file, and those inside the program |

mod file;
mod part;
pub mod training;

pub use file::{TestFeatures, embedded, test_features};

use crate::data::ImageShape;
use crate::device::{Device, In, Real};
use crate::eval::Result;
use crate::nn::layer::Convolution;
use crate::nn::sequence::Input;
use crate::nn::{Layer, Matrix, NetworkSpec, PassInput, Sequence, Shape, SpecProblem};
use part::Part;

/// Rows and columns of the images that it takes.
pub const SIDE: usize = 28;
/// Features of an image.
pub const FEATURES: usize = 84;
/// Images that are looked at together.
const BATCH: usize = 256;
/// The error beyond which its scores are to be doubted.
const DOUBTFUL: f64 = 0.5;
/// Of the outputs of both hidden layers, the share that is dropped in training.
const DROPOUT: f64 = 0.4;

/// What a classifier is, beside its weights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct About {
    /// Channels of the images that it takes: 1 or 3.
    pub channels: usize,
    /// Classes that it tells apart.
    pub classes: usize,
    /// Of images that it has not learnt from, the share that it takes for another class.
    pub error: f64,
}

impl About {
    /// The shape of the images that it takes.
    pub fn image(self) -> ImageShape {
        ImageShape { channels: self.channels, height: SIDE, width: SIDE }
    }

    /// Its outputs: one for each class, and one for what is an image of none.
    fn logits(self) -> usize {
        self.classes + 1
    }
}

/// What is to be doubted where this share of held-out images is taken for another class, if anything
/// is.
pub fn doubt(error: f64) -> Option<String> {
    (error > DOUBTFUL).then(|| {
        format!(
            "the classifier takes {:.0} % of the held-out images for another class, so class \
             fidelity and FCD say little: are the images' classes kinds of things?",
            100.0 * error
        )
    })
}

/// A classifier with its weights, and room for a batch of images.
pub struct Classifier<D: Device> {
    about: About,
    /// From an image to its features.
    body: Part<D>,
    /// From features to a logit for each class.
    head: Part<D>,
    images: Matrix<D>,
}

/// What a classifier makes of images.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Seen {
    /// (images, [`FEATURES`]), none below 0.
    pub features: Vec<f32>,
    /// The likeliest class of each image, whether it looks like an image of one or not.
    pub classes: Vec<u32>,
}

impl<D: Device> Classifier<D> {
    /// A classifier of zeros, with room for `rows` images at once.
    fn zeros(device: &D, about: About, rows: usize) -> Result<Self> {
        Ok(Self {
            body: Part::new(device, body(about.channels)?, rows)?,
            head: Part::new(device, head(about.logits())?, rows)?,
            images: Matrix::zeros(device, rows, about.image().pixels())?,
            about,
        })
    }

    /// What it is, beside its weights.
    pub fn about(&self) -> About {
        self.about
    }

    /// Looks at images: bytes, plane by plane, of the shape [`About::image`].
    ///
    /// # Errors
    /// When the device fails.
    pub fn look(&mut self, device: &D, images: &[u8]) -> Result<Seen> {
        let pixels = self.about.image().pixels();
        let mut seen = Seen::default();
        for images in images.chunks(BATCH * pixels) {
            let (rows, x) = (images.len() / pixels, scaled::<D>(images));
            device.upload(self.images.part(x.len()), &x)?;
            self.body.forward(device, &plain(self.images.rows(0..rows)), rows);
            self.head.forward(device, &plain(self.body.output(rows)), rows);
            let features = device.download(self.body.output(rows))?;
            seen.features.extend(features.into_iter().map(|x| x.to_f64() as f32));
            seen.classes.extend(self.likeliest(device, rows)?);
        }
        Ok(seen)
    }

    /// The classes that features (images, [`FEATURES`]) speak for.
    ///
    /// # Errors
    /// When the device fails.
    pub fn classify(&mut self, device: &D, features: &[f32]) -> Result<Vec<u32>> {
        let mut classes = Vec::new();
        for features in features.chunks(BATCH * FEATURES) {
            let x: Vec<_> = features.iter().map(|&x| D::Real::from_f64(x.into())).collect();
            let rows = features.len() / FEATURES;
            device.upload(self.body.output_mut(rows), &x)?;
            self.head.forward(device, &plain(self.body.output(rows)), rows);
            classes.extend(self.likeliest(device, rows)?);
        }
        Ok(classes)
    }

    fn likeliest(&self, device: &D, rows: usize) -> Result<Vec<u32>> {
        let logits = device.download(self.head.output(rows))?;
        let of_image = |logits: &[D::Real]| greatest(&logits[..self.about.classes]);
        Ok(logits.chunks_exact(self.about.logits()).map(of_image).collect())
    }
}

/// What a pass takes in that drops nothing.
fn plain<D: Device>(x: In<'_, D>) -> PassInput<'_, D> {
    PassInput { x, labels: None, masks: None }
}

/// Bytes as the networks have them, from −1 to 1.
fn scaled<D: Device>(images: &[u8]) -> Vec<D::Real> {
    images.iter().map(|&byte| D::Real::from_f64(f64::from(byte) / 127.5 - 1.0)).collect()
}

/// The place of the greatest number, the first of equal ones.
fn greatest<T: Real>(numbers: &[T]) -> u32 {
    let best = (0..numbers.len()).reduce(|a, b| if numbers[b] > numbers[a] { b } else { a });
    best.unwrap_or(0) as u32
}

fn body(channels: usize) -> Result<NetworkSpec, SpecProblem> {
    let convolution = |inputs, outputs| {
        Layer::Conv2d(Convolution { inputs, outputs, kernel: 4, stride: 2, padding: 1, bias: true })
    };
    let halved = SIDE / 4;
    let layers = vec![
        convolution(channels, 32),
        Layer::Relu,
        convolution(32, 64),
        Layer::Relu,
        Layer::Flatten,
        Layer::Linear { inputs: 64 * halved * halved, outputs: 120 },
        Layer::Relu,
        Layer::Dropout(DROPOUT),
        Layer::Linear { inputs: 120, outputs: FEATURES },
        Layer::Relu,
        Layer::Dropout(DROPOUT),
    ];
    network("body.", Shape::Image([channels, SIDE, SIDE]), layers)
}

fn head(logits: usize) -> Result<NetworkSpec, SpecProblem> {
    let layers = vec![Layer::Linear { inputs: FEATURES, outputs: logits }];
    network("head.", Shape::Features(FEATURES), layers)
}

fn network(key: &str, shape: Shape, layers: Vec<Layer>) -> Result<NetworkSpec, SpecProblem> {
    let sequence = Sequence { key_prefix: key.to_owned(), view: None, layers };
    NetworkSpec::new(Input { shape, label: None }, vec![sequence])
}
