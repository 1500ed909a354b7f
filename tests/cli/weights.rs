//! `--init-generator` and `--init-discriminator`: runs that start with weights from a file.

use std::fs;
use std::path::Path;

use gan_cuda::formats::tensor_file::{Element, TensorFile, TensorInfo, TensorWriter};
use half::{bf16, f16};
use safetensors::Dtype;

use super::scratch::{RUN as FIRST, SECOND, Scratch};
use super::tensors;

const THIRD: &str = "runs/00002-cgan-mnist";

/// A folder with a run of four iterations, and the files of its networks.
fn trained() -> (Scratch, String, String) {
    let scratch = Scratch::with_run("--iterations 4");
    let file = |network| format!("{FIRST}/checkpoint-000004/{network}.safetensors");
    (scratch, file("generator"), file("discriminator"))
}

/// Copies a file to `x.safetensors` with other tensors.
fn rewritten(
    scratch: &Scratch,
    file: &str,
    change: impl for<'a> Fn(&mut TensorWriter<'a>, &'a TensorFile, &'a TensorInfo),
) -> &'static str {
    let (old, mut new) = (TensorFile::open(&scratch.path(file)).unwrap(), TensorWriter::new());
    old.tensors().iter().for_each(|tensor| change(&mut new, &old, tensor));
    write(scratch, new)
}

fn write(scratch: &Scratch, file: TensorWriter<'_>) -> &'static str {
    scratch.put("x.safetensors", tensors::bytes(file));
    "x.safetensors"
}

/// Copies the f32 tensors of a file with other values.
fn changed<T: Element + 'static>(
    scratch: &Scratch,
    file: &str,
    change: impl Fn(f32) -> T,
) -> &'static str {
    rewritten(scratch, file, |new, old, TensorInfo { name, shape, dtype, .. }| {
        if *dtype == Dtype::F32 {
            let numbers = old.get::<f32>(name, shape).unwrap().into_iter().map(&change).collect();
            new.push(name, shape, [Ok(numbers)]);
        }
    })
}

#[test]
fn run_starts_with_weights_from_files_and_can_be_rerun() {
    let (scratch, generator, discriminator) = trained();
    let flags = format!("--init-generator {generator} --init-discriminator {discriminator}");
    scratch.train(&format!("--iterations 3 {flags}")).succeeds();
    scratch.run(&format!("train --config {SECOND}/config.toml")).succeeds();
    let [first, second, third] = [FIRST, SECOND, THIRD].map(|run| scratch.files(run));
    assert_eq!(second["samples/000000.png"], first["samples/000004.png"]);
    for network in ["generator", "discriminator"] {
        let file = format!("checkpoint-000003/{network}.safetensors");
        assert_eq!(second[&file], third[&file], "{network}");
        let named = scratch.config(THIRD)[&format!("init_{network}")].as_str().unwrap().to_owned();
        let file = scratch.path(&format!("{FIRST}/checkpoint-000004/{network}.safetensors"));
        assert_eq!(Path::new(&named), file.canonicalize().unwrap());
    }
    // The run's own checkpoint has the weights, so the files are not needed any more.
    fs::remove_dir_all(scratch.path(FIRST)).unwrap();
    scratch.run("train --resume --iterations 4").succeeds();
    let again = scratch.run(&format!("train --config {SECOND}"));
    again.fails(1, &["cannot read", "checkpoint-000004/generator.safetensors"]);
}

#[test]
fn one_network_alone_may_start_with_weights() {
    let (scratch, generator, discriminator) = trained();
    scratch.train(&format!("--iterations 1 --init-generator {generator}")).succeeds();
    scratch.train(&format!("--iterations 1 --init-discriminator {discriminator}")).succeeds();
    let [first, second, third] = [FIRST, SECOND, THIRD].map(|run| scratch.files(run));
    assert_eq!(second["samples/000000.png"], first["samples/000004.png"]);
    assert_eq!(third["samples/000000.png"], first["samples/000000.png"]);
}

#[test]
fn weights_may_be_of_any_real_type_and_come_without_counters() {
    let (scratch, generator, _) = trained();
    let want = scratch.files(FIRST)["samples/000004.png"].clone();
    let first_grid = |file: &str, run: &str| {
        scratch.train(&format!("--iterations 1 --init-generator {file}")).succeeds();
        scratch.files(run)["samples/000000.png"].clone()
    };
    assert!(first_grid(changed(&scratch, &generator, f64::from), SECOND) == want);
    let brain = changed(&scratch, &generator, bf16::from_f32);
    assert!(first_grid(brain, THIRD) != want, "rounded");
    let half = changed(&scratch, &generator, f16::from_f32);
    assert!(first_grid(half, "runs/00003-cgan-mnist") != want, "rounded");
}

#[test]
fn unusable_weight_files_are_named_with_the_problem() {
    let (scratch, generator, discriminator) = trained();
    let fails = |file: &str, words: &[&str]| {
        let flags = format!("--iterations 1 --init-generator {file}");
        scratch.train(&flags).fails(1, &[&[file], words].concat());
        assert!(!scratch.path(SECOND).exists(), "a run that never began");
    };
    fails("nowhere.safetensors", &["cannot read"]);
    fails(&discriminator, &["label_embedding.weight", "model.", "another network"][1..]);
    let lacking = rewritten(&scratch, &generator, |new, old, tensor| {
        if tensor.name != "model.0.bias" {
            new.copy(old, tensor);
        }
    });
    fails(lacking, &["no tensor model.0.bias"]);
    let whole_generator = TensorFile::open(&scratch.path(&generator)).unwrap();
    let mut more = tensors::copy(&whole_generator);
    more.push("model.99.weight", &[2], [Ok(vec![0.0_f32; 2])]);
    fails(write(&scratch, more), &["no tensor model.99.weight"]);
    fails(changed(&scratch, &generator, |_| f32::NAN), &["not finite"]);
    fails(changed(&scratch, &generator, |_| 1_i64), &["I64", "floating-point numbers"]);
    let bytes = scratch.bytes(&generator);
    scratch.put("none.safetensors", "");
    fails("none.safetensors", &["not a safetensors file but an empty file"]);
    for cut in [7, 100, bytes.len() - 1] {
        scratch.put("cut.safetensors", &bytes[..cut]);
        fails("cut.safetensors", &["not a valid safetensors file"]);
    }
    let flags = format!("--g-hidden 12,13 --init-generator {generator}");
    let error = scratch.run(&format!("train --data-dir digits --d-hidden 12 {flags}"));
    error.fails(1, &[&generator, "shape", "12", "13"]);
    scratch.train(&format!("--resume --init-generator {generator}")).fails(2, &["--resume"]);
}

#[test]
fn keys_may_have_the_prefixes_of_pytorchs_wrappers() {
    let (scratch, generator, _) = trained();
    let want = scratch.files(FIRST)["samples/000004.png"].clone();
    let prefixes = ["module.", "_orig_mod.module.", "module._orig_mod."];
    for (number, prefix) in (1..).zip(prefixes) {
        let wrapped = rewritten(&scratch, &generator, |new, old, tensor| {
            let numbers = match tensor.dtype {
                Dtype::F32 => old.get::<f32>(&tensor.name, &tensor.shape).unwrap(),
                _ => return,
            };
            new.push(format!("{prefix}{}", tensor.name), &tensor.shape, [Ok(numbers)]);
        });
        scratch.train(&format!("--iterations 1 --init-generator {wrapped}")).succeeds();
        let run = format!("runs/{number:05}-cgan-mnist");
        assert!(scratch.files(&run)["samples/000000.png"] == want, "{prefix}");
    }
}

#[test]
fn weights_in_other_file_formats_are_refused_with_advice() {
    let scratch = Scratch::with_digits();
    for (bytes, words) in [
        (&b"PK\x03\x04\x14\x00net/data.pkl"[..], ["a torch.save file", "save_file(torch.load("]),
        (b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.", ["old torch.save file", "net.pth"]),
        (b"PK\x03\x04\x14\x000.weight.npy", ["NumPy", "numpy.load"]),
        (b"version https://git-lfs.github.com/spec/v1\n", ["Git LFS pointer", "git lfs pull"]),
        (b"<!DOCTYPE html>\n<html></html>", ["web page", "download"]),
    ] {
        scratch.put("net.pth", bytes);
        let words = [&["net.pth is not a safetensors file"], &words[..]].concat();
        scratch.train("--init-discriminator net.pth").fails(1, &words);
    }
    scratch.train("--iterations 1").succeeds();
    let file = format!("{FIRST}/checkpoint-000001/generator.safetensors");
    scratch.put(&file, "version https://git-lfs.github.com/spec/v1\n");
    scratch.run("sample").fails(1, &["is damaged: it is a Git LFS pointer", "git lfs pull"]);
}

#[test]
fn other_errors_are_found_before_images_are_decoded() {
    let (scratch, _, discriminator) = trained();
    fs::create_dir(scratch.path("photos")).unwrap();
    scratch.put("photos/a.png", "no image");
    let train = "train --preset mlp-dropout --dataset photos --d-hidden 12 --g-hidden 12";
    scratch.run(train).fails(1, &["cannot use image"]);
    for (flags, words) in [
        (&*format!("--init-generator {discriminator}"), ["another network", "discriminator"]),
        ("--init-discriminator none", ["cannot read", "none"]),
        ("--runs-dir digits/train-labels-idx1-ubyte/x", ["cannot create", "Not a directory"]),
        ("--image-size 1024 --batch-size 1000000", ["not enough memory", ""]),
    ] {
        scratch.run(&format!("{train} {flags}")).fails(1, &words);
    }
    // So is a damaged checkpoint.
    fs::remove_dir_all(scratch.path("digits")).unwrap();
    scratch.put(&discriminator, "x");
    scratch
        .run("train --resume --iterations 9")
        .fails(1, &["discriminator.safetensors is damaged"]);
}
