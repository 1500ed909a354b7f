//! The web page; `tests/page` opens it in a browser.

use std::fs;

use super::trained;
use crate::png;
use crate::scratch::Scratch;

/// Layers that presets do not combine: see `tests/page`.
const EVERY_LAYER: &str = include_str!("../../page/every-layer.toml");

#[test]
fn page_refers_to_nothing_outside() {
    let scratch = trained("");
    scratch.run("export --html a.html").prints(&["wrote     a.html, "]);
    let page = scratch.text("a.html");
    for reference in ["http://", "https://", "src=", "href=", "url(", "import(", "fetch("] {
        assert!(!page.contains(reference), "{reference}");
    }
    assert!(page.contains("default-src 'none'"), "the page forbids requests");
}

#[test]
fn pages_are_written_for_networks_of_all_kinds() {
    let scratch = trained("");
    scratch.put("every-layer.toml", EVERY_LAYER);
    for network in ["--preset mlp", "--preset dcgan", "--config every-layer.toml"] {
        let flags = "--data-dir digits --batch-size 16 --threads 1 --iterations 1 -q";
        scratch.run(&format!("train {network} {flags}")).succeeds();
        scratch.run("export --html a.html -q").succeeds();
        let page = scratch.text("a.html");
        assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>\n"), "{network}");
    }
}

#[test]
fn json_lists_the_page() {
    let scratch = trained("");
    let out = scratch.run("export --json --html a.html").succeeds();
    let report: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(report["files"][0]["kind"], "html");
    let bytes = fs::metadata(scratch.path("a.html")).unwrap().len();
    assert_eq!(report["files"][0]["bytes"], bytes);
}

#[test]
fn names_of_classes_are_no_markup() {
    let scratch = Scratch::new();
    for class in ["<script>", "<!--"] {
        fs::create_dir_all(scratch.path(&format!("photos/{class}"))).unwrap();
        for i in 0..2 {
            let picture = png::rgb(8, 8, |x, y| [x as u8, y as u8, i]);
            scratch.put(&format!("photos/{class}/{i}.png"), picture);
        }
    }
    let train = "train --dataset photos --image-size 8 --g-hidden 8 --d-hidden 8 --batch-size 2 \
                 --iterations 1 -q";
    scratch.run(train).succeeds();
    scratch.run("export --html a.html").succeeds();
    let page = scratch.text("a.html");
    assert!(page.contains(r#"["\u003c!--","\u003cscript>"]"#), "class names are in the page");
    assert!(!page.contains("<script>"), "a class has become an element");
}
