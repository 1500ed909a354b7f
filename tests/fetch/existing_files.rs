//! Files that exist before the download: valid ones stay; invalid ones are moved aside when a valid
//! one replaces them, and are never deleted.

use crate::mirror::{Mirror, good, status};
use crate::test_dataset::{IMAGES, LABELS, Target, content, good_mirror, gzip, gzipped, sha256};

const WRONG: &[u8] = b"of another data set";

#[test]
fn valid_file_with_any_accepted_name_is_kept() {
    for (name, bytes) in [
        ("train-images-idx3-ubyte", content(IMAGES)),
        ("train-images-idx3-ubyte.gz", gzipped(IMAGES)),
        ("train-images.idx3-ubyte", content(IMAGES)),
        ("train-images.idx3-ubyte.gz", gzipped(IMAGES)),
    ] {
        let (target, mirror) = (Target::new(), good_mirror());
        target.put(name, &bytes);
        let events = target.fetch(&[&mirror]);
        events.succeeds_after(&[]);
        assert_eq!(events.present, [name]);
        assert_eq!(mirror.requests(), []);
        assert_eq!(target.files().len(), 1);
    }
}

#[test]
fn invalid_file_is_reported_with_both_checksums_and_moved_aside() {
    let (target, mirror) = (Target::new(), good_mirror());
    let name = format!("{IMAGES}.gz");
    target.put(&name, &gzip(WRONG));
    let events = target.fetch(&[&mirror]);
    events.succeeds_after(&[]);
    let message = &events.wrong[0];
    for text in [&name, &sha256(WRONG), &sha256(&content(IMAGES))] {
        assert!(message.contains(text), "no {text} in {message}");
    }
    assert_eq!(events.moved, [format!("{name} to {name}.old")]);
    assert_eq!(target.files()[&name], gzipped(IMAGES));
    assert_eq!(target.files()[&format!("{name}.old")], gzip(WRONG));
}

#[test]
fn invalid_file_stays_if_every_mirror_fails() {
    let target = Target::new();
    let wrong = Mirror::start(|request| good(&gzipped(LABELS), request));
    let missing = Mirror::start(|_| status(404));
    let name = format!("{IMAGES}.gz");
    target.put(&name, &gzip(WRONG));
    let events = target.fetch(&[&wrong, &missing]);
    assert!(events.fails().contains("every mirror failed"), "{}", events.fails());
    assert_eq!(target.files().into_iter().collect::<Vec<_>>(), [(name, gzip(WRONG))]);
}

#[test]
fn invalid_files_found_before_the_valid_one_are_moved_aside() {
    let (target, mirror) = (Target::new(), good_mirror());
    target.put(IMAGES, WRONG);
    target.put(&format!("{IMAGES}.gz"), &gzipped(IMAGES));
    let events = target.fetch(&[&mirror]);
    events.succeeds_after(&[]);
    assert_eq!(events.moved, [format!("{IMAGES} to {IMAGES}.old")]);
    assert_eq!(mirror.requests(), []);
    assert_eq!(target.files()[&format!("{IMAGES}.old")], WRONG);

    target.put(IMAGES, b"again");
    target.fetch(&[&mirror]).succeeds_after(&[]);
    assert_eq!(target.files()[&format!("{IMAGES}.old2")], b"again");
}
