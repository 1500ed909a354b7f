//! What is refused, and in which words.

use std::fs;

use super::{CHECKPOINT, RUN, pixels, trained};
use crate::scratch::Scratch;

#[test]
fn values_out_of_range_are_refused_with_flag_value_and_range() {
    let scratch = Scratch::new();
    for (flag, value, range) in [
        ("--count", "0", "from 1 to 100,000"),
        ("--count", "100001", "from 1 to 100,000"),
        ("--count", "-1", "from 1 to 100,000"),
        ("--seed", "one", "a whole number from 0"),
        ("--labels", "9-0", "ascending"),
        ("--labels", "7,", "as 0-9 or 7,3"),
        ("--labels", "cat", "as 0-9 or 7,3"),
        ("--grid", "8", "ROWSxCOLS"),
        ("--grid", "0x8", "ROWSxCOLS"),
        ("--grid", "1000x1000", "100,000"),
        ("--bn", "frozen", "running, batch"),
        ("--interpolate", "1", "as 1:2"),
        ("--interpolate", "1:b", "as 1:2"),
        ("--interpolate=1:2 --steps", "1", "2 to 1,000"),
        ("--interpolate=1:2 --steps", "1001", "2 to 1,000"),
        ("--device", "tpu", "'auto', 'cpu', 'cuda' or 'cuda:N'"),
        ("--threads", "0", "1 to"),
    ] {
        let name = flag.split(' ').next_back().unwrap().split('=').next().unwrap();
        scratch.run(&format!("sample {flag}={value}")).fails(2, &[name, value, range]);
    }
    for (flag, value) in [("--count", "-3"), ("--seed", "-1"), ("--interpolate", "-1:2")] {
        scratch.run(&format!("sample {flag} {value}")).fails(2, &["invalid value", flag, value]);
    }
}

#[test]
fn flags_that_exclude_each_other_are_refused() {
    let scratch = Scratch::new();
    for (flags, words) in [
        ("--interpolate 1:2 --count 3", ["--interpolate", "--count"]),
        ("--interpolate 1:2 --seed 3", ["--interpolate", "--seed"]),
        ("--interpolate 1:2 --grid 3x3", ["--interpolate", "--grid"]),
        ("--steps 3", ["--interpolate", "required"]),
        ("somewhere --runs-dir runs", ["CHECKPOINT", "--runs-dir"]),
    ] {
        scratch.run(&format!("sample {flags}")).fails(2, &words);
    }
}

#[test]
fn flags_that_the_checkpoint_cannot_honour_are_refused_by_name() {
    let scratch = trained("");
    for (flags, words) in [
        ("--labels 10", ["--labels", "no class 10", "0 to 9"]),
        ("--labels 3,5-4294967295", ["--labels", "no class 4294967295", "0 to 9"]),
        ("--count 7 --grid 2x3", ["--count", "7", "2x3"]),
        ("--bn batch --count 1", ["--bn", "2 to 4,096", "--count"]),
        ("--bn batch --count 4097", ["--bn", "2 to 4,096", "4097"]),
    ] {
        scratch.run(&format!("sample {flags}")).fails(2, &words);
    }
    assert!(!scratch.path("sample.png").exists());
    let scratch = trained("--preset mlp");
    for (flags, words) in [
        ("--labels 0", ["--labels", "mlp has no classes"]),
        ("--bn batch", ["--bn", "mlp has no BatchNorm"]),
        ("--bn running", ["--bn", "mlp has no BatchNorm"]),
    ] {
        scratch.run(&format!("sample {flags}")).fails(2, &words);
    }
}

#[test]
fn too_large_a_picture_is_refused_and_separate_files_are_not() {
    let scratch = trained("--image-size 64 --latent-dim 5 --g-hidden 3");
    scratch.run("sample --count 100000").fails(2, &["--out", "660002", "--separate"]);
    scratch.run("sample --count 100000 --separate apart --out a.png").fails(2, &["--out"]);
    assert!(!scratch.path("apart").exists() && !scratch.path("sample.png").exists());
}

#[test]
fn places_that_cannot_be_written_to_are_named_before_anything_is_drawn() {
    let scratch = trained("");
    fs::create_dir(scratch.path("folder.png")).unwrap();
    fs::write(scratch.path("file"), "").unwrap();
    for (flags, code, words) in [
        ("--out a.jpg", 2, ["--out", "a.jpg", ".png"]),
        ("--out png", 2, ["--out", "png", ".png"]),
        ("--out missing/a.png", 1, ["cannot write", "missing/a.png", "No such file"]),
        ("--out folder.png", 1, ["cannot write", "folder.png", "directory"]),
        ("--separate file", 1, ["cannot list", "file", "Not a directory"]),
        ("--separate digits", 1, ["digits", "not empty", "new folder"]),
    ] {
        scratch.run(&format!("sample {flags}")).fails(code, &words);
    }
    fs::create_dir(scratch.path("empty")).unwrap();
    scratch.run("sample --count 1 --separate empty --labels 0").succeeds();
    assert_eq!(scratch.names("empty"), ["000000-label-0.png"]);
    fs::write(scratch.path("old.PNG"), "old").unwrap();
    scratch.run("sample --count 1 --out old.PNG").succeeds();
    assert_eq!(pixels(&scratch.path("old.PNG")).size, (28, 28));
    assert_eq!(scratch.names("digits").len(), 2);
}

#[test]
fn what_is_no_checkpoint_is_named() {
    let scratch = Scratch::with_digits();
    scratch.run("sample").fails(1, &["no runs in runs"]);
    scratch.run("sample nowhere").fails(1, &["no such run or checkpoint: nowhere"]);
    scratch.run("sample digits").fails(1, &["digits is not a run folder", "a checkpoint folder"]);
    scratch.train("--iterations 1").succeeds();
    let file = format!("{RUN}/checkpoint-000001/generator.safetensors");
    scratch.run(&format!("sample {file}")).fails(1, &["generator.safetensors is not", "a file"]);
    fs::remove_dir_all(scratch.path(RUN).join("checkpoint-000001")).unwrap();
    scratch.run("sample").fails(1, &["no complete checkpoint", RUN]);
    assert!(!scratch.path("sample.png").exists());
}

#[test]
fn damaged_checkpoint_is_named_with_the_older_ones() {
    let scratch = trained("--checkpoint-interval 3");
    for file in ["generator", "discriminator", "state"] {
        let path = scratch.path(CHECKPOINT).join(format!("{file}.safetensors"));
        let good = fs::read(&path).unwrap();
        let mut bad = good.clone();
        bad[good.len() / 2] ^= 1;
        let words = [&*format!("{file}.safetensors is damaged"), "checkpoint-000003"];
        for bytes in [&bad[..], &good[..good.len() - 1], &[]] {
            fs::write(&path, bytes).unwrap();
            scratch.run("sample").fails(1, &words);
        }
        fs::remove_file(&path).unwrap();
        scratch.run("sample").fails(1, &words);
        fs::write(&path, good).unwrap();
    }
    scratch.run("sample").succeeds();
}

/// Replaces words of the same length in a checkpoint's state, and puts its checksum right.
fn forge(scratch: &Scratch, from: &str, to: &str) {
    assert_eq!(from.len(), to.len());
    let path = scratch.path(CHECKPOINT).join("state.safetensors");
    let mut bytes = fs::read(&path).unwrap();
    let find = |bytes: &[u8], text: &str| {
        bytes.windows(text.len()).position(|window| window == text.as_bytes()).unwrap()
    };
    let place = find(&bytes, from);
    bytes[place..place + to.len()].copy_from_slice(to.as_bytes());
    let key = "\"crc32_state\":\"";
    let place = find(&bytes, key) + key.len();
    bytes[place..place + 8].copy_from_slice(b"00000000");
    let sum = format!("{:08x}", crc32fast::hash(&bytes));
    bytes[place..place + 8].copy_from_slice(sum.as_bytes());
    fs::write(path, bytes).unwrap();
}

#[test]
fn checkpoint_of_another_format_or_configuration_is_named_with_what_differs() {
    for (from, to, words) in [
        ("\"format_version\":\"3\"", "\"format_version\":\"1\"", ["format \"1\"", "version"]),
        ("preset = \\\"cgan", "preset = \\\"bgan", ["preset", "cgan, not bgan"]),
        ("latent_dim = 100", "latent_dim = 200", ["generator layer 0", "follows 210 features"]),
        ("latent_dim = 100", "latent_dim = 0  ", ["gan.latent_dim is 0", "1 to 1,000,000"]),
        ("latent_dim = 100", "latent_dim = -10", ["state.safetensors", ""]),
        ("batch_size = 16", "batch_size = 0 ", ["gan.batch_size is 0", "1 to 1,000,000"]),
        ("channels = 1", "channels = 2", ["state.safetensors", "channels"]),
        ("classes = 10", "classes = 11", ["generator layer 0", "follows 111 features"]),
        ("seed = 0", "sead = 0", ["state.safetensors", "sead"]),
    ] {
        let scratch = trained("");
        forge(&scratch, from, to);
        let words = [words[0], words[1], CHECKPOINT];
        scratch.run("sample").fails(1, &words);
    }
}
