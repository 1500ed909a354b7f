//! The number types that buffers hold.

use std::fmt::{Debug, Display};
use std::iter::Sum;
use std::ops::{Add, AddAssign, Div, Mul, Neg, Sub};

/// A type that a device buffer can hold.
pub trait Element: Copy + Default + PartialEq + Debug + Send + Sync + 'static {}

impl Element for f32 {}
impl Element for f64 {}
impl Element for u32 {}
impl Element for u8 {}

/// A floating-point type: `f32` for training, `f64` for the reference of the tests.
pub trait Real:
    Element
    + Into<f64>
    + PartialOrd
    + Display
    + Sum
    + AddAssign
    + Neg<Output = Self>
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
{
    /// 0.
    const ZERO: Self;
    /// 1.
    const ONE: Self;
    /// Converts to the nearest number of this type.
    fn from_f64(x: f64) -> Self;
    /// Converts a byte; exact.
    fn from_byte(x: u8) -> Self;
    /// Converts to double precision; exact.
    fn to_f64(self) -> f64;
    /// eˣ.
    fn exp(self) -> Self;
    /// Natural logarithm.
    fn ln(self) -> Self;
    /// ln(1 + x), accurate for small x.
    fn ln_1p(self) -> Self;
    /// Square root.
    fn sqrt(self) -> Self;
    /// Absolute value.
    fn abs(self) -> Self;
    /// Sine and cosine of an angle in radians.
    fn sin_cos(self) -> (Self, Self);
    /// Hyperbolic tangent.
    fn tanh(self) -> Self;
    /// The greater of two numbers.
    fn max(self, other: Self) -> Self;
    /// 1 / (1 + e⁻ˣ), without overflow.
    fn sigmoid(self) -> Self {
        let e = (-self.abs()).exp();
        let small = e / (Self::ONE + e);
        if self < Self::ZERO { small } else { Self::ONE - small }
    }
}

/// Forwards to the inherent methods of the same names.
macro_rules! forward {
    ($type:ident: $($name:ident),+) => {
        $(#[inline(always)]
        fn $name(self) -> Self {
            $type::$name(self)
        })+
    };
}

macro_rules! implement_real {
    ($type:ident, $tanh:expr) => {
        impl Real for $type {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            #[inline(always)]
            fn from_f64(x: f64) -> Self {
                x as $type
            }
            #[inline(always)]
            fn from_byte(x: u8) -> Self {
                Self::from(x)
            }
            #[inline(always)]
            fn to_f64(self) -> f64 {
                f64::from(self)
            }
            forward!($type: exp, ln, ln_1p, sqrt, abs);
            #[inline(always)]
            fn sin_cos(self) -> (Self, Self) {
                $type::sin_cos(self)
            }
            #[inline(always)]
            fn tanh(self) -> Self {
                $tanh(self)
            }
            #[inline(always)]
            fn max(self, other: Self) -> Self {
                $type::max(self, other)
            }
        }
    };
}

implement_real!(f32, tanh_f32);
implement_real!(f64, f64::tanh);

/// tanh as a rational approximation, within 4.4e-7 of the exact value.
///
/// A generator's last layer takes the tanh of every pixel. The C library's tanh is one call per
/// number; this is branch-free arithmetic that compiles to vector instructions. The coefficients
/// are the minimax fit that Eigen and XLA use.
#[inline(always)]
fn tanh_f32(x: f32) -> f32 {
    // Beyond this the quotient is within one rounding of ±1.
    const LIMIT: f32 = 7.905_311;
    const ODD: [f32; 7] = [
        4.893_524_6e-3,
        6.372_619_4e-4,
        1.485_722_4e-5,
        5.122_297e-8,
        -8.604_672e-11,
        2.000_188e-13,
        -2.760_768_5e-16,
    ];
    const EVEN: [f32; 4] = [4.893_525e-3, 2.268_434_6e-3, 1.185_347e-4, 1.198_258_4e-6];
    let x = x.clamp(-LIMIT, LIMIT);
    let square = x * x;
    let horner =
        |coefficients: &[f32]| coefficients.iter().rev().fold(0.0, |sum, &c| sum * square + c);
    x * horner(&ODD) / horner(&EVEN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fast_tanh_is_close_to_tanh() {
        let worst = (-120_000..=120_000)
            .map(|i| i as f32 * 1e-4)
            .map(|x| (f64::from(tanh_f32(x)) - f64::from(x).tanh()).abs())
            .fold(0.0, f64::max);
        assert!(worst < 4.4e-7, "worst error {worst}");
        assert!(tanh_f32(f32::NAN).is_nan());
    }

    #[test]
    fn sigmoid_is_exact_at_both_ends() {
        assert_eq!(Real::sigmoid(-1000.0_f64), 0.0);
        assert_eq!(Real::sigmoid(1000.0_f64), 1.0);
        // One rounding of a number in [0.5, 1).
        let error = Real::sigmoid(0.3_f64) - 1.0 / (1.0 + (-0.3_f64).exp());
        assert!(error.abs() <= f64::EPSILON / 2.0, "{error:e}");
    }
}
