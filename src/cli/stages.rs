//! The progress bar of an evaluation.

use gan_cuda::eval::evaluation::Stage;
use indicatif::ProgressBar;

use super::display::{progress_bar, show_bar};

const BAR: &str = "{msg:21} {bar:20} {human_pos}/{human_len}  {eta} left";

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
