//! Classifiers as files, and those inside the program.
//!
//! A file is safetensors: weights of 16 bits under PyTorch's keys, and what the classifier is in the
//! metadata. Beside each classifier inside the program there are the features of its data set's
//! 10,000 test images, so that scores need no test images.
//!
//! Features are stored in 8 bits: of feature j, byte·max_j/255, where max_j is the greatest that any
//! of these images has; so each is off by max_j/510 at most.

use std::io::Write;
use std::path::Path;

use half::f16;

use super::{About, BATCH, Classifier, FEATURES};
use crate::data::DatasetKind;
use crate::device::{Device, Real};
use crate::eval::{Error, Result};
use crate::formats::tensor_file::{TensorFile, TensorWriter};
use crate::nn::{Network, Params};

/// Of each data set known by name, the classifier and the features of the test images.
fn files(kind: DatasetKind) -> [(&'static str, &'static [u8]); 2] {
    macro_rules! files {
        ($name:literal) => {
            [
                (
                    concat!("data/classifiers/", $name, ".safetensors"),
                    include_bytes!(concat!("../../../data/classifiers/", $name, ".safetensors")),
                ),
                (
                    concat!("data/classifiers/", $name, "-test.safetensors"),
                    include_bytes!(concat!(
                        "../../../data/classifiers/",
                        $name,
                        "-test.safetensors"
                    )),
                ),
            ]
        };
    }
    match kind {
        DatasetKind::Mnist => files!("mnist"),
        DatasetKind::FashionMnist => files!("fashion-mnist"),
    }
}

/// The classifier of a data set known by name.
///
/// # Errors
/// When the device fails.
pub fn embedded<D: Device>(device: &D, kind: DatasetKind) -> Result<Classifier<D>> {
    let [(path, bytes), _] = files(kind);
    Classifier::read(device, &TensorFile::from_bytes(Path::new(path), bytes)?)
}

/// The features of a data set's test images, as its classifier sees them.
///
/// # Errors
/// None but for a damaged program.
pub fn test_features(kind: DatasetKind) -> Result<TestFeatures> {
    let [_, (path, bytes)] = files(kind);
    TestFeatures::read(&TensorFile::from_bytes(Path::new(path), bytes)?)
}

impl<D: Device> Classifier<D> {
    /// Reads a classifier.
    ///
    /// # Errors
    /// When the file is of something else, or the device fails.
    pub fn read(device: &D, file: &TensorFile) -> Result<Self> {
        let about = About {
            channels: file.parse_metadata("channels")?,
            classes: file.parse_metadata("classes")?,
            error: file.parse_metadata("error")?,
        };
        let mut classifier = Self::zeros(device, about, BATCH)?;
        for network in [&mut classifier.body.network, &mut classifier.head.network] {
            let params = network.params_mut();
            for i in 0..params.list().len() {
                let param = &params.list()[i];
                let values = file.floats(&param.name, &param.shape, D::Real::from_f64)?;
                params.write(device, i, &values)?;
            }
        }
        Ok(classifier)
    }

    /// Writes the classifier, of weights of 16 bits, with further metadata; `path` is for the
    /// errors' messages.
    ///
    /// # Errors
    /// I/O, and when the device fails.
    pub fn write(
        &self,
        device: &D,
        more: impl IntoIterator<Item = (String, String)>,
        path: &Path,
        out: &mut dyn Write,
    ) -> Result<()> {
        let mut file = TensorWriter::<Error>::new();
        let About { channels, classes, error } = self.about;
        file.metadata.extend(more);
        file.metadata.extend([
            ("channels".to_owned(), channels.to_string()),
            ("classes".to_owned(), classes.to_string()),
            ("error".to_owned(), error.to_string()),
        ]);
        for params in self.networks().map(Network::params) {
            for param in params.list() {
                let values = params.read(device, param)?.into_iter();
                let values = values.map(|x| f16::from_f64(x.to_f64())).collect::<Vec<_>>();
                file.push(param.name.clone(), &param.shape, [Ok(values)]);
            }
        }
        file.write(path, out)
    }

    fn networks(&self) -> [&Network<D>; 2] {
        [&self.body.network, &self.head.network]
    }

    /// Rounds all weights to what a file holds of them.
    pub(super) fn round(&mut self, device: &D) -> Result<()> {
        let round = |params: &mut Params<D>| -> Result<()> {
            for i in 0..params.list().len() {
                let values = params.read(device, &params.list()[i])?.into_iter();
                let rounded = |x: D::Real| D::Real::from_f64(f16::from_f64(x.to_f64()).into());
                params.write(device, i, &values.map(rounded).collect::<Vec<_>>())?;
            }
            Ok(())
        };
        round(self.body.network.params_mut())?;
        round(self.head.network.params_mut())
    }
}

/// The features of test images, and their classes.
#[derive(Clone, Debug, PartialEq)]
pub struct TestFeatures {
    /// (images, [`FEATURES`]).
    pub features: Vec<f32>,
    /// The class of each.
    pub labels: Vec<u32>,
}

impl TestFeatures {
    fn read(file: &TensorFile) -> Result<TestFeatures> {
        let images = file.parse_metadata("images")?;
        let steps: Vec<f32> = file.get("steps", &[FEATURES])?;
        let bytes: Vec<u8> = file.get("features", &[images, FEATURES])?;
        let labels: Vec<u8> = file.get("labels", &[images])?;
        let features = bytes.iter().enumerate().map(|(i, &b)| f32::from(b) * steps[i % FEATURES]);
        Ok(TestFeatures {
            features: features.collect(),
            labels: labels.into_iter().map(u32::from).collect(),
        })
    }

    /// Writes them, rounded to 8 bits; `path` is for the errors' messages.
    ///
    /// # Errors
    /// I/O.
    pub fn write(&self, path: &Path, out: &mut dyn Write) -> Result<()> {
        let images = self.labels.len();
        let mut greatest = [0.0_f32; FEATURES];
        for row in self.features.chunks_exact(FEATURES) {
            greatest.iter_mut().zip(row).for_each(|(most, &x)| *most = most.max(x));
        }
        // A feature that is never there is 0 in any step.
        let steps = greatest.map(|most| if most > 0.0 { most / 255.0 } else { 1.0 });
        let byte = |(i, &x): (usize, &f32)| (x / steps[i % FEATURES]).round() as u8;
        let bytes: Vec<u8> = self.features.iter().enumerate().map(byte).collect();
        let labels: Vec<u8> = self.labels.iter().map(|&label| label as u8).collect();
        let mut file = TensorWriter::<Error>::new();
        file.metadata.insert("images".to_owned(), images.to_string());
        file.push("steps", &[FEATURES], [Ok(steps.to_vec())]);
        file.push("features", &[images, FEATURES], [Ok(bytes)]);
        file.push("labels", &[images], [Ok(labels)]);
        file.write(path, out)
    }
}
