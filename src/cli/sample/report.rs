//! The output of `--json`.

use std::path::Path;

use crate::device::Device;
use serde::Serialize;

use super::Job;
use super::frames::frame_file;
use super::resolve::Noise;

#[derive(Serialize)]
pub(super) struct Report {
    checkpoint: String,
    preset: String,
    device: String,
    count: usize,
    /// One seed, or the two seeds of an interpolation.
    seeds: Vec<u64>,
    /// One per image; empty if the GAN is not conditional.
    labels: Vec<u32>,
    /// Names of the checkpoint's classes; empty if they only have numbers.
    class_names: Vec<String>,
    files: Vec<String>,
}

impl Job<'_> {
    pub(super) fn report(&self, device: &impl Device) -> Report {
        let arrangement = &self.request.spec.arrangement;
        let text = |path: &Path| path.display().to_string();
        let separate = self.args.output.separate.iter().flat_map(|folder| {
            (0..arrangement.count).map(|number| text(&self.separate(folder, number)))
        });
        let frames = self.args.output.frames.iter().flat_map(|folder| {
            (0..arrangement.grid.columns).map(|step| text(&frame_file(folder, step)))
        });
        let out = self.request.out.iter().map(|out| text(out.path()));
        Report {
            checkpoint: text(&self.folder),
            preset: self.config.preset.clone(),
            device: device.describe(),
            count: arrangement.count,
            seeds: match self.request.noise {
                Noise::Seed(seed) => vec![seed],
                Noise::Interpolated(seeds) => seeds.to_vec(),
            },
            labels: arrangement.labels.clone(),
            class_names: self.config.class_names.clone(),
            files: out.chain(separate).chain(frames).collect(),
        }
    }
}
