//! SIMD vectors of `f32` for each instruction set.
//!
//! A kernel that is generic over [`Vector`] is compiled for an instruction set when it is inlined into
//! a function with that set's `#[target_feature]`; hence `#[inline(always)]` everywhere. The methods
//! are unsafe because the processor must support the instructions.
#![allow(unsafe_code)]

/// Floats in a register. Memory need not be aligned.
///
/// # Safety
/// Every method requires that the processor supports the instruction set, and that the pointers are
/// valid for the elements accessed.
pub(super) trait Vector: Copy {
    /// Floats in a vector; a multiple of 4.
    const LANES: usize;
    unsafe fn splat(x: f32) -> Self;
    unsafe fn load(from: *const f32) -> Self;
    unsafe fn store(self, to: *mut f32);
    unsafe fn add(self, other: Self) -> Self;
    /// `self + a * b`, with a single rounding if the instruction set has FMA.
    unsafe fn add_product(self, a: Self, b: Self) -> Self;
    /// Lanes 4q..4q+4 are the four floats at `from + q * stride`.
    unsafe fn load_quads(from: *const f32, stride: usize) -> Self;
    /// Transposes 4 × 4 matrices: each four lanes of the four vectors are the rows of one.
    unsafe fn transpose_quads(rows: [Self; 4]) -> [Self; 4];
}

/// For every processor: four floats, multiplied and added with two roundings.
#[derive(Clone, Copy)]
pub(super) struct Portable([f32; 4]);

impl Vector for Portable {
    const LANES: usize = 4;
    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        Self([x; 4])
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller's promise.
        Self(unsafe { from.cast::<[f32; 4]>().read_unaligned() })
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller's promise.
        unsafe { to.cast::<[f32; 4]>().write_unaligned(self.0) }
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        let lane = |i: usize| self.0[i] + other.0[i];
        Self([lane(0), lane(1), lane(2), lane(3)])
    }
    #[inline(always)]
    unsafe fn add_product(self, a: Self, b: Self) -> Self {
        let lane = |i: usize| self.0[i] + a.0[i] * b.0[i];
        Self([lane(0), lane(1), lane(2), lane(3)])
    }
    #[inline(always)]
    unsafe fn load_quads(from: *const f32, _stride: usize) -> Self {
        // SAFETY: the caller's promise.
        unsafe { Self::load(from) }
    }
    #[inline(always)]
    unsafe fn transpose_quads(rows: [Self; 4]) -> [Self; 4] {
        let [Self(a), Self(b), Self(c), Self(d)] = rows;
        let column = |j: usize| Self([a[j], b[j], c[j], d[j]]);
        [column(0), column(1), column(2), column(3)]
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) use x86::{Avx2, Avx512};

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::Vector;
    use std::arch::x86_64::*;

    #[derive(Clone, Copy)]
    pub struct Avx512(__m512);

    impl Vector for Avx512 {
        const LANES: usize = 16;
        #[inline(always)]
        unsafe fn splat(x: f32) -> Self {
            // SAFETY: the trait's promise.
            Self(unsafe { _mm512_set1_ps(x) })
        }
        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            // SAFETY: the trait's promise.
            Self(unsafe { _mm512_loadu_ps(from) })
        }
        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            // SAFETY: the trait's promise.
            unsafe { _mm512_storeu_ps(to, self.0) }
        }
        #[inline(always)]
        unsafe fn add(self, other: Self) -> Self {
            // SAFETY: the trait's promise.
            Self(unsafe { _mm512_add_ps(self.0, other.0) })
        }
        #[inline(always)]
        unsafe fn add_product(self, a: Self, b: Self) -> Self {
            // SAFETY: the trait's promise.
            Self(unsafe { _mm512_fmadd_ps(a.0, b.0, self.0) })
        }
        #[inline(always)]
        unsafe fn load_quads(from: *const f32, stride: usize) -> Self {
            // SAFETY: the trait's promise.
            Self(unsafe {
                let quad = |q: usize| _mm_loadu_ps(from.add(q * stride));
                let low = _mm512_castps128_ps512(quad(0));
                let low = _mm512_insertf32x4::<1>(low, quad(1));
                let low = _mm512_insertf32x4::<2>(low, quad(2));
                _mm512_insertf32x4::<3>(low, quad(3))
            })
        }
        #[inline(always)]
        unsafe fn transpose_quads(rows: [Self; 4]) -> [Self; 4] {
            let [Self(a), Self(b), Self(c), Self(d)] = rows;
            // SAFETY: the trait's promise.
            unsafe {
                let ab = [_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b)];
                let cd = [_mm512_unpacklo_ps(c, d), _mm512_unpackhi_ps(c, d)];
                [
                    Self(_mm512_shuffle_ps::<0x44>(ab[0], cd[0])),
                    Self(_mm512_shuffle_ps::<0xee>(ab[0], cd[0])),
                    Self(_mm512_shuffle_ps::<0x44>(ab[1], cd[1])),
                    Self(_mm512_shuffle_ps::<0xee>(ab[1], cd[1])),
                ]
            }
        }
    }

    #[derive(Clone, Copy)]
    pub struct Avx2(__m256);

    impl Vector for Avx2 {
        const LANES: usize = 8;
        #[inline(always)]
        unsafe fn splat(x: f32) -> Self {
            // SAFETY: the trait's promise.
            Self(unsafe { _mm256_set1_ps(x) })
        }
        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            // SAFETY: the trait's promise.
            Self(unsafe { _mm256_loadu_ps(from) })
        }
        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            // SAFETY: the trait's promise.
            unsafe { _mm256_storeu_ps(to, self.0) }
        }
        #[inline(always)]
        unsafe fn add(self, other: Self) -> Self {
            // SAFETY: the trait's promise.
            Self(unsafe { _mm256_add_ps(self.0, other.0) })
        }
        #[inline(always)]
        unsafe fn add_product(self, a: Self, b: Self) -> Self {
            // SAFETY: the trait's promise.
            Self(unsafe { _mm256_fmadd_ps(a.0, b.0, self.0) })
        }
        #[inline(always)]
        unsafe fn load_quads(from: *const f32, stride: usize) -> Self {
            // SAFETY: the trait's promise.
            Self(unsafe { _mm256_loadu2_m128(from.add(stride), from) })
        }
        #[inline(always)]
        unsafe fn transpose_quads(rows: [Self; 4]) -> [Self; 4] {
            let [Self(a), Self(b), Self(c), Self(d)] = rows;
            // SAFETY: the trait's promise.
            unsafe {
                let ab = [_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b)];
                let cd = [_mm256_unpacklo_ps(c, d), _mm256_unpackhi_ps(c, d)];
                [
                    Self(_mm256_shuffle_ps::<0x44>(ab[0], cd[0])),
                    Self(_mm256_shuffle_ps::<0xee>(ab[0], cd[0])),
                    Self(_mm256_shuffle_ps::<0x44>(ab[1], cd[1])),
                    Self(_mm256_shuffle_ps::<0xee>(ab[1], cd[1])),
                ]
            }
        }
    }
}

#[cfg(target_arch = "aarch64")]
pub(super) use arm::Neon;

#[cfg(target_arch = "aarch64")]
mod arm {
    use super::Vector;
    use std::arch::aarch64::*;

    #[derive(Clone, Copy)]
    pub struct Neon(float32x4_t);

    impl Vector for Neon {
        const LANES: usize = 4;
        #[inline(always)]
        unsafe fn splat(x: f32) -> Self {
            // SAFETY: the trait's promise.
            Self(unsafe { vdupq_n_f32(x) })
        }
        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            // SAFETY: the trait's promise.
            Self(unsafe { vld1q_f32(from) })
        }
        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            // SAFETY: the trait's promise.
            unsafe { vst1q_f32(to, self.0) }
        }
        #[inline(always)]
        unsafe fn add(self, other: Self) -> Self {
            // SAFETY: the trait's promise.
            Self(unsafe { vaddq_f32(self.0, other.0) })
        }
        #[inline(always)]
        unsafe fn add_product(self, a: Self, b: Self) -> Self {
            // SAFETY: the trait's promise.
            Self(unsafe { vfmaq_f32(self.0, a.0, b.0) })
        }
        #[inline(always)]
        unsafe fn load_quads(from: *const f32, _stride: usize) -> Self {
            // SAFETY: the trait's promise.
            unsafe { Self::load(from) }
        }
        #[inline(always)]
        unsafe fn transpose_quads(rows: [Self; 4]) -> [Self; 4] {
            let [Self(a), Self(b), Self(c), Self(d)] = rows;
            // SAFETY: the trait's promise.
            unsafe {
                let (ac, bd) =
                    ([vzip1q_f32(a, c), vzip2q_f32(a, c)], [vzip1q_f32(b, d), vzip2q_f32(b, d)]);
                [
                    Self(vzip1q_f32(ac[0], bd[0])),
                    Self(vzip2q_f32(ac[0], bd[0])),
                    Self(vzip1q_f32(ac[1], bd[1])),
                    Self(vzip2q_f32(ac[1], bd[1])),
                ]
            }
        }
    }
}
