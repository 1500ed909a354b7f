//! Stacked digits: the data set, its features, and its modes.

#[path = "common/idx.rs"]
#[allow(dead_code)] // other tests compress files, too
mod idx;

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use gan_cuda::data::{
    ClassOrder, Dataset, DatasetKind, ImageShape, Requirements, SearchPaths, Source, StackedSet,
};
use gan_cuda::device::cpu::Cpu;
use gan_cuda::eval::FeatureExtractor;
use gan_cuda::eval::classifier::training::LabelledImages;
use gan_cuda::eval::classifier::{FEATURES, embedded, test_features};
use gan_cuda::eval::measures::histogram::Modes;
use gan_cuda::eval::real_images::{DataSplit, Sample};
use gan_cuda::text::with_causes;
use idx::idx;
use tempfile::TempDir;

const SOURCE: Source = Source::Named(DatasetKind::StackedMnist);
/// Bytes of a digit in the test files.
const BYTES: usize = 6;
const LABELS: [u8; 3] = [7, 0, 9];

static STACKED: LazyLock<Dataset> =
    LazyLock::new(|| DatasetKind::StackedMnist.load(&SearchPaths::default()).unwrap());

/// Three digits of 2×3 pixels, of which digit i has the bytes 6i + `first` … 6i + `first` + 5.
fn put_digits(folder: &Path, set: &str, first: u8) {
    let bytes: Vec<u8> = (0..3 * BYTES as u8).map(|i| i + first).collect();
    let put = |name: &str, bytes| fs::write(folder.join(format!("{set}-{name}")), bytes).unwrap();
    put("images-idx3-ubyte", idx(&[3, 2, 3], &bytes));
    put("labels-idx1-ubyte", idx(&[3], &LABELS));
}

fn data_dir(folder: &Path) -> SearchPaths {
    SearchPaths { data_dir: Some(folder.to_owned()), ..SearchPaths::default() }
}

fn requirements(search_paths: SearchPaths, size: usize, channels: usize) -> Requirements {
    Requirements {
        source: SOURCE,
        search_paths,
        shape: ImageShape { channels, height: size, width: size },
        exact_size: false,
        classes: true,
        class_order: ClassOrder::Natural,
        skip_bad: false,
        threads: 1,
        cache: None,
        write_cache: false,
    }
}

/// Checks that each channel of each image is a digit of the file, and that the label has their
/// classes. Returns the first byte of each channel.
fn digits_of(data: &Dataset, first: u8) -> Vec<u8> {
    assert_eq!(data.shape, ImageShape { channels: 3, height: 2, width: 3 });
    assert_eq!((data.name.as_str(), data.classes), ("stacked-mnist", 1000));
    let mut starts = Vec::new();
    for (image, &label) in data.images.chunks_exact(3 * BYTES).zip(&data.labels) {
        let mut class = 0;
        for channel in image.chunks_exact(BYTES) {
            let digit = (channel[0] - first) / BYTES as u8;
            let bytes = 6 * digit + first;
            assert_eq!(channel, (bytes..bytes + 6).collect::<Vec<_>>());
            class = 10 * class + u32::from(LABELS[usize::from(digit)]);
            starts.push(channel[0]);
        }
        assert_eq!(label, class);
    }
    starts
}

#[test]
fn channels_are_digits_of_the_files_and_labels_have_their_classes() {
    let folder = TempDir::new().unwrap();
    put_digits(folder.path(), "train", 0);
    let data = DatasetKind::StackedMnist.load(&data_dir(folder.path())).unwrap();
    assert_eq!((data.len(), data.labels.len()), (128_000, 128_000));
    let starts = digits_of(&data, 0);
    for channel in 0..3 {
        for digit in [0, 6, 12] {
            let chosen = starts.iter().skip(channel).step_by(3).filter(|&&start| start == digit);
            // A third of 128,000, with a standard deviation of 169.
            assert!(chosen.count().abs_diff(42_667) < 700, "channel {channel}, digit {digit}");
        }
    }
}

#[test]
fn test_images_are_stacked_from_test_digits_only() {
    let folder = TempDir::new().unwrap();
    put_digits(folder.path(), "train", 0);
    let load = || DatasetKind::StackedMnist.load_test(&data_dir(folder.path())).unwrap();
    assert!(load().is_none());
    put_digits(folder.path(), "t10k", 100);
    let test = load().unwrap();
    assert_eq!(test.len(), 10_000);
    digits_of(&test, 100);
    // Not the same choice as in the training set either.
    let of = |set: StackedSet| set.triples(3).take(1000).collect::<Vec<_>>();
    assert_ne!(of(StackedSet::Training), of(StackedSet::Test));
}

/// The checksum is that of an implementation in NumPy.
#[test]
fn stacks_of_the_embedded_digits_never_change() {
    assert_eq!(STACKED.checksum(), 3_865_476_832);
    assert_eq!(STACKED.labels[..3], [360, 138, 206]);
    assert_eq!(
        STACKED.summary(),
        "stacked-mnist: 128,000 images of 28×28 rgb, 1,000 classes, embedded in this program"
    );
    let mut counts = [0; 1000];
    STACKED.labels.iter().for_each(|&label| counts[label as usize] += 1);
    assert!(counts.iter().all(|count| (60..240).contains(count)), "{counts:?}");
}

#[test]
fn digits_are_resized_before_they_are_stacked() {
    let shaped = requirements(SearchPaths::default(), 8, 3).load(&|_, _| ()).unwrap();
    let digits = DatasetKind::Mnist.load(&SearchPaths::default()).unwrap();
    let digits = digits.with_shape(8, 1).unwrap();
    assert_eq!((shaped.len(), shaped.image(0).len()), (128_000, 3 * 64));
    for (i, triple) in StackedSet::Training.triples(digits.len()).take(50).enumerate() {
        let channels = triple.map(|digit| digits.image(digit));
        assert_eq!(shaped.image(i), channels.concat());
    }
    assert_eq!(shaped.labels, STACKED.labels);
}

#[test]
fn digits_stacked_in_grey_are_an_error() {
    let error = requirements(SearchPaths::default(), 28, 1).load(&|_, _| ()).unwrap_err();
    let text = with_causes(&error);
    assert!(text.contains("into 28×28 grey: stacked digits need three channels"), "{text}");
}

#[test]
fn classes_are_the_cube_of_those_of_the_digits() {
    assert_eq!(SOURCE.classes(&SearchPaths::default()).unwrap(), 1000);
    let folder = TempDir::new().unwrap();
    put_digits(folder.path(), "train", 0);
    assert_eq!(SOURCE.classes(&data_dir(folder.path())).unwrap(), 1000);
    // Labels of another data set, which become three classes.
    fs::write(folder.path().join("train-labels-idx1-ubyte"), idx(&[3], &[26, 1, 3])).unwrap();
    assert_eq!(SOURCE.classes(&data_dir(folder.path())).unwrap(), 27);
    // Without labels, images have no classes.
    fs::remove_file(folder.path().join("train-labels-idx1-ubyte")).unwrap();
    let mut requirements = requirements(data_dir(folder.path()), 4, 3);
    requirements.classes = false;
    let data = requirements.load(&|_, _| ()).unwrap();
    assert_eq!((data.classes, data.labels.iter().max()), (1, Some(&0)));
}

fn extractor(device: &Cpu<f32>) -> FeatureExtractor<Cpu<f32>> {
    FeatureExtractor::of_channels(embedded(device, DatasetKind::Mnist).unwrap(), STACKED.shape)
}

#[test]
fn features_of_an_image_are_those_of_its_three_digits() {
    let device = Cpu::<f32>::new(2);
    let mut extractor = extractor(&device);
    assert_eq!((extractor.dimensions(), extractor.classes()), (3 * FEATURES, Some(1000)));
    let images = &STACKED.images[..100 * STACKED.shape.pixels()];
    let stacked = extractor.extract(&device, images).unwrap();
    let mut classifier = embedded(&device, DatasetKind::Mnist).unwrap();
    let digits = classifier.extract(&device, images).unwrap();
    assert_eq!(stacked.values, digits.values);
    let classes = digits.classes.chunks(3).map(|of| 100 * of[0] + 10 * of[1] + of[2]);
    assert_eq!(stacked.classes, classes.collect::<Vec<_>>());
    let right = stacked.classes.iter().zip(&STACKED.labels).filter(|(a, b)| a == b).count();
    assert!(right >= 95, "{right} of 100");
}

#[test]
fn embedded_features_are_those_of_the_stacked_test_digits() {
    let digits = test_features(DatasetKind::Mnist).unwrap();
    let stacked = test_features(DatasetKind::StackedMnist).unwrap();
    assert_eq!(stacked.labels.len(), 10_000);
    let rows = stacked.features.chunks_exact(3 * FEATURES);
    for ((row, label), triple) in rows.zip(&stacked.labels).zip(StackedSet::Test.triples(10_000)) {
        let of = |digit: usize| &digits.features[digit * FEATURES..][..FEATURES];
        assert_eq!(row, triple.map(of).concat());
        let [red, green, blue] = triple.map(|digit| digits.labels[digit]);
        assert_eq!(*label, 100 * red + 10 * green + blue);
    }
}

/// The modes of images whose red digits are changed.
fn modes(change: impl Fn(&mut [u8], u32)) -> Modes {
    const COUNT: usize = 10_000;
    let device = Cpu::<f32>::new(2);
    let pixels = STACKED.shape.pixels();
    let mut images = STACKED.images[..COUNT * pixels].to_vec();
    for (image, &label) in images.chunks_exact_mut(pixels).zip(&STACKED.labels) {
        change(&mut image[..pixels / 3], label / 100);
    }
    let images = LabelledImages { images: &images, labels: &STACKED.labels[..COUNT] };
    let sample = Sample::of(&device, &mut extractor(&device), images).unwrap();
    Modes::of(&sample.features.classes, 1000)
}

#[test]
fn real_images_have_all_modes_and_a_missing_digit_a_tenth_less() {
    let Modes { found, kl } = modes(|_, _| ());
    // Images expected to be missing: 1000 e⁻¹⁰ = 0.05. Divergence: 999 / 2n = 0.050 by chance, and
    // 0.007 because the embedded digits are not equally frequent.
    assert!(found >= 998 && (0.05..0.07).contains(&kl), "{found}, {kl}");
    // Where red is 7, it becomes the 5 of the first digit.
    let five = DatasetKind::Mnist.load(&SearchPaths::default()).unwrap().image(0).to_vec();
    let missing = modes(|red, class| {
        if class == 7 {
            red.copy_from_slice(&five);
        }
    });
    // Other digits are mistaken for a 7 now and then.
    assert!((900..940).contains(&missing.found), "{missing:?}");
    // 0.2 ln 2 for a mode that is twice as frequent.
    assert!((missing.kl - kl - 0.2 * 2.0_f64.ln()).abs() < 0.03, "{missing:?}, {kl}");
    // Two modes in red instead of ten: ln 5.
    let five_or_black = modes(|red, class| match class < 5 {
        true => red.copy_from_slice(&five),
        false => red.fill(0),
    });
    assert_eq!(five_or_black.found, 200);
    assert!((five_or_black.kl - 5.0_f64.ln()).abs() < 0.05, "{five_or_black:?}");
}

#[test]
fn held_out_images_have_all_modes() {
    let device = Cpu::<f32>::new(2);
    let split = DataSplit::new(&STACKED, Some(DatasetKind::StackedMnist), None);
    let mut extractor = extractor(&device);
    let sample = split.held_out_features(&device, &mut extractor, STACKED.shape, &[]).unwrap();
    let Modes { found, kl } = Modes::of(&sample.features.classes, 1000);
    assert!(found >= 998 && (0.05..0.07).contains(&kl), "{found}, {kl}");
    let wrong = sample.features.classes.iter().zip(&sample.labels).filter(|(a, b)| a != b);
    // The classifier's error on digits is below 1 %.
    assert!(wrong.count() < 300);
}
