//! The header of a NumPy array file.
//!
//! Format: <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>, version 1.0.

/// The data must begin at a multiple of this many bytes, as in NumPy.
const ALIGNMENT: usize = 64;
const MAGIC: &[u8] = b"\x93NUMPY\x01\x00";
/// Magic number and the length of the text (u16).
const PREFIX: usize = MAGIC.len() + 2;

/// The header of an array file; the data follows row by row and little-endian. `kind` is NumPy's
/// type string, such as `<f4` for f32 and `<i8` for i64.
///
/// # Panics
/// If there are so many extents that the header exceeds 64 KiB.
pub fn npy_header(kind: &str, shape: &[usize]) -> Vec<u8> {
    let extents: String = shape.iter().map(|extent| format!("{extent}, ")).collect();
    let text = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({extents})}}");
    // The text ends with a newline, padded with spaces before it.
    let length = (PREFIX + text.len() + 1).next_multiple_of(ALIGNMENT) - PREFIX;
    assert!(length <= usize::from(u16::MAX), "{} extents", shape.len());
    let text = format!("{text:<0$}\n", length - 1);
    [MAGIC, &(length as u16).to_le_bytes(), text.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_begins_at_a_multiple_of_64_bytes_for_all_extents() {
        for digits in 0..70 {
            let header = npy_header(
                "<i8",
                &[10_usize.pow(digits % 19), usize::MAX][..(digits / 35 + 1) as usize],
            );
            assert_eq!(header.len() % 64, 0, "{digits}");
            assert_eq!(usize::from(u16::from_le_bytes([header[8], header[9]])), header.len() - 10);
            assert_eq!(header.last(), Some(&b'\n'));
        }
    }
}
