//! Adam on CUDA: one kernel over the whole flat buffer, bound by memory bandwidth.

use super::Cuda;
use super::memory::{View, ViewMut};
use crate::device::codes::decay;
use crate::device::ops::{Adam, Average, LrDecay, Optimizer};

impl Optimizer for Cuda {
    fn adam_update(
        &self,
        p: ViewMut<'_, f32>,
        m: ViewMut<'_, f32>,
        v: ViewMut<'_, f32>,
        step: ViewMut<'_, u32>,
        iteration: Option<ViewMut<'_, u32>>,
        g: View<'_, f32>,
        adam: Adam,
        beside: bool,
    ) {
        let n = p.len();
        let decay = match adam.decay {
            LrDecay::None => decay::NONE,
            LrDecay::Linear => decay::LINEAR,
            LrDecay::Cosine => decay::COSINE,
        };
        // A thread processes four numbers. The branch computes the weight gradients.
        let launch = self.elements(n.div_ceil(4));
        let launch = if beside {
            self.fork();
            launch.on_branch()
        } else {
            self.join();
            launch
        };
        // 1 − b and ln b are computed in double precision: in single, 1 − 0.999 has four digits.
        self.gpu.kernels.adam_update(
            launch,
            p,
            m,
            v,
            step,
            iteration,
            g,
            n,
            adam.lr as f32,
            adam.b1 as f32,
            (1.0 - adam.b1) as f32,
            adam.b1.ln() as f32,
            adam.b2 as f32,
            (1.0 - adam.b2) as f32,
            adam.b2.ln() as f32,
            adam.eps as f32,
            decay,
            adam.done as f32,
            adam.rate as f32,
        );
    }

    fn average_update(
        &self,
        average: ViewMut<'_, f32>,
        p: View<'_, f32>,
        step: View<'_, u32>,
        constants: Average,
    ) {
        let (n, Average { decay, warmup }) = (p.len(), constants);
        self.gpu.kernels.average_update(
            self.elements(n),
            average,
            p,
            step,
            n,
            decay as f32,
            (1.0 - decay) as f32,
            warmup,
        );
    }
}
