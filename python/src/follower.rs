//! Follows a run for Python: the callback, warnings, Ctrl-C.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use gan_cuda::cli::call::{Beginning, FrontEnd, Result};
use gan_cuda::formats::stats::{LossEntry, Scores};
use gan_cuda::gan::dataset;
use gan_cuda::train::observer::Observer;
use pyo3::prelude::*;
use pyo3::types::PyBool;

use crate::error::warn;
use crate::progress::Progress;

/// Time between two looks for Ctrl-C.
const SIGNAL_INTERVAL: Duration = Duration::from_millis(50);

/// The run stops when the callback returns False, and at the first exception, which is kept until
/// the checkpoint is saved.
pub struct Follower {
    callback: Option<Py<PyAny>>,
    stop: Arc<AtomicBool>,
    exception: Option<PyErr>,
    /// The newest losses and scores.
    losses: Option<(dataset::Progress, LossEntry)>,
    scores: Option<Scores>,
    looked: Instant,
}

impl Follower {
    pub fn new(callback: Option<Py<PyAny>>) -> Self {
        Follower {
            callback,
            stop: Arc::default(),
            exception: None,
            losses: None,
            scores: None,
            looked: Instant::now(),
        }
    }

    /// The exception that stopped the run.
    pub fn into_result(self) -> PyResult<()> {
        self.exception.map_or(Ok(()), Err)
    }

    /// Runs Python code, which returns whether to stop.
    fn call(&mut self, code: impl FnOnce(Python<'_>) -> PyResult<bool>) {
        if self.exception.is_some() {
            return;
        }
        let stop = Python::attach(code).unwrap_or_else(|exception| {
            self.exception = Some(exception);
            true
        });
        if stop {
            self.stop.store(true, Ordering::Relaxed);
        }
    }

    fn call_back(&mut self) {
        let Some((progress, losses)) = &self.losses else { return };
        let progress = Progress::new(*progress, losses, self.scores.as_ref());
        let Some(callback) = self.callback.take() else { return };
        self.call(|py| Ok(callback.bind(py).call1((progress,))?.is(PyBool::new(py, false))));
        self.callback = Some(callback);
    }
}

impl FrontEnd for Follower {
    fn warn(&mut self, warning: String) {
        self.warning(&warning);
    }

    fn stop_flag(&mut self) -> Result<Arc<AtomicBool>> {
        Ok(Arc::clone(&self.stop))
    }

    fn begin(&mut self, _: &Beginning) -> &mut dyn Observer {
        self
    }
}

impl Observer for Follower {
    fn iteration(&mut self, _: dataset::Progress, _: usize) -> bool {
        if self.looked.elapsed() >= SIGNAL_INTERVAL {
            self.looked = Instant::now();
            self.call(|py| py.check_signals().map(|()| false));
        }
        false
    }

    fn logged(&mut self, progress: dataset::Progress, losses: &LossEntry) {
        self.losses = Some((progress, *losses));
        self.call_back();
    }

    fn scores(&mut self, _: u32, scores: &Scores) {
        self.scores = Some(*scores);
        self.call_back();
    }

    fn warning(&mut self, text: &str) {
        self.call(|py| warn(py, text).map(|()| false));
    }
}
