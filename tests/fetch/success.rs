//! Downloads where all goes well.

use std::thread;

use gan_cuda::data::fetch::{Event, fetch};
use gan_cuda::data::{DatasetKind, Origin, SearchPaths};

use crate::mirror::{Asked, Mirror, Step, good, head, status};
use crate::test_dataset::{IMAGES, LABELS, Target, content, good_mirror, packed, seen};

#[test]
fn downloaded_files_are_what_the_reader_of_data_sets_finds() {
    let (mirror, target) = (good_mirror(), Target::new());
    let request = target.request(&[IMAGES, LABELS], &[&mirror]);
    let seen = seen(&request);
    seen.succeeds_after(&[]);
    assert_eq!(seen.checked, [IMAGES, LABELS]);
    assert_eq!(target.files().len(), 2, "{:?}", target.files().keys());

    let search_paths =
        SearchPaths { cache: Some(request.folder.clone()), ..SearchPaths::default() };
    let data = DatasetKind::FashionMnist.load(&search_paths).unwrap();
    assert_eq!(data.origin, Origin::Folder(request.folder));
    assert_eq!((data.len(), data.labels[13]), (40, 3));
    assert_eq!(data.images, content(IMAGES)[16..]);
}

#[test]
fn the_first_mirror_is_asked_first_and_one_that_failed_last() {
    let (dead, alive, unused) = (Mirror::start(|_| status(404)), good_mirror(), good_mirror());
    let target = Target::new();
    let seen = seen(&target.request(&[IMAGES, LABELS], &[&dead, &alive, &unused]));
    seen.succeeds_after(&["404"]);
    assert_eq!(seen.failures[0].url, format!("{}{IMAGES}.gz", dead.url()));
    assert_eq!((dead.asked().len(), alive.asked().len(), unused.asked().len()), (1, 2, 0));
}

#[test]
fn redirects_are_followed() {
    let (target, goal) = (Target::new(), good_mirror());
    let there = goal.url();
    let mirror = Mirror::start(move |asked: &Asked| {
        let location = format!("Location: {there}{}", asked.name);
        vec![head(302, &[location, "Content-Length: 0".to_owned()])]
    });
    target.gets(&[&mirror], &[]);
    assert_eq!(goal.asked().len(), 1);
}

#[test]
fn a_body_may_end_with_the_connection_or_come_in_chunks() {
    let body = packed(IMAGES);
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
fn a_mirror_that_sends_the_file_unpacked_will_do() {
    let target = Target::new();
    let mirror = Mirror::start(|asked| good(&content(IMAGES), asked));
    target.fetch(&[&mirror]).succeeds_after(&[]);
    assert_eq!(target.files()[&format!("{IMAGES}.gz")], content(IMAGES));
}

#[test]
fn a_second_download_into_the_same_folder_waits_for_the_first() {
    let target = Target::new();
    let (waits, waiting) = std::sync::mpsc::channel();
    let waiting = std::sync::Mutex::new(waiting);
    // Nothing is sent before somebody waits.
    let mirror = Mirror::start(move |asked| {
        waiting.lock().unwrap().recv().unwrap();
        good(&packed(IMAGES), asked)
    });
    let request = target.request(&[IMAGES], &[&mirror]);
    let download = |waits: std::sync::mpsc::Sender<()>| {
        let tell = move |event: Event| {
            if matches!(event, Event::Waiting) {
                waits.send(()).unwrap();
            }
        };
        let mut tell = tell;
        fetch(&request, &mut tell).unwrap();
    };
    thread::scope(|scope| {
        scope.spawn(|| download(waits.clone()));
        scope.spawn(|| download(waits.clone()));
    });
    target.has_only(IMAGES);
    assert_eq!(mirror.asked().len(), 1);
}
