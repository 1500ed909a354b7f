//! What `train` writes for TensorBoard, as TensorBoard reads it.

use std::path::{Path, PathBuf};

use gan_cuda::train::events::event_files;
use gan_cuda::train::events::record::read_events;
use serde_json::Value;

use super::python::python;
use super::scratch::Scratch;

const RUN: &str = "runs/00000-cgan-mnist";

/// Prints as JSON what TensorBoard has of a run folder.
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
    "texts": {tag: [e.tensor_proto.string_val[0].decode() for e in reader.Tensors(tag)]
              for tag in tags["tensors"]},
    "size": [image.width, image.height],
    "png_size": struct.unpack(">II", image.encoded_image_string[16:24]),
}))
"#;

/// What TensorBoard has of a run, where Python has TensorBoard.
fn seen(run: &Path) -> Option<Value> {
    let text = python(&["tensorboard"], READER, [run])?;
    Some(serde_json::from_str(&text).unwrap())
}

fn files(scratch: &Scratch) -> Vec<PathBuf> {
    event_files(&scratch.path(RUN)).unwrap()
}

fn steps(value: &Value) -> Vec<u64> {
    let step = |entry: &Value| entry.as_u64().or_else(|| entry[0].as_u64()).unwrap();
    value.as_array().unwrap().iter().map(step).collect()
}

#[test]
fn tensorboard_shows_scalars_images_histograms_and_the_configuration() {
    let scratch = Scratch::with_digits();
    let flags = "--iterations 6 --log-interval 2 --sample-interval 3 --checkpoint-interval 3";
    scratch.train(flags).succeeds();
    assert_eq!(files(&scratch).len(), 1);
    let Some(seen) = seen(&scratch.path(RUN)) else { return };
    for tag in ["d_loss", "g_loss", "d_real", "d_fake", "images_per_second"] {
        assert_eq!(steps(&seen["scalars"][tag]), [2, 4, 6], "{tag}");
    }
    for tag in ["mean_abs", "std", "extreme"] {
        for of in ["samples", "data"] {
            assert_eq!(steps(&seen["scalars"][format!("{tag}/{of}")]), [0, 3, 6], "{tag}/{of}");
        }
    }
    assert_eq!(steps(&seen["images"]["samples"]), [0, 3, 6]);
    assert_eq!(steps(&seen["images"]["reals"]), [0]);
    assert_eq!(seen["size"], seen["png_size"]);
    let text = seen["texts"]["config"][0].as_str().unwrap();
    assert!(text.contains("preset = \"cgan\"") && text.contains("sample_interval = 3"), "{text}");
    let histograms = seen["histograms"].as_object().unwrap();
    let checkpoint = scratch.path(RUN).join("checkpoint-000006");
    for network in ["generator", "discriminator"] {
        let file = checkpoint.join(format!("{network}.safetensors"));
        let bytes = std::fs::read(file).unwrap();
        let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        let learnt = |name: &&str| !name.contains("running_") && !name.contains("num_batches");
        for name in tensors.names().into_iter().filter(learnt) {
            let count: usize = tensors.tensor(name).unwrap().shape().iter().product();
            for tag in [format!("{network}/{name}"), format!("{network}_gradient/{name}")] {
                assert_eq!(steps(&histograms[&tag]), [3, 6], "{tag}");
                assert_eq!(seen["counts"][&tag].as_f64(), Some(count as f64), "{tag}");
            }
        }
    }
}

#[test]
fn resumed_run_has_no_step_twice() {
    let scratch = Scratch::with_digits();
    let flags = "--log-interval 1 --sample-interval 2 --checkpoint-interval 2";
    scratch.train(&format!("--iterations 6 {flags}")).succeeds();
    let whole = seen(&scratch.path(RUN));
    let resume = format!("train --resume {RUN}/checkpoint-000002 --iterations 6");
    scratch.run(&resume).succeeds();
    assert_eq!(files(&scratch).len(), 2);
    let (Some(whole), Some(resumed)) = (whole, seen(&scratch.path(RUN))) else { return };
    for kind in ["images", "histograms", "counts"] {
        assert_eq!(resumed[kind], whole[kind], "{kind}");
    }
    for (tag, values) in whole["scalars"].as_object().unwrap() {
        match tag.as_str() {
            "images_per_second" => {
                assert_eq!(steps(&resumed["scalars"][tag]), steps(values), "{tag}");
            }
            _ => assert_eq!(resumed["scalars"][tag], *values, "{tag}"),
        }
    }
}

#[test]
fn event_file_is_whole_to_its_last_byte() {
    let scratch = Scratch::with_digits();
    scratch.train("--iterations 4 --log-interval 1").succeeds();
    let path = &files(&scratch)[0];
    let events = read_events(path).unwrap();
    let (end, last) = events.last().unwrap();
    assert_eq!(*end, std::fs::metadata(path).unwrap().len());
    assert_eq!(last.step, 4);
}

#[test]
fn no_tensorboard_writes_no_event_file_and_the_run_remembers() {
    let scratch = Scratch::with_digits();
    scratch.train("--iterations 2 --no-tensorboard").succeeds();
    assert!(files(&scratch).is_empty());
    scratch.run("train --resume --iterations 3").succeeds();
    assert!(files(&scratch).is_empty());
    scratch.run("train --resume --iterations 4 --tensorboard").succeeds();
    assert_eq!(files(&scratch).len(), 1);
    // Of the two flags the last one counts.
    scratch.train("--iterations 1 --no-tensorboard --tensorboard").succeeds();
    assert_eq!(event_files(&scratch.path("runs/00001-cgan-mnist")).unwrap().len(), 1);
}
