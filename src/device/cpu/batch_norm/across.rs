//! Statistics of the rows of all ranks.

use crate::device::cpu::{Cpu, CpuReal};
use crate::device::ops::Collective;

impl<T: CpuReal> Cpu<T> {
    /// From the mean and Σ(x − mean)² of this rank's rows to those of all ranks' rows: Chan, Golub and
    /// LeVeque, "Algorithms for computing the sample variance", 1983.
    pub(super) fn join_moments(&self, mean: &mut [T], squares: &mut [T], rows: usize) {
        let columns = mean.len();
        let own = [&[T::from_f64(rows as f64)], &*mean, &*squares].concat();
        let mut all = vec![T::ZERO; self.ranks().size * own.len()];
        self.all_gather(&mut all, &own);
        let moments = || {
            all.chunks_exact(own.len()).map(|of_rank| {
                let (mean, squares) = of_rank[1..].split_at(columns);
                (of_rank[0], mean, squares)
            })
        };
        let whole = moments().fold(T::ZERO, |sum, (count, ..)| sum + count);
        mean.fill(T::ZERO);
        for (count, means, _) in moments() {
            mean.iter_mut()
                .zip(means)
                .for_each(|(mean, &of_rank)| *mean += count / whole * of_rank);
        }
        squares.fill(T::ZERO);
        for (count, means, of_rank) in moments() {
            for j in 0..columns {
                let deviation = means[j] - mean[j];
                squares[j] += of_rank[j] + count * deviation * deviation;
            }
        }
    }

    /// Adds up the sums of all ranks.
    pub(super) fn add_across(&self, gamma_sums: &mut [T], beta_sums: &mut [T]) {
        let mut both = [&*gamma_sums, &*beta_sums].concat();
        self.all_reduce(&mut both);
        let (gamma, beta) = both.split_at(gamma_sums.len());
        gamma_sums.copy_from_slice(gamma);
        beta_sums.copy_from_slice(beta);
    }
}
