//! Listing, classes and bad images of a folder.

use std::fs;

use gan_cuda::data::Error;
use gan_cuda::data::folder::FolderProblem;
use gan_cuda::data::{ClassOrder, Origin, Requirements, SearchPaths, Source};
use gan_cuda::picture::grid::write_grid;
use gan_cuda::text::with_causes;

use super::images::{failure, folder, grey_png, levels, load, requirements, shape, write};

#[test]
fn images_are_found_at_every_depth_and_sorted_by_name() {
    let names = ["B.PNG", "a.png", "c/d/e.Png", "c/z.jpeg", "c0.png", "ä.png"];
    let files: Vec<_> = (1..).zip(names).map(|(i, name)| (name, grey_png(10 * i))).collect();
    let folder = folder(&[("readme.txt", b"x"), ("c/notes.csv", b"x"), ("png", b"x")]);
    for (name, bytes) in files.iter().rev() {
        write(folder.path(), name, bytes);
    }
    let data = load(folder.path(), &requirements()).unwrap();
    assert_eq!(levels(&data), [10, 20, 30, 40, 50, 60]);
    assert_eq!((data.labels, data.classes), (vec![0; 6], 1));
    assert_eq!(data.origin, Origin::Folder(folder.path().to_owned()));
    assert_eq!(data.shape, shape(1, 4));
}

#[test]
fn number_of_threads_does_not_change_the_result() {
    let files: Vec<_> = (0..40).map(|i| (format!("{i}.png"), grey_png(i))).collect();
    let files: Vec<_> = files.iter().map(|(name, bytes)| (&name[..], &bytes[..])).collect();
    let folder = folder(&files);
    let loaded =
        |threads| load(folder.path(), &Requirements { threads, ..requirements() }).unwrap().images;
    assert_eq!(loaded(1), loaded(3));
    assert_eq!(loaded(1), loaded(1_000_000));
}

#[test]
fn hidden_files_and_folders_are_ignored() {
    let good = grey_png(5);
    let folder = folder(&[
        ("cats/a.png", &good),
        ("cats/._a.png", b"resource fork"),
        (".ipynb_checkpoints/a.png", &good),
        ("empty/notes.txt", b"x"),
    ]);
    let data = load(folder.path(), &Requirements { classes: true, ..requirements() }).unwrap();
    assert_eq!((&data.class_names[..], data.labels), (&["cats".to_owned()][..], vec![0]));
}

#[test]
fn topmost_sub_folders_are_classes_sorted_by_name() {
    let folder = folder(&[
        ("dogs/2.png", &grey_png(30)),
        ("cats/young/1.png", &grey_png(10)),
        ("cats/young/dogs/1.png", &grey_png(15)),
        ("cats/z.png", &grey_png(20)),
        ("Fish/x.png", &grey_png(1)),
    ]);
    let data = load(folder.path(), &Requirements { classes: true, ..requirements() }).unwrap();
    assert_eq!(data.class_names, ["Fish", "cats", "dogs"]);
    assert_eq!((data.classes, &data.labels[..]), (3, &[0, 1, 1, 1, 2][..]));
    assert_eq!(levels(&data), [1, 10, 15, 20, 30]);
    let summary = data.summary();
    assert!(summary.contains("5 images of 4×4 grey, 3 classes (Fish, cats, dogs), "), "{summary}");
    assert_eq!(
        Source::Folder(folder.path().to_owned()).classes(&SearchPaths::default()).unwrap(),
        3
    );
}

#[test]
fn class_order_is_natural_bytewise_or_given() {
    let files: Vec<_> = (0..12).map(|i| (format!("{i}/x.png"), grey_png(i))).collect();
    let files: Vec<_> = files.iter().map(|(name, bytes)| (&name[..], &bytes[..])).collect();
    let folder = folder(&files);
    let load = |class_order| {
        load(folder.path(), &Requirements { classes: true, class_order, ..requirements() })
    };
    let number = |name: &str, order| {
        let data = load(order).unwrap();
        let level: u8 = name.parse().unwrap();
        let at = levels(&data).iter().position(|&other| other == level).unwrap();
        let label = data.labels[at];
        assert_eq!(data.class_names[label as usize], name);
        label
    };
    assert_eq!([number("2", ClassOrder::Natural), number("10", ClassOrder::Natural)], [2, 10]);
    assert_eq!([number("2", ClassOrder::Bytewise), number("10", ClassOrder::Bytewise)], [4, 2]);
    let given: Vec<_> = (0..12).rev().map(|i| i.to_string()).collect();
    assert_eq!(number("2", ClassOrder::Named(given.clone())), 9);
    let other = [&given[1..], &["owls".to_owned()]].concat();
    let text = with_causes(&load(ClassOrder::Named(other)).unwrap_err());
    assert!(text.contains("missing: owls; new: 11"), "{text}");
}

#[test]
fn images_are_detected_by_extension_or_else_by_content() {
    let good = grey_png(5);
    let names = ["a.jfif", "b.JPE", "c", "d.tif", "e.ppm", "f.qoi", "g.apng", "h.TIFF", "i.pgm"];
    let files: Vec<_> = names.iter().map(|&name| (name, &good[..])).collect();
    let folder = folder(&files);
    for (name, bytes) in [
        ("LICENSE", &b"P2P and BM are no images"[..]),
        ("README", b"BMW"),
        ("Makefile", b""),
        ("a.csv", b"1,2"),
        ("b.HEIC", b"x"),
        ("c.heic", b"x"),
        ("Thumbs.db", b"x"),
    ] {
        write(folder.path(), name, bytes);
    }
    let data = load(folder.path(), &requirements()).unwrap();
    assert_eq!(data.len(), names.len());
    let warning = "skipped 6 files of unsupported kinds: 3 without an extension, 2 .heic, 1 .csv";
    assert_eq!(data.warnings, [warning]);
}

#[test]
fn folder_without_readable_images_is_named_in_a_warning() {
    let folder = folder(&[
        ("cats/1.png", &grey_png(1)),
        ("dogs/1.heic", b"x"),
        ("dogs/2.heic", b"x"),
        ("owls/1.png", &grey_png(2)),
    ]);
    let data = load(folder.path(), &Requirements { classes: true, ..requirements() }).unwrap();
    assert_eq!(data.class_names, ["cats", "owls"]);
    for expected in [
        "folders without readable images are not classes: dogs",
        "2 files of unsupported kinds: 2 .heic",
    ] {
        let found = data.warnings.iter().any(|warning| warning.contains(expected));
        assert!(found, "{expected} in {:?}", data.warnings);
    }
}

#[test]
fn system_folders_and_run_folders_are_ignored() {
    let good = grey_png(5);
    let names = [
        "__MACOSX/cats/a.png",
        "cats/@eaDir/b.png/SYNOPHOTO_THUMB_M.jpg",
        "@eaDir/c.png",
        "#recycle/d.png",
        "$Recycle.Bin/e.png",
        "lost+found/f.png",
        "System Volume Information/g.png",
        "runs/00003-cgan-cats/samples/000400.png",
        "cats/my-run/reals.png",
    ];
    let folder = folder(&[("cats/x.png", &grey_png(1)), ("dogs/y.png", &grey_png(2))]);
    names.iter().for_each(|name| write(folder.path(), name, &good));
    let config = b"preset = \"cgan\"\n";
    for run in ["runs/00003-cgan-cats", "cats/my-run"] {
        write(folder.path(), &format!("{run}/config.toml"), config);
        fs::create_dir_all(folder.path().join(run).join("samples")).unwrap();
    }
    // A copied configuration does not make a run folder.
    write(folder.path(), "dogs/old/config.toml", config);
    write(folder.path(), "dogs/old/z.png", &grey_png(3));
    for classes in [true, false] {
        let data = load(folder.path(), &Requirements { classes, ..requirements() }).unwrap();
        assert_eq!(levels(&data), [1, 3, 2]);
        let toml = "skipped 1 file of unsupported kinds: 1 .toml";
        assert!(data.warnings.contains(&toml.to_owned()), "{:?}", data.warnings);
        assert!(!data.warnings.iter().any(|warning| warning.contains("not classes")));
    }
}

#[test]
fn images_written_by_gan_cuda_are_skipped() {
    let own_output = |level: f32| {
        let file = tempfile::NamedTempFile::with_suffix(".png").unwrap();
        write_grid(file.path(), &[level; 64], shape(1, 8), 1).unwrap();
        fs::read(file.path()).unwrap()
    };
    let folder = folder(&[
        ("cats/2.png", &grey_png(2)),
        ("cats/3.png", &own_output(0.5)),
        ("dogs/1.png", &grey_png(1)),
        ("drawn/000000.png", &own_output(0.1)),
        ("sample.png", &own_output(0.3)),
    ]);
    let cache = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let cache = Some(cache.path().to_owned());
        let with_classes = Requirements { classes: true, cache, ..requirements() };
        let data = load(folder.path(), &with_classes).unwrap();
        assert_eq!((levels(&data), data.labels), (vec![2, 1], vec![0, 1]));
        let without = "skipped 3 of 5 images, written by gan-cuda itself: ";
        assert!(data.warnings.len() == 1 && data.warnings[0].starts_with(without));
        let data = load(folder.path(), &Requirements { classes: false, ..with_classes }).unwrap();
        assert_eq!(levels(&data), [2, 1]);
        assert_eq!(data.warnings, [format!("{without}cats/3.png, drawn/000000.png, sample.png")]);
    }
    for classes in [true, false] {
        let text =
            failure(&folder.path().join("drawn"), &Requirements { classes, ..requirements() });
        assert!(text.contains("were written by gan-cuda"), "{text}");
    }
}

#[test]
fn nested_folders_and_splits_are_not_classes() {
    let good = grey_png(1);
    let classes = Requirements { classes: true, ..requirements() };
    let nested = folder(&[("animals/cats/1.png", &good), ("animals/dogs/1.png", &good)]);
    let text = failure(nested.path(), &classes);
    let inner = nested.path().join("animals").display().to_string();
    assert!(text.contains("cats, dogs") && text.contains(&inner), "{text}");
    assert!(load(&nested.path().join("animals"), &classes).is_ok());
    assert_eq!(load(nested.path(), &requirements()).unwrap().warnings, [""; 0]);

    let split = folder(&[("train/cats/1.png", &good), ("Test/cats/2.png", &good)]);
    let text = failure(split.path(), &classes);
    assert!(text.contains("splits of a data set, not classes: Test, train; name one"), "{text}");
    assert!(text.ends_with(&format!("as {}", split.path().join("train").display())), "{text}");
    let warnings = load(split.path(), &requirements()).unwrap().warnings;
    assert!(
        warnings[0].contains("all splits of the data set are used: Test, train"),
        "{warnings:?}"
    );

    let deep = folder(&[("cats/1.png", &good), ("cats/young/2.png", &good), ("dogs/3.png", &good)]);
    let warnings = load(deep.path(), &classes).unwrap().warnings;
    assert_eq!(warnings, ["classes with images in sub-folders, too: cats"]);

    let one_each =
        folder(&[("n01/images/1.png", &good), ("n02/images/2.png", &good), ("n03/3.png", &good)]);
    assert_eq!(load(one_each.path(), &classes).unwrap().warnings, [""; 0]);
    let chain = folder(&[("a/b/cats/1.png", &good), ("a/b/dogs/1.png", &good)]);
    let text = failure(chain.path(), &classes);
    assert!(text.contains(&chain.path().join("a/b").display().to_string()), "{text}");
    for names in [["trainA", "testB"], ["train2017", "val2017"], ["Training", "validation"]] {
        let files = names.map(|name| (format!("data/{name}/cats/1.png"), &good[..]));
        let files: Vec<_> = files.iter().map(|(name, bytes)| (&name[..], *bytes)).collect();
        let inner = folder(&files);
        let text = failure(inner.path(), &classes);
        let train = inner.path().join("data").join(names[0]).display().to_string();
        assert!(text.contains("splits of a data set") && text.ends_with(&train), "{text}");
        let warnings = load(inner.path(), &requirements()).unwrap().warnings;
        assert!(warnings[0].ends_with(&train), "{warnings:?}");
    }
    // Names that merely look like splits.
    let trains = folder(&[("train/1.png", &good), ("trainA/2.png", &good), ("bus/3.png", &good)]);
    assert_eq!(load(trains.path(), &classes).unwrap().classes, 3);
}

#[test]
fn without_classes_images_may_be_anywhere() {
    let folder = folder(&[("a.png", &grey_png(1)), ("cats/b.png", &grey_png(2))]);
    let data = load(folder.path(), &requirements()).unwrap();
    assert_eq!((levels(&data), data.labels), (vec![1, 2], vec![0, 0]));
}

#[test]
fn missing_sub_folders_and_images_outside_them_are_errors() {
    let classes = Requirements { classes: true, ..requirements() };
    let flat = folder(&[("a.png", &grey_png(1)), ("notes/x.txt", b"x")]);
    let text = failure(flat.path(), &classes);
    assert!(text.contains("has no sub-folders") && text.contains("mlp-dropout"), "{text}");
    let mixed =
        folder(&[("cats/a.png", &grey_png(1)), ("b.png", &grey_png(1)), ("d.png", &grey_png(1))]);
    let text = failure(mixed.path(), &classes);
    for part in ["2 images in ", "the first is b.png", "mlp-dropout"] {
        assert!(text.contains(part), "{text} lacks {part}");
    }
}

#[test]
fn empty_and_missing_folders_are_errors() {
    let empty = folder(&[("a.txt", b"x"), ("b/c.heic", b"x"), ("b/d.heic", b"x")]);
    let text = failure(empty.path(), &requirements());
    let path = empty.path().display().to_string();
    for part in [&path[..], ".webp", "other files: 2 .heic, 1 .txt"] {
        assert!(text.contains(part), "{text} lacks {part}");
    }
    let text = failure(&empty.path().join("gone"), &requirements());
    assert!(text.contains("gone does not exist; restore it"), "{text}");
}

#[test]
fn first_bad_image_is_an_error_that_names_it() {
    let mut files = vec![("m.png", b"bad".to_vec()), ("q.jpg", b"worse".to_vec())];
    files.extend(["a.png", "b.png", "z.png"].map(|name| (name, grey_png(9))));
    let files: Vec<_> = files.iter().map(|(name, bytes)| (*name, &bytes[..])).collect();
    let folder = folder(&files);
    for threads in [1, 4] {
        let text = failure(folder.path(), &Requirements { threads, ..requirements() });
        let file = folder.path().join("m.png").display().to_string();
        assert!(text.contains(&file), "{text}");
        assert!(text.contains("it is not a PNG"), "{text}");
    }
}

#[test]
fn bad_images_are_skipped_with_a_warning_if_requested() {
    let bad = ["b.png", "d.png", "x/1.gif", "x/2.gif", "x/3.gif", "x/4.gif"];
    let folder = folder(&[("a.png", &grey_png(1)), ("c.png", &grey_png(3))]);
    bad.iter().for_each(|name| write(folder.path(), name, b"bad"));
    let data = load(folder.path(), &Requirements { skip_bad: true, ..requirements() }).unwrap();
    assert_eq!((levels(&data), data.labels.len()), (vec![1, 3], 2));
    let warning = "skipped 6 of 8 images, which cannot be read: b.png, d.png, x/1.gif, x/2.gif, \
                   x/3.gif, …";
    assert_eq!(data.warnings, [warning]);
}

#[test]
fn class_numbers_do_not_change_when_images_are_skipped() {
    let folder = folder(&[
        ("a/1.png", b"bad"),
        ("a/2.png", &grey_png(2)),
        ("b/3.png", &grey_png(3)),
        ("b/4.png", b"bad"),
        ("c/5.png", &grey_png(5)),
    ]);
    let skip = Requirements { skip_bad: true, classes: true, ..requirements() };
    let data = load(folder.path(), &skip).unwrap();
    assert_eq!((levels(&data), data.labels), (vec![2, 3, 5], vec![0, 1, 2]));
    write(folder.path(), "b/3.png", b"bad too");
    let text = failure(folder.path(), &skip);
    let class = folder.path().join("b").display().to_string();
    assert!(text.contains(&format!("none of the 2 images in {class} can be read")), "{text}");
    ["a/2.png", "c/5.png"].iter().for_each(|name| write(folder.path(), name, b"bad"));
    let text = failure(folder.path(), &Requirements { classes: false, ..skip });
    assert!(text.contains("none of the 5 images in "), "{text}");
}

#[test]
fn images_larger_than_memory_are_refused_before_decoding() {
    let folder = folder(&[("a.png", b"bad")]);
    let huge = Requirements { shape: shape(3, 1 << 31), ..requirements() };
    let text = failure(folder.path(), &huge);
    assert!(text.contains("do not fit into memory; use a smaller"), "{text}");
}

#[cfg(unix)]
mod links {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn links_are_followed_except_circular_ones() {
        let elsewhere = folder(&[("far/a.png", &grey_png(7))]);
        let folder = folder(&[("cats/b.png", &grey_png(8))]);
        symlink(elsewhere.path().join("far"), folder.path().join("dogs")).unwrap();
        symlink(folder.path(), folder.path().join("cats/round")).unwrap();
        symlink("self", folder.path().join("self")).unwrap();
        let data = load(folder.path(), &Requirements { classes: true, ..requirements() }).unwrap();
        assert_eq!(
            (levels(&data), &data.class_names[..]),
            (vec![8, 7], &["cats".into(), "dogs".into()][..])
        );
    }

    #[test]
    fn dangling_links_are_bad_images_or_ignored() {
        let folder = folder(&[("b.png", &grey_png(8))]);
        symlink("gone", folder.path().join("notes")).unwrap();
        assert_eq!(load(folder.path(), &requirements()).unwrap().len(), 1);
        symlink("gone", folder.path().join("a.png")).unwrap();
        let text = failure(folder.path(), &requirements());
        assert!(text.contains("a.png"), "{text}");
        let skip = Requirements { skip_bad: true, ..requirements() };
        assert_eq!(levels(&load(folder.path(), &skip).unwrap()), [8]);
    }

    /// Root can list everything, so the test is skipped for root.
    #[test]
    fn sub_folders_that_cannot_be_listed_are_named() {
        let folder = folder(&[("a.png", &grey_png(8)), ("unreadable/b.png", &grey_png(9))]);
        let unreadable = folder.path().join("unreadable");
        fs::set_permissions(&unreadable, fs::Permissions::from_mode(0o000)).unwrap();
        if fs::read_dir(&unreadable).is_ok() {
            return eprintln!("skipped: this user may read all folders");
        }
        match load(folder.path(), &requirements()).unwrap_err() {
            Error::Folder(FolderProblem::UnreadableFolder { path, .. }) => {
                assert_eq!(path, unreadable)
            }
            error => panic!("{error}"),
        }
        let data = load(folder.path(), &Requirements { skip_bad: true, ..requirements() }).unwrap();
        assert_eq!(levels(&data), [8]);
        assert!(data.warnings[0].contains("1 folder that cannot be listed"), "{:?}", data.warnings);
        fs::set_permissions(&unreadable, fs::Permissions::from_mode(0o700)).unwrap();
    }
}
