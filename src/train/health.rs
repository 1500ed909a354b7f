//! Checks a run's losses and samples for typical failures of GANs.
//!
//! A loss that is NaN or infinite ends the run. There are warnings for exploding losses, a dead or
//! a perfect discriminator, and samples that are all alike, each once per process: such a run may
//! still recover.

use crate::gan::Metrics;
use crate::gan::metrics::{NotFinite, check_finite};
use crate::gan::settings::Loss;

/// Losses of less than this size have recovered from an explosion.
const RECOVERED: f64 = 20.0;
/// The same for the losses of a Wasserstein critic, whose output drifts.
const CRITIC_RECOVERED: f64 = 1e5;
/// D(x) and D(G(z)) of a discriminator whose output is constant differ only by rounding.
const ROUNDING: f64 = 1e-6;
/// Samples are alike if their spread is below this fraction of the data set's.
const ALIKE: f64 = 0.02;
/// Before this iteration samples may be alike because training has just started.
const WARM_UP: u32 = 500;

/// The health of a run so far.
#[derive(Debug)]
pub struct Health {
    loss: Loss,
    /// Factor of the discriminator's loss.
    d_scale: f64,
    /// The last iteration that was checked.
    checked: u32,
    exploded: Alarm,
    diverged: bool,
    dead: Alarm,
    perfect: Alarm,
    alike: Alarm,
    /// The spread of the data set's images.
    spread: f64,
}

impl Health {
    /// Starts after `completed` iterations; `d_scale` is the factor of the discriminator's loss,
    /// and `spread` the [`spread`] of the data set's images.
    pub fn new(loss: Loss, d_scale: f64, completed: u32, spread: f64) -> Self {
        let (exploded, alike) = (Alarm::after(1), Alarm::after(1));
        let (dead, perfect) = (Alarm::after(200), Alarm::after(500));
        let diverged = false;
        Self { loss, d_scale, checked: completed, exploded, diverged, dead, perfect, alike, spread }
    }

    /// Whether the losses have exploded and not recovered since.
    pub fn has_diverged(&self) -> bool {
        self.diverged
    }

    /// The last iteration that was checked.
    pub fn checked(&self) -> u32 {
        self.checked
    }

    /// Checks the next iteration. Returns a warning if there is a new problem.
    ///
    /// # Errors
    /// [`NotFinite`] for a loss that is NaN or infinite.
    pub fn check(&mut self, metrics: &Metrics) -> Result<Option<String>, NotFinite> {
        self.checked += 1;
        for (what, value) in [("D loss", metrics.d_loss), ("G loss", metrics.g_loss)] {
            check_finite(what, value, self.checked)?;
        }
        let (d_loss, g_loss) = (metrics.d_loss / self.d_scale, metrics.g_loss);
        // Losses without targets may be negative.
        let worst = d_loss.abs().max(g_loss.abs());
        let too_large = worst > self.loss.explosion_threshold();
        let recovered = if self.loss == Loss::Wgan { CRITIC_RECOVERED } else { RECOVERED };
        self.diverged = too_large || self.diverged && worst > recovered;
        if self.exploded.update(too_large) {
            return Ok(Some(exploded(metrics)));
        }
        if self.dead.update((metrics.d_real - metrics.d_fake).abs() <= ROUNDING) {
            return Ok(Some(dead(metrics.d_real, self.dead.threshold)));
        }
        if self.perfect.update(self.is_perfect(metrics)) {
            return Ok(Some(perfect(self.loss, self.perfect.threshold)));
        }
        Ok(None)
    }

    /// Checks the [`spread`] of samples after an iteration. Returns a warning if there is a new
    /// problem.
    pub fn check_samples(&mut self, iteration: u32, spread: f64) -> Option<String> {
        let fraction = spread / self.spread;
        let are_alike = iteration >= WARM_UP && fraction < ALIKE;
        self.alike.update(are_alike).then(|| alike(fraction))
    }

    fn is_perfect(&self, metrics: &Metrics) -> bool {
        match self.loss {
            Loss::Bce | Loss::BceLogits => metrics.d_real > 0.999 && metrics.d_fake < 0.001,
            Loss::Mse => metrics.d_loss < 1e-3,
            // Their gradient for the generator does not vanish, however good the discriminator is.
            Loss::Hinge | Loss::Wgan | Loss::Relativistic => false,
        }
    }
}

/// Goes off once, when a condition has held a number of consecutive times.
#[derive(Debug)]
struct Alarm {
    consecutive: u32,
    threshold: u32,
    raised: bool,
}

impl Alarm {
    fn after(threshold: u32) -> Self {
        Self { consecutive: 0, threshold, raised: false }
    }

    /// Returns true if the alarm goes off now.
    fn update(&mut self, condition: bool) -> bool {
        self.consecutive = if condition { self.consecutive.saturating_add(1) } else { 0 };
        let raise = self.consecutive >= self.threshold && !self.raised;
        self.raised |= raise;
        raise
    }
}

/// How much images differ: the standard deviation of a pixel over the images of a group, averaged
/// over pixels and groups.
///
/// `images`: (count, pixels). Each `group` consecutive images are a group; an incomplete last group
/// is ignored.
pub fn spread(images: &[f32], pixels: usize, group: usize) -> f64 {
    let groups = images.chunks_exact(pixels * group);
    let count = groups.len() * pixels;
    let deviations = groups.flat_map(|images| (0..pixels).map(|p| deviation(images, p, pixels)));
    deviations.sum::<f64>() / count.max(1) as f64
}

/// The standard deviation of one pixel.
fn deviation(images: &[f32], pixel: usize, pixels: usize) -> f64 {
    let values = || images[pixel..].iter().step_by(pixels).map(|&x| f64::from(x));
    let count = (images.len() / pixels) as f64;
    let mean = values().sum::<f64>() / count;
    (values().map(|x| (x - mean).powi(2)).sum::<f64>() / count).sqrt()
}

fn exploded(metrics: &Metrics) -> String {
    format!(
        "the losses have exploded: the D loss is {:.3e}, the G loss {:.3e}; training on is useless; \
         start again with a lower learning rate, another seed, smaller initial weights, or a gradient \
         penalty (--r1 1, for --loss wgan --gp 10)",
        metrics.d_loss, metrics.g_loss
    )
}

fn dead(output: f64, iterations: u32) -> String {
    format!(
        "the discriminator is dead: for {iterations} iterations its mean output has been \
         {output:.4} for both real and generated images, so neither network learns; start again \
         with another seed, a lower learning rate, or without a ReLU after its last layer"
    )
}

fn perfect(loss: Loss, iterations: u32) -> String {
    let how = match loss {
        Loss::Bce | Loss::BceLogits => "D(x) has been above 0.999 and D(G(z)) below 0.001",
        _ => "its loss has been below 0.001",
    };
    format!(
        "the discriminator is perfect: for {iterations} iterations {how}, so the generator learns \
         almost nothing; try --r1 1, a lower --lr-d, or a discriminator with narrower layers or more \
         dropout"
    )
}

fn alike(fraction: f64) -> String {
    format!(
        "the samples are all alike: their spread is {:.1} % of the spread of the real images; the \
         generator may have collapsed; try another seed, a lower learning rate, a larger batch, or \
         --loss relativistic --r1 1 --r2 1",
        100.0 * fraction
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEALTHY: Metrics =
        Metrics { d_loss: 1.2, g_loss: 0.8, penalty: 0.0, d_real: 0.6, d_fake: 0.4 };

    fn healthy(loss: Loss) -> Health {
        Health::new(loss, 1.0, 0, 0.5)
    }

    /// Checks `count` iterations. Returns those with a warning, and the last warning.
    fn warnings(health: &mut Health, metrics: &Metrics, count: u32) -> (Vec<u32>, String) {
        let (mut iterations, mut last) = (Vec::new(), String::new());
        for _ in 0..count {
            if let Some(warning) = health.check(metrics).unwrap() {
                iterations.push(health.checked);
                last = warning;
            }
        }
        (iterations, last)
    }

    #[test]
    fn nan_and_infinite_losses_are_errors_with_the_iteration() {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            for (metrics, what) in [
                (Metrics { d_loss: value, ..HEALTHY }, "D loss"),
                (Metrics { g_loss: value, ..HEALTHY }, "G loss"),
            ] {
                let mut health = Health::new(Loss::Bce, 1.0, 41, 0.5);
                health.check(&HEALTHY).unwrap();
                let message = health.check(&metrics).unwrap_err().to_string();
                assert!(message.contains(what) && message.contains("iteration 43"), "{message}");
            }
        }
    }

    #[test]
    fn exploding_losses_warn_once_and_have_diverged_until_they_recover() {
        for loss in [Loss::Bce, Loss::BceLogits, Loss::Mse] {
            let mut health = Health::new(loss, 1e3, 0, 0.5);
            let scaled = Metrics { d_loss: 1200.0, g_loss: 9.0, ..HEALTHY };
            assert!(warnings(&mut health, &scaled, 100).0.is_empty(), "a factor of 1,000");
            let huge = Metrics { g_loss: 2e10, ..HEALTHY };
            let (iterations, warning) = warnings(&mut health, &huge, 100);
            assert_eq!(iterations, [101]);
            assert!(warning.contains("exploded") && warning.contains("2.000e10"), "{warning}");
            assert!(health.has_diverged());
            health.check(&Metrics { g_loss: 32.0, ..HEALTHY }).unwrap();
            assert!(health.has_diverged(), "still too large");
            health.check(&HEALTHY).unwrap();
            assert!(!health.has_diverged());
            let huge = Metrics { d_loss: 2e7, ..HEALTHY };
            assert!(warnings(&mut health, &huge, 100).0.is_empty(), "only one warning");
            assert!(health.has_diverged());
        }
    }

    #[test]
    fn negative_losses_are_no_fault_until_they_explode() {
        for loss in [Loss::Wgan, Loss::Hinge, Loss::Relativistic] {
            let critic =
                Metrics { d_loss: -80.0, g_loss: 45.0, d_real: 90.0, d_fake: 10.0, ..HEALTHY };
            let far = Metrics { d_real: 1.0, d_fake: 0.0, d_loss: 0.0, ..HEALTHY };
            for metrics in [critic, far] {
                let mut health = healthy(loss);
                assert!(warnings(&mut health, &metrics, 2000).0.is_empty(), "{loss}");
                assert!(!health.has_diverged());
            }
        }
        let mut health = healthy(Loss::Wgan);
        let exploded = Metrics { d_loss: -1.2e9, g_loss: -4.5e8, ..HEALTHY };
        assert_eq!(warnings(&mut health, &exploded, 100).0, [1]);
        assert!(health.has_diverged());
        health.check(&Metrics { d_loss: -3.0, g_loss: 60.0, ..HEALTHY }).unwrap();
        assert!(!health.has_diverged(), "an output that has drifted by 60");
    }

    #[test]
    fn clamped_loss_has_a_lower_explosion_threshold() {
        let clamped = Metrics { d_loss: 100.0, g_loss: 0.0, ..HEALTHY };
        assert_eq!(warnings(&mut healthy(Loss::Bce), &clamped, 9).0, [1]);
        assert!(warnings(&mut healthy(Loss::Mse), &clamped, 9).0.is_empty());
    }

    #[test]
    fn dead_discriminator_warns_once() {
        let mut health = healthy(Loss::Bce);
        let dead = Metrics { d_real: 0.5, d_fake: 0.5, ..HEALTHY };
        assert!(warnings(&mut health, &dead, 199).0.is_empty());
        health.check(&HEALTHY).unwrap();
        let (iterations, warning) = warnings(&mut health, &dead, 1000);
        assert_eq!(iterations, [400]);
        assert!(warning.contains("dead") && warning.contains("0.5000"), "{warning}");
        health.check(&HEALTHY).unwrap();
        assert!(warnings(&mut health, &dead, 1000).0.is_empty());
    }

    #[test]
    fn perfect_discriminator_warns_once() {
        for (loss, metrics) in [
            (Loss::Bce, Metrics { d_real: 0.9995, d_fake: 0.0005, ..HEALTHY }),
            (Loss::BceLogits, Metrics { d_real: 0.9995, d_fake: 0.0005, ..HEALTHY }),
            (Loss::Mse, Metrics { d_loss: 0.0009, ..HEALTHY }),
        ] {
            let (iterations, warning) = warnings(&mut healthy(loss), &metrics, 2000);
            assert_eq!(iterations, [500], "{loss:?}");
            assert!(warning.contains("perfect"), "{warning}");
        }
    }

    #[test]
    fn conditions_for_a_perfect_discriminator_depend_on_the_loss() {
        let close = Metrics { d_loss: 0.0009, ..HEALTHY };
        assert!(warnings(&mut healthy(Loss::Bce), &close, 2000).0.is_empty());
        let apart = Metrics { d_real: 0.9995, d_fake: 0.0005, ..HEALTHY };
        assert!(warnings(&mut healthy(Loss::Mse), &apart, 2000).0.is_empty());
    }

    #[test]
    fn spread_is_computed_within_groups() {
        // Two groups of two images of two pixels. Within a group, images differ by 2 in one pixel.
        let images = [0.0, 5.0, 2.0, 5.0, -8.0, 1.0, -8.0, 3.0];
        assert_eq!(spread(&images, 2, 2), 0.5);
        assert_eq!(spread(&[3.0; 12], 3, 4), 0.0);
        assert!(spread(&images, 2, 4) > 2.0);
    }

    #[test]
    fn samples_that_are_alike_warn_once() {
        let mut health = healthy(Loss::Bce);
        assert_eq!(health.check_samples(499, 0.005), None);
        assert_eq!(health.check_samples(500, 0.011), None);
        let warning = health.check_samples(501, 0.005).unwrap();
        assert!(warning.contains("alike") && warning.contains("1.0 %"), "{warning}");
        assert_eq!(health.check_samples(502, 0.005), None);
    }

    #[test]
    fn real_images_that_are_alike_cause_no_warning() {
        let mut health = Health::new(Loss::Bce, 1.0, 0, 0.0);
        assert_eq!(health.check_samples(900, 0.0), None);
    }
}
