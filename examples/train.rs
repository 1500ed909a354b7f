//! Trains a preset as `gan-cuda train` does, with a callback: prints the losses and stops when the
//! generator's loss is low.
//!
//! ```text
//! cargo run --release --example train -- RUNS_DIR
//! ```

use std::error::Error;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use gan_cuda::data::{DatasetKind, SearchPaths};
use gan_cuda::device::cpu::{Cpu, default_threads};
use gan_cuda::gan::dataset::Progress;
use gan_cuda::gan::{Metrics, preset};
use gan_cuda::run::config::Config;
use gan_cuda::train::observer::Observer;
use gan_cuda::train::trainer::{Outcome, Trainer, TrainingImages};

fn main() -> Result<(), Box<dyn Error>> {
    let runs_dir = std::env::args().nth(1).ok_or("give the folder of runs")?;
    let preset = preset::find("cgan").ok_or("no preset of this name")?;
    let config = Config { iterations: Some(500), ..Config::of_preset(preset)? };
    let data = DatasetKind::Mnist.load(&SearchPaths::default())?; // the embedded digits
    let device = Cpu::<f32>::new(default_threads());
    let mut trainer =
        Trainer::begin(config, device, TrainingImages::of(&data), Path::new(&runs_dir), "example")?;

    let stop = AtomicBool::new(false);
    let outcome = trainer.train(&mut Callback { stop: &stop }, &stop)?;
    println!("{} in {}", describe(outcome), trainer.run().path().display());
    Ok(())
}

/// Called by the training loop.
struct Callback<'a> {
    /// Setting it makes the trainer write a checkpoint and return.
    stop: &'a AtomicBool,
}

impl Observer for Callback<'_> {
    /// Asks for the losses of every 100th iteration. Each answer waits for the device.
    fn iteration(&mut self, progress: Progress, _images: usize) -> bool {
        progress.iteration.0.is_multiple_of(100)
    }

    fn losses(&mut self, progress: Progress, metrics: &Metrics) {
        let (iteration, total) = progress.iteration;
        println!("{iteration}/{total} d_loss {:.3} g_loss {:.3}", metrics.d_loss, metrics.g_loss);
        if metrics.g_loss < 0.05 {
            self.stop.store(true, Ordering::Relaxed);
        }
    }

    fn wrote(&mut self, path: &Path) {
        println!("wrote {}", path.display());
    }

    fn warning(&mut self, text: &str) {
        eprintln!("warning: {text}");
    }
}

fn describe(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Finished => "finished",
        Outcome::Stopped => "stopped early",
    }
}
