//! Elements of a gradient on the CPU: backward through an activation, and through a layer with one output.

use super::{CpuReal, activation};
use crate::device::ops::Activation;

/// The backward pass of a layer with one output and of the activation before it.
#[derive(Clone, Copy)]
pub(super) struct SingleOutputPass<'a, T> {
    pub(super) dz: &'a [T],
    pub(super) w: &'a [T],
    pub(super) x: &'a [T],
    pub(super) mask: Option<&'a [T]>,
    pub(super) activation: Activation,
}

impl<T: CpuReal> SingleOutputPass<'_, T> {
    /// dx ← activation′(x) ⊙ mask ⊙ (dz·w), where dx starts at element `at` of the matrix.
    #[inline(always)]
    pub(super) fn backward(&self, dx: &mut [T], at: usize) {
        let columns = self.w.len();
        let (mut row, mut column) = (at / columns, at % columns);
        for dx in dx.chunks_mut(columns) {
            let (z, w) = (self.dz[row], &self.w[column..][..dx.len()]);
            for j in 0..dx.len() {
                dx[j] = z * w[j];
            }
            (row, column) = (row + 1, 0);
        }
        backward(dx, self.x, self.mask, at, self.activation);
    }

    /// Adds dz·x to the sums of dw, and dx to those of dbx.
    #[inline(always)]
    pub(super) fn add(&self, dx: &[T], dw: &mut [T], dbx: &mut [T], at: usize) {
        let columns = self.w.len();
        for first in (0..dx.len()).step_by(columns) {
            let len = columns.min(dx.len() - first);
            let (z, x) = (self.dz[(at + first) / columns], &self.x[at + first..][..len]);
            let (dx, dw) = (&dx[first..][..len], &mut dw[first..][..len]);
            let dbx = &mut dbx[first..][..len];
            for j in 0..len {
                dw[j] += z * x[j];
                dbx[j] += dx[j];
            }
        }
    }
}

/// dz ← activation′(y) ⊙ mask ⊙ dz, where dz starts at element `at` of the matrix.
#[inline(always)]
pub(super) fn backward<T: CpuReal>(
    dz: &mut [T],
    y: &[T],
    mask: Option<&[T]>,
    at: usize,
    activation: Activation,
) {
    let range = at..at + dz.len();
    if let Some(mask) = mask {
        let mask = &mask[range.clone()];
        dz.iter_mut().zip(mask).for_each(|(d, &m)| *d = *d * m);
    }
    activation::apply_backward(activation, dz, &y[range]);
}
