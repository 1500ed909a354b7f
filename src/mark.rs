//! The mark in every image file that the program writes. It keeps generated images in a folder of
//! training images out of the data set.

/// Keyword of the PNG text chunk, registered in the PNG specification.
pub const PNG_KEYWORD: &str = "Software";
/// Text of that chunk, and of the GIF comment.
pub const NAME: &str = "gan-cuda";
/// The mark is within this many bytes from the beginning of a file: before it are a header and, in
/// a GIF, at most 256 colours.
pub const BEGINNING: usize = 1024;

/// Whether these first bytes belong to an image file that this program wrote.
pub fn is_own_output(bytes: &[u8]) -> bool {
    let beginning = &bytes[..bytes.len().min(BEGINNING)];
    let has = |mark: &[u8]| beginning.windows(mark.len()).any(|window| window == mark);
    match bytes {
        [0x89, b'P', b'N', b'G', ..] => has(format!("tEXt{PNG_KEYWORD}\0{NAME}").as_bytes()),
        [b'G', b'I', b'F', b'8', ..] => {
            has(&[&[0x21, 0xfe, NAME.len() as u8], NAME.as_bytes(), &[0]].concat())
        }
        _ => false,
    }
}
