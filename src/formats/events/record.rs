//! Records of an event file, as TFRecord frames them: length, its checksum, data, its checksum.
//!
//! <https://www.tensorflow.org/tutorials/load_data/tfrecord#tfrecords_format_details>

use prost::Message;

use super::message::Event;

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

/// The events in the bytes of a file, each with the place where its frame ends. They end before the
/// first one that is cut off or damaged: it was being written when the process died.
pub fn events(file: &[u8]) -> impl Iterator<Item = (usize, Event)> {
    let mut begin = 0;
    std::iter::from_fn(move || {
        let data = data_of(&file[begin..])?;
        let event = Event::decode(data).ok()?;
        begin += HEADER + data.len() + FOOTER;
        Some((begin, event))
    })
}

/// The data of the record that bytes begin with; none where it is not whole and sound.
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
        let ends: Vec<usize> = read(&whole).iter().map(|(end, _)| *end).collect();
        assert_eq!(ends, [first.len(), whole.len()]);
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
