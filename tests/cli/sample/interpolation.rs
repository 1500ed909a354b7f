//! Interpolations between two seeds as a GIF and as a sequence of frames.

use super::{tile, trained};
use crate::animation::grey_frames;
use crate::png;

#[test]
fn gif_runs_forward_and_back_with_all_classes_in_each_frame() {
    let scratch = trained("");
    let flags = "sample --interpolate 3:4 --steps 4 --labels 7,2,5";
    scratch
        .run(&format!("{flags} --out way.gif --fps 20 --frames steps"))
        .prints(&["way.gif, 62 × 62 pixels", "4 files in steps"]);
    scratch.run(&format!("{flags} --out strip.png")).succeeds();
    let strip = png::read(&scratch.path("strip.png"));
    let names = scratch.names("steps");
    assert_eq!(names, ["000000.png", "000001.png", "000002.png", "000003.png"]);
    let steps: Vec<_> =
        names.iter().map(|name| png::read(&scratch.path("steps").join(name))).collect();
    for (step, frame) in steps.iter().enumerate() {
        for (label, (row, column)) in [(0, 0), (0, 1), (1, 0)].into_iter().enumerate() {
            assert!(tile(frame, row, column) == tile(&strip, label, step), "{label} at {step}");
        }
    }
    let frames = grey_frames(&scratch.path("way.gif"));
    assert_eq!(frames.len(), 6);
    for (frame, step) in frames.iter().zip([0, 1, 2, 3, 2, 1]) {
        assert_eq!((frame.0, frame.1, frame.2), (62, 62, 5));
        assert!(frame.3 == steps[step].bytes, "frame of step {step}");
    }
}

#[test]
fn frames_alone_write_no_other_file() {
    let scratch = trained("--preset mlp");
    scratch.run("sample --interpolate 3:4 --steps 2 --frames steps").succeeds();
    assert_eq!(scratch.names("steps").len(), 2);
    assert_eq!(png::read(&scratch.path("steps/000001.png")).size, (28, 28));
    assert!(!scratch.path("sample.png").exists());
}

#[test]
fn colour_interpolation_can_be_a_gif() {
    let scratch = trained("--preset mlp-rgb --dataset mnist --image-size 12");
    scratch.run("sample --interpolate 1:2 --steps 3 --out way.gif").succeeds();
    let sizes: Vec<_> =
        grey_frames(&scratch.path("way.gif")).iter().map(|frame| (frame.0, frame.1)).collect();
    assert_eq!(sizes, [(12, 12); 4]);
}
