//! Watches a run's losses and samples for the ways in which GANs fail.
//!
//! A loss that is no number ends the run. Losses that explode, a discriminator that is dead or
//! perfect and samples that are all alike are warned of, once each in a process: such a run may
//! still recover.

use crate::gan::Metrics;
use crate::gan::metrics::{NotFinite, check_finite};
use crate::gan::settings::Loss;

/// A loss of networks that have recovered from an explosion is below this.
const CALM: f64 = 20.0;
/// D(x) and D(G(z)) of a discriminator that does not look differ by rounding alone.
const ROUNDING: f64 = 1e-6;
/// Samples whose spread is below this share of the images' are alike.
const ALIKE: f64 = 0.02;
/// Iterations before which samples are alike for another reason: training has hardly begun.
const BEGINNING: u32 = 500;

/// What is known about a run so far.
#[derive(Debug)]
pub struct Health {
    loss: Loss,
    /// Factor of the discriminator's loss.
    d_scale: f64,
    /// Iterations that were looked at.
    seen: u32,
    exploded: Streak,
    diverged: bool,
    dead: Streak,
    perfect: Streak,
    alike: Streak,
    /// The spread of images of the data set.
    spread: f64,
}

impl Health {
    /// Begins after `completed` iterations; `d_scale` is the factor of the discriminator's loss, and
    /// `spread` the [`spread`] of the data set's images.
    pub fn new(loss: Loss, d_scale: f64, completed: u32, spread: f64) -> Self {
        let (exploded, alike) = (Streak::of(1), Streak::of(1));
        let (dead, perfect) = (Streak::of(200), Streak::of(500));
        let diverged = false;
        Self { loss, d_scale, seen: completed, exploded, diverged, dead, perfect, alike, spread }
    }

    /// Whether the losses exploded and have not come down since.
    pub fn has_diverged(&self) -> bool {
        self.diverged
    }

    /// The last iteration that was looked at.
    pub fn seen(&self) -> u32 {
        self.seen
    }

    /// Looks at the next iteration; answers with a warning where there is reason for one.
    ///
    /// # Errors
    /// [`NotFinite`] for a loss that is NaN or infinite.
    pub fn look(&mut self, metrics: &Metrics) -> Result<Option<String>, NotFinite> {
        self.seen += 1;
        for (what, value) in [("D loss", metrics.d_loss), ("G loss", metrics.g_loss)] {
            check_finite(what, value, self.seen)?;
        }
        let (d_loss, g_loss) = (metrics.d_loss / self.d_scale, metrics.g_loss);
        let worst = d_loss.max(g_loss);
        let absurd = worst > self.loss.exploded();
        self.diverged = absurd || self.diverged && worst > CALM;
        if self.exploded.goes_on(absurd) {
            return Ok(Some(exploded(metrics)));
        }
        if self.dead.goes_on((metrics.d_real - metrics.d_fake).abs() <= ROUNDING) {
            return Ok(Some(dead(metrics.d_real, self.dead.long)));
        }
        if self.perfect.goes_on(self.is_perfect(metrics)) {
            return Ok(Some(perfect(self.loss, self.perfect.long)));
        }
        Ok(None)
    }

    /// Looks at the [`spread`] of samples after an iteration; answers with a warning where there
    /// is reason for one.
    pub fn look_at_samples(&mut self, iteration: u32, spread: f64) -> Option<String> {
        let share = spread / self.spread;
        let so = iteration >= BEGINNING && share < ALIKE;
        self.alike.goes_on(so).then(|| alike(share))
    }

    fn is_perfect(&self, metrics: &Metrics) -> bool {
        match self.loss {
            Loss::Bce | Loss::BceLogits => metrics.d_real > 0.999 && metrics.d_fake < 0.001,
            Loss::Mse => metrics.d_loss < 1e-3,
        }
    }
}

/// How often in a row something was so, until it is worth a word; that is said once.
#[derive(Debug)]
struct Streak {
    length: u32,
    long: u32,
    told: bool,
}

impl Streak {
    fn of(long: u32) -> Self {
        Self { length: 0, long, told: false }
    }

    /// Counts once more; true where a word is due.
    fn goes_on(&mut self, so: bool) -> bool {
        self.length = if so { self.length.saturating_add(1) } else { 0 };
        let due = self.length >= self.long && !self.told;
        self.told |= due;
        due
    }
}

/// How much images differ: the standard deviation of a pixel over the images of a group, averaged
/// over pixels and groups.
///
/// `images`: (count, pixels), each `group` in a row one group; what is left over is left out.
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
        "the losses have exploded: the D loss is {:.3e}, the G loss {:.3e}; what is learnt from here \
         is of no use; begin again with a lower learning rate, another seed, or weights that begin \
         smaller",
        metrics.d_loss, metrics.g_loss
    )
}

fn dead(output: f64, iterations: u32) -> String {
    format!(
        "the discriminator is dead: for {iterations} iterations its mean output has been \
         {output:.4} for real and generated images alike, so neither network learns; begin again \
         with another seed, a lower learning rate, or without a ReLU behind its last layer"
    )
}

fn perfect(loss: Loss, iterations: u32) -> String {
    let how = match loss {
        Loss::Bce | Loss::BceLogits => "D(x) has been above 0.999 and D(G(z)) below 0.001",
        Loss::Mse => "its loss has been below 0.001",
    };
    format!(
        "the discriminator is perfect: for {iterations} iterations {how}, so the generator learns \
         next to nothing; try narrower layers or more dropout in it, or a lower learning rate"
    )
}

fn alike(share: f64) -> String {
    format!(
        "the samples are all alike: they differ by {:.1} % of what the images differ by; the \
         generator may have collapsed; try another seed, a lower learning rate, or a larger batch",
        100.0 * share
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const FINE: Metrics = Metrics { d_loss: 1.2, g_loss: 0.8, d_real: 0.6, d_fake: 0.4 };

    fn healthy(loss: Loss) -> Health {
        Health::new(loss, 1.0, 0, 0.5)
    }

    /// The iterations of `count` at which a warning is given, and the last one.
    fn warnings(health: &mut Health, metrics: &Metrics, count: u32) -> (Vec<u32>, String) {
        let (mut at, mut last) = (Vec::new(), String::new());
        for _ in 0..count {
            if let Some(words) = health.look(metrics).unwrap() {
                at.push(health.seen);
                last = words;
            }
        }
        (at, last)
    }

    #[test]
    fn losses_that_are_no_numbers_end_the_run_with_the_iteration() {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            for (metrics, what) in [
                (Metrics { d_loss: value, ..FINE }, "D loss"),
                (Metrics { g_loss: value, ..FINE }, "G loss"),
            ] {
                let mut health = Health::new(Loss::Bce, 1.0, 41, 0.5);
                health.look(&FINE).unwrap();
                let words = health.look(&metrics).unwrap_err().to_string();
                assert!(words.contains(what) && words.contains("iteration 43"), "{words}");
            }
        }
    }

    #[test]
    fn losses_that_explode_are_warned_of_once_and_told_while_they_last() {
        for loss in [Loss::Bce, Loss::BceLogits, Loss::Mse] {
            let mut health = Health::new(loss, 1e3, 0, 0.5);
            let scaled = Metrics { d_loss: 1200.0, g_loss: 9.0, ..FINE };
            assert!(warnings(&mut health, &scaled, 100).0.is_empty(), "a factor of 1,000");
            let absurd = Metrics { g_loss: 2e10, ..FINE };
            let (at, words) = warnings(&mut health, &absurd, 100);
            assert_eq!(at, [101]);
            assert!(words.contains("exploded") && words.contains("2.000e10"), "{words}");
            assert!(health.has_diverged());
            health.look(&Metrics { g_loss: 32.0, ..FINE }).unwrap();
            assert!(health.has_diverged(), "less absurd is no recovery");
            health.look(&FINE).unwrap();
            assert!(!health.has_diverged());
            let absurd = Metrics { d_loss: 2e7, ..FINE };
            assert!(warnings(&mut health, &absurd, 100).0.is_empty(), "said once");
            assert!(health.has_diverged());
        }
    }

    #[test]
    fn loss_that_cannot_be_large_explodes_sooner() {
        let at_its_most = Metrics { d_loss: 100.0, g_loss: 0.0, ..FINE };
        assert_eq!(warnings(&mut healthy(Loss::Bce), &at_its_most, 9).0, [1]);
        assert!(warnings(&mut healthy(Loss::Mse), &at_its_most, 9).0.is_empty());
    }

    #[test]
    fn discriminator_that_does_not_look_is_warned_of_once() {
        let mut health = healthy(Loss::Bce);
        let blind = Metrics { d_real: 0.5, d_fake: 0.5, ..FINE };
        assert!(warnings(&mut health, &blind, 199).0.is_empty());
        health.look(&FINE).unwrap();
        let (at, words) = warnings(&mut health, &blind, 1000);
        assert_eq!(at, [400]);
        assert!(words.contains("dead") && words.contains("0.5000"), "{words}");
        health.look(&FINE).unwrap();
        assert!(warnings(&mut health, &blind, 1000).0.is_empty());
    }

    #[test]
    fn perfect_discriminator_is_warned_of_once() {
        for (loss, metrics) in [
            (Loss::Bce, Metrics { d_real: 0.9995, d_fake: 0.0005, ..FINE }),
            (Loss::BceLogits, Metrics { d_real: 0.9995, d_fake: 0.0005, ..FINE }),
            (Loss::Mse, Metrics { d_loss: 0.0009, ..FINE }),
        ] {
            let (at, words) = warnings(&mut healthy(loss), &metrics, 2000);
            assert_eq!(at, [500], "{loss:?}");
            assert!(words.contains("perfect"), "{words}");
        }
    }

    #[test]
    fn what_is_a_sign_for_one_loss_is_none_for_another() {
        let close = Metrics { d_loss: 0.0009, ..FINE };
        assert!(warnings(&mut healthy(Loss::Bce), &close, 2000).0.is_empty());
        let apart = Metrics { d_real: 0.9995, d_fake: 0.0005, ..FINE };
        assert!(warnings(&mut healthy(Loss::Mse), &apart, 2000).0.is_empty());
    }

    #[test]
    fn spread_is_that_within_groups() {
        // Two groups of two images of two pixels; the groups differ, their images by 2 in a pixel.
        let images = [0.0, 5.0, 2.0, 5.0, -8.0, 1.0, -8.0, 3.0];
        assert_eq!(spread(&images, 2, 2), 0.5);
        assert_eq!(spread(&[3.0; 12], 3, 4), 0.0);
        assert!(spread(&images, 2, 4) > 2.0);
    }

    #[test]
    fn samples_that_are_alike_are_warned_of_once() {
        let mut health = healthy(Loss::Bce);
        assert_eq!(health.look_at_samples(499, 0.005), None);
        assert_eq!(health.look_at_samples(500, 0.011), None);
        let words = health.look_at_samples(501, 0.005).unwrap();
        assert!(words.contains("alike") && words.contains("1.0 %"), "{words}");
        assert_eq!(health.look_at_samples(502, 0.005), None);
    }

    #[test]
    fn images_that_are_alike_themselves_are_no_reason_to_warn() {
        let mut health = Health::new(Loss::Bce, 1.0, 0, 0.0);
        assert_eq!(health.look_at_samples(900, 0.0), None);
    }
}
