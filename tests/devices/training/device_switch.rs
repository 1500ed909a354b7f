//! A run that resumes on another device.

use gan_cuda::data::Dataset;
use gan_cuda::device::Device;
use gan_cuda::device::cpu::Cpu;
use gan_cuda::formats::stats::read_stats;
use gan_cuda::gan::preset::presets;
use gan_cuda::run::config::Config;
use gan_cuda::run::dir::RunDir;

use super::IMAGES;
use super::parity::LOSSES;
use crate::comparator::compare;
use crate::notes;
use crate::open::Tested;
use crate::runs::{NEVER, config, left_by, resume_on, small, train_on, trained};

/// Starts on the device, resumes on the CPU, then on the device again: the files are complete, and the
/// losses are those of a run on the CPU alone. It stops within an epoch or at its end.
pub fn run_resumes_on_the_cpu_and_back<D: Tested>() {
    for preset in presets() {
        let whole = Config { gan: small(preset), ..config(preset, 9, 3) };
        let (runs, data, stay) = trained(Cpu::<f32>::new(1), &whole, IMAGES);

        let until = |iterations| Config { iterations: Some(iterations), ..whole.clone() };
        let run = train_on(D::open(true), &until(3), &data, runs.path());
        resume(Cpu::<f32>::new(1), &until(6), &data, &run);
        resume(D::open(true), &until(9), &data, &run);

        let outcome = compare(&losses(&run), &losses(&stay), LOSSES);
        let share = outcome.unwrap_or_else(|problem| panic!("{}: {problem}", preset.name));
        notes::tolerance_used(format!("on the CPU and back: {}", preset.name), share);
        // This reads every checkpoint.
        assert!(left_by(&run).keys().eq(left_by(&stay).keys()), "{}: other files", preset.name);
    }
}

fn resume<D: Device>(device: D, config: &Config, data: &Dataset, run: &RunDir) {
    let at = *run.checkpoints().unwrap().last().unwrap();
    resume_on(device, config, data, run, at).train(&mut (), &NEVER).unwrap();
}

/// The losses of every iteration.
fn losses(run: &RunDir) -> Vec<f64> {
    let records = read_stats(&run.stats()).unwrap().losses;
    let iterations: Vec<_> = records.iter().map(|record| record.iteration).collect();
    assert_eq!(iterations, (1..=9).collect::<Vec<_>>());
    records.iter().flat_map(|record| [record.d_loss, record.g_loss].map(f64::from)).collect()
}
