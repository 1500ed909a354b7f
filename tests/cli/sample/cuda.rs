//! Images generated on emulated CUDA.

use super::{RUN, trained};
use crate::cuda::emulated;
use crate::png;
use crate::scratch::{Scratch, TINY};

#[test]
fn cuda_generates_the_same_images_as_the_cpu() {
    let scratch = trained("");
    for flags in ["", "--bn batch --labels 7,3", "--interpolate 1:2 --labels 0"] {
        let command = format!("sample {flags} --device cuda --out cuda.png");
        let Some(answer) = emulated(&scratch, &command, &[]) else { return };
        answer.prints(&["device    Emulated"]);
        let [on_cuda, on_cpu] = [png::read(&scratch.path("cuda.png")), scratch.sample(flags)];
        assert_eq!(on_cuda.size, on_cpu.size);
        let far = on_cuda.bytes.iter().zip(&on_cpu.bytes).map(|(a, b)| a.abs_diff(*b)).max();
        assert!(far <= Some(2), "{flags}: {far:?} grey levels");
    }
}

#[test]
fn sample_on_cuda_reproduces_the_grid_of_training() {
    let scratch = Scratch::with_digits();
    let train = format!("train {TINY} --device cuda --iterations 2");
    let Some(answer) = emulated(&scratch, &train, &[]) else { return };
    answer.succeeds();
    emulated(&scratch, "sample --device cuda", &[]).unwrap().succeeds();
    let drawn = scratch.bytes("sample.png");
    assert!(drawn == scratch.bytes(&format!("{RUN}/samples/000002.png")));
}

#[test]
fn too_many_images_at_once_are_refused() {
    let scratch = trained("");
    // cuBLAS takes 2 × 32 MiB, its code and the driver 256 MiB: 10 MiB remain.
    let knob = [("GAN_CUDA_EMULATOR_MEMORY", "346030080")];
    let sample = "sample --device cuda --bn batch --count ";
    let Some(answer) = emulated(&scratch, &format!("{sample}4096"), &knob) else { return };
    answer.fails(1, &["not enough memory", "4096 images are generated at once; ask for fewer"]);
    emulated(&scratch, &format!("{sample}100"), &knob).unwrap().succeeds();
}
