//! Downloads that go on from what has come before.

use crate::mirror::{Asked, Mirror, Step, cut, good, head, status, whole};
use crate::test_dataset::{IMAGES, Target, good_mirror, packed};

const PART: &str = "train-images-idx3-ubyte.gz.part";

#[test]
fn the_next_mirror_goes_on_from_where_the_connection_was_cut() {
    let (target, second) = (Target::new(), good_mirror());
    let first = Mirror::start(|asked| cut(&packed(IMAGES), asked, 10_000));
    let seen = target.fetch(&[&first, &second]);
    let all = packed(IMAGES).len();
    let grouped = format!("{},{:03}", all / 1000, all % 1000);
    seen.succeeds_after(&[&format!("the connection ended after 10,000 bytes of {grouped}")]);
    assert_eq!(seen.begun, [0, 10_000]);
    assert_eq!(second.ranges(), [Some(10_000)]);
    target.has_only(IMAGES);
}

#[test]
fn a_mirror_that_failed_for_a_moment_is_tried_again() {
    let target = Target::new();
    let mirror = Mirror::start(|asked| match asked.from {
        None => cut(&packed(IMAGES), asked, 10_000),
        Some(_) => good(&packed(IMAGES), asked),
    });
    target.gets(&[&mirror], &["the connection ended"]);
    assert_eq!(mirror.ranges(), [None, Some(10_000)]);
}

#[test]
fn a_later_download_goes_on_from_the_part_that_was_kept() {
    let target = Target::new();
    let broken = Mirror::start(|asked| cut(&packed(IMAGES), asked, 10_000));
    let first = target.fetch(&[&broken]);
    assert!(
        first.fails().contains(&format!("goes on from what is in {}", target.path(PART).display()))
    );
    assert_eq!(target.files()[PART], packed(IMAGES)[..10_000]);

    let mirror = good_mirror();
    target.gets(&[&mirror], &[]);
    assert_eq!(mirror.ranges(), [Some(10_000)]);
}

#[test]
fn a_part_that_is_whole_is_taken_without_asking() {
    let (target, mirror) = (Target::new(), good_mirror());
    target.put(PART, &packed(IMAGES));
    target.gets(&[&mirror], &[]);
    assert_eq!(mirror.asked(), []);
}

#[test]
fn servers_that_cannot_go_on_send_all_of_it() {
    let ignores = |_: &Asked| whole(&packed(IMAGES), packed(IMAGES).len());
    let refuses = |asked: &Asked| match asked.from {
        None => good(&packed(IMAGES), asked),
        Some(_) => status(416),
    };
    let mistakes = |asked: &Asked| match asked.from {
        None => good(&packed(IMAGES), asked),
        Some(_) => good(&packed(IMAGES), &Asked { from: Some(7), ..asked.clone() }),
    };
    for (mirror, ranges) in [
        (Mirror::start(ignores), vec![Some(10_000)]),
        (Mirror::start(refuses), vec![Some(10_000), None]),
        (Mirror::start(mistakes), vec![Some(10_000), None]),
    ] {
        let target = Target::new();
        target.put(PART, &packed(IMAGES)[..10_000]);
        target.gets(&[&mirror], &[]);
        assert_eq!(mirror.ranges(), ranges);
    }
}

#[test]
fn a_part_of_something_else_is_downloaded_anew() {
    for length in [10_000, 1_000_000] {
        let (target, mirror) = (Target::new(), good_mirror());
        target.put(PART, &vec![7; length]);
        let seen = target.fetch(&[&mirror]);
        seen.succeeds_after(&[]);
        assert_eq!(mirror.ranges().last(), Some(&None));
        target.has_only(IMAGES);
    }
}

#[test]
fn a_file_that_is_whole_when_the_server_claims_more_is_taken() {
    let target = Target::new();
    let mirror = Mirror::start(|_| whole(&packed(IMAGES), 1_000_000));
    target.gets(&[&mirror], &[]);
    assert_eq!(mirror.asked().len(), 1);
}

#[test]
fn what_was_cut_off_without_a_length_is_not_gone_on_from() {
    let (target, second) = (Target::new(), good_mirror());
    let first =
        Mirror::start(|_| vec![head(200, &[]), Step::Send(packed(IMAGES)[..10_000].to_vec())]);
    target.gets(&[&first, &second], &["gzip data is damaged"]);
    assert_eq!(second.ranges(), [None]);
}
