//! Ranges of numbers on the command line, each with an error that says the range.

fn number(text: &str) -> Result<f64, String> {
    text.parse().map_err(|_| "not a number".to_owned())
}

fn within(text: &str, range: &str, fits: impl Fn(f64) -> bool) -> Result<f64, String> {
    match number(text)? {
        x if x.is_finite() && fits(x) => Ok(x),
        _ => Err(format!("must be {range}")),
    }
}

/// A number above 0.
pub fn positive(text: &str) -> Result<f64, String> {
    within(text, "a number above 0", |x| x > 0.0)
}

/// A number from 0 to below 1.
pub fn share(text: &str) -> Result<f64, String> {
    within(text, "from 0 to below 1", |x| (0.0..1.0).contains(&x))
}

/// A number above 0 and up to 1.
pub fn positive_share(text: &str) -> Result<f64, String> {
    within(text, "above 0 and at most 1", |x| x > 0.0 && x <= 1.0)
}

/// A whole number from 1 to a million: extents, threads.
pub fn extent(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(x) if (1..=1_000_000).contains(&x) => Ok(x),
        _ => Err("must be a whole number from 1 to 1,000,000".to_owned()),
    }
}

/// The side of an image in pixels.
pub fn image_size(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(x) if (1..=1024).contains(&x) => Ok(x),
        _ => Err("must be a whole number from 1 to 1024".to_owned()),
    }
}

/// 1 or 3.
pub fn channels(text: &str) -> Result<usize, String> {
    match text {
        "1" => Ok(1),
        "3" => Ok(3),
        _ => Err("must be 1 (grey) or 3 (colour)".to_owned()),
    }
}
