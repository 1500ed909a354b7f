//! Classifiers as files, and the classifiers embedded in the program.
//!
//! A classifier is stored as safetensors: 16-bit weights under PyTorch's keys, and its
//! [`ClassifierInfo`] as metadata. For each embedded classifier, the program also contains the
//! features of the 10,000 test images of its data set, so that scores need no test images.
//!
//! Features are quantized to 8 bits: feature j is byte·max_j/255, where max_j is its maximum over
//! these images. The error is at most max_j/510.

use std::io::Write;
use std::path::Path;

use half::f16;

use super::{BATCH, Classifier, ClassifierInfo, FEATURES};
use crate::data::{DatasetKind, StackedSet, stacked_class};
use crate::device::{Device, Real};
use crate::eval::{Error, Result};
use crate::formats::tensor_file::{TensorFile, TensorWriter};
use crate::nn::{Network, Params};

/// The embedded files of a data set: its classifier, and the features of its test images.
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
        DatasetKind::Mnist | DatasetKind::StackedMnist => files!("mnist"),
        DatasetKind::FashionMnist => files!("fashion-mnist"),
    }
}

/// The embedded classifier of a data set; that of stacked digits classifies each of the three.
///
/// # Errors
/// When the device fails.
pub fn embedded<D: Device>(device: &D, kind: DatasetKind) -> Result<Classifier<D>> {
    let [(path, bytes), _] = files(kind);
    Classifier::read(device, &TensorFile::from_bytes(Path::new(path), bytes)?)
}

/// The features that the embedded classifier extracts from a data set's test images. Those of
/// stacked digits are the features of red, green and blue, one after the other.
///
/// # Errors
/// Only if an embedded file is invalid.
pub fn test_features(kind: DatasetKind) -> Result<TestFeatures> {
    let [_, (path, bytes)] = files(kind);
    let stored = TestFeatures::read(&TensorFile::from_bytes(Path::new(path), bytes)?)?;
    Ok(if kind == DatasetKind::StackedMnist { stored.stacked() } else { stored })
}

impl<D: Device> Classifier<D> {
    /// Reads a classifier.
    ///
    /// # Errors
    /// When the file is not a classifier, or the device fails.
    #[inline(never)]
    pub fn read(device: &D, file: &TensorFile) -> Result<Self> {
        let info = ClassifierInfo {
            channels: file.parse_metadata("channels")?,
            classes: file.parse_metadata("classes")?,
            error: file.parse_metadata("error")?,
        };
        let mut classifier = Self::zeros(device, info, BATCH)?;
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

    /// Writes the classifier with 16-bit weights and additional metadata; `path` appears in error
    /// messages.
    ///
    /// # Errors
    /// I/O, and when the device fails.
    #[inline(never)]
    pub fn write(
        &self,
        device: &D,
        more: impl IntoIterator<Item = (String, String)>,
        path: &Path,
        out: &mut dyn Write,
    ) -> Result<()> {
        let mut file = TensorWriter::<Error>::new();
        let ClassifierInfo { channels, classes, error } = self.info;
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

    /// Rounds all weights to 16 bits, as a file stores them.
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
    /// (images, [`FEATURES`]), or (images, 3 · [`FEATURES`]) for stacked digits.
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

    fn stacked(&self) -> TestFeatures {
        let mut stacked = TestFeatures { features: Vec::new(), labels: Vec::new() };
        for triple in StackedSet::Test.triples(self.labels.len()) {
            for digit in triple {
                stacked.features.extend_from_slice(&self.features[digit * FEATURES..][..FEATURES]);
            }
            let digits = triple.map(|digit| self.labels[digit]);
            stacked.labels.push(stacked_class(&digits, DatasetKind::Mnist.classes()));
        }
        stacked
    }

    /// Writes the features, quantized to 8 bits; `path` appears in error messages.
    ///
    /// # Errors
    /// I/O.
    pub fn write(&self, path: &Path, out: &mut dyn Write) -> Result<()> {
        let images = self.labels.len();
        let mut greatest = [0.0_f32; FEATURES];
        for row in self.features.chunks_exact(FEATURES) {
            greatest.iter_mut().zip(row).for_each(|(most, &x)| *most = most.max(x));
        }
        // A feature that is always 0 has any step.
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
