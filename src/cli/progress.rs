//! Progress bars of decoding images and of an evaluation.

use crate::data::{self, Dataset, Requirements};
use crate::eval::evaluation::Stage;
use indicatif::ProgressBar;

use super::display::{progress_bar, show_bar};

const DECODING: &str = "decoding images {bar:20} {human_pos}/{human_len}  {eta} left";
const EVALUATION: &str = "{msg:21} {bar:20} {human_pos}/{human_len}  {eta} left";

/// Loads a data set, with a progress bar if `visible`.
pub(super) fn load_dataset(requirements: &Requirements, visible: bool) -> data::Result<Dataset> {
    // Appears when the first image is decoded.
    let bar = if visible { progress_bar(0, None, DECODING) } else { ProgressBar::hidden() };
    show_bar(Some(bar.clone()));
    let data = requirements.load(&|done, all| {
        bar.update(|state| {
            state.set_len(all);
            state.set_pos(done);
        });
    });
    bar.finish_and_clear();
    show_bar(None);
    data
}

/// The progress bar of an evaluation.
pub(super) struct EvaluationBar(ProgressBar);

impl EvaluationBar {
    pub(super) fn new(visible: bool) -> EvaluationBar {
        let bar = if visible { progress_bar(0, None, EVALUATION) } else { ProgressBar::hidden() };
        show_bar(Some(bar.clone()));
        EvaluationBar(bar)
    }

    pub(super) fn show(&self, stage: Stage, done: u64, all: u64) {
        self.0.set_message(match stage {
            Stage::TrainingClassifier => "training a classifier",
            Stage::Generating => "generating images",
            Stage::Noise => "scoring noise",
            Stage::Comparing => "computing scores",
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
