//! The progress bars of what takes its time before a run, and of an evaluation.

use gan_cuda::data::{self, Dataset, Requirements};
use gan_cuda::eval::evaluation::Stage;
use indicatif::ProgressBar;

use super::display::{progress_bar, show_bar};

const DECODING: &str = "decoding images {bar:20} {human_pos}/{human_len}  {eta} left";
const BAR: &str = "{msg:21} {bar:20} {human_pos}/{human_len}  {eta} left";

/// The images, with a bar while they are decoded if it is to be shown.
pub(super) fn load(wanted: &Requirements, shown: bool) -> data::Result<Dataset> {
    // Is seen only once an image is decoded.
    let bar = if shown { progress_bar(0, None, DECODING) } else { ProgressBar::hidden() };
    show_bar(Some(bar.clone()));
    let data = wanted.load(&|done, all| {
        bar.update(|state| {
            state.set_len(all);
            state.set_pos(done);
        });
    });
    bar.finish_and_clear();
    show_bar(None);
    data
}

/// How far an evaluation is.
pub(super) struct Bar(ProgressBar);

impl Bar {
    pub(super) fn new(shown: bool) -> Bar {
        let bar = if shown { progress_bar(0, None, BAR) } else { ProgressBar::hidden() };
        show_bar(Some(bar.clone()));
        Bar(bar)
    }

    pub(super) fn show(&self, stage: Stage, done: u64, all: u64) {
        self.0.set_message(match stage {
            Stage::Learning => "training a classifier",
            Stage::Drawing => "drawing images",
            Stage::Noise => "looking at noise",
            Stage::Comparing => "comparing",
        });
        self.0.update(|state| {
            state.set_len(all);
            state.set_pos(done);
        });
    }

    pub(super) fn finish(&self) {
        self.0.finish_and_clear();
        show_bar(None);
    }
}
