//! A folder's listing, classes, bad images.

use gan_cuda::data::Error;
use gan_cuda::data::folder::ImageFolder;
use gan_cuda::data::{Origin, Source, Wanted};
use gan_cuda::file_error::FileError;

use super::pictures::{failure, folder, grey_png, levels, load, shape, wanted, write};

#[test]
fn images_are_found_at_every_depth_in_the_order_of_their_names() {
    let names = ["B.PNG", "a.png", "c/d/e.Png", "c/z.jpeg", "c0.png", "ä.png"];
    let files: Vec<_> = (1..).zip(names).map(|(i, name)| (name, grey_png(10 * i))).collect();
    let folder = folder(&[("readme.txt", b"x"), ("c/notes.csv", b"x"), ("png", b"x")]);
    for (name, bytes) in files.iter().rev() {
        write(folder.path(), name, bytes);
    }
    let data = load(folder.path(), &wanted()).unwrap();
    assert_eq!(levels(&data), [10, 20, 30, 40, 50, 60]);
    assert_eq!((data.labels, data.classes), (vec![0; 6], 1));
    assert_eq!(data.origin, Origin::Folder(folder.path().to_owned()));
    assert_eq!(data.shape, shape(1, 4));
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let files: Vec<_> = (0..40).map(|i| (format!("{i}.png"), grey_png(i))).collect();
    let files: Vec<_> = files.iter().map(|(name, bytes)| (&name[..], &bytes[..])).collect();
    let folder = folder(&files);
    let loaded = |threads| load(folder.path(), &Wanted { threads, ..wanted() }).unwrap().images;
    assert_eq!(loaded(1), loaded(3));
    assert_eq!(loaded(1), loaded(1_000_000));
}

#[test]
fn hidden_files_and_folders_are_passed_over() {
    let good = grey_png(5);
    let folder = folder(&[
        ("cats/a.png", &good),
        ("cats/._a.png", b"resource fork"),
        (".ipynb_checkpoints/a.png", &good),
        ("empty/notes.txt", b"x"),
    ]);
    let listed = ImageFolder::list(folder.path()).unwrap();
    assert_eq!(listed.classes().unwrap(), (vec!["cats".to_owned()], vec![0]));
}

#[test]
fn topmost_sub_folders_are_the_classes_in_the_order_of_their_names() {
    let folder = folder(&[
        ("dogs/2.png", &grey_png(30)),
        ("cats/young/1.png", &grey_png(10)),
        ("cats/young/dogs/1.png", &grey_png(15)),
        ("cats/z.png", &grey_png(20)),
        ("Fish/x.png", &grey_png(1)),
    ]);
    let data = load(folder.path(), &Wanted { classes: true, ..wanted() }).unwrap();
    assert_eq!(data.class_names, ["Fish", "cats", "dogs"]);
    assert_eq!((data.classes, &data.labels[..]), (3, &[0, 1, 1, 1, 2][..]));
    assert_eq!(levels(&data), [1, 10, 15, 20, 30]);
    let summary = data.summary();
    assert!(summary.contains("5 images of 4×4 grey, 3 classes (Fish, cats, dogs), "), "{summary}");
    assert_eq!(Source::Folder(folder.path().to_owned()).classes().unwrap(), 3);
}

#[test]
fn without_classes_images_may_lie_anywhere() {
    let folder = folder(&[("a.png", &grey_png(1)), ("cats/b.png", &grey_png(2))]);
    let data = load(folder.path(), &wanted()).unwrap();
    assert_eq!((levels(&data), data.labels), (vec![1, 2], vec![0, 0]));
}

#[test]
fn classes_without_sub_folders_and_images_beside_them_are_errors() {
    let classes = Wanted { classes: true, ..wanted() };
    let flat = folder(&[("a.png", &grey_png(1)), ("notes/x.txt", b"x")]);
    let text = failure(flat.path(), &classes);
    assert!(text.contains("has no sub-folders") && text.contains("mlp-dropout"), "{text}");
    let mixed =
        folder(&[("cats/a.png", &grey_png(1)), ("b.png", &grey_png(1)), ("d.png", &grey_png(1))]);
    let text = failure(mixed.path(), &classes);
    for part in ["2 images lie in ", "the first is b.png", "mlp-dropout"] {
        assert!(text.contains(part), "{text} should say {part}");
    }
}

#[test]
fn empty_and_missing_folders_are_errors_that_say_what_was_looked_for() {
    let empty = folder(&[("a.txt", b"x"), ("b/c.tiff", b"x")]);
    let text = failure(empty.path(), &wanted());
    let place = empty.path().display().to_string();
    for part in [&place[..], ".webp", "other kinds: 2"] {
        assert!(text.contains(part), "{text} should say {part}");
    }
    let text = failure(&empty.path().join("gone"), &wanted());
    assert!(text.contains("gone is not there; put it back"), "{text}");
}

#[test]
fn the_first_bad_image_is_an_error_that_names_it() {
    let mut files = vec![("m.png", b"bad".to_vec()), ("q.jpg", b"worse".to_vec())];
    files.extend(["a.png", "b.png", "z.png"].map(|name| (name, grey_png(9))));
    let files: Vec<_> = files.iter().map(|(name, bytes)| (*name, &bytes[..])).collect();
    let folder = folder(&files);
    for threads in [1, 4] {
        let text = failure(folder.path(), &Wanted { threads, ..wanted() });
        let file = folder.path().join("m.png").display().to_string();
        assert!(text.contains(&file), "{text}");
        assert!(text.contains("it is none of PNG"), "{text}");
    }
}

#[test]
fn bad_images_are_left_out_with_a_warning_where_that_is_wanted() {
    let bad = ["b.png", "d.png", "x/1.gif", "x/2.gif", "x/3.gif", "x/4.gif"];
    let folder = folder(&[("a.png", &grey_png(1)), ("c.png", &grey_png(3))]);
    bad.iter().for_each(|name| write(folder.path(), name, b"bad"));
    let data = load(folder.path(), &Wanted { skip_bad: true, ..wanted() }).unwrap();
    assert_eq!((levels(&data), data.labels.len()), (vec![1, 3], 2));
    let warning = "left out 6 of 8 images, which cannot be read: b.png, d.png, x/1.gif, x/2.gif, \
                   x/3.gif, …";
    assert_eq!(data.warnings, [warning]);
}

#[test]
fn classes_keep_their_numbers_where_images_are_left_out() {
    let folder = folder(&[
        ("a/1.png", b"bad"),
        ("a/2.png", &grey_png(2)),
        ("b/3.png", &grey_png(3)),
        ("b/4.png", b"bad"),
        ("c/5.png", &grey_png(5)),
    ]);
    let skip = Wanted { skip_bad: true, classes: true, ..wanted() };
    let data = load(folder.path(), &skip).unwrap();
    assert_eq!((levels(&data), data.labels), (vec![2, 3, 5], vec![0, 1, 2]));
    write(folder.path(), "b/3.png", b"bad too");
    let text = failure(folder.path(), &skip);
    let class = folder.path().join("b").display().to_string();
    assert!(text.contains(&format!("none of the 2 images in {class} can be read")), "{text}");
    ["a/2.png", "c/5.png"].iter().for_each(|name| write(folder.path(), name, b"bad"));
    let text = failure(folder.path(), &Wanted { classes: false, ..skip });
    assert!(text.contains("none of the 5 images in "), "{text}");
}

#[test]
fn images_that_cannot_fit_into_memory_are_refused_before_any_is_decoded() {
    let folder = folder(&[("a.png", b"bad")]);
    let huge = Wanted { shape: shape(3, 1 << 31), ..wanted() };
    let text = failure(folder.path(), &huge);
    assert!(text.contains("do not fit into memory; ask for smaller"), "{text}");
}

#[cfg(unix)]
mod links {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn links_are_followed_and_those_that_lead_back_are_not() {
        let elsewhere = folder(&[("far/a.png", &grey_png(7))]);
        let folder = folder(&[("cats/b.png", &grey_png(8))]);
        symlink(elsewhere.path().join("far"), folder.path().join("dogs")).unwrap();
        symlink(folder.path(), folder.path().join("cats/round")).unwrap();
        symlink("self", folder.path().join("self")).unwrap();
        let data = load(folder.path(), &Wanted { classes: true, ..wanted() }).unwrap();
        assert_eq!(
            (levels(&data), &data.class_names[..]),
            (vec![8, 7], &["cats".into(), "dogs".into()][..])
        );
    }

    #[test]
    fn links_to_nothing_are_bad_images_or_nothing() {
        let folder = folder(&[("b.png", &grey_png(8))]);
        symlink("gone", folder.path().join("notes")).unwrap();
        assert_eq!(load(folder.path(), &wanted()).unwrap().len(), 1);
        symlink("gone", folder.path().join("a.png")).unwrap();
        let text = failure(folder.path(), &wanted());
        assert!(text.contains("a.png"), "{text}");
        let skip = Wanted { skip_bad: true, ..wanted() };
        assert_eq!(levels(&load(folder.path(), &skip).unwrap()), [8]);
    }

    /// The system's manager reads everything, and then there is nothing to test.
    #[test]
    fn sub_folders_that_cannot_be_listed_are_named() {
        let folder = folder(&[("a.png", &grey_png(8)), ("closed/b.png", &grey_png(9))]);
        let closed = folder.path().join("closed");
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).unwrap();
        if fs::read_dir(&closed).is_ok() {
            return eprintln!("skipped: this user may read all folders");
        }
        match load(folder.path(), &wanted()).unwrap_err() {
            Error::File(FileError { action: "list", path, .. }) => assert_eq!(path, closed),
            error => panic!("{error}"),
        }
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
    }
}
