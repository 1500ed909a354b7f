//! Comparison of results with PyTorch's.

use gan_cuda::device::{Device, Real};
use gan_cuda::gan::iteration::Parts;
use gan_cuda::gan::trained_network::TrainedNetwork;
use gan_cuda::gan::{Gan, Metrics, Model, Role, Weights};
use gan_cuda::nn::plan::{ConvolutionStage, LinearStage};
use gan_cuda::nn::{Network, Stage};

use super::golden_run::GoldenRun;
use crate::comparator::{Tolerance, compare};

const F64: Tolerance = Tolerance { rtol: 1e-9, atol: 1e-11 };
const F32: Tolerance = Tolerance { rtol: 2e-5, atol: 2e-6 };
/// For generated images and gradients of convolutional networks: sums over many pixels.
const F32_CONVOLUTIONS: Tolerance = Tolerance { rtol: 1e-4, atol: 1e-5 };
/// For an evaluation pass, whose parameters have drifted apart by rounding in Adam.
const F32_EVALUATION: Tolerance = Tolerance { rtol: 0.0, atol: 1e-4 };

/// Compares results with a golden run.
pub struct Check<'a> {
    pub golden: &'a GoldenRun,
    /// The largest fraction of any tolerance that was used.
    pub worst: f64,
    /// Whether there are convolutions.
    convolves: bool,
}

impl<'a> Check<'a> {
    pub fn new(golden: &'a GoldenRun, model: &Model) -> Self {
        let mut stages = Role::BOTH.into_iter().flat_map(|role| model.network(role).stages());
        let convolves = stages.any(|stage| matches!(stage, Stage::Convolution(_)));
        Self { golden, worst: 0.0, convolves }
    }

    fn note(&mut self, key: &str, outcome: Result<f64, String>) {
        match outcome {
            Ok(share) => self.worst = self.worst.max(share),
            Err(problem) => panic!("{}: {key}: {problem}", self.golden.name),
        }
    }

    fn tolerance(&self) -> Tolerance {
        if self.golden.is_f64() { F64 } else { F32 }
    }

    pub fn plain(&mut self, key: &str, got: &[f64]) {
        self.note(key, compare(got, self.golden.tensor(key), self.tolerance()));
    }

    /// Generated images or gradients.
    pub fn sums(&mut self, key: &str, got: &[f64]) {
        let single = self.convolves && !self.golden.is_f64();
        let tolerance = if single { F32_CONVOLUTIONS } else { self.tolerance() };
        self.note(key, compare(got, self.golden.tensor(key), tolerance));
    }

    pub fn gradients<D: Device>(&mut self, device: &D, prefix: &str, trained: &TrainedNetwork<D>) {
        for param in trained.network.params().list() {
            let key = format!("grad.{prefix}.{}", param.name);
            let got = as_f64(trained.gradients.read(device, param).unwrap());
            self.whole_or_slim(&key, &got, |check, key, got| check.sums(key, got));
        }
    }

    /// A slim file holds a tensor's L2 norm and its first values instead of the whole tensor.
    fn whole_or_slim(&mut self, key: &str, got: &[f64], compare: impl Fn(&mut Self, &str, &[f64])) {
        if self.golden.tensors.contains_key(key) {
            return compare(self, key, got);
        }
        let norm = got.iter().map(|x| x * x).sum::<f64>().sqrt();
        compare(self, &format!("{key}#l2"), &[norm]);
        let head = format!("{key}#head");
        let len = self.golden.tensor(&head).len();
        compare(self, &head, &got[..len]);
    }

    pub fn after<D: Device>(&mut self, device: &D, prefix: &str, network: &Network<D>, f: u32) {
        let stem = format!("after.{f}.{prefix}.");
        if !self.holds(&stem, "") {
            return;
        }
        self.parameters_after(device, &stem, network, f);
        self.statistics_after(device, &stem, network, f);
    }

    /// The moving average of the generator. Some files hold the average of its parameters only.
    pub fn average<D: Device>(&mut self, device: &D, average: &Network<D>, f: u32) {
        let stem = format!("after.{f}.E.");
        if self.holds(&stem, "") {
            self.parameters_after(device, &stem, average, f);
        }
        if self.holds(&stem, ".running_") {
            self.statistics_after(device, &stem, average, f);
        }
    }

    /// Whether the file has a tensor whose key begins with `stem` and contains `part`.
    fn holds(&self, stem: &str, part: &str) -> bool {
        self.golden.tensors.keys().any(|key| key.starts_with(stem) && key.contains(part))
    }

    fn parameters_after<D: Device>(
        &mut self,
        device: &D,
        stem: &str,
        network: &Network<D>,
        f: u32,
    ) {
        for param in network.params().list() {
            if !self.golden.is_f64() && feeds_batch_norm(network, &param.name) {
                continue;
            }
            let got = as_f64(network.params().read(device, param).unwrap());
            let key = format!("{stem}{}", param.name);
            self.whole_or_slim(&key, &got, |check, key, got| check.parameters(key, got, f + 1));
        }
    }

    fn statistics_after<D: Device>(
        &mut self,
        device: &D,
        stem: &str,
        network: &Network<D>,
        f: u32,
    ) {
        let mut tolerance = self.tolerance();
        if !self.golden.is_f64() {
            tolerance.atol += self.largest_lr() * f64::from(f + 1);
        }
        for param in network.statistics().list() {
            let got = as_f64(network.statistics().read(device, param).unwrap());
            let key = format!("{stem}{}", param.name);
            self.whole_or_slim(&key, &got, |check, key, got| {
                check.note(key, compare(got, check.golden.tensor(key), tolerance));
            });
        }
    }

    /// The losses of an iteration, and the sum of its penalties, where it computes them.
    pub fn metrics(&mut self, metrics: &Metrics, parts: Parts, f: u32) {
        self.plain(&format!("out.{f}.loss_d"), &[metrics.d_loss]);
        if parts.generator {
            self.plain(&format!("out.{f}.loss_g"), &[metrics.g_loss]);
        }
        let key = format!("out.{f}.penalty");
        if parts.penalties || self.golden.tensors.contains_key(&key) {
            self.sums(&key, &[metrics.penalty]);
        }
    }

    /// The larger learning rate of the two networks.
    fn largest_lr(&self) -> f64 {
        let lr: f64 = self.golden.value("lr");
        self.golden.value_or("lr_d", lr).max(lr)
    }

    /// Adam divides by the gradient's magnitude, so in single precision the rounding of a tiny
    /// gradient matters: one element in a thousand may be off by whole steps.
    fn parameters(&mut self, key: &str, got: &[f64], iterations: u32) {
        if self.golden.is_f64() {
            return self.plain(key, got);
        }
        let step = self.largest_lr() * f64::from(iterations);
        let (near, far) = (absolute(0.02 * step), absolute(2.0 * step));
        let want = self.golden.tensor(key);
        self.note(key, compare(got, want, far));
        if key.ends_with("#l2") {
            return;
        }
        let allowed = (got.len() / 1000).max(1);
        let mut shares: Vec<f64> =
            got.iter().zip(want).map(|(&got, &want)| near.fraction(got, want)).collect();
        shares.sort_by(f64::total_cmp);
        let worst = shares.len().checked_sub(allowed + 1).map_or(0.0, |i| shares[i]);
        let outcome = if worst <= 1.0 { Ok(worst) } else { Err(format!("{worst} of the step")) };
        self.note(key, outcome);
    }

    pub fn evaluation<D: Device>(&mut self, gan: &mut Gan<D>) {
        let noise = self.golden.floats("in.0.z");
        let labels = self.golden.integers("in.0.fake_labels");
        let got = as_f64(gan.sample_from(Weights::Raw, &noise, &labels).unwrap());
        let tolerance = if self.golden.is_f64() { F64 } else { F32_EVALUATION };
        self.note("eval.fake", compare(&got, self.golden.tensor("eval.fake"), tolerance));
    }
}

pub fn as_f64<T: Real>(numbers: Vec<T>) -> Vec<f64> {
    numbers.into_iter().map(Real::to_f64).collect()
}

fn absolute(atol: f64) -> Tolerance {
    Tolerance { rtol: 0.0, atol }
}

/// Whether a parameter is the bias of a layer right before a BatchNorm: its exact gradient is zero,
/// and Adam turns the remaining rounding error into steps of up to lr.
fn feeds_batch_norm<D: Device>(network: &Network<D>, name: &str) -> bool {
    network.spec().stages().iter().any(|stage| match stage {
        Stage::Linear(LinearStage { key, normalized, .. })
        | Stage::Convolution(ConvolutionStage { key, normalized, .. }) => {
            *normalized && name == format!("{key}.bias")
        }
        _ => false,
    })
}
