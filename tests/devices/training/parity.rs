//! The same seed on two devices: the first iterations agree.

use gan_cuda::device::Device;
use gan_cuda::gan::Metrics;
use gan_cuda::gan::preset::presets;
use gan_cuda::gan::settings::Settings;

use super::{Learner, cases};
use crate::comparator::{Tolerance, compare};
use crate::notes;
use crate::open::Tested;
use crate::runs::digits;
use crate::runs::sizes::sides;

const ITERATIONS: u32 = 10;

/// The tolerance for two devices' losses. Different orders of summation differ by 1e-7 at first; the
/// difference grows with every update, since Adam turns the rounding error of a zero gradient into
/// whole steps.
pub const LOSSES: Tolerance = Tolerance { rtol: 0.0, atol: 1e-3 };

/// Compares first iterations, at small sizes, on two devices.
pub fn first_iterations_agree<D: Device, O: Device>(open: impl Fn() -> D, other: impl Fn() -> O) {
    for (name, settings) in cases(|_, settings| settings) {
        let got = Learner::of(open(), settings.clone()).metrics(ITERATIONS);
        let want = Learner::of(other(), settings).metrics(ITERATIONS);
        agree(format!("first iterations: {name}"), &got, &want);
    }
}

/// The same with the presets' full layer widths: one iteration on a full batch and one on a short
/// batch.
pub fn full_width_iterations_are_those_of<D: Tested, O: Device>(other: impl Fn() -> O) {
    for preset in presets() {
        let rewrite = sides(preset, 28);
        let settings = Settings { batch_size: 64, ..preset.rewritten(&rewrite).unwrap() };
        let data = digits(64 + 33, settings.image);
        let got = Learner::new(D::open(true), settings.clone(), &data, 7).metrics(2);
        let want = Learner::new(other(), settings, &data, 7).metrics(2);
        agree(format!("at full width: {}", preset.name), &got, &want);
    }
}

/// Losses and mean outputs of every iteration.
fn agree(what: String, got: &[Metrics], want: &[Metrics]) {
    let outcome = compare(&numbers(got), &numbers(want), LOSSES);
    notes::tolerance_used(&what, outcome.unwrap_or_else(|problem| panic!("{what}: {problem}")));
}

fn numbers(metrics: &[Metrics]) -> Vec<f64> {
    metrics.iter().flat_map(|m| [m.d_loss, m.g_loss, m.d_real, m.d_fake]).collect()
}
