//! PyTorch's recorded training runs, replayed (the format: tests/golden/README.md).
//!
//! Reads every `*.safetensors` file in `GAN_CUDA_GOLDEN_DIR`, or `tests/golden/` where that is
//! unset. Networks are built from each file's metadata. Run with `-- --nocapture` to see the
//! largest error of each file as a share of its tolerance.

mod common;

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use common::{Tolerance, compare};
use gan_cuda::data::ImageShape;
use gan_cuda::device::cpu::{Cpu, CpuReal};
use gan_cuda::device::{Device, Real};
use gan_cuda::gan::settings::{Fakes, Order, Settings};
use gan_cuda::gan::{Gan, Update, preset};
use gan_cuda::nn::{Network, Params};
use safetensors::{Dtype, SafeTensors};
use serde::de::DeserializeOwned;

const F64: Tolerance = Tolerance { rtol: 1e-9, atol: 1e-11 };
const F32: Tolerance = Tolerance { rtol: 2e-5, atol: 2e-6 };
/// An evaluation pass sees parameters that have drifted apart by Adam's rounding.
const F32_EVALUATION: Tolerance = Tolerance { rtol: 0.0, atol: 1e-4 };

#[test]
fn recorded_runs_are_reproduced_in_single_and_double_precision() {
    let files = recorded_files();
    for path in &files {
        let recording = Recording::read(path);
        let on_f64 = replay(&recording, Cpu::<f64>::new(2));
        println!("{:45} cpu f64: {on_f64:.3} of the tolerance", recording.name);
        if recording.text("dtype") == "f32" {
            let on_f32 = replay(&recording, Cpu::<f32>::new(2));
            println!("{:45} cpu f32: {on_f32:.3} of the tolerance", recording.name);
        }
    }
}

fn recorded_files() -> Vec<PathBuf> {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let folder = std::env::var_os("GAN_CUDA_GOLDEN_DIR").map_or(default, PathBuf::from);
    let entries = fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "safetensors"))
        .collect();
    assert!(!files.is_empty(), "no recorded runs in {}", folder.display());
    files.sort();
    files
}

/// One file: tensors in double precision, and metadata.
struct Recording {
    name: String,
    metadata: HashMap<String, String>,
    tensors: HashMap<String, Vec<f64>>,
}

impl Recording {
    fn read(path: &Path) -> Self {
        let bytes = fs::read(path).unwrap();
        let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        Self {
            name: path.file_name().unwrap().to_string_lossy().into_owned(),
            metadata: header.metadata().clone().unwrap(),
            tensors: file
                .tensors()
                .into_iter()
                .map(|(key, view)| (key, numbers(view.dtype(), view.data())))
                .collect(),
        }
    }

    fn text(&self, key: &str) -> &str {
        self.metadata.get(key).unwrap_or_else(|| panic!("{}: no metadata '{key}'", self.name))
    }

    fn value<T: DeserializeOwned>(&self, key: &str) -> T {
        serde_json::from_str(self.text(key)).unwrap_or_else(|e| panic!("{}: {key}: {e}", self.name))
    }

    /// A word of the flags, as `g-first`.
    fn word<T: DeserializeOwned>(&self, key: &str) -> T {
        let text = self.text(key).trim_matches('"');
        serde_json::from_value(text.into()).unwrap_or_else(|e| panic!("{}: {key}: {e}", self.name))
    }

    fn tensor(&self, key: &str) -> &[f64] {
        self.tensors.get(key).unwrap_or_else(|| panic!("{}: no tensor '{key}'", self.name))
    }

    fn integers(&self, key: &str) -> Vec<u32> {
        self.tensors.get(key).map_or(Vec::new(), |t| t.iter().map(|&x| x as u32).collect())
    }

    fn is_f64(&self) -> bool {
        self.text("dtype") == "f64"
    }
}

fn numbers(dtype: Dtype, bytes: &[u8]) -> Vec<f64> {
    match dtype {
        Dtype::F32 => {
            bytes.as_chunks().0.iter().map(|b| f64::from(f32::from_le_bytes(*b))).collect()
        }
        Dtype::F64 => bytes.as_chunks().0.iter().map(|b| f64::from_le_bytes(*b)).collect(),
        Dtype::I64 => bytes.as_chunks().0.iter().map(|b| i64::from_le_bytes(*b) as f64).collect(),
        other => panic!("no recorded run holds {other:?}"),
    }
}

/// The preset's values, each replaced by the file's.
fn settings(recording: &Recording, preset: &preset::Preset) -> Settings {
    let base = preset.settings.clone();
    let [channels, height, width] = recording.value("image_shape");
    let dropout: Option<f64> = recording.value("dropout");
    Settings {
        latent_dim: recording.value("latent_dim"),
        g_hidden: recording.value("g_hidden"),
        d_hidden: recording.value("d_hidden"),
        classes: base.classes.and(recording.value("n_classes")),
        loss: recording.word("loss"),
        d_loss_scale: recording.value("d_loss_scale"),
        order: recording.word("order"),
        fakes: recording.word("fakes"),
        dropout: base.dropout.and(dropout),
        bn_eps: base.bn_eps.and(recording.value("bn_eps")),
        bn_momentum: base.bn_momentum.and(recording.value("bn_momentum")),
        d_final_relu: recording.value("final_relu"),
        batch_size: recording.value("batch"),
        lr: recording.value("lr"),
        b1: recording.value("beta1"),
        b2: recording.value("beta2"),
        adam_eps: recording.value("adam_eps"),
        image: ImageShape { channels, height, width },
        ..base
    }
}

/// Trains as the file says; gives the largest share of any tolerance that was used.
fn replay<T: CpuReal>(recording: &Recording, device: Cpu<T>) -> f64 {
    let preset = preset::find(recording.text("preset")).expect("a preset of ours");
    let settings = settings(recording, preset);
    let mut gan = Gan::new(device, preset, settings, 0).unwrap();
    load(recording, &mut gan);
    let steps: u32 = recording.value("steps");
    let mut check = Check { recording, worst: 0.0 };
    for f in 0..steps {
        write_draws(recording, &mut gan, f);
        let rows = gan.settings().batch_size;
        update_and_compare(&mut check, &mut gan, f, rows);
        gan.set_completed(f + 1).unwrap();
        let metrics = gan.metrics(f + 1).unwrap();
        check.plain(&format!("out.{f}.loss_d"), &[metrics.loss_d]);
        check.plain(&format!("out.{f}.loss_g"), &[metrics.loss_g]);
        for (network, of) in [("G", gan.generator()), ("D", gan.discriminator())] {
            check.after(gan.device(), network, of, f);
        }
    }
    check.evaluation(&mut gan);
    check.worst
}

/// One iteration, looking at the first generated batch and, at first, at the gradients.
fn update_and_compare<T: CpuReal>(check: &mut Check, gan: &mut Gan<Cpu<T>>, f: u32, rows: usize) {
    let first = match gan.settings().order {
        Order::DFirst => Update::Discriminator,
        Order::GFirst => Update::Generator,
    };
    // A pass of its own moves running statistics, so it is undone before the update.
    let statistics = snapshot(gan.device(), gan.generator().statistics());
    gan.generate(first, rows);
    let fakes = as_f64(gan.device(), gan.generator().last().output(0..rows));
    restore(gan, &statistics);
    check.plain(&format!("out.{f}.fake"), &fakes);
    gan.update(rows);
    if f == 0 {
        for (network, of) in [("G", gan.generator()), ("D", gan.discriminator())] {
            check.gradients(gan.device(), network, of);
        }
    }
}

fn as_f64<D: Device>(device: &D, view: gan_cuda::device::In<'_, D>) -> Vec<f64> {
    device.download(view).unwrap().into_iter().map(Real::to_f64).collect()
}

fn snapshot<D: Device>(device: &D, params: &Params<D>) -> Vec<Vec<D::Real>> {
    params.list().iter().map(|param| params.read(device, param).unwrap()).collect()
}

fn restore<D: Device>(gan: &mut Gan<D>, statistics: &[Vec<D::Real>]) {
    let (device, generator, _) = gan.networks_mut();
    for (i, values) in statistics.iter().enumerate() {
        generator.statistics_mut().write(device, i, values).unwrap();
    }
}

fn real<T: Real>(numbers: &[f64]) -> Vec<T> {
    numbers.iter().map(|&x| T::from_f64(x)).collect()
}

/// The file's initial weights and running statistics.
fn load<D: Device>(recording: &Recording, gan: &mut Gan<D>) {
    let (device, generator, discriminator) = gan.networks_mut();
    for (prefix, network) in [("G", generator), ("D", discriminator)] {
        let lists = [network.params().list().to_vec(), network.statistics().list().to_vec()];
        for (i, param) in lists[0].iter().enumerate() {
            let values = real(recording.tensor(&format!("{prefix}.{}", param.name)));
            network.params_mut().write(device, i, &values).unwrap();
        }
        for (i, param) in lists[1].iter().enumerate() {
            let values = real(recording.tensor(&format!("{prefix}.{}", param.name)));
            network.statistics_mut().write(device, i, &values).unwrap();
        }
        let loaded = lists.iter().map(Vec::len).sum::<usize>();
        let key = format!("{prefix}.");
        let held = recording.tensors.keys().filter(|k| k.starts_with(&key)).count();
        assert_eq!(loaded, held, "{}: {prefix} has other tensors", recording.name);
    }
}

/// The file's images, noise, labels and masks of an iteration.
fn write_draws<D: Device>(recording: &Recording, gan: &mut Gan<D>, f: u32) {
    let settings = gan.settings().clone();
    let rows = settings.batch_size;
    let (first, second) = match settings.order {
        Order::DFirst => (Update::Discriminator, Update::Generator),
        Order::GFirst => (Update::Generator, Update::Discriminator),
    };
    let (device, draws) = gan.draws_mut();
    let images = real(recording.tensor(&format!("in.{f}.real")));
    let labels = recording.integers(&format!("in.{f}.real_labels"));
    draws.write_real(device, &images, &labels).unwrap();
    let passes = [(first, "z", "fake_labels"), (second, "z2", "fake_labels2")];
    for (update, z, labels) in
        passes.iter().take(if settings.fakes == Fakes::Fresh { 2 } else { 1 })
    {
        let noise = real(recording.tensor(&format!("in.{f}.{z}")));
        draws.write_noise(device, *update, &noise).unwrap();
        let labels = recording.integers(&format!("in.{f}.{labels}"));
        draws.write_fake_labels(device, *update, &labels, rows).unwrap();
    }
    write_masks(recording, gan, f, first);
}

/// Masks are recorded by the pass through D: a D update passes real images, then fakes.
fn write_masks<D: Device>(recording: &Recording, gan: &mut Gan<D>, f: u32, first: Update) {
    let rows = gan.settings().batch_size;
    let passes = match first {
        Update::Discriminator => {
            [(Update::Discriminator, 0), (Update::Discriminator, rows), (Update::Generator, rows)]
        }
        Update::Generator => {
            [(Update::Generator, rows), (Update::Discriminator, 0), (Update::Discriminator, rows)]
        }
    };
    let blocks = &gan.discriminator().spec().blocks;
    let dropping: Vec<usize> = (0..blocks.len()).filter(|&i| blocks[i].drops()).collect();
    let (device, draws) = gan.draws_mut();
    for (c, (update, first_row)) in passes.into_iter().enumerate() {
        for (l, &block) in dropping.iter().enumerate() {
            let mask = real(recording.tensor(&format!("in.{f}.mask.{c}.{l}")));
            draws.write_mask(device, update, block, first_row, &mask).unwrap();
        }
    }
}

/// Compares what came out with what the file holds.
struct Check<'a> {
    recording: &'a Recording,
    worst: f64,
}

impl Check<'_> {
    fn note(&mut self, key: &str, outcome: Result<f64, String>) {
        match outcome {
            Ok(share) => self.worst = self.worst.max(share),
            Err(problem) => panic!("{}: {key}: {problem}", self.recording.name),
        }
    }

    fn tolerance(&self) -> Tolerance {
        if self.recording.is_f64() { F64 } else { F32 }
    }

    fn plain(&mut self, key: &str, got: &[f64]) {
        self.note(key, compare(got, self.recording.tensor(key), self.tolerance()));
    }

    fn gradients<D: Device>(&mut self, device: &D, prefix: &str, network: &Network<D>) {
        for param in network.params().list() {
            let key = format!("grad.{prefix}.{}", param.name);
            let got = network.params().read_gradient(device, param).unwrap();
            let got: Vec<f64> = got.into_iter().map(Real::to_f64).collect();
            self.whole_or_slim(&key, &got, |check, key, got| check.plain(key, got));
        }
    }

    /// A slim file holds a tensor's L2 norm and its first values in its place.
    fn whole_or_slim(&mut self, key: &str, got: &[f64], compare: impl Fn(&mut Self, &str, &[f64])) {
        if self.recording.tensors.contains_key(key) {
            return compare(self, key, got);
        }
        let norm = got.iter().map(|x| x * x).sum::<f64>().sqrt();
        compare(self, &format!("{key}#l2"), &[norm]);
        let head = format!("{key}#head");
        let len = self.recording.tensor(&head).len();
        compare(self, &head, &got[..len]);
    }

    fn after<D: Device>(&mut self, device: &D, prefix: &str, network: &Network<D>, f: u32) {
        let stem = format!("after.{f}.{prefix}.");
        if !self.recording.tensors.keys().any(|key| key.starts_with(&stem)) {
            return;
        }
        let single = !self.recording.is_f64();
        for param in network.params().list() {
            if single && feeds_batch_norm(network, &param.name) {
                continue;
            }
            let got = network.params().read(device, param).unwrap();
            let got: Vec<f64> = got.into_iter().map(Real::to_f64).collect();
            let key = format!("{stem}{}", param.name);
            self.whole_or_slim(&key, &got, |check, key, got| check.parameters(key, got, f + 1));
        }
        let drift = self.recording.value::<f64>("lr") * f64::from(f + 1);
        let mut tolerance = self.tolerance();
        if single {
            tolerance.atol += drift;
        }
        for param in network.statistics().list() {
            let got = network.statistics().read(device, param).unwrap();
            let got: Vec<f64> = got.into_iter().map(Real::to_f64).collect();
            let key = format!("{stem}{}", param.name);
            self.whole_or_slim(&key, &got, |check, key, got| {
                check.note(key, compare(got, check.recording.tensor(key), tolerance));
            });
        }
    }

    /// Adam divides by the gradient's own size, so in single precision the rounding of a tiny
    /// gradient shows: one element in a thousand may be off by up to whole steps.
    fn parameters(&mut self, key: &str, got: &[f64], iterations: u32) {
        if self.recording.is_f64() {
            return self.plain(key, got);
        }
        let step = self.recording.value::<f64>("lr") * f64::from(iterations);
        let (near, far) = (absolute(0.02 * step), absolute(2.0 * step));
        let want = self.recording.tensor(key);
        self.note(key, compare(got, want, far));
        if key.ends_with("#l2") {
            return;
        }
        let allowed = (got.len() / 1000).max(1);
        let mut shares: Vec<f64> =
            got.iter().zip(want).map(|(&got, &want)| near.share(got, want)).collect();
        shares.sort_by(f64::total_cmp);
        let worst = shares.len().checked_sub(allowed + 1).map_or(0.0, |i| shares[i]);
        let outcome = if worst <= 1.0 { Ok(worst) } else { Err(format!("{worst} of the step")) };
        self.note(key, outcome);
    }

    fn evaluation<D: Device>(&mut self, gan: &mut Gan<D>) {
        let noise = real(self.recording.tensor("in.0.z"));
        let labels = self.recording.integers("in.0.fake_labels");
        let images = gan.sample(&noise, &labels).unwrap();
        let got: Vec<f64> = images.into_iter().map(Real::to_f64).collect();
        let tolerance = if self.recording.is_f64() { F64 } else { F32_EVALUATION };
        self.note("eval.fake", compare(&got, self.recording.tensor("eval.fake"), tolerance));
    }
}

fn absolute(atol: f64) -> Tolerance {
    Tolerance { rtol: 0.0, atol }
}

/// Whether a parameter is the bias of a linear layer before a BatchNorm: its true gradient is
/// zero, and Adam turns the rounding that is left into steps of up to lr.
fn feeds_batch_norm<D: Device>(network: &Network<D>, name: &str) -> bool {
    let mut blocks = network.spec().blocks.iter();
    blocks.any(|b| b.batch_norm.is_some() && name == format!("{}.bias", b.linear_key))
}
