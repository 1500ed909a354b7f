//! Plain loops, compiled for the widest vectors that the running processor has.
#![allow(dead_code)]

/// Runs `f` compiled for the widest vector instructions of this processor.
#[inline(always)]
pub(crate) fn vectorized<R>(f: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(f)
}
