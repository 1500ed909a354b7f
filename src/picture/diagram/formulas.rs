//! The loss functions as text and formulas.

use crate::gan::settings::{Loss, Settings};

/// The name of the discriminator's output, as the loss takes it.
pub(super) fn output(loss: Loss) -> &'static str {
    match loss {
        Loss::Mse | Loss::Hinge | Loss::Wgan | Loss::Relativistic => "scores",
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
    let parts = if settings.loss.is_paired() { "sum over pairs" } else { "real + fake" };
    let sum = match settings.d_loss_scale {
        1.0 => parts.to_owned(),
        scale => format!("{scale} · ({parts})"),
    };
    let [real, fake] = outputs(settings);
    let mut lines = vec!["loss of D".to_owned(), sum];
    match settings.loss {
        Loss::Relativistic => lines.extend([
            "relativistic, for pairs".to_owned(),
            format!("mean softplus({fake} − {real})"),
        ]),
        loss => lines.extend([
            format!("{}{}", name(loss), targets(settings)),
            format!("real: {}", term(loss, &real, settings.real_label)),
            format!("fake: {}", term(loss, &fake, 0.0)),
        ]),
    }
    lines
}

/// The targets in words, if the loss has any.
fn targets(settings: &Settings) -> String {
    match settings.loss.has_targets() {
        true => format!(", targets {} and 0", settings.real_label),
        false => String::new(),
    }
}

/// The penalties on the discriminator's gradients.
pub(super) fn of_penalties(settings: &Settings) -> Vec<String> {
    let (r1, r2, gp) = (settings.r1, settings.r2, settings.gp);
    let [real, fake] = outputs(settings);
    let at = |factor: f64, output: &str| format!("{}/2 · mean ‖∇{output}‖²", factor);
    let mut lines = vec!["gradient penalties".to_owned()];
    lines.extend((r1 > 0.0).then(|| format!("R1: {}", at(r1, &real))));
    lines.extend((r2 > 0.0).then(|| format!("R2: {}", at(r2, &fake))));
    lines.extend((gp > 0.0).then(|| format!("{gp} · mean (‖∇D(x̂)‖ − 1)²")));
    if settings.penalty_interval > 1 {
        lines.push(format!("every {} iterations", settings.penalty_interval));
    }
    lines
}

/// The generator's loss.
pub(super) fn of_generator(settings: &Settings) -> Vec<String> {
    let [real, fake] = outputs(settings);
    let mut lines = vec!["loss of G".to_owned()];
    lines.extend(match settings.loss {
        Loss::Relativistic => {
            ["relativistic, for pairs".to_owned(), format!("mean softplus({real} − {fake})")]
        }
        Loss::Hinge => [name(Loss::Hinge).to_owned(), term(Loss::Wgan, &fake, 1.0)],
        Loss::Wgan => [name(Loss::Wgan).to_owned(), term(Loss::Wgan, &fake, 1.0)],
        loss => [format!("{}, target 1", name(loss)), term(loss, &fake, 1.0)],
    });
    if settings.n_critic > 1 {
        lines.push(format!("every {} iterations", settings.n_critic));
    }
    lines
}

fn name(loss: Loss) -> &'static str {
    match loss {
        Loss::Mse => "squared error",
        Loss::Bce | Loss::BceLogits => "cross-entropy",
        Loss::Hinge => "hinge",
        Loss::Wgan => "Wasserstein",
        Loss::Relativistic => "relativistic",
    }
}

/// The mean loss over a batch, with target 0 or another one, usually 1.
fn term(loss: Loss, output: &str, target: f64) -> String {
    let probability = if loss == Loss::Bce { output.to_owned() } else { format!("σ({output})") };
    match (loss, target) {
        (Loss::Mse, 0.0) => format!("mean {output}²"),
        (Loss::Mse, _) => format!("mean ({output} − {target})²"),
        (Loss::Bce | Loss::BceLogits, 0.0) => format!("−mean ln (1 − {probability})"),
        (Loss::Bce | Loss::BceLogits, 1.0) => format!("−mean ln {probability}"),
        (Loss::Bce | Loss::BceLogits, _) => format!("cross-entropy of {probability}, {target}"),
        (Loss::Hinge, 0.0) => format!("mean max(0, 1 + {output})"),
        (Loss::Hinge, _) => format!("mean max(0, 1 − {output})"),
        (Loss::Wgan | Loss::Relativistic, 0.0) => format!("mean {output}"),
        (Loss::Wgan | Loss::Relativistic, _) => format!("−mean {output}"),
    }
}
