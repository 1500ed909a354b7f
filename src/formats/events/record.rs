//! Records of an event file in TFRecord framing: length, checksum of the length, data, checksum of
//! the data.
//!
//! <https://www.tensorflow.org/tutorials/load_data/tfrecord#tfrecords_format_details>

use prost::Message;

use super::message::Event;

/// Bytes before the data: its length and the length's checksum.
const HEADER: usize = 12;
/// Bytes after the data: its checksum.
const FOOTER: usize = 4;

/// An event as a framed record.
pub fn framed(event: &Event) -> Vec<u8> {
    let data = event.encode_to_vec();
    let length = (data.len() as u64).to_le_bytes();
    let [of_length, of_data] = [&length[..], &data].map(|bytes| masked_crc(bytes).to_le_bytes());
    [&length[..], &of_length, &data, &of_data].concat()
}

/// Masked CRC-32C, as TFRecord defines it.
fn masked_crc(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// The events in the bytes of a file, each with the end of its record. Stops at the first record
/// that is truncated or damaged: it was being written when the process was killed.
pub fn events(file: &[u8]) -> impl Iterator<Item = (usize, Event)> {
    let mut begin = 0;
    std::iter::from_fn(move || {
        let data = data_of(&file[begin..])?;
        let event = Event::decode(data).ok()?;
        begin += HEADER + data.len() + FOOTER;
        Some((begin, event))
    })
}

/// The data of the first record in `bytes`; `None` if the record is incomplete or damaged.
fn data_of(bytes: &[u8]) -> Option<&[u8]> {
    let (header, rest) = bytes.split_first_chunk::<HEADER>()?;
    let (length, of_length) = header.split_first_chunk::<8>()?;
    let (data, rest) = rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
    let of_data = rest.first_chunk::<FOOTER>()?;
    let sound =
        of_length == masked_crc(length).to_le_bytes() && *of_data == masked_crc(data).to_le_bytes();
    sound.then_some(data)
}

#[cfg(test)]
mod tests {
    use super::super::message::What;
    use super::*;

    fn event(step: i64) -> Event {
        Event { wall_time: 1.5, step, what: Some(What::FileVersion("brain.Event:2".into())) }
    }

    fn read(bytes: &[u8]) -> Vec<(usize, Event)> {
        events(bytes).collect()
    }

    /// Bytes from TensorBoard's own writer for the same event.
    #[test]
    fn frames_are_those_of_tensorboard() {
        let length = [0x1a, 0, 0, 0, 0, 0, 0, 0, 0x12, 0x9b, 0xd8, 0x2d];
        let data = b"\x09\0\0\0\0\0\0\xf8\x3f\x10\x03\x1a\x0dbrain.Event:2";
        let crc = [0xe3, 0xc0, 0xb9, 0x5c];
        assert_eq!(framed(&event(3)), [&length[..], data, &crc].concat());
    }

    #[test]
    fn events_are_read_up_to_the_first_truncated_or_damaged_one() {
        let [first, second] = [framed(&event(3)), framed(&event(4))];
        let whole = [first.clone(), second].concat();
        let ends: Vec<usize> = read(&whole).iter().map(|(end, _)| *end).collect();
        assert_eq!(ends, [first.len(), whole.len()]);
        assert_eq!(
            read(&whole).into_iter().map(|(_, event)| event.step).collect::<Vec<_>>(),
            [3, 4]
        );
        for length in first.len()..whole.len() {
            assert_eq!(read(&whole[..length]).len(), 1, "{length}");
        }
        for offset in first.len()..whole.len() {
            let mut damaged = whole.clone();
            damaged[offset] ^= 0x10;
            assert_eq!(read(&damaged).len(), 1, "{offset}");
        }
    }
}
