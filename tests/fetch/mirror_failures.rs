//! Mirrors that fail: the next one is tried, and nothing wrong is installed.

use std::time::Duration;

use crate::mirror::{Asked, Mirror, Step, cut, good, head, status, whole};
use crate::test_dataset::{
    IMAGES, LABELS, Target, content, good_mirror, gzip, packed, seen, sha256,
};

/// The patience of tests that wait for it to end: a server that does answer does so sooner, however
/// busy the machine is.
const SOON: Duration = Duration::from_secs(2);

/// A mirror that answers everything with these bytes.
fn mirror_of(bytes: Vec<u8>) -> Mirror {
    Mirror::start(move |_| whole(&bytes, bytes.len()))
}

#[test]
fn a_mirror_that_falls_silent_is_left_and_what_came_is_kept() {
    let (mut target, second) = (Target::new(), good_mirror());
    target.read_timeout = SOON;
    let first = Mirror::start(|asked| {
        let mut steps = cut(&packed(IMAGES), asked, 10_000);
        steps.push(Step::Hang);
        steps
    });
    target.gets(&[&first, &second], &["nothing came for 2s"]);
    assert_eq!(second.ranges(), [Some(10_000)]);
}

#[test]
fn a_slow_mirror_may_take_longer_in_all_than_it_may_be_silent() {
    let mut target = Target::new();
    target.read_timeout = SOON;
    let mirror = Mirror::start(|_| {
        let body = packed(IMAGES);
        let mut steps = vec![head(200, &[format!("Content-Length: {}", body.len())])];
        for piece in body.chunks(body.len() / 12) {
            steps.extend([Step::Wait(SOON / 10), Step::Send(piece.to_vec())]);
        }
        steps
    });
    target.gets(&[&mirror], &[]);
}

#[test]
fn a_wrong_file_is_named_with_both_checksums_and_not_asked_for_again() {
    let (target, wrong) = (Target::new(), mirror_of(packed(LABELS)));
    let seen = target.fetch(&[&wrong]);
    let url = format!("{}{IMAGES}.gz", wrong.url());
    for word in [&url, &sha256(&content(LABELS)), &sha256(&content(IMAGES))] {
        assert!(seen.fails().contains(word), "no {word} in {}", seen.fails());
    }
    assert_eq!(wrong.asked().len(), 1);
    assert_eq!(target.files().len(), 0);
}

#[test]
fn wrong_content_of_every_kind_is_left_for_the_next_mirror() {
    let mut flipped = packed(IMAGES);
    flipped[20_000] ^= 1;
    let mut garbage = vec![0x1f, 0x8b];
    garbage.extend([0xff; 1000]);
    let bomb = gzip(&vec![0; 20_000_000]);
    assert!(bomb.len() < packed(IMAGES).len(), "it must not be refused for its own length");
    let other = "its content has the SHA-256";
    for (bytes, words) in [
        (flipped, "gzip data is damaged"),
        (garbage, "gzip data is damaged"),
        (bomb, "its content is longer than 31,376 bytes and so cannot have the SHA-256"),
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
fn what_is_no_answer_or_none_that_ends_is_left_for_the_next_mirror() {
    type Answer = fn() -> Vec<Step>;
    let answers: [(Answer, &str); 6] = [
        (|| vec![Step::Hang], "nothing came for 2s"),
        // A length that is too short is believed, and the content is not.
        (|| whole(&packed(IMAGES), 10_000), "gzip data is damaged"),
        (|| vec![head(200, &[]), Step::SendForever], "its content is longer than"),
        (|| vec![Step::Send(b"220 ftp.example.org ready\r\n".to_vec())], ""),
        (|| vec![Step::Send(b"".to_vec())], ""),
        (|| vec![Step::Send(b"HTTP/1.1 200 OK\r\nContent-Le".to_vec())], ""),
    ];
    for (answer, words) in answers {
        let (mut target, second) = (Target::new(), good_mirror());
        if words.contains("2s") {
            target.read_timeout = SOON;
        }
        let first = Mirror::start(move |_| answer());
        target.gets(&[&first, &second], &[words]);
    }
}

#[test]
fn only_what_may_pass_is_tried_again() {
    for (code, tries) in [(404, 1), (403, 1), (204, 1), (503, 2), (429, 2), (500, 2)] {
        let (target, mirror) = (Target::new(), Mirror::start(move |_| status(code)));
        let seen = target.fetch(&[&mirror]);
        let words =
            format!("{}{IMAGES}.gz: the server answers with HTTP status {code}", mirror.url());
        assert_eq!(seen.fails().matches(&words).count(), 1, "{}", seen.fails());
        assert_eq!(mirror.asked().len(), tries, "{code}");
    }
}

#[test]
fn redirects_without_end_are_a_failure() {
    let (target, second) = (Target::new(), good_mirror());
    let first = Mirror::start(|asked: &Asked| {
        vec![head(302, &[format!("Location: /{}", asked.name), "Content-Length: 0".to_owned()])]
    });
    target.gets(&[&first, &second], &["too many redirects"]);
    assert!(first.asked().len() < 20);
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
    let seen = seen(&request);
    let error = seen.fails();
    assert!(error.starts_with(&format!("cannot fetch {IMAGES}.gz of stand-in")), "{error}");
    for (url, reason) in [
        (missing.url(), "the server answers with HTTP status 404"),
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
    let mirror = Mirror::start(|asked| match asked.name.contains("labels") {
        true => status(404),
        false => good(&packed(IMAGES), asked),
    });
    let half = seen(&target.request(&[IMAGES, LABELS], &[&mirror]));
    assert!(half.fails().contains(LABELS), "{}", half.fails());
    let names: Vec<_> = target.files().into_keys().collect();
    assert_eq!(names, [format!("{IMAGES}.gz.part")]);

    let second = good_mirror();
    seen(&target.request(&[IMAGES, LABELS], &[&second])).succeeds_after(&[]);
    assert_eq!(second.asked().len(), 1, "the images had come before");
    assert_eq!(target.files().len(), 2);
}
