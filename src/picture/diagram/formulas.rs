//! The loss functions as text and formulas.

use crate::gan::settings::{Loss, Settings};

/// The name of the discriminator's output, as the loss takes it.
pub(super) fn output(loss: Loss) -> &'static str {
    match loss {
        Loss::Mse => "scores",
        Loss::Bce => "probabilities",
        Loss::BceLogits => "logits",
    }
}

/// The formula of generated images.
pub(super) fn fake(settings: &Settings) -> &'static str {
    if settings.classes.is_some() { "G(z, y)" } else { "G(z)" }
}

/// The discriminator's output for real and for generated images.
fn outputs(settings: &Settings) -> [String; 2] {
    let [c, y] = if settings.classes.is_some() { [", c", ", y"] } else { ["", ""] };
    [format!("D(x{c})"), format!("D({}{y})", fake(settings))]
}

/// The discriminator's loss.
pub(super) fn of_discriminator(settings: &Settings) -> Vec<String> {
    let sum = match settings.d_loss_scale {
        1.0 => "real + fake".to_owned(),
        scale => format!("{scale} · (real + fake)"),
    };
    let [real, fake] = outputs(settings);
    vec![
        "loss of D".to_owned(),
        sum,
        format!("{}, targets 1 and 0", name(settings.loss)),
        format!("real: {}", term(settings.loss, &real, true)),
        format!("fake: {}", term(settings.loss, &fake, false)),
    ]
}

/// The generator's loss.
pub(super) fn of_generator(settings: &Settings) -> Vec<String> {
    let [_, fake] = outputs(settings);
    vec![
        "loss of G".to_owned(),
        format!("{}, target 1", name(settings.loss)),
        term(settings.loss, &fake, true),
    ]
}

fn name(loss: Loss) -> &'static str {
    match loss {
        Loss::Mse => "squared error",
        Loss::Bce | Loss::BceLogits => "cross-entropy",
    }
}

/// The mean loss over a batch, with target 1 or 0.
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
