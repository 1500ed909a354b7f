//! The event files of `train`, as TensorBoard reads them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use gan_cuda::formats::events::event_files;
use gan_cuda::formats::stats::read_stats;
use serde_json::Value;

use super::png;
use super::python::python;
use super::scratch::{RUN, Scratch};

/// Prints the data that TensorBoard reads from a run folder as JSON.
const READER: &str = r#"
import json, struct, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
reader = EventAccumulator(sys.argv[1], {"scalars": 0, "images": 0, "histograms": 0, "tensors": 0})
reader.Reload()
tags = reader.Tags()
image = reader.Images("samples")[-1]
print(json.dumps({
    "scalars": {tag: [[e.step, e.value] for e in reader.Scalars(tag)] for tag in tags["scalars"]},
    "images": {tag: [e.step for e in reader.Images(tag)] for tag in tags["images"]},
    "histograms": {tag: [e.step for e in reader.Histograms(tag)] for tag in tags["histograms"]},
    "counts": {tag: reader.Histograms(tag)[-1].histogram_value.num for tag in tags["histograms"]},
    "sums": {tag: reader.Histograms(tag)[-1].histogram_value.sum for tag in tags["histograms"]},
    "texts": {tag: [e.tensor_proto.string_val[0].decode() for e in reader.Tensors(tag)]
              for tag in tags["tensors"]},
    "size": [image.width, image.height],
    "png_size": struct.unpack(">II", image.encoded_image_string[16:24]),
}))
"#;

/// The data that TensorBoard reads from a run, if it is installed.
fn tensorboard_data(run: &Path) -> Option<Value> {
    let text = python(&["tensorboard"], READER, [run])?;
    Some(serde_json::from_str(&text).unwrap())
}

/// Reads a run, runs a command, and reloads the run: the steps of `g_loss` before and after.
const RELOADING_READER: &str = r#"
import json, subprocess, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
reader = EventAccumulator(sys.argv[1])
steps = lambda: [e.step for e in reader.Reload().Scalars("g_loss")]
before = steps()
subprocess.run(sys.argv[3:], check=True, stdout=subprocess.DEVNULL, cwd=sys.argv[2])
print(json.dumps([before, steps()]))
"#;

fn files(scratch: &Scratch) -> Vec<PathBuf> {
    event_files(&scratch.path(RUN)).unwrap()
}

fn steps(value: &Value) -> Vec<u64> {
    let step = |entry: &Value| entry.as_u64().or_else(|| entry[0].as_u64()).unwrap();
    value.as_array().unwrap().iter().map(step).collect()
}

/// Steps and values by tag.
type Scalars = BTreeMap<String, Vec<(u64, f32)>>;

/// The scalars that TensorBoard read.
fn scalars_of(data: &Value) -> Scalars {
    serde_json::from_value(data["scalars"].clone()).unwrap()
}

/// The expected scalars of a run, from `stats.jsonl`.
fn scalars(scratch: &Scratch, run: &str) -> Scalars {
    let records = read_stats(&scratch.path(run).join("stats.jsonl")).unwrap();
    let mut scalars = Scalars::new();
    let mut add = |tag: String, step, number| scalars.entry(tag).or_default().push((step, number));
    for loss in records.losses {
        add("d_loss".to_owned(), loss.iteration, loss.d_loss);
        add("g_loss".to_owned(), loss.iteration, loss.g_loss);
        add("d_real".to_owned(), loss.iteration, loss.d_real);
        add("d_fake".to_owned(), loss.iteration, loss.d_fake);
        add("images_per_second".to_owned(), loss.iteration, loss.images_per_second);
    }
    for record in records.scores {
        for (name, score) in record.scores.named() {
            add(name.to_owned(), record.iteration, score as f32);
        }
    }
    for image in records.images {
        for (stats, of) in [(image.samples, "samples"), (image.data, "data")] {
            for (name, number) in stats.named() {
                add(format!("{name}/{of}"), image.iteration, number);
            }
        }
    }
    scalars
}

#[test]
fn statistics_have_contrast_and_colour_of_samples_and_data() {
    let scratch = Scratch::with_digits();
    let flags =
        "--preset mlp-rgb --dataset mnist --image-size 8 --iterations 4 --sample-interval 2";
    scratch.train(flags).succeeds();
    let run = "runs/00000-mlp-rgb-mnist";
    let images = read_stats(&scratch.path(run).join("stats.jsonl")).unwrap().images;
    assert_eq!(images.iter().map(|image| image.iteration).collect::<Vec<_>>(), [0, 2, 4]);
    for image in &images {
        // Grey images have no saturation; noise from a generator has.
        assert_eq!(image.data.saturation, Some(0.0));
        assert!(image.samples.saturation.unwrap() > 0.0);
        assert!(image.data.std > 0.1 && image.data.mean_abs > 0.1, "{image:?}");
        assert_eq!(image.data, images[0].data);
    }
    assert_ne!(images[0].samples, images[2].samples);
    // The statistics equal those of the PNG, up to rounding to bytes.
    let grid = png::read(&scratch.path(run).join("samples/000004.png"));
    let pixels = grid.bytes.as_chunks::<3>().0.iter().enumerate();
    let width = grid.size.0 as usize;
    let inner = pixels.filter(|&(i, _)| i % width % 10 >= 2 && i / width % 10 >= 2);
    let values: Vec<f64> =
        inner.flat_map(|(_, pixel)| pixel.map(|u| f64::from(u) / 127.5 - 1.0)).collect();
    let mean_abs = values.iter().map(|x| x.abs()).sum::<f64>() / values.len() as f64;
    assert!((mean_abs - f64::from(images[2].samples.mean_abs)).abs() < 5e-3, "{mean_abs}");
    if let Some(data) = tensorboard_data(&scratch.path(run)) {
        assert_eq!(scalars_of(&data), scalars(&scratch, run));
        assert!(data["scalars"]["saturation/samples"].is_array(), "{data}");
    }
}

#[test]
fn tensorboard_shows_scalars_images_histograms_and_the_configuration() {
    let scratch = Scratch::with_digits();
    let flags = "--iterations 6 --log-interval 2 --sample-interval 3 --checkpoint-interval 3";
    scratch.train(flags).succeeds();
    assert_eq!(files(&scratch).len(), 1);
    let Some(data) = tensorboard_data(&scratch.path(RUN)) else { return };
    assert_eq!(scalars_of(&data), scalars(&scratch, RUN));
    assert_eq!(steps(&data["images"]["samples"]), [0, 3, 6]);
    assert_eq!(steps(&data["images"]["reals"]), [0]);
    assert_eq!(data["size"], data["png_size"]);
    let text = data["texts"]["config"][0].as_str().unwrap();
    assert!(text.contains("preset = \"cgan\"") && text.contains("sample_interval = 3"), "{text}");
    let histograms = data["histograms"].as_object().unwrap();
    let checkpoint = scratch.path(RUN).join("checkpoint-000006");
    for network in ["generator", "discriminator"] {
        let file = checkpoint.join(format!("{network}.safetensors"));
        let bytes = fs::read(file).unwrap();
        let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        let trained = |name: &&str| !name.contains("running_") && !name.contains("num_batches");
        for name in tensors.names().into_iter().filter(trained) {
            let numbers = tensors.tensor(name).unwrap().data().chunks_exact(4);
            let numbers = numbers.map(|x| f64::from(f32::from_le_bytes(x.try_into().unwrap())));
            let [weights, gradients] =
                [format!("{network}/{name}"), format!("{network}_gradient/{name}")];
            for tag in [&weights, &gradients] {
                assert_eq!(steps(&histograms[tag]), [3, 6], "{tag}");
                assert_eq!(data["counts"][tag].as_f64(), Some(numbers.len() as f64), "{tag}");
            }
            let sum: f64 = numbers.sum();
            let sums = [&weights, &gradients].map(|tag| data["sums"][tag].as_f64().unwrap());
            assert!((sums[0] - sum).abs() < 1e-9, "{weights}: {sums:?}, not {sum}");
            assert!(sums[1] != sums[0] && sums[1].abs() < 1e3, "{gradients}: {sums:?}");
        }
    }
}

#[test]
fn resumed_run_has_no_step_twice() {
    let scratch = Scratch::with_digits();
    let flags =
        "--log-interval 1 --sample-interval 2 --checkpoint-interval 2 --evaluate-interval 2";
    scratch.train(&format!("--iterations 6 {flags}")).succeeds();
    let whole = tensorboard_data(&scratch.path(RUN));
    let resume = format!("train --resume {RUN}/checkpoint-000002 --force --iterations 6");
    scratch.run(&resume).succeeds();
    assert_eq!(files(&scratch).len(), 2);
    let (Some(whole), Some(resumed)) = (whole, tensorboard_data(&scratch.path(RUN))) else {
        return;
    };
    for kind in ["images", "histograms", "counts", "sums"] {
        assert_eq!(resumed[kind], whole[kind], "{kind}");
    }
    assert_eq!(scalars_of(&resumed), scalars(&scratch, RUN));
    for tag in ["fcd", "kid", "class_fidelity"] {
        assert_eq!(steps(&resumed["scalars"][tag]), [2, 4, 6], "{tag}");
    }
}

#[test]
fn open_reader_drops_the_steps_that_a_resumed_run_repeats() {
    let scratch = Scratch::with_run("--log-interval 1 --checkpoint-interval 2 --iterations 6");
    let resume =
        format!("train --resume {RUN}/checkpoint-000002 --force --iterations 5 --log-interval 2");
    let resume = scratch.command(&resume);
    let run = scratch.path(RUN);
    let folder = scratch.path(".");
    let words = [run.as_os_str(), folder.as_os_str(), resume.get_program()];
    let words = words.into_iter().chain(resume.get_args());
    let Some(text) = python(&["tensorboard"], RELOADING_READER, words) else { return };
    assert_eq!(text.trim(), "[[1, 2, 3, 4, 5, 6], [1, 2, 4, 5]]");
}

#[test]
fn no_tensorboard_writes_no_event_file_and_is_kept_on_resume() {
    let scratch = Scratch::with_run("--iterations 2 --no-tensorboard");
    assert!(files(&scratch).is_empty());
    scratch.run("train --resume --iterations 3").succeeds();
    assert!(files(&scratch).is_empty());
    scratch.run("train --resume --iterations 4 --tensorboard").succeeds();
    assert_eq!(files(&scratch).len(), 1);
    // The last of the two flags wins.
    scratch.train("--iterations 1 --no-tensorboard --tensorboard").succeeds();
    assert_eq!(event_files(&scratch.path("runs/00001-cgan-mnist")).unwrap().len(), 1);
}
