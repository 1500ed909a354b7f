//! Errors of this machine: reported at once, without trying other mirrors.

use std::fs;

use crate::mirror::{Mirror, good};
use crate::test_dataset::{IMAGES, Target, fetch_events, gzipped};

#[test]
fn unwritable_folder_is_an_error_that_names_it() {
    let mirror = Mirror::start(|request| good(&gzipped(IMAGES), request));
    for (spoil, words) in [
        ("", "cannot create"),
        ("folder/.fetch.lock", "cannot create"),
        ("folder/train-images-idx3-ubyte.gz.part", "cannot "),
    ] {
        let target = Target::new();
        let mut request = target.request(&[IMAGES], &[&mirror]);
        request.folder = target.path("folder");
        match spoil {
            "" => target.put("folder", b"a file"),
            name => fs::create_dir_all(target.path(name)).unwrap(),
        }
        let events = fetch_events(&request);
        let named = target.path(if spoil.is_empty() { "folder" } else { spoil });
        assert!(events.fails().starts_with(words), "{}", events.fails());
        assert!(events.fails().contains(named.to_str().unwrap()), "{}", events.fails());
        assert!(events.failures.is_empty(), "{events:#?}");
    }
}
