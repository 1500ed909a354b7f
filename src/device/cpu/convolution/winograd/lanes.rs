//! Vectors of channels, on which transforms are computed, and parallel work in numbered parts.
//!
//! The transforms of a tile keep about a dozen vectors in registers. So they use explicit vectors,
//! while other loops of this device rely on auto-vectorization.
#![allow(unsafe_code)]

use std::ops::{Add, Range, Sub};
use std::slice::{from_raw_parts, from_raw_parts_mut};

use pulp::{Arch, Simd, WithSimd};

use super::super::super::thread_pool::{ThreadPool, WorkQueue};
use super::transform::Number;

/// A vector of consecutive channels.
#[derive(Clone, Copy)]
pub(super) struct Lanes<S: Simd> {
    simd: S,
    numbers: S::f32s,
}

impl<S: Simd> Lanes<S> {
    /// Number of channels.
    pub const COUNT: usize = S::F32_LANES;

    #[inline(always)]
    pub fn zero(simd: S) -> Self {
        Self { simd, numbers: simd.splat_f32s(0.0) }
    }

    /// # Safety
    /// `from` is valid for `COUNT` numbers.
    #[inline(always)]
    pub unsafe fn read(simd: S, from: *const f32) -> Self {
        // SAFETY: the caller's promise; any bits are numbers.
        Self { simd, numbers: unsafe { from.cast::<S::f32s>().read_unaligned() } }
    }

    /// Reads `len` numbers; the other lanes are zero.
    ///
    /// # Safety
    /// `from` is valid for `len` numbers.
    #[inline(always)]
    pub unsafe fn read_some(simd: S, from: *const f32, len: usize) -> Self {
        if len == Self::COUNT {
            // SAFETY: the caller's promise.
            return unsafe { Self::read(simd, from) };
        }
        // SAFETY: the caller's promise.
        Self { simd, numbers: simd.partial_load_f32s(unsafe { from_raw_parts(from, len) }) }
    }

    /// # Safety
    /// `to` is valid for `COUNT` numbers, which only the calling thread uses.
    #[inline(always)]
    pub unsafe fn write(self, to: *mut f32) {
        // SAFETY: the caller's promise.
        unsafe { to.cast::<S::f32s>().write_unaligned(self.numbers) };
    }

    /// Writes the first `len` lanes.
    ///
    /// # Safety
    /// `to` is valid for `len` numbers, which only the calling thread uses.
    #[inline(always)]
    pub unsafe fn write_some(self, to: *mut f32, len: usize) {
        if len == Self::COUNT {
            // SAFETY: the caller's promise.
            return unsafe { self.write(to) };
        }
        // SAFETY: the caller's promise.
        self.simd.partial_store_f32s(unsafe { from_raw_parts_mut(to, len) }, self.numbers);
    }
}

impl<S: Simd> Add for Lanes<S> {
    type Output = Self;

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self { numbers: self.simd.add_f32s(self.numbers, other.numbers), ..self }
    }
}

impl<S: Simd> Sub for Lanes<S> {
    type Output = Self;

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Self { numbers: self.simd.sub_f32s(self.numbers, other.numbers), ..self }
    }
}

impl<S: Simd> Number for Lanes<S> {
    #[inline(always)]
    fn times(self, factor: f64) -> Self {
        let factor = self.simd.splat_f32s(factor as f32);
        Self { numbers: self.simd.mul_f32s(factor, self.numbers), ..self }
    }

    #[inline(always)]
    fn plus(self, factor: f64, other: Self) -> Self {
        let factor = self.simd.splat_f32s(factor as f32);
        Self { numbers: self.simd.mul_add_f32s(factor, other.numbers, self.numbers), ..self }
    }
}

/// Work in numbered parts that are independent of each other.
pub(super) trait Work: Sync {
    /// Runs one part on the given thread; to be inlined, with everything that it calls.
    fn part<S: Simd>(&self, simd: S, thread: usize, number: usize);
}

/// A range of parts, compiled for the widest vectors of the processor.
struct Parts<'a, W> {
    work: &'a W,
    thread: usize,
    numbers: Range<usize>,
}

impl<W: Work> WithSimd for Parts<'_, W> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for number in self.numbers {
            self.work.part(simd, self.thread, number);
        }
    }
}

/// Runs `count` parts of work on the thread pool.
pub(super) fn share(pool: &ThreadPool, count: usize, work: &impl Work) {
    let pieces = WorkQueue::new(count, 1, usize::MAX, pool.threads());
    pool.run(|thread| {
        for numbers in &pieces {
            Arch::new().dispatch(Parts { work, thread, numbers });
        }
    });
}
