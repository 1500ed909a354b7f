//! The mark that this program leaves in every picture it writes, by which it knows them again:
//! samples that lie below a folder of images are nothing to learn from.

/// Keyword of the PNG text chunk, one of those that PNG's specification registers.
pub const PNG_KEYWORD: &str = "Software";
/// The text of that chunk, and of the GIF comment.
pub const NAME: &str = "gan-cuda";
/// A picture's first bytes, among which the mark is: before them come a header and, in a GIF, at
/// most 256 colours.
pub const BEGINNING: usize = 1024;

/// Whether the first bytes of a file are those of a picture that this program wrote.
pub fn is_ours(bytes: &[u8]) -> bool {
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
