//! The bytes between two ranks.
//!
//! Both sides begin with [`MAGIC`] and the version of this protocol, so that anything else that
//! connects, or is connected to, is recognized. Then follow frames: the kind as one byte, the
//! length of the payload in four, the payload. Numbers are little-endian.

use std::borrow::Cow;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::error::{GroupError, Loss};
use crate::text::{bytes, with_causes};

const MAGIC: [u8; 8] = *b"gan-cuda";
/// To be increased whenever a frame changes.
pub const PROTOCOL: u32 = 1;
/// Largest payload of a frame.
pub const MAX_PAYLOAD: usize = 256 << 20;
/// Largest payload of a frame that comes before a rank is known as one.
pub const MAX_GREETING: usize = 1 << 20;

/// A message from one rank to another.
#[derive(Clone, Debug)]
pub enum Frame {
    /// A sign of life.
    Alive,
    /// The first frame of a rank: who it is, how many ranks it counts, and which program it is.
    Join { rank: usize, size: usize, version: String },
    /// Rank 0's answer to a rank that belongs to its run.
    Welcome,
    /// Rank 0's answer to one that does not: how many ranks it counts, and which program it is. If
    /// both are as expected, the rank has joined already.
    Refused { size: usize, version: String },
    /// All ranks have joined.
    Start,
    /// What callers of a group send.
    Data(Arc<Vec<u8>>),
    /// A rank, not necessarily the sender, has failed.
    Failed { rank: usize, reason: String },
    /// A rank is lost.
    Lost { rank: usize, how: Loss },
    /// The sender leaves in order.
    Leave,
}

impl Frame {
    /// What rank 0 tells the others about an error.
    pub fn about(error: &GroupError) -> Frame {
        match error {
            GroupError::Failed { rank, reason } => {
                Frame::Failed { rank: *rank, reason: reason.clone() }
            }
            GroupError::Lost { rank, how } => Frame::Lost { rank: *rank, how: how.clone() },
            other => Frame::Failed { rank: 0, reason: with_causes(other) },
        }
    }

    /// Writes the frame.
    pub fn write(&self, to: &mut impl Write) -> io::Result<()> {
        let (kind, payload) = self.encoded();
        let length = u32::try_from(payload.len()).map_err(io::Error::other)?;
        let mut head = vec![kind];
        head.extend(length.to_le_bytes());
        if payload.len() > 1024 {
            to.write_all(&head)?;
            return to.write_all(&payload);
        }
        // One packet.
        head.extend_from_slice(&payload);
        to.write_all(&head)
    }

    /// Reads a frame whose payload has at most `limit` bytes.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidData`], with a text that says what was read instead, if it is no frame.
    pub fn read(from: &mut impl Read, limit: usize) -> io::Result<Frame> {
        let mut head = [0; 5];
        from.read_exact(&mut head)?;
        let [kind, length @ ..] = head;
        let length = u32::from_le_bytes(length) as usize;
        if length > limit {
            let (length, limit) = (bytes(length), bytes(limit));
            return Err(garbled(format!("a message of {length}, more than {limit}")));
        }
        // Grows as the bytes come: the length may be wrong.
        let mut payload = Vec::new();
        if from.take(length as u64).read_to_end(&mut payload)? < length {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        Frame::decoded(kind, payload)
    }

    fn encoded(&self) -> (u8, Cow<'_, [u8]>) {
        let (kind, payload) = match self {
            Frame::Alive => (0, vec![]),
            Frame::Join { rank, size, version } => (1, fields(&[*rank, *size], version)),
            Frame::Welcome => (2, vec![]),
            Frame::Refused { size, version } => (3, fields(&[*size], version)),
            Frame::Start => (4, vec![]),
            Frame::Data(data) => return (5, Cow::Borrowed(data)),
            Frame::Failed { rank, reason } => (6, fields(&[*rank], reason)),
            Frame::Lost { rank, how } => {
                let (code, number, text) = match how {
                    Loss::Closed => (0, 0, ""),
                    Loss::Silent(time) => (1, time.as_millis() as usize, ""),
                    Loss::Left => (2, 0, ""),
                    Loss::Garbled(what) => (3, 0, what.as_str()),
                };
                (7, fields(&[*rank, code, number], text))
            }
            Frame::Leave => (8, vec![]),
        };
        (kind, payload.into())
    }

    fn decoded(kind: u8, payload: Vec<u8>) -> io::Result<Frame> {
        let mut fields = Fields(&payload);
        Ok(match kind {
            0 => Frame::Alive,
            1 => {
                let (rank, size) = (fields.number()?, fields.number()?);
                Frame::Join { rank, size, version: fields.text() }
            }
            2 => Frame::Welcome,
            3 => Frame::Refused { size: fields.number()?, version: fields.text() },
            4 => Frame::Start,
            5 => Frame::Data(Arc::new(payload)),
            6 => Frame::Failed { rank: fields.number()?, reason: fields.text() },
            7 => {
                let (rank, code, number) = (fields.number()?, fields.number()?, fields.number()?);
                let how = match code {
                    0 => Loss::Closed,
                    1 => Loss::Silent(Duration::from_millis(number as u64)),
                    2 => Loss::Left,
                    _ => Loss::Garbled(fields.text()),
                };
                Frame::Lost { rank, how }
            }
            8 => Frame::Leave,
            _ => return Err(garbled(format!("a message of the unknown kind {kind}"))),
        })
    }
}

/// An error of something that is no message; `what` completes "it sent …".
fn garbled(what: String) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what)
}

/// A payload of eight bytes for each number, and a text.
fn fields(numbers: &[usize], text: &str) -> Vec<u8> {
    let mut payload: Vec<u8> = numbers.iter().flat_map(|&n| (n as u64).to_le_bytes()).collect();
    payload.extend_from_slice(text.as_bytes());
    payload
}

/// What is left of a payload.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn number(&mut self) -> io::Result<usize> {
        let incomplete = || garbled("an incomplete message".to_owned());
        let (number, rest) = self.0.split_first_chunk().ok_or_else(incomplete)?;
        self.0 = rest;
        usize::try_from(u64::from_le_bytes(*number)).map_err(|_| incomplete())
    }

    fn text(self) -> String {
        String::from_utf8_lossy(self.0).into_owned()
    }
}

/// Writes the beginning of a connection.
pub fn write_preamble(to: &mut impl Write) -> io::Result<()> {
    to.write_all(&[&MAGIC[..], &PROTOCOL.to_le_bytes()].concat())
}

/// The version of the other side's protocol; `None` if the other side is not gan-cuda.
pub fn read_preamble(from: &mut impl Read) -> io::Result<Option<u32>> {
    let (mut magic, mut protocol) = ([0; MAGIC.len()], [0; 4]);
    from.read_exact(&mut magic)?;
    if magic != MAGIC {
        return Ok(None);
    }
    from.read_exact(&mut protocol)?;
    Ok(Some(u32::from_le_bytes(protocol)))
}

/// Reads from a connection until a time is over, however slowly bytes come.
pub struct Timed<'a> {
    stream: &'a TcpStream,
    begin: Instant,
    limit: Duration,
}

impl<'a> Timed<'a> {
    /// Begins to measure the time.
    pub fn new(stream: &'a TcpStream, limit: Duration) -> Timed<'a> {
        Timed { stream, begin: Instant::now(), limit }
    }
}

impl Read for Timed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.limit.saturating_sub(self.begin.elapsed());
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        self.stream.set_read_timeout(Some(left))?;
        self.stream.read(buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> io::Result<Frame> {
        Frame::read(&mut &bytes[..], MAX_PAYLOAD)
    }

    #[test]
    fn frames_are_read_as_they_were_written() {
        let lost = |how| Frame::Lost { rank: 3, how };
        let frames = [
            Frame::Alive,
            Frame::Join { rank: 2, size: 4, version: "1.0 (größer)".to_owned() },
            Frame::Welcome,
            Frame::Refused { size: 8, version: String::new() },
            Frame::Start,
            Frame::Data(Arc::new((0..5000).map(|n| n as u8).collect())),
            Frame::Data(Arc::new(vec![])),
            Frame::Failed { rank: 1, reason: "two\nlines".to_owned() },
            lost(Loss::Closed),
            lost(Loss::Silent(Duration::from_millis(20_500))),
            lost(Loss::Left),
            lost(Loss::Garbled("nonsense".to_owned())),
            Frame::Leave,
        ];
        let mut stream = vec![];
        frames.iter().for_each(|frame| frame.write(&mut stream).unwrap());
        let mut stream = &stream[..];
        for frame in &frames {
            let read = Frame::read(&mut stream, MAX_PAYLOAD).unwrap();
            assert_eq!(format!("{read:?}"), format!("{frame:?}"));
        }
        assert!(stream.is_empty());
    }

    #[test]
    fn bytes_that_are_no_frame_are_described() {
        let text = |bytes: &[u8]| read(bytes).unwrap_err().to_string();
        assert_eq!(text(&[99, 0, 0, 0, 0]), "a message of the unknown kind 99");
        assert_eq!(text(&[1, 3, 0, 0, 0, 1, 2, 3]), "an incomplete message");
        assert_eq!(text(b"\x05\0\0\0\xff"), "a message of 3.98 GiB, more than 256.00 MiB");
        // The length is not believed before the bytes are there.
        assert_eq!(read(b"\x05\0\0\0\x0fabc").unwrap_err().kind(), ErrorKind::UnexpectedEof);
        assert_eq!(read(b"\x05\0").unwrap_err().kind(), ErrorKind::UnexpectedEof);
    }

    #[test]
    fn the_preamble_tells_gan_cuda_from_other_programs() {
        let mut own = vec![];
        write_preamble(&mut own).unwrap();
        assert_eq!(read_preamble(&mut &own[..]).unwrap(), Some(PROTOCOL));
        assert_eq!(read_preamble(&mut &b"gan-cuda\x07\0\0\0"[..]).unwrap(), Some(7));
        assert_eq!(read_preamble(&mut &b"HTTP/1.1 400 Bad Request"[..]).unwrap(), None);
        assert!(read_preamble(&mut &b"gan-cuda\x07"[..]).is_err());
    }
}
