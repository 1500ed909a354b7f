//! The vertical axis of a panel: its range, scale and labels.

use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};
use plotters::coord::types::RangedCoordf64;

use crate::text::significant;

/// An axis over more decades than this is labelled at powers of ten only.
const FEW_DECADES: i32 = 3;

/// A vertical axis. A height is a number, or its logarithm on a logarithmic axis.
pub struct Axis {
    shown: Range<f64>,
    linear: RangedCoordf64,
    logarithmic: bool,
}

impl Axis {
    pub fn linear(shown: Range<f64>) -> Axis {
        Axis { linear: shown.clone().into(), shown, logarithmic: false }
    }

    /// A logarithmic axis; the range is given as logarithms to base 10.
    pub fn logarithmic(shown: Range<f64>) -> Axis {
        Axis { logarithmic: true, ..Axis::linear(shown) }
    }

    /// The height of a number.
    pub fn height(&self, number: f64) -> f64 {
        if self.logarithmic { number.log10() } else { number }
    }

    /// The heights of 1, 2 and 5 times each power of ten, or of the powers of ten only.
    fn decades(&self, labels: usize) -> Vec<f64> {
        let (first, last) = (self.shown.start.floor() as i32, self.shown.end.ceil() as i32);
        let decades = last - first;
        let multiples: &[f64] = if decades <= FEW_DECADES { &[1.0, 2.0, 5.0] } else { &[1.0] };
        let every = (decades as usize).div_ceil(labels.max(1)).max(1);
        let heights = (first..last).step_by(every).flat_map(|exponent| {
            multiples.iter().map(move |number| f64::from(exponent) + number.log10())
        });
        heights.filter(|height| self.shown.contains(height)).collect()
    }
}

impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, height: &f64, limit: (i32, i32)) -> i32 {
        self.linear.map(height, limit)
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        match (self.logarithmic, hint.max_num_points()) {
            (true, 0) => Vec::new(),
            (true, labels) => self.decades(labels),
            (false, _) => self.linear.key_points(hint),
        }
    }

    fn range(&self) -> Range<f64> {
        self.shown.clone()
    }
}

impl ValueFormatter<f64> for Axis {
    fn format_ext(&self, height: &f64) -> String {
        if !self.logarithmic {
            return self.linear.format_ext(height);
        }
        match 10f64.powf(*height) {
            number if !(1e-3..1e6).contains(&number) => format!("{number:.0e}"),
            number if number >= 1000.0 => significant(number),
            number => significant(number).trim_end_matches('0').trim_end_matches('.').to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use plotters::coord::ranged1d::BoldPoints;

    use super::*;

    fn labels(axis: &Axis) -> Vec<String> {
        axis.key_points(BoldPoints(8)).iter().map(|height| axis.format_ext(height)).collect()
    }

    #[test]
    fn logarithmic_axes_are_labelled_at_round_numbers() {
        let axis = |low: f64, high: f64| Axis::logarithmic(low.log10()..high.log10());
        assert_eq!(labels(&axis(9.0, 320.0)), ["10", "20", "50", "100", "200"]);
        assert_eq!(labels(&axis(0.04, 0.7)), ["0.05", "0.1", "0.2", "0.5"]);
        assert_eq!(labels(&axis(0.5, 2e6)), ["1", "10", "100", "1000", "10000", "100000", "1e6"]);
        let wide = labels(&axis(1e-12, 1e12));
        assert!(wide.len() <= 8 && wide[0] == "1e-12", "{wide:?}");
    }

    #[test]
    fn linear_axes_are_labelled_at_round_numbers() {
        let tenths = Axis::linear(0.0..0.5);
        assert_eq!(labels(&tenths), ["0.0", "0.1", "0.2", "0.3", "0.4", "0.5"]);
    }
}
