//! Advice on errors of the engine in terms of flags and commands, which the engine does not know.

use crate::data::fetch::FetchProblem;
use crate::data::{self, DatasetKind, DatasetProblem, FolderProblem, cache_folder};
use crate::device::cuda::CudaProblem;
use crate::run::checkpoint::CheckpointProblem;
use crate::{Error, device, export, run, train};

/// Advice on an error; `None` if its message is sufficient.
pub fn advice(error: &Error) -> Option<String> {
    match error {
        Error::Data(data::Error::Dataset(problem)) => dataset(problem),
        Error::Data(data::Error::Folder(problem)) => folder(problem).map(str::to_owned),
        Error::Data(data::Error::Fetch(problem)) => Some(fetch(problem).to_owned()),
        Error::Device(problem) => device(problem).map(str::to_owned),
        Error::Run(problem) => run(problem).map(str::to_owned),
        Error::Train(problem) => train(problem).map(str::to_owned),
        Error::Export(export::Error::TooLarge { .. } | export::Error::PageTooLarge { .. }) => {
            Some("export the weights with --safetensors instead".to_owned())
        }
        _ => None,
    }
}

fn dataset(problem: &DatasetProblem) -> Option<String> {
    match problem {
        DatasetProblem::NotInFolder { dataset, folder, .. } => Some(format!(
            "give the folder that has them with --data-dir, or download them with `gan-cuda fetch \
             {dataset} --data-dir {}`",
            folder.display()
        )),
        DatasetProblem::SeveralTrainingSets { files, .. } => {
            let first = files.first()?;
            Some(format!("choose one of these files, e.g. --dataset {}", first.display()))
        }
        DatasetProblem::Incomplete { missing: "label", .. } => {
            Some("add it, or use a preset without classes, such as mlp-dropout".to_owned())
        }
        DatasetProblem::NotFound { dataset, .. } => Some(how_to_get(*dataset)),
        _ => None,
    }
}

/// How to get all images of a data set.
pub fn how_to_get(kind: DatasetKind) -> String {
    let (purpose, package) = match kind {
        DatasetKind::Mnist => ("for all 60,000 images ", ""),
        DatasetKind::StackedMnist => ("to stack all 60,000 digits ", ""),
        DatasetKind::FashionMnist => {
            ("", " (on Debian or Ubuntu also `apt-get install dataset-fashion-mnist`)")
        }
    };
    let kind = kind.stored_as();
    let into = match cache_folder() {
        Some(cache) => {
            format!("into {}, or give their folder with", cache.join(kind.name()).display())
        }
        None => "into a folder and give it with".to_owned(),
    };
    format!(
        "{purpose}run `gan-cuda fetch {kind}`{package}, or put train-images-idx3-ubyte.gz and \
         train-labels-idx1-ubyte.gz {into} --data-dir"
    )
}

fn folder(problem: &FolderProblem) -> Option<&'static str> {
    match problem {
        FolderProblem::Missing { .. } => Some("or give its new location with --dataset"),
        FolderProblem::NoImages { .. } => Some("give the folder that has them with --dataset"),
        FolderProblem::ClassesDiffer { .. } => {
            Some("restore the classes, or start a new run with --config or --preset")
        }
        FolderProblem::UnreadableFolder { .. } => {
            Some("grant this user read access, or skip such folders with --skip-bad-images")
        }
        FolderProblem::BadImage { .. } => {
            Some("fix or remove it, or skip all such images with --skip-bad-images")
        }
        FolderProblem::AllBad { .. } => Some("omit --skip-bad-images to see why"),
        _ => None,
    }
}

fn fetch(problem: &FetchProblem) -> &'static str {
    match problem {
        FetchProblem::NoHomeFolder => "give a folder with --data-dir",
        _ => "try another mirror with --mirror",
    }
}

fn device(problem: &device::Error) -> Option<&'static str> {
    match problem {
        device::Error::Cuda(CudaProblem::Unavailable { .. }) => {
            Some("use the CPU with --device cpu")
        }
        _ => None,
    }
}

fn run(problem: &run::Error) -> Option<&'static str> {
    match problem {
        run::Error::NotFinite(_) => Some(NEW_RUN),
        run::Error::NoSamples { .. } => Some("train longer, or with a smaller --sample-interval"),
        run::Error::Checkpoint(CheckpointProblem::Damaged { older, .. }) if !older.is_empty() => {
            Some("to resume from one of these, add --force, which removes everything after it")
        }
        _ => None,
    }
}

const NEW_RUN: &str = "resuming from a checkpoint would fail again: start a new run with a lower \
                       --lr, another --seed or --init";

fn train(problem: &train::Error) -> Option<&'static str> {
    match problem {
        train::Error::Ended { source, .. } | train::Error::Followed { source, .. } => train(source),
        train::Error::NotFinite(_) => Some(NEW_RUN),
        train::Error::Run(problem) => run(problem),
        train::Error::TooFewImages { images: 1, normalizes: true, .. } => {
            Some("BatchNorm needs two: add images, or use a preset without it, such as mlp")
        }
        train::Error::TooFewImages { .. } => Some("use a smaller --batch-size"),
        train::Error::ConfigChanged { .. } => Some(
            "restore the previous value, or start a new run: from scratch with --config, or from \
             this checkpoint with --resume and --branch",
        ),
        train::Error::DataChanged { .. } => {
            Some("add --branch to start a new run from the checkpoint with these images")
        }
        train::Error::NothingLeft { .. } => {
            Some("raise --epochs or --iterations, which count from the start of the first run")
        }
        _ => None,
    }
}
