//! The checker: compares an analytic gradient with finite differences of the function.

use gan_cuda::device::ops::Activation;
use gan_cuda::rng::Stream;

/// The step of the finite differences.
const STEP: f64 = 1e-4;
/// Relative tolerance between analytic and numeric gradient, as a fraction of the larger.
const RTOL: f64 = 1e-6;
/// Absolute tolerance.
const ATOL: f64 = 1e-10;
/// The tolerance for gradients that are exactly zero in theory.
const ZERO: f64 = 1e-12;
/// Most elements of one tensor that are checked; of a longer tensor, a random sample.
const MAX_ELEMENTS: usize = 4096;
/// The fraction of elements that may be skipped because a kink is near.
const KINKS: f64 = 0.01;
/// A gradient above this counts as nonzero.
const NONZERO: f64 = 1e-6;
/// The fraction of gradients that must be nonzero, or the case would test little.
const MIN_NONZERO: f64 = 0.2;

/// A function's values at a point.
#[derive(Default)]
pub struct Point {
    /// All outputs. The scalar whose gradient is checked is their weighted sum.
    pub outputs: Vec<f64>,
    /// For each ReLU or LeakyReLU, the side of its kink.
    pub sides: Vec<bool>,
}

impl Point {
    /// The outputs of one operation with an activation.
    pub fn new(outputs: Vec<f64>, activation: Activation) -> Self {
        let sides = sides(&outputs, activation);
        Self { outputs, sides }
    }
}

/// The side of the kink for each output; empty for a smooth activation.
pub fn sides(y: &[f64], activation: Activation) -> Vec<bool> {
    match activation {
        Activation::Relu | Activation::LeakyRelu { .. } => y.iter().map(|&y| y > 0.0).collect(),
        _ => Vec::new(),
    }
}

/// A row of the table: one case, all its tensors together.
#[derive(Default)]
pub struct Case {
    name: String,
    checked: usize,
    skipped: usize,
    worst: f64,
    nonzero: usize,
    problems: Vec<String>,
    /// Most elements of one tensor that are checked; [`MAX_ELEMENTS`] if there is no other limit.
    limit: Option<usize>,
}

impl Case {
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// The same case with fewer elements of each tensor: a random sample.
    pub fn sampling(self, limit: usize) -> Self {
        Self { limit: Some(limit), ..self }
    }

    /// Checks the gradient of Σ weights·outputs with respect to the tensor that `evaluate` takes, at the
    /// point `at`. At the end `evaluate` is called with `at` itself, to restore a function's state.
    pub fn check(
        &mut self,
        tensor: &str,
        gradient: &[f64],
        at: &[f64],
        weights: &[f64],
        mut evaluate: impl FnMut(&[f64]) -> Point,
    ) {
        if gradient.len() != at.len() {
            let (got, want) = (gradient.len(), at.len());
            return self.problems.push(format!("{tensor}: {got} gradients for {want} numbers"));
        }
        let centre = evaluate(at);
        let mut moved = at.to_vec();
        for i in elements(at.len(), self.limit.unwrap_or(MAX_ELEMENTS)) {
            let mut difference = |step: f64| {
                let mut ends = [step, -step].map(|step| {
                    moved[i] = at[i] + step;
                    evaluate(&moved)
                });
                moved[i] = at[i];
                central_difference(&mut ends, &centre, weights, step)
            };
            // A smaller step where a kink is near.
            let steps = [STEP, STEP / 8.0].into_iter();
            let found = steps.map(|step| Some((difference(step)?, difference(step / 2.0)?)));
            match found.flatten().next() {
                Some((whole, half)) => {
                    self.compare(tensor, i, gradient[i], extrapolate(whole, half));
                }
                None => self.skipped += 1,
            }
        }
        evaluate(at);
    }

    /// Checks gradients that are exactly zero in theory.
    pub fn check_zero(&mut self, tensor: &str, gradient: &[f64]) {
        for (i, &analytic) in gradient.iter().enumerate() {
            // Not `>= ZERO`: NaN must fail.
            let zero = analytic.abs() < ZERO;
            if !zero {
                self.problems.push(format!("{tensor}[{i}]: {analytic:e} where theory says 0"));
            }
        }
    }

    fn compare(&mut self, tensor: &str, i: usize, analytic: f64, numeric: f64) {
        let fraction = fraction(analytic, numeric);
        self.checked += 1;
        self.nonzero += usize::from(analytic.abs() > NONZERO);
        if fraction > self.worst || fraction.is_nan() {
            self.worst = fraction;
        }
        // Not `fraction > 1.0`: NaN must fail.
        let close = fraction <= 1.0;
        if !close {
            self.problems.push(format!(
                "{tensor}[{i}]: analytic {analytic:e}, numeric {numeric:e}: {fraction:.3} of the \
                 tolerance"
            ));
        }
    }

    /// The problems, if there are any.
    pub fn verdict(&self) -> Result<(), String> {
        let mut problems: Vec<String> = self.problems.iter().take(5).cloned().collect();
        if self.problems.len() > problems.len() {
            problems.push(format!("and {} more", self.problems.len() - problems.len()));
        }
        let total = self.checked + self.skipped;
        if self.skipped as f64 > KINKS * total as f64 {
            problems.push(format!("{} of {total} elements are near a kink", self.skipped));
        }
        if self.nonzero as f64 <= MIN_NONZERO * self.checked as f64 {
            problems.push(format!("{} of {} gradients are nonzero", self.nonzero, self.checked));
        }
        match problems.is_empty() {
            true => Ok(()),
            false => Err(format!("{}:\n    {}", self.name, problems.join("\n    "))),
        }
    }
}

/// The elements of a tensor that are checked.
fn elements(len: usize, limit: usize) -> Vec<usize> {
    if len <= limit {
        return (0..len).collect();
    }
    let order = Stream { seed: 1, site: 0 }.permutation(len, 0);
    order[..limit].iter().map(|&i| i as usize).collect()
}

/// (f(x + step) − f(x − step)) / (2·step), or none if there is a kink in between.
///
/// Outputs are subtracted before they are summed: most do not depend on the changed element, and so
/// contribute no rounding error.
fn central_difference(
    [up, down]: &mut [Point; 2],
    centre: &Point,
    weights: &[f64],
    step: f64,
) -> Option<f64> {
    assert!(up.outputs.len() == weights.len() && down.outputs.len() == weights.len());
    if up.sides != centre.sides || down.sides != centre.sides {
        return None;
    }
    let pairs = up.outputs.iter().zip(&down.outputs);
    let sum: f64 = pairs.zip(weights).map(|((up, down), weight)| weight * (up - down)).sum();
    Some(sum / (2.0 * step))
}

/// Richardson extrapolation from two central differences.
///
/// The error of one difference is step²·f‴/6, about 2e-9·f‴: above the tolerance if the gradient is
/// below f‴/1000, which is always the case for some of thousands of elements. The error of the
/// extrapolation is step⁴·f⁽⁵⁾/480, which is below rounding.
fn extrapolate(whole: f64, half: f64) -> f64 {
    (4.0 * half - whole) / 3.0
}

/// The error as a fraction of the tolerance: above 1, or NaN, is an error.
fn fraction(analytic: f64, numeric: f64) -> f64 {
    // Not `max`, which leaves NaN out.
    let (a, n) = (analytic.abs(), numeric.abs());
    let scale = if a >= n { a } else { n };
    (analytic - numeric).abs() / (RTOL * scale + ATOL)
}

/// Prints all cases as a table; fails if any has a problem.
pub fn report(cases: &[Case]) {
    println!("\n{:60} {:>7} {:>7} {:>6} {:>7}", "case", "checked", "nonzero", "kinks", "worst");
    for case in cases {
        let Case { name, checked, nonzero, skipped, worst, .. } = case;
        println!("{name:60} {checked:7} {nonzero:7} {skipped:6} {worst:7.4}");
    }
    let sum = |count: fn(&Case) -> usize| cases.iter().map(count).sum::<usize>();
    println!(
        "{:60} {:7} {:7} {:6} {:7.4}",
        format!("all {} cases", cases.len()),
        sum(|case| case.checked),
        sum(|case| case.nonzero),
        sum(|case| case.skipped),
        cases.iter().map(|case| case.worst).fold(0.0, f64::max)
    );
    println!(
        "nonzero: gradients above {NONZERO}; worst: the largest error as a fraction of its tolerance"
    );
    let problems: Vec<String> = cases.iter().filter_map(|case| case.verdict().err()).collect();
    assert!(problems.is_empty(), "gradients are wrong:\n{}", problems.join("\n"));
}
