//! Adam on the CPU: one pass over four flat buffers, bound by memory bandwidth.

use super::simd::vectorized;
use super::{Cpu, CpuReal};
use crate::device::ops::{Adam, Average, Optimizer, contract};

impl<T: CpuReal> Optimizer for Cpu<T> {
    fn adam_update(
        &self,
        p: &mut [T],
        m: &mut [T],
        v: &mut [T],
        step: &mut [u32],
        iteration: Option<&mut [u32]>,
        g: &[T],
        adam: Adam,
        _beside: bool,
    ) {
        contract::adam_update(&p, &m, &v, &step, iteration.as_ref(), &g, p.len());
        let t = f64::from(step[0]) + 1.0;
        let step_size = T::from_f64(adam.lr_after(step[0]) / (1.0 - adam.b1.powf(t)));
        // As a factor: a division would cost as much as the rest of the update.
        let unbias = T::from_f64(1.0 / (1.0 - adam.b2.powf(t)).sqrt());
        let [b1, b2, eps] = [adam.b1, adam.b2, adam.eps].map(T::from_f64);
        let [new1, new2] = [1.0 - adam.b1, 1.0 - adam.b2].map(T::from_f64);
        self.pool.chunks3([p, m, v], 16, |at, [p, m, v]| {
            let g = &g[at..at + p.len()];
            vectorized(
                #[inline(always)]
                || {
                    for (((p, m), v), &g) in p.iter_mut().zip(m).zip(v).zip(g) {
                        *m = b1 * *m + new1 * g;
                        *v = b2 * *v + new2 * (g * g);
                        *p = *p - step_size * *m / (v.sqrt() * unbias + eps);
                    }
                },
            );
        });
        step[0] += 1;
        if let Some(iteration) = iteration {
            iteration[0] = iteration[0].wrapping_add(1);
        }
    }

    fn average_update(&self, average: &mut [T], p: &[T], step: &[u32], constants: Average) {
        contract::average_update(&average, &p, &step, p.len());
        let decay = constants.decay_at(step[0]);
        let [old, new] = [decay, 1.0 - decay].map(T::from_f64);
        self.pool.chunks(average, 16, |at, average| {
            let p = &p[at..at + average.len()];
            vectorized(
                #[inline(always)]
                || average.iter_mut().zip(p).for_each(|(a, &p)| *a = old * *a + new * p),
            );
        });
    }
}
