//! Downloads that are resumed.

use crate::mirror::{Mirror, Request, Step, cut, good, head, status, whole};
use crate::test_dataset::{IMAGES, Target, good_mirror, gzipped};

const PART: &str = "train-images-idx3-ubyte.gz.part";

#[test]
fn next_mirror_resumes_where_the_connection_was_closed() {
    let (target, second) = (Target::new(), good_mirror());
    let first = Mirror::start(|request| cut(&gzipped(IMAGES), request, 10_000));
    let events = target.fetch(&[&first, &second]);
    let all = gzipped(IMAGES).len();
    let grouped = format!("{},{:03}", all / 1000, all % 1000);
    events.succeeds_after(&[&format!("the connection was closed after 10,000 bytes of {grouped}")]);
    assert_eq!(events.started, [0, 10_000]);
    assert_eq!(second.ranges(), [Some(10_000)]);
    target.has_only(IMAGES);
}

#[test]
fn mirror_with_a_transient_failure_is_tried_again() {
    let target = Target::new();
    let mirror = Mirror::start(|request| match request.from {
        None => cut(&gzipped(IMAGES), request, 10_000),
        Some(_) => good(&gzipped(IMAGES), request),
    });
    target.gets(&[&mirror], &["the connection was closed"]);
    assert_eq!(mirror.ranges(), [None, Some(10_000)]);
}

#[test]
fn later_download_resumes_the_partial_file() {
    let target = Target::new();
    let broken = Mirror::start(|request| cut(&gzipped(IMAGES), request, 10_000));
    let first = target.fetch(&[&broken]);
    assert!(first.fails().contains(&format!("resumes from {}", target.path(PART).display())));
    assert_eq!(target.files()[PART], gzipped(IMAGES)[..10_000]);

    let mirror = good_mirror();
    target.gets(&[&mirror], &[]);
    assert_eq!(mirror.ranges(), [Some(10_000)]);
}

#[test]
fn complete_partial_file_is_used_without_a_request() {
    let (target, mirror) = (Target::new(), good_mirror());
    target.put(PART, &gzipped(IMAGES));
    target.gets(&[&mirror], &[]);
    assert_eq!(mirror.requests(), []);
}

#[test]
fn servers_without_range_requests_send_the_whole_file() {
    let ignores = |_: &Request| whole(&gzipped(IMAGES), gzipped(IMAGES).len());
    let refuses = |request: &Request| match request.from {
        None => good(&gzipped(IMAGES), request),
        Some(_) => status(416),
    };
    let mistakes = |request: &Request| match request.from {
        None => good(&gzipped(IMAGES), request),
        Some(_) => good(&gzipped(IMAGES), &Request { from: Some(7), ..request.clone() }),
    };
    for (mirror, ranges) in [
        (Mirror::start(ignores), vec![Some(10_000)]),
        (Mirror::start(refuses), vec![Some(10_000), None]),
        (Mirror::start(mistakes), vec![Some(10_000), None]),
    ] {
        let target = Target::new();
        target.put(PART, &gzipped(IMAGES)[..10_000]);
        target.gets(&[&mirror], &[]);
        assert_eq!(mirror.ranges(), ranges);
    }
}

#[test]
fn wrong_partial_file_is_downloaded_from_the_beginning() {
    for length in [10_000, 1_000_000] {
        let (target, mirror) = (Target::new(), good_mirror());
        target.put(PART, &vec![7; length]);
        let events = target.fetch(&[&mirror]);
        events.succeeds_after(&[]);
        assert_eq!(mirror.ranges().last(), Some(&None));
        target.has_only(IMAGES);
    }
}

#[test]
fn complete_file_is_accepted_despite_a_larger_content_length() {
    let target = Target::new();
    let mirror = Mirror::start(|_| whole(&gzipped(IMAGES), 1_000_000));
    target.gets(&[&mirror], &[]);
    assert_eq!(mirror.requests().len(), 1);
}

#[test]
fn truncated_response_without_content_length_is_not_resumed() {
    let (target, second) = (Target::new(), good_mirror());
    let first =
        Mirror::start(|_| vec![head(200, &[]), Step::Send(gzipped(IMAGES)[..10_000].to_vec())]);
    target.gets(&[&first, &second], &["gzip data is damaged"]);
    assert_eq!(second.ranges(), [None]);
}
