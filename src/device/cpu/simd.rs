//! Function multiversioning: plain loops, compiled for the widest vectors of the running processor.
//!
//! The crate is built for any processor of its architecture; [`vectorized`] compiles a loop again for
//! each newer instruction set and selects one at run time.
//!
//! Put the whole loop into the closure and mark the closure `#[inline(always)]`: only inlined code
//! gets the wider vectors, and the compiler does not inline a large closure by itself. Functions
//! called from the loop must be inlined too.
//!
//! ```ignore
//! vectorized(#[inline(always)] || {
//!     for (y, x) in y.iter_mut().zip(x) {
//!         *y = 0.5 * x;
//!     }
//! });
//! ```
//!
//! The operations and their order stay as written (no fused multiply-add, no reordered sums), so the
//! results have the same bits on every instruction set. For that reason sums do not vectorize: keep
//! several partial sums in an array where that matters.

/// Runs `f` compiled for the widest vector instructions of this processor.
#[inline(always)]
pub(crate) fn vectorized<R>(f: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(f)
}

#[cfg(test)]
mod tests {
    use super::vectorized;

    /// Adam's update, a loop with divisions and square roots.
    #[inline(always)]
    fn adam(p: &mut [f32], m: &mut [f32], v: &mut [f32], g: &[f32]) {
        for (((p, m), v), g) in p.iter_mut().zip(m).zip(v).zip(g) {
            *m = 0.5 * *m + 0.5 * g;
            *v = 0.999 * *v + 0.001 * g * g;
            *p -= 0.01 * *m / (v.sqrt() + 1e-8);
        }
    }

    #[inline(never)]
    fn wide_adam(p: &mut [f32], m: &mut [f32], v: &mut [f32], g: &[f32]) {
        vectorized(
            #[inline(always)]
            || adam(p, m, v, g),
        );
    }

    fn state() -> [Vec<f32>; 4] {
        [1.0f32, 0.1, 0.2, -0.3].map(|x| (0..1003).map(|i| x + i as f32 / 777.0).collect())
    }

    #[test]
    fn vectorized_loop_computes_the_same_bits() {
        let ([mut p, mut m, mut v, g], [mut q, mut n, mut w, _]) = (state(), state());
        adam(&mut p, &mut m, &mut v, &g);
        wide_adam(&mut q, &mut n, &mut w, &g);
        assert_eq!((p, m, v), (q, n, w));
    }
}
