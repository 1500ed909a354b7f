//! Numbers as people write them, for messages.

/// A number with commas between its thousands: `60,000`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Extents with multiplication signs between them: `60,000 × 28 × 28`.
pub(super) fn product(extents: &[u32]) -> String {
    let extents: Vec<_> = extents.iter().map(|&extent| grouped(extent.into())).collect();
    extents.join(" × ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        let cases = [(0, "0"), (999, "999"), (1000, "1,000"), (47_040_000, "47,040,000")];
        for (number, text) in cases {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn products_are_readable() {
        assert_eq!(product(&[60_000, 28, 28]), "60,000 × 28 × 28");
        assert_eq!(product(&[7]), "7");
    }
}
