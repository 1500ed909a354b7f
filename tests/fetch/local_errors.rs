//! What this machine's own files can do to a download: an error at once, and no mirror's fault.

use std::fs;

use crate::mirror::{Mirror, good};
use crate::test_dataset::{IMAGES, Target, packed, seen};

#[test]
fn a_folder_that_cannot_be_written_is_an_error_that_names_it() {
    let mirror = Mirror::start(|asked| good(&packed(IMAGES), asked));
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
        let seen = seen(&request);
        let named = target.path(if spoil.is_empty() { "folder" } else { spoil });
        assert!(seen.fails().starts_with(words), "{}", seen.fails());
        assert!(seen.fails().contains(named.to_str().unwrap()), "{}", seen.fails());
        assert!(seen.failures.is_empty(), "{seen:#?}");
    }
}
