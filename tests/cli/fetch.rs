//! `gan-cuda fetch`: invalid arguments, resumed downloads, and that no other command uses the
//! network. Faults of mirrors are in `tests/fetch`.

use std::fs;
use std::io::{Write, stderr};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use super::mirror::{Mirror, Request, Step, cut, good, status, whole};
use super::scratch::{Answer, Scratch};

const FIRST: &str = "train-images-idx3-ubyte.gz";

/// Runs the program with a proxy that does not exist, so that only mirrors on this machine can be
/// reached.
fn run(scratch: &Scratch, arguments: &str) -> Answer {
    scratch.run_with(arguments, &[no_proxy(), ("ALL_PROXY", Path::new("http://127.0.0.1:1"))])
}

fn no_proxy() -> (&'static str, &'static Path) {
    ("NO_PROXY", Path::new("127.0.0.1"))
}

fn serve(body: Vec<u8>) -> Mirror {
    Mirror::start(move |request| good(&body, request))
}

#[test]
fn mistakes_on_the_command_line_are_refused() {
    let scratch = Scratch::new();
    for (arguments, words) in [
        ("fetch", "<NAME>"),
        ("fetch cifar10", "mnist, fashion-mnist, stacked-mnist"),
        ("fetch mnist --mirror ftp://example.org/", "begin with http:// or https://"),
        ("fetch mnist --mirror http://", "has no host"),
        ("fetch mnist fashion-mnist --data-dir x", "--data-dir is the folder of one data set"),
        ("fetch mnist fashion-mnist --mirror http://x", "--mirror is the folder of one data set"),
    ] {
        run(&scratch, arguments).fails(2, &[words]);
    }
    assert_eq!(scratch.names("."), [""; 0]);
}

#[test]
fn when_every_mirror_fails_the_error_lists_them_all() {
    let (missing, wrong) = (Mirror::start(|_| status(404)), serve(b"<html>".to_vec()));
    let mnist = ["ossci-datasets.s3.amazonaws.com", "storage.googleapis.com"];
    for (name, folder, known) in [
        ("mnist", "mnist", mnist),
        (
            "fashion-mnist",
            "fashion-mnist",
            ["fashion-mnist.s3-website", "raw.githubusercontent.com"],
        ),
        ("stacked-mnist", "mnist", mnist),
    ] {
        let scratch = Scratch::new();
        // Without the trailing slash.
        let (first, second) = (missing.url(), wrong.url());
        let mirrors = format!("--mirror {} --mirror {second}", first.trim_end_matches('/'));
        let error = run(&scratch, &format!("fetch {name} {mirrors} --quiet")).fails(1, &known);
        assert!(error.contains(&format!("{first}{FIRST}: the server answered")), "{error}");
        assert!(error.contains(&format!("{second}{FIRST}: its content has the SHA")), "{error}");
        assert_eq!(scratch.names("cache"), [format!("gan-cuda/{folder}/.fetch.lock")]);
    }
}

#[test]
fn killed_download_is_resumed() {
    let scratch = Scratch::new();
    let body = vec![7; 50_000];
    let slow = body.clone();
    let stalls = Mirror::start(move |request| {
        let mut steps = cut(&slow, request, 20_000);
        steps.push(Step::Hang);
        steps
    });
    let mut command =
        scratch.command(&format!("fetch mnist --data-dir data --mirror {}", stalls.url()));
    let mut child = command.env("NO_PROXY", "127.0.0.1").stdout(Stdio::null()).spawn().unwrap();
    let part = scratch.path(&format!("data/{FIRST}.part"));
    while fs::metadata(&part).map_or(0, |part| part.len()) < 20_000 {
        assert_eq!(child.try_wait().unwrap(), None, "it ended by itself");
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();

    let mirror = serve(body);
    let arguments = format!("fetch mnist --data-dir data --mirror {}", mirror.url());
    let answer = run(&scratch, &arguments);
    assert!(answer.out.contains("resuming at 19.53 KiB"), "{answer:#?}");
    let request = |from| Request { name: FIRST.to_owned(), from };
    // The content is wrong, so it is downloaded again from the start.
    assert_eq!(mirror.requests(), [request(Some(20_000)), request(None)]);
    assert!(!part.exists());
}

#[test]
fn full_disk_is_an_error_that_names_the_file() {
    let scratch = Scratch::new();
    let mirror = Mirror::start(|_| whole(&vec![7; 500_000], 500_000));
    let limit = "ulimit -f 64; trap '' XFSZ; NO_PROXY=127.0.0.1 exec \"$@\"";
    let arguments = format!("fetch mnist --data-dir data --mirror {}", mirror.url());
    let part = format!("data/{FIRST}.part");
    let answer = scratch.run_under(&["sh", "-c", limit, "sh"], &arguments);
    answer.fails(1, &["cannot write", &part, "File too large"]);
    assert_eq!(mirror.requests().len(), 1);
}

#[test]
fn only_fetch_uses_the_network() {
    let scratch = Scratch::with_digits();
    let proxy = Mirror::start(|_| status(502));
    let url = proxy.url();
    let run = |arguments: &str| scratch.run_with(arguments, &[("ALL_PROXY", Path::new(&url))]);
    let missing = run("train --dataset fashion-mnist --iterations 1");
    let package = "`apt-get install dataset-fashion-mnist`";
    let cache = "cache/gan-cuda/fashion-mnist, or give their folder with --data-dir";
    missing.fails(1, &["`gan-cuda fetch fashion-mnist`", package, cache]);
    run("train --preset mlp --data-dir digits --batch-size 16 --iterations 1").succeeds();
    assert_eq!(proxy.requests(), []);

    // The proxy receives the requests of fetch.
    run("fetch mnist --quiet").fails(1, &["every mirror failed"]);
    assert_ne!(proxy.requests(), []);
}

/// The folder with the real files, from a variable; prints a note if it is not set.
fn real_folder(name: &str, variable: &str) -> Option<PathBuf> {
    let folder = std::env::var_os(variable).map(PathBuf::from);
    if folder.is_none() {
        let _ = writeln!(stderr(), "skipped: no {variable} that names a folder with {name}");
    }
    folder
}

#[test]
fn real_files_are_fetched_and_found_by_train() {
    for (name, variable) in
        [("mnist", "GAN_CUDA_MNIST"), ("fashion-mnist", "GAN_CUDA_FASHION_MNIST")]
    {
        let Some(folder) = real_folder(name, variable) else { continue };
        let mirror = Mirror::start(move |request| {
            good(&fs::read(folder.join(&request.name)).unwrap(), request)
        });
        let scratch = Scratch::new();
        let arguments = format!("fetch {name} --mirror {}", mirror.url());
        let output = run(&scratch, &arguments).succeeds();
        assert!(output.ends_with(&format!("gan-cuda train --dataset {name}\n")), "{output}");
        assert_eq!(run(&scratch, &format!("{arguments} --quiet")).succeeds(), "");
        assert_eq!(mirror.requests().len(), 4);

        let train = format!("train --preset mlp --dataset {name} --iterations 1");
        let output = run(&scratch, &train).succeeds();
        let cache = scratch.path("cache/gan-cuda").join(name);
        assert!(output.contains("60,000 images"), "{output}");
        assert!(output.contains(&format!("from {}", cache.display())), "{output}");
    }
}
