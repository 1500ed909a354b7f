//! `--init-generator` and `--init-discriminator`: runs that begin with PyTorch's weights.

use std::fs;
use std::path::Path;

use gan_cuda::train::tensor_file::{NamedTensor, TensorData, TensorFile};
use half::bf16;

use super::scratch::Scratch;

const FIRST: &str = "runs/00000-cgan-mnist";
const SECOND: &str = "runs/00001-cgan-mnist";
const THIRD: &str = "runs/00002-cgan-mnist";

/// A folder with a run of four iterations, and the names of its networks' files.
fn trained() -> (Scratch, String, String) {
    let scratch = Scratch::with_digits();
    scratch.train("--iterations 4").succeeds();
    let file = |network| format!("{FIRST}/checkpoint-000004/{network}.safetensors");
    (scratch, file("generator"), file("discriminator"))
}

/// A copy of a file with other tensors, `x.safetensors`.
fn rewritten(
    scratch: &Scratch,
    file: &str,
    change: impl Fn(&NamedTensor) -> Option<TensorData>,
) -> &'static str {
    let (old, mut new) = (TensorFile::read(&scratch.path(file)).unwrap(), TensorFile::new());
    for tensor in old.tensors() {
        if let Some(data) = change(tensor) {
            new.push(tensor.name.clone(), &tensor.shape, data);
        }
    }
    write(scratch, &new)
}

fn write(scratch: &Scratch, file: &TensorFile) -> &'static str {
    let path = scratch.path("x.safetensors");
    fs::write(&path, file.to_bytes(Path::new("x")).unwrap()).unwrap();
    "x.safetensors"
}

#[test]
fn run_begins_with_the_weights_of_files_and_can_be_rerun() {
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
        assert_eq!(
            Path::new(&named),
            scratch
                .path(&format!("{FIRST}/checkpoint-000004/{network}.safetensors"))
                .canonicalize()
                .unwrap()
        );
    }
    // Its own checkpoint has the weights; the files may go.
    fs::remove_dir_all(scratch.path(FIRST)).unwrap();
    scratch.run("train --resume --iterations 4").succeeds();
    let again = scratch.run(&format!("train --config {SECOND}"));
    again.fails(1, &["cannot read", "checkpoint-000004/generator.safetensors"]);
}

#[test]
fn one_network_alone_may_begin_with_weights() {
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
    let single = |tensor: &NamedTensor| match &tensor.data {
        TensorData::F32(values) => Some(values.clone()),
        _ => None,
    };
    let double = |tensor: &NamedTensor| {
        Some(single(tensor)?.into_iter().map(f64::from).collect::<Vec<_>>().into())
    };
    let half = |tensor: &NamedTensor| {
        Some(single(tensor)?.into_iter().map(bf16::from_f32).collect::<Vec<_>>().into())
    };
    let first_grid = |file: &str, run: &str| {
        scratch.train(&format!("--iterations 1 --init-generator {file}")).succeeds();
        scratch.files(run)["samples/000000.png"].clone()
    };
    assert!(first_grid(rewritten(&scratch, &generator, double), SECOND) == want);
    assert!(first_grid(rewritten(&scratch, &generator, half), THIRD) != want, "rounded");
}

#[test]
fn files_that_do_not_fit_are_named_with_what_is_wrong() {
    let (scratch, generator, discriminator) = trained();
    let all = |tensor: &NamedTensor| Some(tensor.data.clone());
    let fails = |file: &str, words: &[&str]| {
        let flags = format!("--iterations 1 --init-generator {file}");
        scratch.train(&flags).fails(1, &[&[file], words].concat());
        assert!(!scratch.path(SECOND).exists(), "a run that never began");
    };
    fails("nowhere.safetensors", &["cannot read"]);
    fails(&discriminator, &["label_embedding.weight", "model.", "another network"][1..]);
    let lacking = |tensor: &NamedTensor| all(tensor).filter(|_| tensor.name != "model.0.bias");
    fails(rewritten(&scratch, &generator, lacking), &["no tensor model.0.bias"]);
    let mut more = TensorFile::read(&scratch.path(&generator)).unwrap();
    more.push("model.99.weight", &[2], vec![0.0_f32; 2]);
    fails(write(&scratch, &more), &["no place for tensor model.99.weight"]);
    let nan = |tensor: &NamedTensor| match &tensor.data {
        TensorData::F32(values) => Some(vec![f32::NAN; values.len()].into()),
        other => Some(other.clone()),
    };
    fails(rewritten(&scratch, &generator, nan), &["not finite"]);
    let whole = |tensor: &NamedTensor| Some(vec![1_i64; tensor.data.len()].into());
    fails(rewritten(&scratch, &generator, whole), &["I64", "real numbers"]);
    let bytes = fs::read(scratch.path(&generator)).unwrap();
    for cut in [0, 7, 100, bytes.len() - 1] {
        fs::write(scratch.path("cut.safetensors"), &bytes[..cut]).unwrap();
        fails("cut.safetensors", &["not a whole safetensors file"]);
    }
    let flags = format!("--g-hidden 12,13 --init-generator {generator}");
    let error = scratch.run(&format!("train --data-dir digits --d-hidden 12 {flags}"));
    error.fails(1, &[&generator, "shape", "12", "13"]);
    scratch.train(&format!("--resume --init-generator {generator}")).fails(2, &["--resume"]);
}
