//! The classifiers inside the program: what they are, and that training one is repeatable.

use std::fs;
use std::path::Path;

use gan_cuda::data::{Dataset, DatasetKind, ImageShape, SearchPaths};
use gan_cuda::device::cpu::Cpu;
use gan_cuda::eval::classifier::training::{Labelled, Recipe, train};
use gan_cuda::eval::classifier::{Classifier, FEATURES, embedded, test_features};
use gan_cuda::formats::tensor_file::TensorFile;
use sha2::{Digest, Sha256};

/// Each data set, and the greatest share of its test images that may be taken for another class.
const SETS: [(DatasetKind, f64); 2] =
    [(DatasetKind::Mnist, 0.01), (DatasetKind::FashionMnist, 0.09)];

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/data/classifiers"))
}

#[test]
fn files_are_small_and_those_that_their_readme_tells_of() {
    let readme = fs::read_to_string(folder().join("README.md")).unwrap();
    for (kind, _) in SETS {
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
fn classifiers_know_the_test_images_by_their_features() {
    let device = Cpu::<f32>::new(2);
    for (kind, bound) in SETS {
        let mut classifier = embedded(&device, kind).unwrap();
        let known = test_features(kind).unwrap();
        assert_eq!(known.labels.len(), 10_000);
        assert_eq!(known.features.len(), 10_000 * FEATURES);
        let seen = classifier.classify(&device, &known.features).unwrap();
        let wrong = seen.iter().zip(&known.labels).filter(|(a, b)| a != b).count();
        let error = wrong as f64 / 10_000.0;
        // Features are rounded, the classifier's own error is from those that are not.
        assert!((error - classifier.about().error).abs() < 0.001, "{kind}: {error}");
        assert!(classifier.about().error <= bound, "{kind}: {error}");
    }
}

#[test]
fn digits_are_known_for_what_they_are() {
    let device = Cpu::<f32>::new(2);
    let digits = DatasetKind::Mnist.load(&SearchPaths::default()).unwrap();
    let mut classifier = embedded(&device, DatasetKind::Mnist).unwrap();
    let some = 1000 * digits.shape.pixels();
    let set = Labelled { images: &digits.images[..some], labels: &digits.labels[..1000] };
    assert!(classifier.error(&device, set).unwrap() < 0.01);
}

/// Squares that grow brighter downwards, or to the right.
fn slopes(channels: usize) -> Dataset {
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
    let set = Labelled { images: &data.images, labels: &data.labels };
    let (recipe, mut heard) = (Recipe { epochs: 40, seed: 1 }, Vec::new());
    let progress = &mut |done, all| heard.push((done, all));
    let extents = [data.shape.channels, 2];
    let classifier = train(&device, extents, [set, set], recipe, progress).unwrap();
    assert_eq!(heard, (1..=40).map(|done| (done, 40)).collect::<Vec<_>>());
    (device, classifier)
}

fn bytes((device, classifier): &(Cpu<f32>, Classifier<Cpu<f32>>)) -> Vec<u8> {
    let mut bytes = Vec::new();
    classifier.write(device, [], Path::new("a file"), &mut bytes).unwrap();
    bytes
}

#[test]
fn classifier_learns_and_has_the_same_bits_on_any_number_of_threads() {
    for channels in [1, 3] {
        let data = slopes(channels);
        let (one, two) = (trained(&data, 1), trained(&data, 2));
        assert!(one.1.about().error < 0.05, "{channels} channels: {:?}", one.1.about());
        assert_eq!(bytes(&one), bytes(&two));
    }
}

#[test]
fn classifier_that_was_written_sees_as_it_did_before() {
    let data = slopes(1);
    let mut before = trained(&data, 1);
    let file = TensorFile::from_bytes(Path::new("a file"), &bytes(&before)).unwrap();
    let mut after = Classifier::read(&before.0, &file).unwrap();
    assert_eq!(after.about(), before.1.about());
    let [a, b] = [&mut before.1, &mut after].map(|it| it.look(&before.0, &data.images).unwrap());
    assert_eq!(a, b);
    let other = TensorFile::from_bytes(Path::new("a file"), b"no classifier");
    assert!(other.is_err());
}
