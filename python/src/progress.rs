//! What a callback gets.

use std::collections::BTreeMap;

use gan_cuda::formats::stats::{LossEntry, Scores};
use gan_cuda::gan::{Metrics, dataset};
use gan_cuda::run::journal::loss_line;
use pyo3::prelude::*;

/// The progress of a run; `_native.pyi` describes it.
#[pyclass(frozen, get_all, module = "gan_cuda")]
pub struct Progress {
    iteration: u32,
    iterations: u32,
    epoch: u32,
    epochs: u32,
    batch: u32,
    batches: u32,
    d_loss: f64,
    g_loss: f64,
    penalty: f64,
    d_real: f64,
    d_fake: f64,
    images_per_second: f64,
    seconds: f64,
    scores: BTreeMap<String, f64>,
}

impl Progress {
    pub fn new(progress: dataset::Progress, losses: &LossEntry, scores: Option<&Scores>) -> Self {
        let dataset::Progress { iteration, epoch, batch } = progress;
        Progress {
            iteration: iteration.0,
            iterations: iteration.1,
            epoch: epoch.0,
            epochs: epoch.1,
            batch: batch.0,
            batches: batch.1,
            d_loss: losses.d_loss.into(),
            g_loss: losses.g_loss.into(),
            penalty: losses.penalty.unwrap_or(0.0).into(),
            d_real: losses.d_real.into(),
            d_fake: losses.d_fake.into(),
            images_per_second: losses.images_per_second.into(),
            seconds: losses.seconds,
            scores: named(scores),
        }
    }
}

fn named(scores: Option<&Scores>) -> BTreeMap<String, f64> {
    let named = scores.into_iter().flat_map(Scores::named);
    named.map(|(name, score)| (name.to_owned(), score)).collect()
}

#[pymethods]
impl Progress {
    /// A line of `log.txt`, and the scores.
    fn __repr__(&self) -> String {
        let progress = dataset::Progress {
            iteration: (self.iteration, self.iterations),
            epoch: (self.epoch, self.epochs),
            batch: (self.batch, self.batches),
        };
        let &Progress { d_loss, g_loss, penalty, d_real, d_fake, .. } = self;
        let line = loss_line(progress, &Metrics { d_loss, g_loss, penalty, d_real, d_fake });
        let scores = self.scores.iter().map(|(name, score)| format!(" [{name}: {score:.4}]"));
        line + &scores.collect::<String>()
    }
}
