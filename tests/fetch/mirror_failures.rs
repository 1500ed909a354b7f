//! Mirrors that fail: the next one is tried, and no invalid file is installed.

use std::time::Duration;

use crate::mirror::{Mirror, Request, Step, cut, good, head, status, whole};
use crate::test_dataset::{
    IMAGES, LABELS, Target, content, fetch_events, good_mirror, gzip, gzipped, sha256,
};

/// Timeout of tests that wait for it to expire; correct servers respond faster, however busy the
/// machine is.
const SHORT_TIMEOUT: Duration = Duration::from_secs(2);

/// A mirror that sends these bytes for every request.
fn mirror_of(bytes: Vec<u8>) -> Mirror {
    Mirror::start(move |_| whole(&bytes, bytes.len()))
}

#[test]
fn stalled_download_resumes_from_the_next_mirror() {
    let (mut target, second) = (Target::new(), good_mirror());
    target.read_timeout = SHORT_TIMEOUT;
    let first = Mirror::start(|request| {
        let mut steps = cut(&gzipped(IMAGES), request, 10_000);
        steps.push(Step::Hang);
        steps
    });
    target.gets(&[&first, &second], &["no data received for 2s"]);
    assert_eq!(second.ranges(), [Some(10_000)]);
}

#[test]
fn slow_download_may_take_longer_than_the_read_timeout() {
    let mut target = Target::new();
    target.read_timeout = SHORT_TIMEOUT;
    let mirror = Mirror::start(|_| {
        let body = gzipped(IMAGES);
        let mut steps = vec![head(200, &[format!("Content-Length: {}", body.len())])];
        for piece in body.chunks(body.len() / 12) {
            steps.extend([Step::Wait(SHORT_TIMEOUT / 10), Step::Send(piece.to_vec())]);
        }
        steps
    });
    target.gets(&[&mirror], &[]);
}

#[test]
fn wrong_file_is_reported_with_both_checksums_and_not_requested_again() {
    let (target, wrong) = (Target::new(), mirror_of(gzipped(LABELS)));
    let events = target.fetch(&[&wrong]);
    let url = format!("{}{IMAGES}.gz", wrong.url());
    for word in [&url, &sha256(&content(LABELS)), &sha256(&content(IMAGES))] {
        assert!(events.fails().contains(word), "no {word} in {}", events.fails());
    }
    assert_eq!(wrong.requests().len(), 1);
    assert_eq!(target.files().len(), 0);
}

#[test]
fn wrong_content_of_every_kind_falls_back_to_the_next_mirror() {
    let mut flipped = gzipped(IMAGES);
    flipped[20_000] ^= 1;
    let mut garbage = vec![0x1f, 0x8b];
    garbage.extend([0xff; 1000]);
    let bomb = gzip(&vec![0; 20_000_000]);
    assert!(
        bomb.len() < gzipped(IMAGES).len(),
        "the compressed size alone must not be a reason to refuse it"
    );
    let other = "its content has the SHA-256";
    for (bytes, words) in [
        (flipped, "gzip data is damaged"),
        (garbage, "gzip data is damaged"),
        (bomb, "its content is longer than 31,376 bytes, so its SHA-256 cannot be"),
        ([content(IMAGES), vec![0]].concat(), "its content is longer than 31,376 bytes"),
        (b"<html>please log in</html>".to_vec(), other),
        (gzip(&content(IMAGES)[..31_375]), other),
        (Vec::new(), other),
    ] {
        let (target, second) = (Target::new(), good_mirror());
        target.gets(&[&mirror_of(bytes), &second], &[words]);
        assert_eq!(second.ranges(), [None]);
    }
}

#[test]
fn invalid_and_endless_responses_fall_back_to_the_next_mirror() {
    type Answer = fn() -> Vec<Step>;
    let answers: [(Answer, &str); 6] = [
        (|| vec![Step::Hang], "no data received for 2s"),
        // The content length is too short, so the file is truncated.
        (|| whole(&gzipped(IMAGES), 10_000), "gzip data is damaged"),
        (|| vec![head(200, &[]), Step::SendForever], "its content is longer than"),
        (|| vec![Step::Send(b"220 ftp.example.org ready\r\n".to_vec())], ""),
        (|| vec![Step::Send(b"".to_vec())], ""),
        (|| vec![Step::Send(b"HTTP/1.1 200 OK\r\nContent-Le".to_vec())], ""),
    ];
    for (answer, words) in answers {
        let (mut target, second) = (Target::new(), good_mirror());
        if words.contains("2s") {
            target.read_timeout = SHORT_TIMEOUT;
        }
        let first = Mirror::start(move |_| answer());
        target.gets(&[&first, &second], &[words]);
    }
}

#[test]
fn only_transient_errors_are_retried() {
    for (code, tries) in [(404, 1), (403, 1), (204, 1), (503, 2), (429, 2), (500, 2)] {
        let (target, mirror) = (Target::new(), Mirror::start(move |_| status(code)));
        let events = target.fetch(&[&mirror]);
        let words =
            format!("{}{IMAGES}.gz: the server answered with HTTP status {code}", mirror.url());
        assert_eq!(events.fails().matches(&words).count(), 1, "{}", events.fails());
        assert_eq!(mirror.requests().len(), tries, "{code}");
    }
}

#[test]
fn endless_redirects_are_a_failure() {
    let (target, second) = (Target::new(), good_mirror());
    let first = Mirror::start(|request: &Request| {
        vec![head(302, &[format!("Location: /{}", request.name), "Content-Length: 0".to_owned()])]
    });
    target.gets(&[&first, &second], &["too many redirects"]);
    assert!(first.requests().len() < 20);
}

#[test]
fn when_every_mirror_fails_all_are_listed_and_nothing_is_installed() {
    let (target, missing) = (Target::new(), Mirror::start(|_| status(404)));
    let wrong = mirror_of(gzip(b"something else"));
    let closed = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}/", listener.local_addr().unwrap())
    };
    let mut request = target.request(&[IMAGES], &[&missing, &wrong]);
    request.mirrors.push(closed.clone());
    let events = fetch_events(&request);
    let error = events.fails();
    assert!(error.starts_with(&format!("cannot fetch {IMAGES}.gz of test-dataset")), "{error}");
    for (url, reason) in [
        (missing.url(), "the server answered with HTTP status 404"),
        (wrong.url(), "its content has the SHA-256"),
        (closed, "Connection refused"),
    ] {
        let words = format!("\n  {url}{IMAGES}.gz: {reason}");
        assert_eq!(error.matches(&words).count(), 1, "{words} in {error}");
    }
    assert!(error.contains("network connection") && !error.contains(".part"), "{error}");
    assert_eq!(target.files().len(), 0);
}

#[test]
fn files_are_installed_together_or_not_at_all() {
    let target = Target::new();
    let mirror = Mirror::start(|request| match request.name.contains("labels") {
        true => status(404),
        false => good(&gzipped(IMAGES), request),
    });
    let half = fetch_events(&target.request(&[IMAGES, LABELS], &[&mirror]));
    assert!(half.fails().contains(LABELS), "{}", half.fails());
    let names: Vec<_> = target.files().into_keys().collect();
    assert_eq!(names, [format!("{IMAGES}.gz.part")]);

    let second = good_mirror();
    fetch_events(&target.request(&[IMAGES, LABELS], &[&second])).succeeds_after(&[]);
    assert_eq!(second.requests().len(), 1, "the images were downloaded before");
    assert_eq!(target.files().len(), 2);
}
