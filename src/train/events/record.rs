//! Records of an event file, as TFRecord frames them: length, its checksum, data, its checksum.
//!
//! <https://www.tensorflow.org/tutorials/load_data/tfrecord#tfrecords_format_details>

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use prost::Message;

use super::message::Event;
use crate::{Error, Result};

/// Bytes before the data: its length and the length's checksum.
const HEADER: usize = 12;
/// Bytes behind the data: its checksum.
const FOOTER: usize = 4;

/// An event with its frame.
pub fn framed(event: &Event) -> Vec<u8> {
    let data = event.encode_to_vec();
    let length = (data.len() as u64).to_le_bytes();
    let [of_length, of_data] = [&length[..], &data].map(|bytes| masked_crc(bytes).to_le_bytes());
    [&length[..], &of_length, &data, &of_data].concat()
}

/// CRC-32C, turned and moved, so that the checksum of data with checksums in it is a good one.
fn masked_crc(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// The events of a file, each with the place where its frame ends, in bytes. They end before the
/// first one that is cut off or damaged: it was being written when the process died.
///
/// # Errors
/// When the file cannot be read.
pub fn read_events(path: &Path) -> Result<Vec<(u64, Event)>> {
    let mut file = BufReader::new(File::open(path).map_err(Error::io("open", path))?);
    let length = file.seek(SeekFrom::End(0)).map_err(Error::io("read", path))?;
    file.rewind().map_err(Error::io("read", path))?;
    let mut events = Vec::new();
    let mut end = 0;
    while let Some(data) = next(&mut file, length - end).map_err(Error::io("read", path))? {
        let Ok(event) = Event::decode(&data[..]) else { break };
        end += (HEADER + data.len() + FOOTER) as u64;
        events.push((end, event));
    }
    Ok(events)
}

/// The next record's data; none where no whole and sound record is left in so many bytes.
fn next(file: &mut impl Read, left: u64) -> std::io::Result<Option<Vec<u8>>> {
    if left < (HEADER + FOOTER) as u64 {
        return Ok(None);
    }
    let mut length = [0; 8];
    file.read_exact(&mut length)?;
    let sound = read_crc(file)? == masked_crc(&length);
    let length = u64::from_le_bytes(length);
    if !sound || length > left - (HEADER + FOOTER) as u64 {
        return Ok(None);
    }
    let mut data = vec![0; length as usize];
    file.read_exact(&mut data)?;
    Ok((read_crc(file)? == masked_crc(&data)).then_some(data))
}

fn read_crc(file: &mut impl Read) -> std::io::Result<u32> {
    let mut crc = [0; 4];
    file.read_exact(&mut crc)?;
    Ok(u32::from_le_bytes(crc))
}

#[cfg(test)]
mod tests {
    use super::super::message::What;
    use super::*;

    fn event(step: i64) -> Event {
        Event { wall_time: 1.5, step, what: Some(What::FileVersion("brain.Event:2".into())) }
    }

    fn read(bytes: &[u8]) -> Vec<(u64, Event)> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        read_events(file.path()).unwrap()
    }

    /// What TensorBoard's own writer makes of the same event.
    #[test]
    fn frames_are_those_of_tensorboard() {
        let length = [0x1a, 0, 0, 0, 0, 0, 0, 0, 0x12, 0x9b, 0xd8, 0x2d];
        let data = b"\x09\0\0\0\0\0\0\xf8\x3f\x10\x03\x1a\x0dbrain.Event:2";
        let crc = [0xe3, 0xc0, 0xb9, 0x5c];
        assert_eq!(framed(&event(3)), [&length[..], data, &crc].concat());
    }

    #[test]
    fn events_are_read_up_to_the_first_that_is_cut_off_or_damaged() {
        let [first, second] = [framed(&event(3)), framed(&event(4))];
        let whole = [first.clone(), second].concat();
        let ends: Vec<u64> = read(&whole).iter().map(|(end, _)| *end).collect();
        assert_eq!(ends, [first.len() as u64, whole.len() as u64]);
        assert_eq!(
            read(&whole).into_iter().map(|(_, event)| event.step).collect::<Vec<_>>(),
            [3, 4]
        );
        for length in first.len()..whole.len() {
            assert_eq!(read(&whole[..length]).len(), 1, "{length}");
        }
        for place in first.len()..whole.len() {
            let mut damaged = whole.clone();
            damaged[place] ^= 0x10;
            assert_eq!(read(&damaged).len(), 1, "{place}");
        }
    }
}
