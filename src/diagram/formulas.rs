//! Losses in words and formulas.

use crate::gan::settings::{Loss, Settings};

/// What the discriminator puts out, as its losses take it.
pub(super) fn output(loss: Loss) -> &'static str {
    match loss {
        Loss::Mse => "scores",
        Loss::Bce => "probabilities",
        Loss::BceLogits => "logits",
    }
}

/// The discriminator's loss, of its outputs for real and for generated images.
pub(super) fn of_discriminator(settings: &Settings, real: &str, fake: &str) -> Vec<String> {
    let sum = match settings.d_loss_scale {
        1.0 => "real + fake".to_owned(),
        scale => format!("{scale} · (real + fake)"),
    };
    vec![
        "loss of D".to_owned(),
        sum,
        format!("{}, targets 1 and 0", name(settings.loss)),
        format!("real: {}", term(settings.loss, real, true)),
        format!("fake: {}", term(settings.loss, fake, false)),
    ]
}

/// The generator's loss, of the discriminator's output for generated images.
pub(super) fn of_generator(settings: &Settings, fake: &str) -> Vec<String> {
    vec![
        "loss of G".to_owned(),
        format!("{}, target 1", name(settings.loss)),
        term(settings.loss, fake, true),
    ]
}

fn name(loss: Loss) -> &'static str {
    match loss {
        Loss::Mse => "squared error",
        Loss::Bce | Loss::BceLogits => "cross-entropy",
    }
}

/// The mean over a batch, by the target that the output is scored against.
fn term(loss: Loss, output: &str, is_one: bool) -> String {
    match (loss, is_one) {
        (Loss::Mse, true) => format!("mean ({output} − 1)²"),
        (Loss::Mse, false) => format!("mean {output}²"),
        (Loss::Bce, true) => format!("−mean ln {output}"),
        (Loss::Bce, false) => format!("−mean ln (1 − {output})"),
        (Loss::BceLogits, true) => format!("−mean ln σ({output})"),
        (Loss::BceLogits, false) => format!("−mean ln (1 − σ({output}))"),
    }
}
