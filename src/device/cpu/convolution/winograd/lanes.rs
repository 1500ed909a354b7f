//! Vectors of channels that transforms are computed on, and work that is shared out by numbers.
//!
//! The transforms of a tile keep some dozen vectors in registers: they name vectors, where other loops
//! of this device leave that to the compiler.
#![allow(unsafe_code)]

use std::ops::{Add, Range, Sub};
use std::slice::{from_raw_parts, from_raw_parts_mut};

use pulp::{Arch, Simd, WithSimd};

use super::super::super::team::{Pieces, Team};
use super::transform::Number;

/// Neighbouring channels.
#[derive(Clone, Copy)]
pub(super) struct Lanes<S: Simd> {
    simd: S,
    numbers: S::f32s,
}

impl<S: Simd> Lanes<S> {
    /// How many they are.
    pub const COUNT: usize = S::F32_LANES;

    #[inline(always)]
    pub fn zero(simd: S) -> Self {
        Self { simd, numbers: simd.splat_f32s(0.0) }
    }

    /// # Safety
    /// There are so many numbers.
    #[inline(always)]
    pub unsafe fn read(simd: S, from: *const f32) -> Self {
        // SAFETY: the caller's promise; any bits are numbers.
        Self { simd, numbers: unsafe { from.cast::<S::f32s>().read_unaligned() } }
    }

    /// The first `len` of them, zeros behind.
    ///
    /// # Safety
    /// There are `len` numbers.
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
    /// There is room for them, which the calling thread alone uses.
    #[inline(always)]
    pub unsafe fn write(self, to: *mut f32) {
        // SAFETY: the caller's promise.
        unsafe { to.cast::<S::f32s>().write_unaligned(self.numbers) };
    }

    /// Writes the first `len` of them.
    ///
    /// # Safety
    /// There is room for these, which the calling thread alone uses.
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

/// Work in numbered parts that do not depend on each other.
pub(super) trait Work: Sync {
    /// One part, done by the thread of this number; to be inlined, with all that it calls.
    fn part<S: Simd>(&self, simd: S, thread: usize, number: usize);
}

/// Some parts, compiled for the widest vectors of the processor.
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

/// Shares `count` parts of work among the team.
pub(super) fn share(team: &Team, count: usize, work: &impl Work) {
    let pieces = Pieces::new(count, 1, usize::MAX, team.threads());
    team.run(|thread| {
        for numbers in &pieces {
            Arch::new().dispatch(Parts { work, thread, numbers });
        }
    });
}
