//! Pictures of set-ups: whether they tell the truth, and whether they can be read.

mod dot;
mod picture;
mod readable;
mod truth;

use gan_cuda::diagram::Diagram;
use gan_cuda::gan::preset::{find, presets};
use gan_cuda::gan::settings::{Fakes, Order, Settings};

/// A set-up by name, its values changed.
struct Case {
    name: String,
    preset: &'static gan_cuda::gan::preset::Preset,
    settings: Settings,
}

impl Case {
    fn new(preset: &str, what: &str, change: impl FnOnce(&mut Settings)) -> Self {
        let preset = find(preset).unwrap();
        let mut settings = preset.settings.clone();
        change(&mut settings);
        Self { name: format!("{} {what}", preset.name), preset, settings }
    }

    fn diagram(&self) -> Diagram {
        Diagram::new(self.preset, &self.settings)
    }
}

/// Every preset in every order of updates, with fakes of both kinds, and extreme sizes.
fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for preset in presets() {
        cases.push(Case::new(preset.name, "", |_| ()));
        for order in [Order::DFirst, Order::GFirst] {
            for fakes in [Fakes::Same, Fakes::Fresh] {
                let what = format!("{order} {fakes}");
                cases.push(Case::new(preset.name, &what, |settings| {
                    (settings.order, settings.fakes) = (order, fakes);
                    settings.dropout = settings.dropout.map(|_| 0.0);
                }));
            }
        }
        cases.push(Case::new(preset.name, "narrow", |settings| {
            (settings.g_hidden, settings.d_hidden) = (vec![1], vec![1]);
            (settings.batch_size, settings.latent_dim) = (2, 1);
        }));
        cases.push(Case::new(preset.name, "deep and wide", |settings| {
            (settings.g_hidden, settings.d_hidden) = (vec![8; 64], vec![1_000_000; 3]);
            (settings.batch_size, settings.latent_dim) = (1_000_000, 1_000_000);
            settings.classes = settings.classes.map(|_| 1000);
            (settings.lr, settings.adam_eps) = (1.234_567_89e-7, 1.234_567_89e-11);
            (settings.b1, settings.b2) = (0.123_456_789, 0.999_999_999);
            settings.d_loss_scale = 0.123_456_789;
            settings.bn_eps = settings.bn_eps.map(|_| 1.234_567_89e-7);
        }));
    }
    cases
}
