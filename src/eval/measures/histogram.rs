//! Histograms of predicted classes.

/// The number of images of each class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Histogram {
    counts: Vec<usize>,
}

/// The rarest class of a sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rarest {
    /// The class; of several, the lowest.
    pub class: usize,
    /// The fraction of the sample in this class, 0 … 1 / classes; higher is better.
    pub fraction: f64,
}

/// The modes that a sample covers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Modes {
    /// The number of modes with at least one image, 0 … modes; higher is better.
    pub found: usize,
    /// The Kullback–Leibler divergence of the modes of the sample from a uniform distribution, in
    /// nats: Σ p ln (p · modes), 0 … ln modes; lower is better. n images that are distributed
    /// uniformly have about (modes − 1) / 2n.
    pub kl: f64,
}

impl Modes {
    /// The modes of images, given that of each, below `modes`. As in
    /// [Metz et al. 2017](https://arxiv.org/abs/1611.02163).
    ///
    /// # Panics
    /// When there are no images, or a mode is out of range.
    pub fn of(images: &[u32], modes: usize) -> Self {
        let histogram = Histogram::of(images, modes);
        let found = histogram.counts.iter().filter(|&&count| count > 0).count();
        let uniform = Histogram { counts: vec![1; modes] };
        Self { found, kl: histogram.divergence(&uniform) }
    }
}

impl Histogram {
    /// The histogram of images, given the class of each, below `classes`.
    ///
    /// # Panics
    /// When there are no images, or a class is out of range.
    pub fn of(images: &[u32], classes: usize) -> Self {
        assert!(!images.is_empty(), "a histogram of no images");
        let mut counts = vec![0; classes];
        images.iter().for_each(|&class| counts[class as usize] += 1);
        Self { counts }
    }

    /// The number of images of each class.
    pub fn counts(&self) -> &[usize] {
        &self.counts
    }

    /// The Kullback–Leibler divergence of this histogram from that of a reference, in nats:
    /// Σ p ln (p / q), with the proportions p in the sample and q in the reference.
    ///
    /// At least 0, and 0 for equal proportions; lower is better. A class that is missing in the
    /// sample adds nothing. A class that is missing in the reference counts as half an image there,
    /// since the divergence would otherwise be infinite.
    ///
    /// # Panics
    /// When the histograms have different classes.
    pub fn divergence(&self, reference: &Self) -> f64 {
        assert_eq!(self.counts.len(), reference.counts.len(), "histograms of different classes");
        let p = proportions(self.counts.iter().map(|&count| count as f64));
        let smoothed = |&count: &usize| if count == 0 { 0.5 } else { count as f64 };
        let q = proportions(reference.counts.iter().map(smoothed));
        let term = |(&p, &q): (&f64, &f64)| if p > 0.0 { p * (p / q).ln() } else { 0.0 };
        p.iter().zip(&q).map(term).sum::<f64>().max(0.0)
    }

    /// The rarest class.
    pub fn rarest(&self) -> Rarest {
        self.rarest_in(0..self.counts.len())
    }

    /// The rarest of these classes.
    pub fn rarest_of(&self, classes: &[u32]) -> Rarest {
        self.rarest_in(classes.iter().map(|&class| class as usize))
    }

    fn rarest_in(&self, classes: impl Iterator<Item = usize>) -> Rarest {
        let images: usize = self.counts.iter().sum();
        // The first of several. There is at least one class.
        let class = classes.min_by_key(|&class| self.counts[class]).unwrap_or(0);
        Rarest { class, fraction: self.counts[class] as f64 / images as f64 }
    }
}

fn proportions(counts: impl Iterator<Item = f64> + Clone) -> Vec<f64> {
    let sum: f64 = counts.clone().sum();
    counts.map(|count| count / sum).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(counts: &[usize]) -> Histogram {
        Histogram { counts: counts.to_vec() }
    }

    #[test]
    fn divergence_of_equal_proportions_is_zero() {
        let few = Histogram::of(&[2, 0, 0, 1], 3);
        assert_eq!(few.counts(), [2, 1, 1]);
        assert_eq!(few.divergence(&few), 0.0);
        assert_eq!(few.divergence(&histogram(&[200, 100, 100])), 0.0);
    }

    #[test]
    fn divergence_is_in_nats_and_of_the_sample_from_the_reference() {
        let (sample, reference) = (histogram(&[3, 1]), histogram(&[50, 50]));
        let want = 0.75 * 1.5_f64.ln() + 0.25 * 0.5_f64.ln();
        assert!((sample.divergence(&reference) - want).abs() < 1e-15);
        let want = 0.5 * (2.0_f64 / 3.0).ln() + 0.5 * 2.0_f64.ln();
        assert!((reference.divergence(&sample) - want).abs() < 1e-15);
        // All images of one class out of ten.
        let collapsed = histogram(&[0, 7, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert!((collapsed.divergence(&histogram(&[5; 10])) - 10.0_f64.ln()).abs() < 1e-15);
    }

    #[test]
    fn modes_with_an_image_are_counted_and_compared_with_a_uniform_distribution() {
        let all: Vec<u32> = (0..1000).collect();
        assert_eq!(Modes::of(&all.repeat(3), 1000), Modes { found: 1000, kl: 0.0 });
        // One of four modes has three quarters of the images, another one the rest.
        let Modes { found, kl } = Modes::of(&[2, 0, 2, 2], 4);
        assert_eq!(found, 2);
        assert!((kl - 0.75 * 3.0_f64.ln()).abs() < 1e-15, "{kl}");
        let Modes { found, kl } = Modes::of(&[123; 50], 1000);
        assert_eq!(found, 1);
        assert!((kl - 1000.0_f64.ln()).abs() < 1e-14, "{kl}");
    }

    #[test]
    fn class_missing_in_the_reference_counts_as_half_an_image() {
        let (sample, reference) = (histogram(&[1, 1]), histogram(&[10, 0]));
        let want = 0.5 * (0.5_f64 * 10.5 / 10.0).ln() + 0.5 * (0.5_f64 * 10.5 / 0.5).ln();
        assert!((sample.divergence(&reference) - want).abs() < 1e-15);
    }

    #[test]
    fn rarest_class_is_the_first_of_the_smallest() {
        assert_eq!(histogram(&[5, 2, 1, 1, 1]).rarest(), Rarest { class: 2, fraction: 0.1 });
        assert_eq!(histogram(&[5, 0]).rarest(), Rarest { class: 1, fraction: 0.0 });
    }
}
