//! Successful downloads.

use std::thread;

use gan_cuda::data::fetch::{Event, fetch};
use gan_cuda::data::{DatasetKind, Origin, SearchPaths};

use crate::mirror::{Mirror, Request, Step, good, head, status};
use crate::test_dataset::{IMAGES, LABELS, Target, content, fetch_events, good_mirror, gzipped};

#[test]
fn downloaded_files_are_loaded_as_a_data_set() {
    let (mirror, target) = (good_mirror(), Target::new());
    let request = target.request(&[IMAGES, LABELS], &[&mirror]);
    let events = fetch_events(&request);
    events.succeeds_after(&[]);
    assert_eq!(events.checked, [IMAGES, LABELS]);
    assert_eq!(target.files().len(), 2, "{:?}", target.files().keys());

    let search_paths =
        SearchPaths { cache: Some(request.folder.clone()), ..SearchPaths::default() };
    let data = DatasetKind::FashionMnist.load(&search_paths).unwrap();
    assert_eq!(data.origin, Origin::Folder(request.folder));
    assert_eq!((data.len(), data.labels[13]), (40, 3));
    assert_eq!(data.images, content(IMAGES)[16..]);
}

#[test]
fn mirrors_are_tried_in_order_and_failed_ones_last() {
    let (dead, alive, unused) = (Mirror::start(|_| status(404)), good_mirror(), good_mirror());
    let target = Target::new();
    let events = fetch_events(&target.request(&[IMAGES, LABELS], &[&dead, &alive, &unused]));
    events.succeeds_after(&["404"]);
    assert_eq!(events.failures[0].url, format!("{}{IMAGES}.gz", dead.url()));
    assert_eq!((dead.requests().len(), alive.requests().len(), unused.requests().len()), (1, 2, 0));
}

#[test]
fn redirects_are_followed() {
    let (target, goal) = (Target::new(), good_mirror());
    let there = goal.url();
    let mirror = Mirror::start(move |request: &Request| {
        let location = format!("Location: {there}{}", request.name);
        vec![head(302, &[location, "Content-Length: 0".to_owned()])]
    });
    target.gets(&[&mirror], &[]);
    assert_eq!(goal.requests().len(), 1);
}

#[test]
fn body_may_end_with_the_connection_or_be_chunked() {
    let body = gzipped(IMAGES);
    let chunk = [format!("{:x}\r\n", body.len()).as_bytes(), &body, b"\r\n0\r\n\r\n"].concat();
    for (headers, body) in
        [(vec![], body.clone()), (vec!["Transfer-Encoding: chunked".to_owned()], chunk)]
    {
        let target = Target::new();
        let mirror = Mirror::start(move |_| vec![head(200, &headers), Step::Send(body.clone())]);
        target.gets(&[&mirror], &[]);
    }
}

#[test]
fn uncompressed_files_are_accepted() {
    let target = Target::new();
    let mirror = Mirror::start(|request| good(&content(IMAGES), request));
    target.fetch(&[&mirror]).succeeds_after(&[]);
    assert_eq!(target.files()[&format!("{IMAGES}.gz")], content(IMAGES));
}

#[test]
fn a_second_download_into_the_same_folder_waits_for_the_first() {
    let target = Target::new();
    let (waits, waiting) = std::sync::mpsc::channel();
    let waiting = std::sync::Mutex::new(waiting);
    // The server waits until the second download waits for the lock.
    let mirror = Mirror::start(move |request| {
        waiting.lock().unwrap().recv().unwrap();
        good(&gzipped(IMAGES), request)
    });
    let request = target.request(&[IMAGES], &[&mirror]);
    let download = |waits: std::sync::mpsc::Sender<()>| {
        let mut report = move |event: Event| {
            if matches!(event, Event::Waiting) {
                waits.send(()).unwrap();
            }
        };
        fetch(&request, &mut report).unwrap();
    };
    thread::scope(|scope| {
        scope.spawn(|| download(waits.clone()));
        scope.spawn(|| download(waits.clone()));
    });
    target.has_only(IMAGES);
    assert_eq!(mirror.requests().len(), 1);
}
