//! The image classifier whose features and predicted classes the scores are computed from: two
//! convolutions, then two hidden Linear layers. The output of the last hidden layer are the
//! features.
//!
//! | module | holds |
//! |---|---|
//! | this one | the layers, feature extraction and classification |
//! | [`training`] | training a classifier |
//! | [`file`] | classifiers as files, and the classifiers embedded in the program |

mod file;
mod subnetwork;
pub mod training;

pub use file::{TestFeatures, embedded, test_features};

use crate::data::ImageShape;
use crate::device::{Device, In, Real};
use crate::eval::Result;
use crate::nn::layer::Convolution;
use crate::nn::sequence::Input;
use crate::nn::{Layer, Matrix, NetworkSpec, PassInput, Sequence, Shape, SpecProblem};
use subnetwork::Subnetwork;

/// Height and width of the images that a classifier takes.
pub const IMAGE_SIZE: usize = 28;
/// Features of an image.
pub const FEATURES: usize = 84;
/// Images in a batch.
const BATCH: usize = 256;
/// A classifier with a larger error rate makes scores unreliable.
const UNRELIABLE_ERROR: f64 = 0.5;
/// Dropout probability of both hidden layers.
const DROPOUT: f64 = 0.4;

/// Properties of a classifier besides its weights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClassifierInfo {
    /// Channels of the images that it takes: 1 or 3.
    pub channels: usize,
    /// Number of classes.
    pub classes: usize,
    /// Error rate: the fraction of held-out images that it misclassifies.
    pub error: f64,
}

impl ClassifierInfo {
    /// The shape of the images that it takes.
    pub fn image(self) -> ImageShape {
        ImageShape { channels: self.channels, height: IMAGE_SIZE, width: IMAGE_SIZE }
    }

    /// The number of outputs: one for each class, and one for images of no class.
    fn logits(self) -> usize {
        self.classes + 1
    }
}

/// A warning if a classifier with this error rate makes scores unreliable.
pub fn reliability_warning(error: f64) -> Option<String> {
    (error > UNRELIABLE_ERROR).then(|| {
        format!(
            "the classifier misclassifies {:.0} % of the held-out images, so class fidelity and FCD \
             are not meaningful; check that the classes hold different kinds of images",
            100.0 * error
        )
    })
}

/// A classifier with its weights, and memory for a batch of images.
pub struct Classifier<D: Device> {
    info: ClassifierInfo,
    /// From an image to its features.
    body: Subnetwork<D>,
    /// From features to a logit for each class.
    head: Subnetwork<D>,
    images: Matrix<D>,
}

/// Features and predicted classes of images.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Features {
    /// (images, dimensions), all ≥ 0.
    pub values: Vec<f32>,
    /// The most likely class of each image, even if it resembles none; empty without a classifier.
    pub classes: Vec<u32>,
}

impl<D: Device> Classifier<D> {
    /// A classifier with all weights zero, and memory for `rows` images at once.
    fn zeros(device: &D, info: ClassifierInfo, rows: usize) -> Result<Self> {
        Ok(Self {
            body: Subnetwork::new(device, body(info.channels)?, rows)?,
            head: Subnetwork::new(device, head(info.logits())?, rows)?,
            images: Matrix::zeros(device, rows, info.image().pixels())?,
            info,
        })
    }

    /// Its properties besides the weights.
    pub fn info(&self) -> ClassifierInfo {
        self.info
    }

    /// Extracts features and predicts classes of images: bytes, channels first, of the shape
    /// [`ClassifierInfo::image`].
    ///
    /// # Errors
    /// When the device fails.
    pub fn extract(&mut self, device: &D, images: &[u8]) -> Result<Features> {
        let pixels = self.info.image().pixels();
        let mut extracted = Features::default();
        for images in images.chunks(BATCH * pixels) {
            let (rows, x) = (images.len() / pixels, scaled::<D>(images));
            device.upload(self.images.part(x.len()), &x)?;
            self.body.forward(device, &plain(self.images.rows(0..rows)), rows);
            self.head.forward(device, &plain(self.body.output(rows)), rows);
            let features = device.download(self.body.output(rows))?;
            extracted.values.extend(features.into_iter().map(|x| x.to_f64() as f32));
            extracted.classes.extend(self.predictions(device, rows)?);
        }
        Ok(extracted)
    }

    /// Predicts classes from features: (images, [`FEATURES`]).
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
            classes.extend(self.predictions(device, rows)?);
        }
        Ok(classes)
    }

    fn predictions(&self, device: &D, rows: usize) -> Result<Vec<u32>> {
        let logits = device.download(self.head.output(rows))?;
        let of_image = |logits: &[D::Real]| argmax(&logits[..self.info.classes]);
        Ok(logits.chunks_exact(self.info.logits()).map(of_image).collect())
    }
}

/// The input of a pass without dropout.
fn plain<D: Device>(x: In<'_, D>) -> PassInput<'_, D> {
    PassInput { x, labels: None, masks: None }
}

/// Bytes scaled to [−1, 1].
fn scaled<D: Device>(images: &[u8]) -> Vec<D::Real> {
    images.iter().map(|&byte| D::Real::from_f64(f64::from(byte) / 127.5 - 1.0)).collect()
}

/// The index of the maximum; of several, the first.
fn argmax<T: Real>(numbers: &[T]) -> u32 {
    let best = (0..numbers.len()).reduce(|a, b| if numbers[b] > numbers[a] { b } else { a });
    best.unwrap_or(0) as u32
}

fn body(channels: usize) -> Result<NetworkSpec, SpecProblem> {
    let convolution = |inputs, outputs| {
        Layer::Conv2d(Convolution { inputs, outputs, kernel: 4, stride: 2, padding: 1, bias: true })
    };
    let reduced = IMAGE_SIZE / 4;
    let layers = vec![
        convolution(channels, 32),
        Layer::Relu,
        convolution(32, 64),
        Layer::Relu,
        Layer::Flatten,
        Layer::Linear { inputs: 64 * reduced * reduced, outputs: 120 },
        Layer::Relu,
        Layer::Dropout(DROPOUT),
        Layer::Linear { inputs: 120, outputs: FEATURES },
        Layer::Relu,
        Layer::Dropout(DROPOUT),
    ];
    network("body.", Shape::Image([channels, IMAGE_SIZE, IMAGE_SIZE]), layers)
}

fn head(logits: usize) -> Result<NetworkSpec, SpecProblem> {
    let layers = vec![Layer::Linear { inputs: FEATURES, outputs: logits }];
    network("head.", Shape::Features(FEATURES), layers)
}

fn network(key: &str, shape: Shape, layers: Vec<Layer>) -> Result<NetworkSpec, SpecProblem> {
    let sequence = Sequence { key_prefix: key.to_owned(), view: None, layers };
    NetworkSpec::new(Input { shape, label: None }, vec![sequence])
}
