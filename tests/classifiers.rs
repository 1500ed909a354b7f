//! The embedded classifiers: their files and accuracy, and that training is reproducible.

use std::fs;
use std::path::Path;

use gan_cuda::data::{Dataset, DatasetKind, ImageShape, SearchPaths};
use gan_cuda::device::cpu::Cpu;
use gan_cuda::eval::classifier::training::{LabelledImages, TrainingOptions, train};
use gan_cuda::eval::classifier::{Classifier, FEATURES, embedded, test_features};
use gan_cuda::formats::tensor_file::TensorFile;
use sha2::{Digest, Sha256};

/// Each data set, with the largest acceptable error rate on its test images.
const MAX_ERRORS: [(DatasetKind, f64); 2] =
    [(DatasetKind::Mnist, 0.01), (DatasetKind::FashionMnist, 0.09)];

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/data/classifiers"))
}

#[test]
fn files_are_small_and_match_the_hashes_in_their_readme() {
    let readme = fs::read_to_string(folder().join("README.md")).unwrap();
    for (kind, _) in MAX_ERRORS {
        for name in [format!("{kind}.safetensors"), format!("{kind}-test.safetensors")] {
            let bytes = fs::read(folder().join(&name)).unwrap();
            assert!(bytes.len() < 1_000_000, "{name}");
            let hash: String =
                Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
            assert!(readme.contains(&format!("| `{name}` | `{hash}` |")), "{name}: {hash}");
        }
    }
}

#[test]
fn embedded_features_of_test_images_are_classified_as_accurately_as_the_images() {
    let device = Cpu::<f32>::new(2);
    for (kind, max_error) in MAX_ERRORS {
        let mut classifier = embedded(&device, kind).unwrap();
        let test = test_features(kind).unwrap();
        assert_eq!(test.labels.len(), 10_000);
        assert_eq!(test.features.len(), 10_000 * FEATURES);
        let predicted = classifier.classify(&device, &test.features).unwrap();
        let wrong = predicted.iter().zip(&test.labels).filter(|(a, b)| a != b).count();
        let error = wrong as f64 / 10_000.0;
        // These features are quantized; the classifier's error is from exact ones.
        assert!((error - classifier.info().error).abs() < 0.001, "{kind}: {error}");
        assert!(classifier.info().error <= max_error, "{kind}: {error}");
    }
}

#[test]
fn embedded_classifier_recognizes_digits() {
    let device = Cpu::<f32>::new(2);
    let digits = DatasetKind::Mnist.load(&SearchPaths::default()).unwrap();
    let mut classifier = embedded(&device, DatasetKind::Mnist).unwrap();
    let some = 1000 * digits.shape.pixels();
    let set = LabelledImages { images: &digits.images[..some], labels: &digits.labels[..1000] };
    assert!(classifier.error(&device, set).unwrap() < 0.01);
}

/// Images of two classes: gradients from top to bottom, or from left to right.
fn gradients(channels: usize) -> Dataset {
    let shape = ImageShape { channels, height: 28, width: 28 };
    let mut data = Dataset::synthetic(shape, 64, 0);
    for i in 0..64 {
        data.labels[i] = i as u32 % 2;
        let image = &mut data.images[i * shape.pixels()..][..shape.pixels()];
        for (j, byte) in image.iter_mut().enumerate() {
            let [y, x] = [j % 784 / 28, j % 28];
            *byte = (*byte / 8) + 7 * (if i % 2 == 0 { y } else { x }) as u8;
        }
    }
    data.classes = 2;
    data
}

fn trained(data: &Dataset, threads: usize) -> (Cpu<f32>, Classifier<Cpu<f32>>) {
    let device = Cpu::<f32>::new(threads);
    let set = LabelledImages { images: &data.images, labels: &data.labels };
    let (options, mut calls) = (TrainingOptions { epochs: 40, seed: 1 }, Vec::new());
    let progress = &mut |done, total| calls.push((done, total));
    let extents = [data.shape.channels, 2];
    let classifier = train(&device, extents, [set, set], options, progress).unwrap();
    assert_eq!(calls, (1..=40).map(|done| (done, 40)).collect::<Vec<_>>());
    (device, classifier)
}

fn bytes((device, classifier): &(Cpu<f32>, Classifier<Cpu<f32>>)) -> Vec<u8> {
    let mut bytes = Vec::new();
    classifier.write(device, [], Path::new("a file"), &mut bytes).unwrap();
    bytes
}

#[test]
fn training_succeeds_and_is_bitwise_the_same_for_any_number_of_threads() {
    for channels in [1, 3] {
        let data = gradients(channels);
        let (one, two) = (trained(&data, 1), trained(&data, 2));
        assert!(one.1.info().error < 0.05, "{channels} channels: {:?}", one.1.info());
        assert_eq!(bytes(&one), bytes(&two));
    }
}

#[test]
fn classifier_written_and_read_extracts_the_same_features() {
    let data = gradients(1);
    let mut before = trained(&data, 1);
    let file = TensorFile::from_bytes(Path::new("a file"), &bytes(&before)).unwrap();
    let mut after = Classifier::read(&before.0, &file).unwrap();
    assert_eq!(after.info(), before.1.info());
    let [a, b] = [&mut before.1, &mut after].map(|it| it.extract(&before.0, &data.images).unwrap());
    assert_eq!(a, b);
    let other = TensorFile::from_bytes(Path::new("a file"), b"no classifier");
    assert!(other.is_err());
}
