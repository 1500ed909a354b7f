//! Trains the classifiers inside the program, which scores are made of, to the same bits on the same
//! kind of processor:
//!
//! ```text
//! cargo run --release --example train_classifier -- mnist DIR OUT
//! ```
//!
//! `DIR` has the four files of MNIST or Fashion-MNIST; `OUT` is a folder for `mnist.safetensors`,
//! the weights, and `mnist-test.safetensors`, the features of the test images.

use std::env;
use std::error::Error;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Instant;

use gan_cuda::data::{Dataset, DatasetKind, SearchPaths};
use gan_cuda::device::cpu::{Cpu, default_threads};
use gan_cuda::eval::classifier::TestFeatures;
use gan_cuda::eval::classifier::training::{Labelled, Recipe, train};

const SEED: u64 = 0;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [name, folder, out] = &arguments[..] else {
        return Err(
            "give a data set's name, the folder of its files, and a folder to write to".into()
        );
    };
    let kind: DatasetKind = name.parse().map_err(|_| format!("no data set {name}"))?;
    let places = SearchPaths { data_dir: Some(folder.into()), ..SearchPaths::default() };
    let training = kind.load(&places)?;
    let test = kind.load_test(&places)?.ok_or("the folder has no test set")?;
    let recipe = Recipe { epochs: epochs(kind), seed: SEED };
    let (device, begun) = (Cpu::<f32>::new(default_threads()), Instant::now());
    let progress = &mut |done: u64, all: u64| {
        if done.is_multiple_of(469) {
            eprintln!("{done} of {all} batches, {:.0} s", begun.elapsed().as_secs_f64());
        }
    };
    let sets = [labelled(&training), labelled(&test)];
    let mut classifier = train(&device, [1, training.classes], sets, recipe, progress)?;
    println!(
        "{:.2} % of the test images are taken for another class",
        100.0 * classifier.about().error
    );

    let about = [("dataset", name.clone()), ("epochs", recipe.epochs.to_string())];
    let about = about.map(|(key, word)| (key.to_owned(), word));
    let path = file(out, name);
    classifier.write(&device, about, &path, &mut File::create(&path)?)?;
    let features = classifier.look(&device, &test.images)?.features;
    let path = file(out, &format!("{name}-test"));
    TestFeatures { features, labels: test.labels }.write(&path, &mut File::create(&path)?)?;
    Ok(())
}

/// Clothes are harder to tell apart.
fn epochs(kind: DatasetKind) -> u32 {
    match kind {
        DatasetKind::Mnist => 12,
        DatasetKind::FashionMnist => 24,
    }
}

fn labelled(data: &Dataset) -> Labelled<'_> {
    Labelled { images: &data.images, labels: &data.labels }
}

fn file(folder: &str, name: &str) -> PathBuf {
    Path::new(folder).join(format!("{name}.safetensors"))
}
