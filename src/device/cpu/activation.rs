//! Activations of part of a row; the function is selected once per part, not per element.

use crate::device::Real;
use crate::device::ops::Activation;

/// y ← activation(y).
#[inline(always)]
pub fn apply<T: Real>(activation: Activation, y: &mut [T]) {
    match activation {
        Activation::Identity => {}
        Activation::Relu => y.iter_mut().for_each(|y| *y = if *y > T::ZERO { *y } else { T::ZERO }),
        Activation::LeakyRelu { slope } => {
            let slope = T::from_f64(slope);
            y.iter_mut().for_each(|y| *y = if *y > T::ZERO { *y } else { *y * slope });
        }
        Activation::Tanh => y.iter_mut().for_each(|y| *y = y.tanh()),
        Activation::Sigmoid => y.iter_mut().for_each(|y| *y = y.sigmoid()),
    }
}

/// dy ← activation′(y) · dy.
#[inline(always)]
pub fn apply_backward<T: Real>(activation: Activation, dy: &mut [T], y: &[T]) {
    let pairs = dy.iter_mut().zip(y);
    match activation {
        Activation::Identity => {}
        Activation::Relu => pairs.for_each(|(d, &y)| *d = if y > T::ZERO { *d } else { T::ZERO }),
        Activation::LeakyRelu { slope } => {
            let slope = T::from_f64(slope);
            pairs.for_each(|(d, &y)| *d = if y > T::ZERO { *d } else { *d * slope });
        }
        Activation::Tanh => pairs.for_each(|(d, &y)| *d = *d * (T::ONE - y * y)),
        Activation::Sigmoid => pairs.for_each(|(d, &y)| *d = *d * y * (T::ONE - y)),
    }
}
