//! Tests of the checker: correct gradients pass, and wrong ones fail.

use super::check::{Case, Point};
use super::random::Numbers;
use gan_cuda::device::cpu::Cpu;
use gan_cuda::device::ops::{Activation, Linear, LinearShape};

const SHAPE: LinearShape = LinearShape { rows: 7, inputs: 5, outputs: 3 };

type Spoil = fn(&mut Vec<f64>);

/// The verdict on the gradient of a linear layer's weights, modified by `spoil`.
fn verdict(spoil: impl Fn(&mut Vec<f64>)) -> Result<(), String> {
    let device = Cpu::<f64>::new(1);
    let mut numbers = Numbers::new(3);
    let (x, w) = (numbers.around(0.0, 1.0, 7 * 5), numbers.around(0.0, 1.0, 3 * 5));
    let (b, weights) = (numbers.around(0.0, 1.0, 3), numbers.around(0.0, 1.0, 7 * 3));
    let forward = |w: &[f64]| {
        let mut y = vec![0.0; 7 * 3];
        device.linear_forward(&mut y, &x, w, Some(&b), None, SHAPE, Activation::Tanh, 0);
        Point::new(y, Activation::Tanh)
    };
    let (y, mut dz, mut dw) = (forward(&w).outputs, weights.clone(), vec![0.0; 15]);
    device.bias_activation_backward(
        &mut dz,
        None,
        &y,
        None,
        None,
        SHAPE,
        Activation::Tanh,
        0,
        false,
    );
    device.linear_backward_weight(&mut dw, &dz, &x, SHAPE, false);
    spoil(&mut dw);
    let mut case = Case::new("spoilt");
    case.check("w", &dw, &w, &weights, forward);
    case.verdict()
}

#[test]
fn correct_gradient_passes() {
    assert_eq!(verdict(|_| {}), Ok(()));
}

#[test]
fn wrong_gradients_are_found() {
    let all: [(&str, Spoil); 7] = [
        ("too large by a thousandth", |dw| dw.iter_mut().for_each(|d| *d *= 1.001)),
        ("one element too large by 3e-6", |dw| dw[4] *= 1.0 + 3e-6),
        ("one sign flipped", |dw| dw[7] = -dw[7]),
        ("two elements exchanged", |dw| dw.swap(2, 9)),
        ("one NaN", |dw| dw[14] = f64::NAN),
        ("one infinity", |dw| dw[0] = f64::INFINITY),
        ("one missing", |dw| dw.truncate(14)),
    ];
    for (what, spoil) in all {
        assert!(verdict(spoil).is_err(), "{what}");
    }
}

/// The verdict on f(x) with the gradient `gradient`, for 200 numbers around 0.
fn elementwise(f: impl Fn(f64) -> f64, gradient: impl Fn(f64) -> f64, kink: f64) -> Case {
    let at = Numbers::new(4).around(0.0, 1.0, 200);
    let gradient: Vec<f64> = at.iter().map(|&x| gradient(x)).collect();
    let mut case = Case::new("elementwise");
    case.check("x", &gradient, &at, &[1.0; 200], |at| Point {
        outputs: at.iter().map(|&x| f(x)).collect(),
        sides: at.iter().map(|&x| x > kink).collect(),
    });
    case
}

#[test]
fn few_kinks_are_skipped_and_many_fail() {
    let at = Numbers::new(4).around(0.0, 1.0, 200);
    let kink = at[17] + 3e-5;
    let bent = |x: f64| (x - kink).max(0.0);
    let slope = |x: f64| if x > kink { 1.0 } else { 0.0 };
    assert_eq!(elementwise(bent, slope, kink).verdict(), Ok(()));
    assert!(elementwise(bent, slope, -9.0).verdict().is_err(), "a kink that is not noticed");

    let mut case = Case::new("kinks everywhere");
    let mut calls = 0;
    case.check("x", &[1.0; 9], &[0.5; 9], &[1.0; 9], |x| {
        calls += 1;
        Point { outputs: x.to_vec(), sides: vec![calls % 2 == 0] }
    });
    assert!(case.verdict().unwrap_err().contains("near a kink"));
}

#[test]
fn nan_of_the_function_and_vanished_gradients_fail() {
    assert!(elementwise(|_| f64::NAN, |_| 1.0, 9.0).verdict().is_err());
    assert!(
        elementwise(|_| 1.0, |_| 0.0, 9.0)
            .verdict()
            .unwrap_err()
            .contains("0 of 200 gradients are nonzero")
    );
}

#[test]
fn theoretical_zeros_must_be_zero() {
    let verdict = |gradient: f64| {
        let mut case = elementwise(|x| x * x, |x| 2.0 * x, 9.0);
        case.check_zero("b", &[0.0, gradient]);
        case.verdict()
    };
    assert_eq!(verdict(1e-13), Ok(()));
    assert!(verdict(1e-11).is_err());
    assert!(verdict(f64::NAN).is_err());
}

#[test]
fn long_tensors_are_sampled() {
    let at = vec![0.5; 5000];
    let mut case = Case::new("long");
    let mut calls = 0;
    case.check("x", &vec![1.0; 5000], &at, &[1.0], |x| {
        calls += 1;
        Point { outputs: vec![x.iter().sum()], sides: Vec::new() }
    });
    assert_eq!(calls, 4 * 4096 + 2);
}
