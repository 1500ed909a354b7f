//! Detects other file formats that users may pass instead of safetensors, by their first bytes.

use std::fmt;
use std::io::{Read, Seek};
use std::path::Path;

/// Number of bytes examined, which include the first file names of a zip archive.
const EXAMINED: u64 = 4096;

/// The format of a file, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnsupportedFile {
    what: &'static str,
    remedy: String,
}

impl fmt::Display for UnsupportedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.what, self.remedy)
    }
}

impl UnsupportedFile {
    /// The format of a file without a valid header; `None` if it is unknown.
    pub(crate) fn of(path: &Path, file: &mut (impl Read + Seek + ?Sized)) -> Option<Self> {
        let mut first = Vec::new();
        file.rewind().and_then(|()| file.take(EXAMINED).read_to_end(&mut first)).ok()?;
        let (what, remedy) = recognise(&first)?;
        Some(Self { what, remedy: remedy.message(path) })
    }
}

/// What to do about a file in another format.
#[derive(Clone, Copy)]
enum Remedy {
    /// Convert it with PyTorch.
    Torch,
    /// Convert it with NumPy.
    NumPy,
    /// Anything else.
    Other(&'static str),
}

impl Remedy {
    fn message(self, path: &Path) -> String {
        let new = match path.extension() {
            Some(extension) if extension == "safetensors" => path.with_extension("new.safetensors"),
            _ => path.with_extension("safetensors"),
        };
        let [old, new] = [path, &new].map(quoted);
        match self {
            // A one-line command, since an error is one line, to be pasted into a shell.
            Remedy::Torch => format!(
                "convert it or its state_dict: python3 -c 'import torch, \
                 safetensors.torch as s; s.save_file(torch.load({old}, map_location=\"cpu\"), \
                 {new})'"
            ),
            Remedy::NumPy => format!(
                "convert it: python3 -c 'import numpy, safetensors.numpy as s; \
                 s.save_file(dict(numpy.load({old})), {new})'"
            ),
            Remedy::Other(message) => message.to_owned(),
        }
    }
}

/// A path as a Python string within single quotes of a shell.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string().replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{}\"", text.replace('\'', r"'\''"))
}

const FROM_TORCH: Remedy =
    Remedy::Other("take the weights from the PyTorch module, with safetensors.torch.save_file");

fn recognise(first: &[u8]) -> Option<(&'static str, Remedy)> {
    let has = |text: &[u8]| first.windows(text.len()).any(|window| window == text);
    Some(match first {
        [] => ("an empty file", Remedy::Other("copy or download it again")),
        // A header follows, so the file is a damaged safetensors file.
        [_, _, _, _, _, _, _, _, b'{', ..] => return None,
        [b'P', b'K', 3, 4, ..] if has(b"data.pkl") => ("a torch.save file", Remedy::Torch),
        [b'P', b'K', 3, 4, ..] if has(b".npy") => ("a NumPy archive", Remedy::NumPy),
        [b'P', b'K', 3, 4, ..] => ("a zip archive", Remedy::Other("unpack it")),
        // The magic number of torch.save before it wrote zip archives.
        [0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, ..] => ("an old torch.save file", Remedy::Torch),
        [0x80, 2..=5, ..] => ("a Python pickle", Remedy::Torch),
        [0x93, b'N', b'U', b'M', b'P', b'Y', ..] => {
            ("a single NumPy array, without a name", FROM_TORCH)
        }
        [0x1f, 0x8b, ..] => ("gzip data", Remedy::Other("unpack it with gunzip")),
        [0x89, b'H', b'D', b'F', ..] => ("an HDF5 file, such as Keras writes", FROM_TORCH),
        [b'G', b'G', b'U', b'F', ..] => ("a GGUF file, as used by llama.cpp", FROM_TORCH),
        // The ONNX version, followed by the name of the producer or of the model.
        [8, 1..=32, 0x12 | 0x1a | 0x22 | 0x3a | 0x42, ..] => ("an ONNX model", FROM_TORCH),
        _ => return as_text(first),
    })
}

fn as_text(first: &[u8]) -> Option<(&'static str, Remedy)> {
    let text = first.trim_ascii_start().to_ascii_lowercase();
    if text.starts_with(b"version https://git-lfs") {
        let fetch = Remedy::Other("fetch the file itself with `git lfs pull`");
        return Some(("a Git LFS pointer", fetch));
    }
    if text.starts_with(b"<!doctype") || text.starts_with(b"<html") || text.starts_with(b"<?xml") {
        return Some(("a web page", Remedy::Other("download the file itself")));
    }
    if text.starts_with(b"{") {
        let parts = Remedy::Other("name the file with the weights; merge several files first");
        return Some(("JSON, perhaps the index of sharded weights", parts));
    }
    None
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[track_caller]
    fn of(first: &[u8]) -> String {
        let found = UnsupportedFile::of(Path::new("w/x.pth"), &mut Cursor::new(first));
        found.map_or_else(String::new, |file| file.to_string())
    }

    #[test]
    fn common_formats_are_detected_by_their_first_bytes() {
        for (first, expected) in [
            (&b"PK\x03\x04\x00\x00archive/data.pkl\x00"[..], "torch.load(\"w/x.pth\""),
            (b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.", "\"w/x.safetensors\""),
            (b"\x80\x04\x95\x10\x00", "pickle"),
            (b"PK\x03\x04\x00\x000.weight.npy", "numpy.load"),
            (b"PK\x03\x04\x00\x00notes.txt", "unpack it"),
            (b"\x93NUMPY\x01\x00", "NumPy"),
            (b"\x1f\x8b\x08\x00", "gunzip"),
            (b"\x89HDF\r\n\x1a\n", "HDF5"),
            (b"GGUF\x03\x00\x00\x00", "GGUF"),
            (b"\x08\x08\x12\x07pytorch", "ONNX"),
            (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
            (b"\n<!DOCTYPE html><html>", "web page"),
            (b"{\"metadata\": {}}", "index"),
            (b"", "empty"),
        ] {
            assert!(of(first).contains(expected), "{expected}: {:?}", of(first));
        }
    }

    #[test]
    fn conversion_command_escapes_quotes_and_overwrites_nothing() {
        let message = |path: &str| Remedy::Torch.message(Path::new(path));
        let command = message("it's \"a\".pth");
        assert!(command.contains(r#"torch.load("it'\''s \"a\".pth""#), "{command}");
        let command = message("x.safetensors");
        assert!(command.contains(r#""x.new.safetensors")"#), "{command}");
    }

    #[test]
    fn damaged_safetensors_and_unknown_files_are_not_detected_as_other_formats() {
        // A header of 640 bytes looks like a pickle until its text begins.
        for first in [&b"\x80\x02\x00\x00\x00\x00\x00\x00{\"0.weight\""[..], b"some text"] {
            assert_eq!(of(first), "", "{first:?}");
        }
    }
}
