//! Files that are taken for safetensors and are something else, known by their first bytes.

use std::fmt;
use std::io::{Read, Seek};
use std::path::Path;

/// Bytes that are looked at: a zip archive's first names are among them.
const LOOKED_AT: u64 = 4096;

/// What a file is instead, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foreign {
    what: &'static str,
    remedy: String,
}

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.what, self.remedy)
    }
}

impl Foreign {
    /// What a file is whose header makes no sense; nothing where that cannot be told.
    pub(crate) fn of(path: &Path, file: &mut (impl Read + Seek + ?Sized)) -> Option<Self> {
        let mut first = Vec::new();
        file.rewind().and_then(|()| file.take(LOOKED_AT).read_to_end(&mut first)).ok()?;
        let (what, remedy) = recognise(&first)?;
        Some(Self { what, remedy: remedy.words(path) })
    }
}

/// What can be done about a foreign file.
#[derive(Clone, Copy)]
enum Remedy {
    /// PyTorch reads it.
    Torch,
    /// NumPy reads it.
    NumPy,
    /// It has to be got anew, or from elsewhere.
    Other(&'static str),
}

impl Remedy {
    fn words(self, path: &Path) -> String {
        let new = match path.extension() {
            Some(ending) if ending == "safetensors" => path.with_extension("new.safetensors"),
            _ => path.with_extension("safetensors"),
        };
        let [old, new] = [path, &new].map(quoted);
        match self {
            // In a line, since an error is one: to be pasted into a shell.
            Remedy::Torch => format!(
                "convert it, or the state_dict in it: python3 -c 'import torch, \
                 safetensors.torch as s; s.save_file(torch.load({old}, map_location=\"cpu\"), \
                 {new})'"
            ),
            Remedy::NumPy => format!(
                "convert it: python3 -c 'import numpy, safetensors.numpy as s; \
                 s.save_file(dict(numpy.load({old})), {new})'"
            ),
            Remedy::Other(words) => words.to_owned(),
        }
    }
}

/// A path as a text of Python's in a shell's single quotes.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string().replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{}\"", text.replace('\'', r"'\''"))
}

const FROM_TORCH: Remedy =
    Remedy::Other("take the weights from the PyTorch module, with safetensors.torch.save_file");

fn recognise(first: &[u8]) -> Option<(&'static str, Remedy)> {
    let has = |words: &[u8]| first.windows(words.len()).any(|window| window == words);
    Some(match first {
        [] => ("empty", Remedy::Other("copy or download it again")),
        // Its header begins: it is damaged, and nothing else.
        [_, _, _, _, _, _, _, _, b'{', ..] => return None,
        [b'P', b'K', 3, 4, ..] if has(b"data.pkl") => ("a file of torch.save", Remedy::Torch),
        [b'P', b'K', 3, 4, ..] if has(b".npy") => ("an archive of NumPy", Remedy::NumPy),
        [b'P', b'K', 3, 4, ..] => ("a zip archive", Remedy::Other("unpack it")),
        // The number that torch.save began with before it wrote zip archives.
        [0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, ..] => ("an old file of torch.save", Remedy::Torch),
        [0x80, 2..=5, ..] => ("a pickle of Python", Remedy::Torch),
        [0x93, b'N', b'U', b'M', b'P', b'Y', ..] => {
            ("a single array of NumPy, without a name", FROM_TORCH)
        }
        [0x1f, 0x8b, ..] => ("packed by gzip", Remedy::Other("unpack it with gunzip")),
        [0x89, b'H', b'D', b'F', ..] => ("an HDF5 file, as of Keras", FROM_TORCH),
        [b'G', b'G', b'U', b'F', ..] => ("a GGUF file, as of llama.cpp", FROM_TORCH),
        // The version of ONNX, and the name of what wrote it or the model's own.
        [8, 1..=32, 0x12 | 0x1a | 0x22 | 0x3a | 0x42, ..] => ("an ONNX model", FROM_TORCH),
        _ => return as_text(first),
    })
}

fn as_text(first: &[u8]) -> Option<(&'static str, Remedy)> {
    let text = first.trim_ascii_start().to_ascii_lowercase();
    if text.starts_with(b"version https://git-lfs") {
        let fetch = Remedy::Other("fetch the file itself with `git lfs pull`");
        return Some(("a pointer of Git LFS", fetch));
    }
    if text.starts_with(b"<!doctype") || text.starts_with(b"<html") || text.starts_with(b"<?xml") {
        return Some(("a web page", Remedy::Other("download the file itself")));
    }
    if text.starts_with(b"{") {
        let parts = Remedy::Other("name the file of weights; of several, join them first");
        return Some(("JSON, perhaps the index of weights in several files", parts));
    }
    None
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[track_caller]
    fn of(first: &[u8]) -> String {
        let told = Foreign::of(Path::new("w/x.pth"), &mut Cursor::new(first));
        told.map_or_else(String::new, |foreign| foreign.to_string())
    }

    #[test]
    fn common_files_are_known_by_their_first_bytes() {
        for (first, words) in [
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
            assert!(of(first).contains(words), "{words}: {:?}", of(first));
        }
    }

    #[test]
    fn what_is_to_be_pasted_survives_quotes_and_overwrites_nothing() {
        let words = |path: &str| Remedy::Torch.words(Path::new(path));
        let told = words("it's \"a\".pth");
        assert!(told.contains(r#"torch.load("it'\''s \"a\".pth""#), "{told}");
        let told = words("x.safetensors");
        assert!(told.contains(r#""x.new.safetensors")"#), "{told}");
    }

    #[test]
    fn damaged_safetensors_and_what_nobody_knows_are_taken_for_nothing_else() {
        // A header of 640 bytes looks like a pickle until its text begins.
        for first in [&b"\x80\x02\x00\x00\x00\x00\x00\x00{\"0.weight\""[..], b"some text"] {
            assert_eq!(of(first), "", "{first:?}");
        }
    }
}
