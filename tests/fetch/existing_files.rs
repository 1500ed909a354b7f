//! Files that are there before the download: right ones stay, wrong ones are moved aside when there
//! is a right one to take their place, and never deleted.

use crate::mirror::{Mirror, good, status};
use crate::test_dataset::{IMAGES, LABELS, Target, content, good_mirror, gzip, packed, sha256};

const WRONG: &[u8] = b"of another data set";

#[test]
fn a_right_file_of_any_accepted_name_is_left_alone() {
    for (name, bytes) in [
        ("train-images-idx3-ubyte", content(IMAGES)),
        ("train-images-idx3-ubyte.gz", packed(IMAGES)),
        ("train-images.idx3-ubyte", content(IMAGES)),
        ("train-images.idx3-ubyte.gz", packed(IMAGES)),
    ] {
        let (target, mirror) = (Target::new(), good_mirror());
        target.put(name, &bytes);
        let seen = target.fetch(&[&mirror]);
        seen.succeeds_after(&[]);
        assert_eq!(seen.present, [name]);
        assert_eq!(mirror.asked(), []);
        assert_eq!(target.files().len(), 1);
    }
}

#[test]
fn a_wrong_file_is_named_with_both_checksums_and_kept_beside_the_right_one() {
    let (target, mirror) = (Target::new(), good_mirror());
    let name = format!("{IMAGES}.gz");
    target.put(&name, &gzip(WRONG));
    let seen = target.fetch(&[&mirror]);
    seen.succeeds_after(&[]);
    let said = &seen.wrong[0];
    for word in [&name, &sha256(WRONG), &sha256(&content(IMAGES))] {
        assert!(said.contains(word), "no {word} in {said}");
    }
    assert_eq!(seen.moved, [format!("{name} to {name}.old")]);
    assert_eq!(target.files()[&name], packed(IMAGES));
    assert_eq!(target.files()[&format!("{name}.old")], gzip(WRONG));
}

#[test]
fn a_wrong_file_stays_while_there_is_no_right_one() {
    let target = Target::new();
    let wrong = Mirror::start(|asked| good(&packed(LABELS), asked));
    let missing = Mirror::start(|_| status(404));
    let name = format!("{IMAGES}.gz");
    target.put(&name, &gzip(WRONG));
    let seen = target.fetch(&[&wrong, &missing]);
    assert!(seen.fails().contains("every mirror failed"), "{}", seen.fails());
    assert_eq!(target.files().into_iter().collect::<Vec<_>>(), [(name, gzip(WRONG))]);
}

#[test]
fn wrong_files_that_readers_would_take_first_are_moved_out_of_the_way() {
    let (target, mirror) = (Target::new(), good_mirror());
    target.put(IMAGES, WRONG);
    target.put(&format!("{IMAGES}.gz"), &packed(IMAGES));
    let seen = target.fetch(&[&mirror]);
    seen.succeeds_after(&[]);
    assert_eq!(seen.moved, [format!("{IMAGES} to {IMAGES}.old")]);
    assert_eq!(mirror.asked(), []);
    assert_eq!(target.files()[&format!("{IMAGES}.old")], WRONG);

    target.put(IMAGES, b"again");
    target.fetch(&[&mirror]).succeeds_after(&[]);
    assert_eq!(target.files()[&format!("{IMAGES}.old2")], b"again");
}
