//! Named data sets: where their files are found, error messages, and conversion to the shape of a
//! network.

#[path = "common/idx.rs"]
mod idx;

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use gan_cuda::data::{Dataset, DatasetKind, ImageShape, Origin, SearchPaths, Source};
use gan_cuda::text::with_causes;
use idx::{gzip, idx};
use tempfile::TempDir;

const IMAGES: &str = "train-images-idx3-ubyte";
const LABELS: &str = "train-labels-idx1-ubyte";

fn images_file(count: u32) -> Vec<u8> {
    idx(&[count, 2, 3], &(0..count * 6).map(|value| value as u8).collect::<Vec<_>>())
}

fn labels_file(labels: &[u8]) -> Vec<u8> {
    idx(&[labels.len() as u32], labels)
}

fn put(folder: &Path, name: &str, bytes: &[u8]) {
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join(name), bytes).unwrap();
}

/// A folder with a valid pair of files with three images.
fn valid_folder() -> TempDir {
    let folder = TempDir::new().unwrap();
    put(folder.path(), IMAGES, &images_file(3));
    put(folder.path(), LABELS, &labels_file(&[7, 0, 9]));
    folder
}

fn data_dir(folder: &Path) -> SearchPaths {
    SearchPaths { data_dir: Some(folder.to_owned()), ..SearchPaths::default() }
}

fn cache_dir(folder: &Path) -> SearchPaths {
    SearchPaths { cache: Some(folder.to_owned()), ..SearchPaths::default() }
}

fn failure(kind: DatasetKind, search_paths: &SearchPaths) -> String {
    with_causes(&kind.load(search_paths).expect_err("this must not load"))
}

fn embedded() -> Dataset {
    DatasetKind::Mnist.load(&SearchPaths::default()).unwrap()
}

fn mean(values: &[u8]) -> f64 {
    values.iter().map(|&value| f64::from(value)).sum::<f64>() / values.len() as f64
}

#[test]
fn embedded_digits_are_10000_images_of_all_classes() {
    let digits = embedded();
    assert_eq!((digits.len(), digits.labels.len(), digits.classes), (10_000, 10_000, 10));
    assert_eq!(digits.shape, ImageShape { channels: 1, height: 28, width: 28 });
    assert_eq!(digits.labels[..5], [5, 0, 4, 1, 9]);
    for class in 0..10 {
        let members = digits.labels.iter().filter(|&&label| label == class).count();
        assert!((800..1200).contains(&members), "{members} images of {class}");
    }
    // MNIST's mean is 0.1307 of white.
    assert!((mean(&digits.images) / 255.0 - 0.1307).abs() < 0.005);
}

#[test]
fn summary_of_embedded_digits() {
    let digits = DatasetKind::Mnist.load(&cache_dir(Path::new("/nowhere/mnist"))).unwrap();
    assert_eq!(
        digits.summary(),
        "mnist: 10,000 images of 28×28 grey, 10 classes, embedded in this program"
    );
}

#[test]
fn data_dir_is_loaded_and_named_in_the_summary() {
    let folder = valid_folder();
    let data = DatasetKind::FashionMnist.load(&data_dir(folder.path())).unwrap();
    assert_eq!((data.name.as_str(), data.len()), ("fashion-mnist", 3));
    assert_eq!(data.labels, [7, 0, 9]);
    assert_eq!(data.image(1), [6, 7, 8, 9, 10, 11]);
    assert_eq!(data.origin, Origin::Folder(folder.path().to_owned()));
    assert!(data.summary().contains(&format!("from {}", folder.path().display())));
}

#[test]
fn all_accepted_file_names_are_found() {
    for (images, labels) in [
        ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"),
        ("train-images.idx3-ubyte", "train-labels.idx1-ubyte"),
        ("train-images.idx3-ubyte.gz", "train-labels-idx1-ubyte"),
    ] {
        let folder = TempDir::new().unwrap();
        // Gzip is detected by content: each pair has one gzipped and one raw file.
        put(folder.path(), images, &gzip(&images_file(3)));
        put(folder.path(), labels, &labels_file(&[7, 0, 9]));
        let data = DatasetKind::Mnist.load(&data_dir(folder.path())).unwrap();
        assert_eq!(data.images, (0..18).collect::<Vec<u8>>(), "{images}");
    }
}

#[test]
fn torchvision_folders_are_found() {
    for (kind, inner) in
        [(DatasetKind::Mnist, "MNIST/raw"), (DatasetKind::FashionMnist, "FashionMNIST/raw")]
    {
        let root = TempDir::new().unwrap();
        put(&root.path().join(inner), IMAGES, &images_file(2));
        put(&root.path().join(inner), LABELS, &labels_file(&[1, 2]));
        let data = kind.load(&data_dir(root.path())).unwrap();
        assert_eq!(data.origin, Origin::Folder(root.path().join(inner)));
    }
}

#[test]
fn search_paths_are_searched_in_order() {
    let (named, cache, system) = (valid_folder(), valid_folder(), valid_folder());
    let mut search_paths = SearchPaths {
        data_dir: Some(named.path().to_owned()),
        cache: Some(cache.path().to_owned()),
        system: vec![PathBuf::from("/nowhere"), system.path().to_owned()],
    };
    let found = |search_paths: &SearchPaths| DatasetKind::Mnist.load(search_paths).unwrap().origin;
    assert_eq!(found(&search_paths), Origin::Folder(named.path().to_owned()));
    search_paths.data_dir = None;
    assert_eq!(found(&search_paths), Origin::Folder(cache.path().to_owned()));
    search_paths.cache = None;
    assert_eq!(found(&search_paths), Origin::Folder(system.path().to_owned()));
    search_paths.system.clear();
    assert_eq!(found(&search_paths), Origin::Embedded);
}

#[test]
fn data_dir_without_files_is_an_error_that_lists_accepted_names() {
    let empty = TempDir::new().unwrap();
    let text = failure(DatasetKind::Mnist, &data_dir(empty.path()));
    assert!(text.starts_with("no mnist training set in "), "{text}");
    for name in [IMAGES, "train-labels.idx1-ubyte.gz", "MNIST/raw"] {
        assert!(text.contains(name), "{text} lacks {name}");
    }
}

#[test]
fn missing_fashion_mnist_is_an_error_that_lists_the_searched_folders() {
    let text = failure(DatasetKind::FashionMnist, &cache_dir(Path::new("/nowhere/fashion")));
    assert_eq!(text, "fashion-mnist was not found (searched: /nowhere/fashion)");
}

#[test]
fn images_without_labels_and_labels_without_images_are_errors() {
    for (present, missing) in [(IMAGES, "no label file next to it"), (LABELS, "no image file")] {
        let folder = TempDir::new().unwrap();
        put(folder.path(), present, &images_file(1));
        let text = failure(DatasetKind::Mnist, &cache_dir(folder.path()));
        assert!(text.contains(present) && text.contains(missing), "{text}");
    }
}

#[test]
fn damaged_file_is_an_error_that_names_it() {
    let folder = valid_folder();
    put(folder.path(), IMAGES, &labels_file(&[7, 0, 9]));
    let text = failure(DatasetKind::Mnist, &cache_dir(folder.path()));
    let path = folder.path().join(IMAGES);
    assert!(text.starts_with(&format!("cannot use {}: ", path.display())), "{text}");
    assert!(text.contains("this is a label file"), "{text}");
}

#[test]
fn wrong_number_of_labels_is_an_error() {
    for (labels, problem) in [
        (&[7, 0][..], "has 2 labels, but the image file next to it has 3 images"),
        (&[7, 0, 10, 3], "has 4 labels, but the image file next to it has 3 images"),
    ] {
        let folder = valid_folder();
        put(folder.path(), LABELS, &labels_file(labels));
        let text = failure(DatasetKind::Mnist, &data_dir(folder.path()));
        assert!(text.contains(LABELS) && text.contains(problem), "{text}");
    }
}

#[cfg(unix)]
#[test]
fn unreadable_file_is_an_io_error() {
    let folder = valid_folder();
    fs::remove_file(folder.path().join(IMAGES)).unwrap();
    std::os::unix::fs::symlink(IMAGES, folder.path().join(IMAGES)).unwrap();
    let text = failure(DatasetKind::Mnist, &data_dir(folder.path()));
    assert!(text.starts_with("cannot look for ") && text.contains(IMAGES), "{text}");
}

#[test]
fn folder_with_the_name_of_a_file_is_searched() {
    for names in [[IMAGES, LABELS], ["train-images.idx3-ubyte", "train-labels.idx1-ubyte"]] {
        let folder = TempDir::new().unwrap();
        let [images, labels] = [IMAGES, LABELS].map(|name| folder.path().join(name));
        // First empty folders, with the files next to them.
        fs::create_dir(&images).unwrap();
        fs::create_dir(&labels).unwrap();
        let text = failure(DatasetKind::Mnist, &data_dir(folder.path()));
        assert!(text.starts_with("no mnist training set in "), "{text}");
        let inner =
            |name: &Path| if names[0] == IMAGES { name.to_owned() } else { folder.path().into() };
        put(&inner(&images), names[0], &images_file(3));
        put(&inner(&labels), names[1], &labels_file(&[7, 0, 9]));
        let data = DatasetKind::Mnist.load(&cache_dir(folder.path())).unwrap();
        assert_eq!(data.labels, [7, 0, 9]);
        assert_eq!(data.origin, Origin::Folder(folder.path().to_owned()));
    }
}

#[test]
fn other_labels_become_classes_in_ascending_order() {
    let folder = valid_folder();
    put(folder.path(), LABELS, &labels_file(&[26, 1, 3]));
    let search_paths = data_dir(folder.path());
    let data = DatasetKind::Mnist.load(&search_paths).unwrap();
    assert_eq!((&data.labels[..], data.classes), (&[2, 0, 1][..], 3));
    assert_eq!(data.class_names, ["1", "3", "26"]);
    assert_eq!(Source::Named(DatasetKind::Mnist).classes(&search_paths).unwrap(), 3);
}

#[test]
fn emnist_images_are_transposed() {
    let folder = TempDir::new().unwrap();
    put(folder.path(), &format!("emnist-letters-{IMAGES}"), &images_file(3));
    put(folder.path(), &format!("emnist-letters-{LABELS}"), &labels_file(&[1, 2, 3]));
    let data = DatasetKind::Mnist.load(&data_dir(folder.path())).unwrap();
    assert_eq!(data.shape, ImageShape { channels: 1, height: 3, width: 2 });
    assert_eq!(data.image(1), [6, 9, 7, 10, 8, 11]);
}

#[test]
fn files_with_mnist_names_take_precedence() {
    let folder = TempDir::new().unwrap();
    put(folder.path(), &format!("kuzushiji-{IMAGES}"), &images_file(2));
    put(folder.path(), &format!("kuzushiji-{LABELS}"), &labels_file(&[1, 2]));
    let load = || DatasetKind::Mnist.load(&data_dir(folder.path())).unwrap();
    assert_eq!(load().len(), 2);
    put(folder.path(), IMAGES, &images_file(3));
    put(folder.path(), LABELS, &labels_file(&[7, 0, 9]));
    assert_eq!(load().len(), 3);
}

#[test]
fn original_fashion_mnist_files_load() {
    let Some(folder) = std::env::var_os("GAN_CUDA_FASHION_MNIST") else {
        // Written to stderr directly, because the test harness captures println!.
        let _ = writeln!(io::stderr(), "skipped: GAN_CUDA_FASHION_MNIST does not name a folder");
        return;
    };
    let data = DatasetKind::FashionMnist.load(&data_dir(Path::new(&folder))).unwrap();
    assert_eq!((data.len(), data.shape.pixels()), (60_000, 784));
    assert_eq!(data.labels[..5], [9, 0, 0, 3, 0]);
    assert!((mean(&data.images) / 255.0 - 0.286).abs() < 0.001);
}

#[test]
fn constant_images_stay_constant_in_every_shape() {
    for (size, channels) in [(28, 1), (32, 1), (14, 1), (33, 3), (1, 1), (64, 3)] {
        let mut digits = embedded();
        digits.images.truncate(784 * 2);
        digits.images.fill(201);
        let shaped = digits.with_shape(size, channels).unwrap();
        assert_eq!(shaped.len(), 2);
        assert_eq!(shaped.images.len(), 2 * channels * size * size);
        assert!(shaped.images.iter().all(|&value| value == 201), "{size} {channels}");
    }
}

#[test]
fn resizing_keeps_the_mean_brightness() {
    for size in [32, 20, 64] {
        let digits = embedded();
        let before = mean(&digits.images);
        let after = mean(&digits.with_shape(size, 1).unwrap().images);
        assert!((after - before).abs() < 0.5, "28 → {size}: {before} → {after}");
    }
}

#[test]
fn grey_is_repeated_for_three_channels_and_back() {
    let digits = embedded();
    let first = digits.image(0).to_vec();
    let colour = digits.with_shape(28, 3).unwrap();
    assert_eq!((colour.len(), colour.shape.channels), (10_000, 3));
    assert_eq!(colour.image(0), [&first[..], &first, &first].concat());
    assert_eq!(colour.with_shape(28, 1).unwrap().image(0), first);
}

#[test]
fn images_that_are_not_square_are_cropped_in_the_middle() {
    let shape = ImageShape { channels: 1, height: 2, width: 5 };
    let mut wide = Dataset::synthetic(shape, 1, 0);
    wide.images = vec![0, 1, 2, 3, 4, 10, 11, 12, 13, 14];
    assert_eq!(wide.with_shape(2, 1).unwrap().images, [1, 2, 11, 12]);
}

#[test]
fn images_of_the_requested_shape_are_not_copied() {
    let digits = embedded();
    let pointer = digits.images.as_ptr();
    assert_eq!(digits.with_shape(28, 1).unwrap().images.as_ptr(), pointer);
}

#[test]
fn impossible_shapes_are_errors() {
    for (size, channels, problem) in [
        (0, 1, "at least one row"),
        (28, 2, "2 channels are not supported: use 1 (grey) or 3 (rgb)"),
        (28, 0, "0 channels"),
        (1 << 31, 3, "do not fit into memory"),
    ] {
        let text = embedded().with_shape(size, channels).unwrap_err().to_string();
        assert!(text.starts_with("cannot turn images of 28×28 grey into "), "{text}");
        assert!(text.contains(problem), "{text} lacks {problem}");
    }
}
