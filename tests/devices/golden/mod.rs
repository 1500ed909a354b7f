//! Golden runs: training runs of PyTorch, repeated here (the format: tests/golden/README.md).
//!
//! Reads every `*.safetensors` file in `GAN_CUDA_GOLDEN_DIR`, or in `tests/golden/` if that is unset.
//! Networks are built from each file's metadata. There is a test for each file and device.
//!
//! | module | holds |
//! |---|---|
//! | `golden_run` | the files |
//! | `check` | the comparison, and its tolerances |
//! | this one | training with the files' inputs |

mod check;
mod golden_run;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{env, fs};

use check::{Check, as_f64};
use gan_cuda::device::Device;
use gan_cuda::gan::iteration::{Parts, Pass, Step};
use gan_cuda::gan::{Gan, Model, Role, preset};
use gan_cuda::nn::Params;
use golden_run::GoldenRun;

use crate::notes;

/// Both networks, and their names in the files.
const NETWORKS: [(&str, Role); 2] = [("G", Role::Generator), ("D", Role::Discriminator)];

/// A golden run: its name, and whether it is in single precision.
pub struct Run {
    pub name: String,
    pub single: bool,
    path: PathBuf,
}

/// `GAN_CUDA_GOLDEN_DIR`, or `tests/golden/` in the source if that is unset.
fn folder() -> PathBuf {
    let source = || Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    env::var_os("GAN_CUDA_GOLDEN_DIR").map_or_else(source, PathBuf::from)
}

/// All golden runs; none if the folder cannot be read.
pub fn runs() -> Vec<Run> {
    let entries = fs::read_dir(folder()).into_iter().flatten();
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "safetensors"))
        .collect();
    paths.sort();
    paths.into_iter().map(Run::new).collect()
}

/// Without files there would be no tests, and nothing would fail.
pub fn golden_runs_exist() {
    assert!(!runs().is_empty(), "no golden runs in {}", folder().display());
}

impl Run {
    fn new(path: PathBuf) -> Self {
        let golden = GoldenRun::read(&path);
        Self { single: !golden.is_f64(), name: golden.name, path }
    }

    /// Repeats the run on a device, and fails if it differs from PyTorch's.
    pub fn check<D: Device>(&self, device: D, what: &str) {
        let worst = train(&GoldenRun::read(&self.path), device);
        notes::tolerance_used(format!("golden {} {what}", self.name), worst);
    }
}

/// Trains with the file's inputs; returns the largest fraction of any tolerance that was used.
fn train<D: Device>(golden: &GoldenRun, device: D) -> f64 {
    let preset = preset::find(golden.text("preset")).expect("a preset of ours");
    let model = Model::new(golden.settings(preset)).unwrap();
    let mut gan = Gan::new(device, model, 0).unwrap();
    load(golden, &mut gan);
    let steps: u32 = golden.value("steps");
    gan.set_total(steps);
    let mut check = Check::new(golden, &gan.model().clone());
    let mut updates = BTreeMap::new();
    for f in 0..steps {
        let parts = Parts::after(f, gan.settings());
        write_inputs(golden, &mut gan, f);
        compare_fakes(&mut check, &mut gan, f);
        update(&mut gan, updates.entry(parts).or_default());
        if f == 0 {
            for (network, role) in NETWORKS {
                check.gradients(gan.device(), network, gan.trained_network(role));
            }
        }
        gan.set_completed(f + 1).unwrap();
        check.metrics(&gan.metrics(f + 1).unwrap(), parts, f);
        for (network, role) in NETWORKS {
            check.after(gan.device(), network, &gan.trained_network(role).network, f);
        }
        if let Some(average) = gan.average() {
            check.average(gan.device(), average, f);
        }
    }
    check.evaluation(&mut gan);
    check.worst
}

/// Generates the first batch of an iteration and compares it.
fn compare_fakes<D: Device>(check: &mut Check, gan: &mut Gan<D>, f: u32) {
    let rows = gan.settings().batch_size;
    // A pass of its own moves running statistics, so it is undone before the update.
    let statistics =
        snapshot(gan.device(), gan.trained_network(Role::Generator).network.statistics());
    gan.run_on_inputs(gan.steps()[1], rows);
    let [images, _] = gan.images_and_outputs();
    let fakes = as_f64(gan.device().download(images.rows(rows..2 * rows)).unwrap());
    restore(gan, &statistics);
    check.sums(&format!("out.{f}.fake"), &fakes);
}

/// Runs both updates; a device with graphs launches kernels one by one first, then captures a graph,
/// then launches it.
fn update<D: Device>(gan: &mut Gan<D>, updates: &mut D::Graph) {
    let rows = gan.settings().batch_size;
    if !gan.device().launch_graph(updates) {
        for step in gan.steps().to_vec() {
            gan.run_on_inputs(step, rows);
        }
        gan.device().end_capture(updates);
    }
}

fn snapshot<D: Device>(device: &D, params: &Params<D>) -> Vec<Vec<D::Real>> {
    params.list().iter().map(|param| params.read(device, param).unwrap()).collect()
}

fn restore<D: Device>(gan: &mut Gan<D>, statistics: &[Vec<D::Real>]) {
    let (device, trained) = gan.trained_network_mut(Role::Generator);
    let generator = &mut trained.network;
    for (i, values) in statistics.iter().enumerate() {
        generator.statistics_mut().write(device, i, values).unwrap();
    }
}

/// Loads the file's initial weights and running statistics.
fn load<D: Device>(golden: &GoldenRun, gan: &mut Gan<D>) {
    for (prefix, role) in NETWORKS {
        let (device, trained) = gan.trained_network_mut(role);
        let network = &mut trained.network;
        let mut loaded = 0;
        for trainable in [true, false] {
            let params = if trainable { network.params_mut() } else { network.statistics_mut() };
            for (i, param) in params.list().to_vec().iter().enumerate() {
                let values = golden.floats(&format!("{prefix}.{}", param.name));
                params.write(device, i, &values).unwrap();
                loaded += 1;
            }
        }
        let key = format!("{prefix}.");
        let held = golden.tensors.keys().filter(|k| k.starts_with(&key)).count();
        assert_eq!(loaded, held, "{}: {prefix} has other tensors", golden.name);
    }
    gan.restart_average();
}

/// Writes the file's images, noise, labels and masks of an iteration.
fn write_inputs<D: Device>(golden: &GoldenRun, gan: &mut Gan<D>, f: u32) {
    let rows = gan.settings().batch_size;
    let images = golden.floats(&format!("in.{f}.real"));
    let labels = golden.integers(&format!("in.{f}.real_labels"));
    gan.write_real(&images, &labels).unwrap();
    let steps = gan.steps().to_vec();
    let (device, inputs) = gan.inputs_mut();
    let passes = steps.iter().filter_map(|step| match step {
        Step::Generate { update } => Some(*update),
        _ => None,
    });
    for (update, (z, labels)) in passes.zip([("z", "fake_labels"), ("z2", "fake_labels2")]) {
        let noise = golden.floats(&format!("in.{f}.{z}"));
        inputs.write_noise(device, update, &noise).unwrap();
        let labels = golden.integers(&format!("in.{f}.{labels}"));
        inputs.write_fake_labels(device, update, &labels, rows).unwrap();
    }
    if steps.contains(&Step::Interpolate) {
        inputs.write_alpha(device, &golden.floats(&format!("in.{f}.alpha"))).unwrap();
    }
    write_masks(golden, gan, f);
}

/// Masks are stored for each pass through D; where real images, generated ones and points between them
/// pass through it side by side, for each of them. In a merged pass, those of the generator's update,
/// which are stored first, come last.
fn write_masks<D: Device>(golden: &GoldenRun, gan: &mut Gan<D>, f: u32) {
    let rows = gan.settings().batch_size / gan.settings().pack;
    let stages = gan.trained_network(Role::Discriminator).network.spec().stages();
    let dropping = stages.iter().filter(|stage| stage.dropout().is_some()).count();
    let passes: Vec<Pass> = gan.steps().iter().filter_map(|step| step.pass()).collect();
    let (device, inputs) = gan.inputs_mut();
    let mut c = 0;
    for pass in passes.into_iter().filter(|pass| pass.network == Role::Discriminator) {
        // An iteration without penalties uses the first masks of those with them, and one without the
        // generator's update those of merged updates.
        let mut planned = inputs.dropping_passes().into_iter();
        let planned =
            planned.find(|p| p.network == pass.network && (p.merged || p.update == pass.update));
        for i in 0..pass.batches {
            let batch = if pass.merged { (i + 2) % 3 } else { i };
            for l in 0..dropping {
                let mask = golden.floats(&format!("in.{f}.mask.{c}.{l}"));
                let pass = planned.unwrap();
                inputs.write_mask(device, pass, l, batch * rows, &mask, rows).unwrap();
            }
            c += 1;
        }
    }
}
