//! The comparator of floating-point numbers, and its own tests.

/// The tolerance of a comparison: |got − want| ≤ atol + rtol·|want|.
#[derive(Clone, Copy, Debug)]
pub struct Tolerance {
    pub rtol: f64,
    pub atol: f64,
}

impl Tolerance {
    /// The error as a fraction of the tolerance: above 1, or NaN, is an error.
    pub fn fraction(self, got: f64, want: f64) -> f64 {
        let error = (got - want).abs();
        if error == 0.0 { 0.0 } else { error / (self.atol + self.rtol * want.abs()) }
    }
}

/// The largest fraction of the tolerance that any pair of elements uses, or why the lists differ.
pub fn compare(got: &[f64], want: &[f64], tolerance: Tolerance) -> Result<f64, String> {
    if got.len() != want.len() {
        return Err(format!("{} numbers instead of {}", got.len(), want.len()));
    }
    let mut worst = (0.0, 0);
    for (i, (&got, &want)) in got.iter().zip(want).enumerate() {
        let share = tolerance.fraction(got, want);
        if share > worst.0 || share.is_nan() {
            worst = (share, i);
        }
        if share.is_nan() {
            break;
        }
    }
    let (share, i) = worst;
    if share <= 1.0 {
        return Ok(share);
    }
    Err(format!("element {i} is {}, not {}: {share:.3} of the tolerance", got[i], want[i]))
}

const TIGHT: Tolerance = Tolerance { rtol: 1e-3, atol: 1e-6 };

pub fn close_numbers_pass_and_the_fraction_of_the_tolerance_is_returned() {
    assert_eq!(compare(&[1.0, 2.0], &[1.0, 2.0], TIGHT), Ok(0.0));
    let share = compare(&[1.0005], &[1.0], TIGHT).unwrap();
    assert!((share - 0.4995).abs() < 1e-3, "{share}");
}

pub fn nan_infinity_wrong_lengths_and_different_numbers_fail() {
    for (got, want) in [
        (vec![f64::NAN], vec![1.0]),
        (vec![f64::INFINITY], vec![1.0]),
        (vec![1.0], vec![f64::NAN]),
        (vec![1.0], vec![1.0, 2.0]),
        (vec![1.0, 2.0], vec![1.0, 2.1]),
        (vec![2.0, f64::NAN, 1.0], vec![2.0, 1.0, 1.0]),
    ] {
        assert!(compare(&got, &want, TIGHT).is_err(), "{got:?} {want:?}");
    }
}
