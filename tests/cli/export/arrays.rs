//! Images and labels as NumPy arrays.

use std::fs;

use gan_cuda::data::ImageShape;
use gan_cuda::picture::grid::write_grid;

use super::trained;
use crate::cuda::emulated;
use crate::python::python;
use crate::scratch::Scratch;

/// The header of a `.npy` file and the bytes of its values.
fn array(scratch: &Scratch, name: &str) -> (String, Vec<u8>) {
    let bytes = scratch.bytes(name);
    assert_eq!(bytes[..8], *b"\x93NUMPY\x01\x00", "{name}");
    let end = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let header = String::from_utf8(bytes[10..end].to_vec()).unwrap();
    (header.trim_end().to_owned(), bytes[end..].to_vec())
}

fn images(scratch: &Scratch, name: &str, shape: [usize; 4]) -> Vec<f32> {
    let (header, bytes) = array(scratch, name);
    let [count, channels, height, width] = shape;
    let extents = format!("({count}, {channels}, {height}, {width}, )");
    let expected = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {extents}}}");
    assert_eq!(header, expected);
    let numbers: Vec<_> =
        bytes.chunks_exact(4).map(|x| f32::from_le_bytes(x.try_into().unwrap())).collect();
    assert_eq!(numbers.len(), shape.iter().product::<usize>());
    numbers
}

fn labels(scratch: &Scratch, name: &str) -> Vec<i64> {
    let (header, bytes) = array(scratch, name);
    let labels: Vec<_> =
        bytes.chunks_exact(8).map(|x| i64::from_le_bytes(x.try_into().unwrap())).collect();
    let shape = format!("({}, )", labels.len());
    assert_eq!(header, format!("{{'descr': '<i8', 'fortran_order': False, 'shape': {shape}}}"));
    labels
}

#[test]
fn arrays_hold_the_images_of_sample() {
    let digits = ImageShape { channels: 1, height: 28, width: 28 };
    let colour = ImageShape { channels: 3, height: 12, width: 12 };
    for (preset, flags, shape, count, columns) in [
        ("", "", digits, 100, 10),
        ("", "--labels 7,3 --seed 5 --count 12", digits, 12, 10),
        ("", "--bn batch --labels 0", digits, 10, 10),
        ("--preset mlp", "", digits, 64, 8),
        ("--preset mlp-rgb --dataset mnist --image-size 12", "", colour, 25, 5),
    ] {
        let scratch = trained(preset);
        scratch.run(&format!("export --numpy a.npy {flags}")).succeeds();
        scratch.run(&format!("sample {flags}")).succeeds();
        let ImageShape { channels, height, width } = shape;
        let images = images(&scratch, "a.npy", [count, channels, height, width]);
        write_grid(&scratch.path("grid.png"), &images, shape, columns).unwrap();
        let [ours, sampled] = ["grid.png", "sample.png"].map(|name| fs::read(scratch.path(name)));
        assert!(ours.unwrap() == sampled.unwrap(), "{preset} {flags}: other images");
        assert_eq!(scratch.path("a-labels.npy").exists(), preset.is_empty(), "{preset}");
    }
}

#[test]
fn labels_are_in_the_order_of_the_images() {
    let scratch = trained("");
    scratch.run("export --numpy faces.v2.npy --labels 7,3 --count 5").succeeds();
    assert_eq!(labels(&scratch, "faces.v2-labels.npy"), [7, 7, 7, 3, 3]);
    images(&scratch, "faces.v2.npy", [5, 1, 28, 28]);
    scratch.run("export --numpy all.npy").succeeds();
    let expected: Vec<_> = (0..100).map(|i| i / 10).collect();
    assert_eq!(labels(&scratch, "all-labels.npy"), expected);
}

#[test]
fn numpy_reads_both_arrays() {
    let scratch = trained("");
    scratch.run("export --numpy a.npy --labels 2,8 --count 6").succeeds();
    let script = "import numpy, sys, zlib\n\
                  for path in sys.argv[1:]:\n    \
                      a = numpy.load(path)\n    \
                      print(a.dtype, a.shape, zlib.crc32(a.tobytes()))";
    let paths = ["a.npy", "a-labels.npy"];
    let printed = python(&["numpy"], script, paths.map(|path| scratch.path(path)));
    let Some(printed) = printed else { return };
    let sums = paths.map(|path| crc32fast::hash(&array(&scratch, path).1));
    let expected = format!("float32 (6, 1, 28, 28) {}\nint64 (6,) {}\n", sums[0], sums[1]);
    assert_eq!(printed.replace("\r\n", "\n"), expected);
}

#[test]
fn cuda_writes_the_same_arrays_as_the_cpu() {
    let scratch = trained("");
    let command = "export --numpy cuda.npy --device cuda";
    let Some(answer) = emulated(&scratch, command, &[]) else { return };
    answer.prints(&["device    Emulated"]);
    scratch.run("export --numpy cpu.npy").succeeds();
    let [cuda, cpu] = ["cuda.npy", "cpu.npy"].map(|name| images(&scratch, name, [100, 1, 28, 28]));
    let close = |(a, b): (&f32, &f32)| (a - b).abs() <= 1e-5;
    assert!(cuda.iter().zip(&cpu).all(close), "other images on CUDA");
}
