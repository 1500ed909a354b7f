//! `gan-cuda replay`: the sample grids of a run as an animation.

use std::fs;

use super::animation::grey_frames;
use super::png;
use super::scratch::{RUN, Scratch};

/// A run with samples at 0, 2, 4 and 6.
fn one_run() -> Scratch {
    Scratch::with_run("--iterations 6 --sample-interval 2")
}

#[test]
fn replay_shows_every_sample_over_a_growing_bar() {
    let scratch = one_run();
    scratch.run("replay").prints(&["runs/00000-cgan-mnist/progress.gif, 4 frames"]);
    let frames = grey_frames(&scratch.path(RUN).join("progress.gif"));
    let delays: Vec<u16> = frames.iter().map(|frame| frame.2).collect();
    assert_eq!(delays, [10, 10, 10, 200]);
    for ((width, height, _, grey), iteration) in frames.iter().zip([0, 2, 4, 6]) {
        let sample = scratch.path(RUN).join(format!("samples/{iteration:06}.png"));
        let sample = png::read(&sample);
        assert_eq!((u32::from(*width), u32::from(*height)), (sample.size.0, sample.size.1 + 4));
        let (picture, bar) = grey.split_at(sample.bytes.len());
        assert!(picture == sample.bytes, "sample {iteration}");
        let light = bar.iter().filter(|&&grey| grey == 230).count();
        assert_eq!(light, (f64::from(*width) * f64::from(iteration) / 6.0).round() as usize * 4);
    }
}

#[test]
fn replay_accepts_run_file_fps_and_max_frames() {
    let scratch = one_run();
    let flags = "--out all.gif --fps 25 --max-frames 2 --quiet";
    assert_eq!(scratch.run(&format!("replay {RUN} {flags}")).succeeds(), "");
    let delays: Vec<u16> =
        grey_frames(&scratch.path("all.gif")).iter().map(|frame| frame.2).collect();
    assert_eq!(delays, [4, 200]);
}

#[test]
fn unusable_samples_are_named_and_leave_the_old_file() {
    let scratch = one_run();
    scratch.run("replay").succeeds();
    let [gif, sample, plot] =
        ["progress.gif", "samples/000004.png", "loss.png"].map(|name| format!("{RUN}/{name}"));
    let (old, whole) = (scratch.bytes(&gif), scratch.bytes(&sample));
    scratch.put(&sample, &whole[..whole.len() / 2]);
    scratch.run("replay").fails(1, &["samples/000004.png cannot be read"]);
    scratch.put(&sample, scratch.bytes(&plot));
    scratch.run("replay").fails(1, &["000004.png has 900 × 800 pixels, but the first sample"]);
    assert!(scratch.bytes(&gif) == old);
    fs::remove_dir_all(scratch.path(RUN).join("samples")).unwrap();
    fs::create_dir(scratch.path(RUN).join("samples")).unwrap();
    scratch.run("replay").fails(1, &["samples has no samples", "--sample-interval"]);
}
