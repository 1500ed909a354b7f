//! The cache of decoded images is used only for unchanged files.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, SystemTime};

use gan_cuda::data::{Dataset, Requirements};
use tempfile::TempDir;

use super::images::{
    failure, folder, grey_png, levels, load, load_and_count, requirements, shape, write,
};

/// A folder of images, and a cache.
struct Scene {
    images: TempDir,
    cache: TempDir,
}

impl Scene {
    /// The files are old enough to be cached.
    fn new(files: &[(&str, &[u8])]) -> Scene {
        let scene = Scene { images: folder(files), cache: tempfile::tempdir().unwrap() };
        settle();
        scene
    }

    fn load_and_count(&self) -> (Dataset, u64) {
        load_and_count(self.images.path(), &self.requirements()).unwrap()
    }

    fn load_and_count_levels(&self) -> (Vec<u8>, u64) {
        let (data, decoded) = self.load_and_count();
        (levels(&data), decoded)
    }

    fn requirements(&self) -> Requirements {
        Requirements { cache: Some(self.cache.path().to_owned()), ..requirements() }
    }

    fn load(&self) -> Dataset {
        load(self.images.path(), &self.requirements()).unwrap()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.images.path().join(name)
    }

    /// The cache files.
    fn entries(&self) -> Vec<PathBuf> {
        let folder = fs::read_dir(self.cache.path().join("folders")).unwrap();
        folder.map(|entry| entry.unwrap().path()).collect()
    }

    fn entry(&self) -> PathBuf {
        let entries = self.entries();
        assert_eq!(entries.len(), 1, "{entries:?}");
        entries[0].clone()
    }
}

/// Waits for longer than the resolution of file timestamps.
fn settle() {
    thread::sleep(Duration::from_millis(50));
}

/// Replaces the content of a file by other bytes of the same length and restores its modification
/// time.
fn replace_keeping_mtime(path: &Path, bytes: &[u8]) {
    let before = fs::metadata(path).unwrap();
    assert_eq!(before.len(), bytes.len() as u64);
    fs::write(path, bytes).unwrap();
    set_modified(path, before.modified().unwrap());
}

fn set_modified(path: &Path, time: SystemTime) {
    File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
}

#[test]
fn second_load_decodes_nothing() {
    let scene = Scene::new(&[("a.png", &grey_png(10)), ("b.png", &grey_png(20))]);
    let (data, decoded) = scene.load_and_count();
    assert_eq!((levels(&data), decoded), (vec![10, 20], 2));
    let (again, decoded) = scene.load_and_count();
    assert_eq!((again.images, decoded), (data.images, 0));
    assert_eq!((again.labels, again.warnings), (data.labels, data.warnings));
}

#[test]
fn only_changed_files_are_decoded() {
    let files: Vec<_> = (0..9).map(|i| (format!("{i}.png"), grey_png(10 * i))).collect();
    let files: Vec<_> = files.iter().map(|(name, bytes)| (&name[..], &bytes[..])).collect();
    let scene = Scene::new(&files);
    scene.load();
    let mut want: Vec<u8> = (0..9).map(|i| 10 * i).collect();
    let now = |change: &dyn Fn(), want: &[u8], decoded: u64| {
        change();
        settle();
        assert_eq!(scene.load_and_count_levels(), (want.to_vec(), decoded));
        assert_eq!(scene.load_and_count_levels(), (want.to_vec(), 0));
    };
    want[3] = 33;
    now(&|| write(scene.images.path(), "3.png", &grey_png(33)), &want, 1);
    want.remove(0);
    now(&|| fs::remove_file(scene.file("0.png")).unwrap(), &want, 0);
    want.insert(0, 7);
    now(&|| write(scene.images.path(), "00.png", &grey_png(7)), &want, 1);
    want.rotate_left(1);
    now(&|| fs::rename(scene.file("00.png"), scene.file("x.png")).unwrap(), &want, 1);
    scene.entry();
}

/// Neither the size nor the modification time shows these changes.
#[cfg(unix)]
#[test]
fn changes_that_keep_size_and_mtime_are_detected() {
    let scene = Scene::new(&[("a.png", &grey_png(10)), ("b.png", &grey_png(20))]);
    scene.load();
    replace_keeping_mtime(&scene.file("a.png"), &grey_png(11));
    assert_eq!(levels(&scene.load()), [11, 20]);
    // Another file renamed to its name.
    let before = fs::metadata(scene.file("b.png")).unwrap().modified().unwrap();
    write(scene.images.path(), "b.png.new", &grey_png(21));
    set_modified(&scene.file("b.png.new"), before);
    fs::rename(scene.file("b.png.new"), scene.file("b.png")).unwrap();
    assert_eq!(levels(&scene.load()), [11, 21]);
}

/// It could change again with the same timestamp. How long that is possible depends on the machine,
/// so the test retries until one attempt is fast enough.
#[cfg(unix)]
#[test]
fn file_changed_just_before_loading_is_not_cached() {
    let scene = Scene::new(&[("a.png", &grey_png(10))]);
    let decoded_again = |attempt: u8| {
        write(scene.images.path(), "b.png", &grey_png(attempt));
        assert_eq!(levels(&scene.load()), [10, attempt]);
        settle();
        scene.load_and_count().1 == 1
    };
    assert!((0..200).any(decoded_again));
    assert_eq!(scene.load_and_count().1, 0);
}

#[test]
fn each_shape_has_its_own_cache_file_with_or_without_classes() {
    let scene = Scene::new(&[("x/a.png", &grey_png(10)), ("y/b.png", &grey_png(20))]);
    for (channels, side) in [(1, 4), (3, 4), (1, 8)] {
        let requirements = Requirements { shape: shape(channels, side), ..scene.requirements() };
        let data = load(scene.images.path(), &requirements).unwrap();
        assert_eq!(data.images.len(), 2 * channels * side * side);
        let with_classes =
            load(scene.images.path(), &Requirements { classes: true, ..requirements }).unwrap();
        assert_eq!((with_classes.images, with_classes.labels), (data.images, vec![0, 1]));
    }
    assert_eq!(scene.entries().len(), 3);
}

#[test]
fn damaged_cache_file_is_ignored_and_rewritten() {
    let scene = Scene::new(&[("a.png", &grey_png(10)), ("b.png", b"bad")]);
    let skip = Requirements { skip_bad: true, ..scene.requirements() };
    let loaded = || levels(&load(scene.images.path(), &skip).unwrap());
    assert_eq!(loaded(), [10]);
    let whole = fs::read(scene.entry()).unwrap();
    let mut damaged: Vec<Vec<u8>> = vec![Vec::new(), b"foreign".to_vec(), whole.repeat(50)];
    damaged.extend((0..whole.len()).map(|length| whole[..length].to_vec()));
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x41;
        damaged.push(bytes);
    }
    for bytes in damaged {
        fs::write(scene.entry(), &bytes).unwrap();
        assert_eq!(loaded(), [10]);
        assert_eq!(fs::read(scene.entry()).unwrap(), whole);
    }
}

#[test]
fn bad_images_are_cached_but_still_an_error_without_skip_bad() {
    let scene = Scene::new(&[("a.png", b"bad"), ("b.png", &grey_png(20)), ("c.png", b"bad")]);
    let skip = Requirements { skip_bad: true, ..scene.requirements() };
    let load = || load_and_count(scene.images.path(), &skip).unwrap();
    let [(first, decoded), (second, again)] = [load(), load()];
    assert_eq!((decoded, again), (3, 0));
    assert_eq!((levels(&second), &second.warnings), (vec![20], &first.warnings));
    assert!(first.warnings[0].contains("2 of 3 images"), "{:?}", first.warnings);
    assert!(failure(scene.images.path(), &scene.requirements()).contains("a.png"));
}

/// An unreadable file may become readable without a change of its timestamps.
#[cfg(unix)]
#[test]
fn unreadable_files_are_not_cached_as_bad() {
    let scene = Scene::new(&[("b.png", &grey_png(20))]);
    std::os::unix::fs::symlink("gone", scene.file("a.png")).unwrap();
    let skip = Requirements { skip_bad: true, ..scene.requirements() };
    let load = || load_and_count(scene.images.path(), &skip).unwrap();
    let (data, count) = load();
    assert_eq!((levels(&data), count), (vec![20], 2));
    let written = fs::metadata(scene.entry()).unwrap().modified().unwrap();
    let (data, count) = load();
    assert_eq!((levels(&data), count), (vec![20], 1));
    // Nothing has changed, so the cache file is not rewritten.
    assert_eq!(fs::metadata(scene.entry()).unwrap().modified().unwrap(), written);
}

#[test]
fn images_decoded_before_a_bad_one_are_cached() {
    let scene =
        Scene::new(&[("a.png", &grey_png(10)), ("b.png", b"bad"), ("c.png", &grey_png(30))]);
    let one_thread = Requirements { threads: 1, ..scene.requirements() };
    assert!(failure(scene.images.path(), &one_thread).contains("b.png"));
    write(scene.images.path(), "b.png", &grey_png(20));
    settle();
    let (data, decoded) = load_and_count(scene.images.path(), &one_thread).unwrap();
    assert_eq!(levels(&data), [10, 20, 30]);
    assert!(decoded < 3, "{decoded}");
}

#[test]
fn cache_is_read_but_not_written_without_write_cache() {
    let scene = Scene::new(&[("a.png", &grey_png(10))]);
    let read_only = Requirements { write_cache: false, ..scene.requirements() };
    let load = || load_and_count(scene.images.path(), &read_only).unwrap().1;
    assert_eq!((load(), scene.cache.path().join("folders").exists()), (1, false));
    scene.load();
    assert_eq!(load(), 0);
}

#[test]
fn unwritable_cache_is_a_warning() {
    let scene = Scene::new(&[("a.png", &grey_png(10))]);
    fs::write(scene.cache.path().join("folders"), "a file in the folder's place").unwrap();
    let data = scene.load();
    assert_eq!(levels(&data), [10]);
    let path = scene.cache.path().display().to_string();
    assert!(data.warnings.len() == 1 && data.warnings[0].contains(&path), "{:?}", data.warnings);
}

#[test]
fn concurrent_loads_agree_and_leave_one_valid_cache_file() {
    let files: Vec<_> = (0..20).map(|i| (format!("{i:02}.png"), grey_png(i))).collect();
    let files: Vec<_> = files.iter().map(|(name, bytes)| (&name[..], &bytes[..])).collect();
    let scene = Scene::new(&files);
    let want: Vec<u8> = (0..20).collect();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for round in 0..5 {
                    let data = scene.load();
                    assert_eq!((levels(&data), data.warnings.len()), (want.clone(), 0), "{round}");
                }
            });
        }
    });
    let (_, decoded) = load_and_count(scene.images.path(), &scene.requirements()).unwrap();
    assert_eq!(decoded, 0);
    scene.entry();
}
