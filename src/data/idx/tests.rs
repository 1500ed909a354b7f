//! Every kind of invalid IDX data, in memory; tests/data.rs has the same with files.

use std::io::{self, BufReader, Read, Write};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;

fn idx(magic: u32, dims: &[u32], body: &[u8]) -> Vec<u8> {
    let header = std::iter::once(&magic).chain(dims);
    let mut bytes: Vec<u8> = header.flat_map(|word| word.to_be_bytes()).collect();
    bytes.extend(body);
    bytes
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Two images of 2×3.
fn two_images() -> Vec<u8> {
    idx(IMAGES_MAGIC, &[2, 2, 3], &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
}

fn images_problem(bytes: &[u8]) -> IdxProblem {
    decode_images(bytes).expect_err("these bytes are no sound image file")
}

fn labels_problem(bytes: &[u8]) -> IdxProblem {
    decode_labels(bytes).expect_err("these bytes are no sound label file")
}

#[test]
fn images_are_read_unchanged() {
    let images = decode_images(&two_images()[..]).unwrap();
    assert_eq!((images.count, images.height, images.width), (2, 2, 3));
    assert_eq!(images.pixels, (1..=12).collect::<Vec<u8>>());
}

#[test]
fn labels_are_read_unchanged() {
    let labels = decode_labels(&idx(LABELS_MAGIC, &[3], &[5, 0, 200])[..]).unwrap();
    assert_eq!(labels, [5, 0, 200]);
}

#[test]
fn first_column_of_a_label_table_is_the_class() {
    let numbers = [7, 100, -2, 0, 1, 0x01_02_03_04_i32];
    let body: Vec<u8> = numbers.iter().flat_map(|number| number.to_be_bytes()).collect();
    for (dims, labels) in [([2, 3], &[7, 0][..]), ([6, 1], &numbers[..])] {
        let file = idx(LABEL_TABLE_MAGIC, &dims, &body);
        assert_eq!(decode_labels(&gzip(&file)[..]).unwrap(), labels);
    }
    let short = labels_problem(&idx(LABEL_TABLE_MAGIC, &[3, 3], &body)).to_string();
    assert!(short.contains("announces 3 × 3 × 4 = 36 bytes, but the file has 24"), "{short}");
}

#[test]
fn transposing_swaps_rows_and_columns_of_each_image() {
    let images = decode_images(&two_images()[..]).unwrap();
    let transposed = images.transposed();
    assert_eq!((transposed.count, transposed.height, transposed.width), (2, 3, 2));
    assert_eq!(transposed.pixels, [1, 4, 2, 5, 3, 6, 7, 10, 8, 11, 9, 12]);
    assert_eq!(transposed.transposed(), images);
}

#[test]
fn gzipped_and_raw_bytes_give_the_same_images() {
    let raw = two_images();
    assert_eq!(decode_images(&gzip(&raw)[..]).unwrap(), decode_images(&raw[..]).unwrap());
}

#[test]
fn gzip_members_are_joined() {
    let raw = two_images();
    let members = [gzip(&raw[..20]), gzip(&raw[20..])].concat();
    assert_eq!(decode_images(&members[..]).unwrap(), decode_images(&raw[..]).unwrap());
}

#[test]
fn gzip_is_detected_in_one_byte_reads() {
    let packed = gzip(&two_images());
    assert!(decode_images(BufReader::with_capacity(1, &packed[..])).is_ok());
}

#[test]
fn file_truncated_anywhere_is_an_error() {
    let (raw, labels) = (two_images(), idx(LABELS_MAGIC, &[3], &[5, 0, 9]));
    for whole in [raw.clone(), gzip(&raw)] {
        for length in 0..whole.len() {
            images_problem(&whole[..length]);
        }
    }
    for whole in [labels.clone(), gzip(&labels)] {
        for length in 0..whole.len() {
            labels_problem(&whole[..length]);
        }
    }
}

#[test]
fn any_flipped_bit_of_a_gzip_file_fails_or_changes_nothing() {
    let packed = gzip(&two_images());
    for bit in 0..packed.len() * 8 {
        let mut damaged = packed.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        // Flags of the gzip header (time, operating system) may be flipped unseen; pixels may not.
        if let Ok(images) = decode_images(&damaged[..]) {
            assert_eq!(images, decode_images(&packed[..]).unwrap(), "bit {bit}");
        }
    }
}

#[test]
fn truncated_and_damaged_gzip_files_have_different_errors() {
    let packed = gzip(&two_images());
    let cut = images_problem(&packed[..packed.len() - 9]);
    assert!(matches!(cut, IdxProblem::TruncatedGzip), "{cut:?}");

    let mut wrong_sum = packed.clone();
    let crc = packed.len() - 8;
    wrong_sum[crc] ^= 1;
    let problem = images_problem(&wrong_sum);
    assert!(matches!(problem, IdxProblem::GzipChecksum), "{problem:?}");

    let mut wrong_block = packed;
    wrong_block[10] = 0xff;
    let problem = images_problem(&wrong_block);
    assert!(matches!(problem, IdxProblem::DamagedGzip(_)), "{problem:?}");
}

#[test]
fn bytes_after_a_gzip_stream_are_ignored() {
    let (raw, halves) = (two_images(), [gzip(&two_images()[..20]), gzip(&two_images()[20..])]);
    let zeros = vec![0; 10_000];
    for packed in [
        [gzip(&raw), zeros.clone()].concat(),
        [gzip(&raw), b"more".to_vec()].concat(),
        [gzip(&raw), vec![0x1f]].concat(),
        [gzip(&raw), zeros.clone(), b"more".to_vec()].concat(),
        [gzip(&raw), gzip(b""), zeros.clone()].concat(),
        [halves[0].clone(), zeros, halves[1].clone()].concat(),
    ] {
        for capacity in [1, 1 << 16] {
            let input = BufReader::with_capacity(capacity, &packed[..]);
            assert_eq!(decode_images(input).unwrap().pixels, raw[16..]);
        }
    }
}

#[test]
fn damaged_second_gzip_member_is_an_error() {
    let (first, second) = (gzip(&two_images()[..20]), gzip(&two_images()[20..]));
    for length in 2..second.len() {
        let problem = images_problem(&[&first[..], &second[..length]].concat());
        assert!(matches!(problem, IdxProblem::TruncatedGzip), "{length}: {problem:?}");
    }
    let mut damaged = [first, second].concat();
    let crc = damaged.len() - 8;
    damaged[crc] ^= 1;
    assert!(matches!(images_problem(&damaged), IdxProblem::GzipChecksum));
}

#[test]
fn optional_gzip_header_fields_are_skipped() {
    let packed = gzip(&two_images());
    let (header, data) = packed.split_at(10);
    for flags in 0..32_u8 {
        // The first flag, that this may be text, comes with no field.
        let [checksum, extra, name, comment] = [2, 4, 8, 16].map(|flag| flags & flag != 0);
        let mut bytes = header.to_vec();
        bytes[3] = flags;
        bytes.extend(extra.then_some(*b"\x06\0ab\x02\0xy").into_iter().flatten());
        bytes.extend(name.then_some(b"train-images\0").into_iter().flatten());
        bytes.extend(comment.then_some(b"of tape\0").into_iter().flatten());
        let crc = crc32fast::hash(&bytes) as u16;
        bytes.extend(checksum.then_some(crc.to_le_bytes()).into_iter().flatten());
        bytes.extend(data);
        assert!(decode_images(&bytes[..]).is_ok(), "flags {flags:#07b}");
    }
}

#[test]
fn wrong_magic_number_names_the_detected_format() {
    let page = b"<!DOCTYPE html><html>not found</html>".to_vec();
    let cases = [
        (idx(LABELS_MAGIC, &[3], &[1, 2, 3]), "this is a label file"),
        (idx(0x0802, &[1, 1], &[1]), "this is an IDX file with other dimensions"),
        (idx(0x0d03, &[1, 1, 1], &[0; 4]), "its values are not unsigned bytes"),
        (idx(0x0308_0000, &[1, 1, 1], &[0]), "little-endian"),
        (gzip(&gzip(&two_images())), "gzipped twice"),
        (b"PK\x03\x04....".to_vec(), "a zip archive"),
        (b"\x89PNG\r\n".to_vec(), "a PNG image"),
        (page, "a web page"),
        (b"version https://git-lfs.github.com/spec/v1".to_vec(), "Git LFS"),
        (b"hello, world".to_vec(), "not an IDX file"),
    ];
    for (bytes, guess) in cases {
        let message = images_problem(&bytes).to_string();
        assert!(message.starts_with("wrong magic number 0x"), "{message}");
        assert!(message.contains("expected 0x00000803 (an image file)"), "{message}");
        assert!(message.contains(guess), "{message} should say {guess}");
    }
    let message = labels_problem(&two_images()).to_string();
    assert!(
        message.contains("expected 0x00000801 (a label file): this is an image file"),
        "{message}"
    );
}

#[test]
fn short_header_names_its_length() {
    let message = images_problem(&two_images()[..11]).to_string();
    assert!(message.starts_with("the file has only 11 of the 16 bytes"), "{message}");
    let message = images_problem(&[]).to_string();
    assert!(message.starts_with("the file has only 0 of the"), "{message}");
}

#[test]
fn body_length_must_match_the_dimensions() {
    let short = images_problem(&idx(IMAGES_MAGIC, &[2, 28, 28], &[0; 1000])).to_string();
    assert!(
        short.contains("announces 2 × 28 × 28 = 1,568 bytes, but the file has 1,000"),
        "{short}"
    );
    let long = images_problem(&idx(IMAGES_MAGIC, &[2, 2, 3], &[0; 13])).to_string();
    assert!(long.contains("too long: more bytes follow the 2 × 2 × 3 = 12"), "{long}");
}

#[test]
fn dimensions_over_the_limit_are_refused_before_reading() {
    for dims in [[u32::MAX; 3], [1 << 31, 1, 1], [65_536, 65_536, 2], [(1 << 30) + 1, 1, 1]] {
        let message = images_problem(&idx(IMAGES_MAGIC, &dims, &[])).to_string();
        assert!(message.starts_with("dimensions "), "{message}");
        assert!(message.contains("1,073,741,824 bytes"), "{message}");
    }
}

#[test]
fn header_that_announces_the_limit_allocates_little() {
    let problem = images_problem(&idx(IMAGES_MAGIC, &[1 << 30, 1, 1], &[1, 2, 3]));
    assert!(matches!(problem, IdxProblem::TooShort { found: 3, .. }), "{problem:?}");
}

#[test]
fn decompression_bomb_is_read_only_as_far_as_its_header_announces() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&idx(IMAGES_MAGIC, &[1, 1, 1], &[])).unwrap();
    io::copy(&mut io::repeat(0).take(64 << 20), &mut encoder).unwrap();
    let problem = images_problem(&encoder.finish().unwrap());
    assert!(matches!(problem, IdxProblem::TooLong { expected: 1, .. }), "{problem:?}");
}

#[test]
fn file_without_values_is_an_error() {
    for dims in [[0, 28, 28], [5, 0, 28], [5, 28, 0]] {
        let message = images_problem(&idx(IMAGES_MAGIC, &dims, &[])).to_string();
        assert!(message.starts_with("holds no data"), "{message}");
    }
    assert!(matches!(labels_problem(&idx(LABELS_MAGIC, &[0], &[])), IdxProblem::Empty { .. }));
}

#[test]
fn io_error_is_not_reported_as_damage() {
    struct FailingDisk;
    impl Read for FailingDisk {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::from_raw_os_error(5))
        }
    }
    let start = gzip(&two_images())[..12].to_vec();
    let problem = decode_images(BufReader::new(start.chain(FailingDisk))).unwrap_err();
    assert!(matches!(problem, IdxProblem::Read(_)), "{problem:?}");
}
