//! Gzip decompression; gzip is detected by its magic number.
//!
//! Accepts what gzip(1) and zlib accept: several concatenated members, zero padding to a tape
//! block, and trailing bytes that are not gzip. A truncated or damaged member is an error.

use std::io::{self, BufRead, Chain, Cursor, Read};

use flate2::bufread::GzDecoder;

pub(super) const MAGIC: [u8; 2] = [0x1f, 0x8b];

/// The decompressed bytes of `input` if it starts with gzip's magic number, else its bytes
/// unchanged.
///
/// # Errors
/// Those of reading `input`.
pub(super) fn decompress<'a>(mut input: impl BufRead + 'a) -> io::Result<Box<dyn Read + 'a>> {
    let start = first_two(&mut input)?;
    Ok(match start == MAGIC {
        true => Box::new(Members { current: Some(member(input)) }),
        false => Box::new(Cursor::new(start).chain(input)),
    })
}

type Member<R> = GzDecoder<Chain<&'static [u8], R>>;

/// Decodes a member whose magic number has already been read.
fn member<R: BufRead>(rest: R) -> Member<R> {
    GzDecoder::new(MAGIC.as_slice().chain(rest))
}

/// All gzip members of a file, one after the other.
struct Members<R> {
    current: Option<Member<R>>,
}

impl<R: BufRead> Read for Members<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        while let Some(current) = &mut self.current {
            let count = current.read(buffer)?;
            if count > 0 {
                return Ok(count);
            }
            self.current = self.current.take().map(next).transpose()?.flatten();
        }
        Ok(0)
    }
}

/// The next member, if there is one.
fn next<R: BufRead>(ended: Member<R>) -> io::Result<Option<Member<R>>> {
    let (_, mut rest) = ended.into_inner().into_inner();
    skip_zeros(&mut rest)?;
    Ok((first_two(&mut rest)? == MAGIC).then(|| member(rest)))
}

fn skip_zeros(input: &mut impl BufRead) -> io::Result<()> {
    loop {
        let bytes = input.fill_buf()?;
        let zeros = bytes.iter().take_while(|&&byte| byte == 0).count();
        let ended = zeros < bytes.len() || bytes.is_empty();
        input.consume(zeros);
        if ended {
            return Ok(());
        }
    }
}

/// The next two bytes, or fewer at the end of the input.
fn first_two(input: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(MAGIC.len());
    input.take(MAGIC.len() as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}
