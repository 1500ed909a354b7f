//! Trains one of the classifiers that are embedded in the program and used for scores. The result is
//! bitwise the same on the same kind of processor:
//!
//! ```text
//! cargo run --release --example train_classifier -- mnist DIR OUT
//! ```
//!
//! `DIR` has the four files of MNIST or Fashion-MNIST; `mnist.safetensors`, the weights, and
//! `mnist-test.safetensors`, the features of the test images, are written to the folder `OUT`.

use std::env;
use std::error::Error;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Instant;

use gan_cuda::data::{Dataset, DatasetKind, SearchPaths};
use gan_cuda::device::cpu::{Cpu, default_threads};
use gan_cuda::eval::classifier::TestFeatures;
use gan_cuda::eval::classifier::training::{LabelledImages, TrainingOptions, train};

const SEED: u64 = 0;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [name, folder, out] = &arguments[..] else {
        return Err(
            "give a data set's name, the folder of its files, and a folder to write to".into()
        );
    };
    let kind: DatasetKind = name.parse().map_err(|_| format!("no data set {name}"))?;
    if kind != kind.stored_as() {
        return Err(format!("{kind} has no classifier of its own").into());
    }
    let places = SearchPaths { data_dir: Some(folder.into()), ..SearchPaths::default() };
    let training = kind.load(&places)?;
    let test = kind.load_test(&places)?.ok_or("the folder has no test set")?;
    let options = TrainingOptions { epochs: epochs(kind), seed: SEED };
    let (device, start) = (Cpu::<f32>::new(default_threads()), Instant::now());
    let progress = &mut |done: u64, total: u64| {
        if done.is_multiple_of(469) {
            eprintln!("{done} of {total} batches, {:.0} s", start.elapsed().as_secs_f64());
        }
    };
    let sets = [labelled(&training), labelled(&test)];
    let mut classifier = train(&device, [1, training.classes], sets, options, progress)?;
    println!("error rate on the test images: {:.2} %", 100.0 * classifier.info().error);

    let metadata = [("dataset", name.clone()), ("epochs", options.epochs.to_string())];
    let metadata = metadata.map(|(key, value)| (key.to_owned(), value));
    let path = file(out, name);
    classifier.write(&device, metadata, &path, &mut File::create(&path)?)?;
    let features = classifier.extract(&device, &test.images)?.values;
    let path = file(out, &format!("{name}-test"));
    TestFeatures { features, labels: test.labels }.write(&path, &mut File::create(&path)?)?;
    Ok(())
}

/// Fashion-MNIST is harder to classify and needs more epochs.
fn epochs(kind: DatasetKind) -> u32 {
    match kind {
        DatasetKind::Mnist | DatasetKind::StackedMnist => 12,
        DatasetKind::FashionMnist => 24,
    }
}

fn labelled(data: &Dataset) -> LabelledImages<'_> {
    LabelledImages { images: &data.images, labels: &data.labels }
}

fn file(folder: &str, name: &str) -> PathBuf {
    Path::new(folder).join(format!("{name}.safetensors"))
}
