//! What a person can do about an error, in flags and commands, of which the engine knows none.

use gan_cuda::data::fetch::FetchProblem;
use gan_cuda::data::{self, DatasetKind, DatasetProblem, FolderProblem, cache_folder};
use gan_cuda::device::cuda::CudaProblem;
use gan_cuda::run::checkpoint::CheckpointProblem;
use gan_cuda::{Error, device, export, run, train};

/// What to do; nothing where the error itself says all there is to say.
pub fn advice(error: &Error) -> Option<String> {
    match error {
        Error::Data(data::Error::Dataset(problem)) => dataset(problem),
        Error::Data(data::Error::Folder(problem)) => folder(problem).map(str::to_owned),
        Error::Data(data::Error::Fetch(problem)) => Some(fetch(problem).to_owned()),
        Error::Device(problem) => device(problem).map(str::to_owned),
        Error::Run(problem) => run(problem).map(str::to_owned),
        Error::Train(problem) => train(problem).map(str::to_owned),
        Error::Export(export::Error::TooLarge { .. }) => {
            Some("--safetensors holds them".to_owned())
        }
        _ => None,
    }
}

fn dataset(problem: &DatasetProblem) -> Option<String> {
    match problem {
        DatasetProblem::NotInFolder { dataset, folder, .. } => Some(format!(
            "name the folder that has them with --data-dir, or download them with `gan-cuda fetch \
             {dataset} --data-dir {}`",
            folder.display()
        )),
        DatasetProblem::SeveralTrainingSets { files, .. } => {
            let first = files.first()?;
            Some(format!("name one of these files, as --dataset {}", first.display()))
        }
        DatasetProblem::Incomplete { missing: "label", .. } => {
            Some("put it there, or take a preset without classes, such as mlp-dropout".to_owned())
        }
        DatasetProblem::NotFound { dataset, .. } => Some(how_to_get(*dataset)),
        _ => None,
    }
}

/// What to do to have all of a data set here.
pub fn how_to_get(kind: DatasetKind) -> String {
    let (aim, package) = match kind {
        DatasetKind::Mnist => ("for all 60,000 images ", ""),
        DatasetKind::FashionMnist => {
            ("", " (on Debian or Ubuntu also `apt-get install dataset-fashion-mnist`)")
        }
    };
    let into = match cache_folder() {
        Some(cache) => {
            format!("into {}, or name their folder with", cache.join(kind.name()).display())
        }
        None => "into a folder and name it with".to_owned(),
    };
    format!(
        "{aim}run `gan-cuda fetch {kind}`{package}, or put train-images-idx3-ubyte.gz and \
         train-labels-idx1-ubyte.gz {into} --data-dir"
    )
}

fn folder(problem: &FolderProblem) -> Option<&'static str> {
    match problem {
        FolderProblem::Missing { .. } => Some("or name where it is now with --dataset"),
        FolderProblem::NoImages { .. } => Some("name the folder that has them with --dataset"),
        FolderProblem::ClassesDiffer { .. } => {
            Some("put back what was there, or begin a new run with --config or --preset")
        }
        FolderProblem::UnreadableFolder { .. } => {
            Some("let this user read it, or leave out such folders with --skip-bad-images")
        }
        FolderProblem::BadImage { .. } => {
            Some("mend it or take it away, or leave out all such images with --skip-bad-images")
        }
        FolderProblem::AllBad { .. } => Some("leave out --skip-bad-images to hear why"),
        _ => None,
    }
}

fn fetch(problem: &FetchProblem) -> &'static str {
    match problem {
        FetchProblem::NoHomeFolder => "name a folder with --data-dir",
        _ => "--mirror names another mirror",
    }
}

fn device(problem: &device::Error) -> Option<&'static str> {
    match problem {
        device::Error::Cuda(CudaProblem::Unavailable { .. }) => {
            Some("--device cpu computes on the CPU")
        }
        _ => None,
    }
}

fn run(problem: &run::Error) -> Option<&'static str> {
    match problem {
        run::Error::NotFinite(_) => Some(ANOTHER_RUN),
        run::Error::NoSamples { .. } => Some("train longer, or with a smaller --sample-interval"),
        run::Error::Checkpoint(CheckpointProblem::Damaged { older, .. }) if !older.is_empty() => {
            Some("to train on from there, --resume needs --force, which removes what came later")
        }
        _ => None,
    }
}

const ANOTHER_RUN: &str = "going on from a checkpoint would end the same: begin a new run with a \
                           lower --lr, another --seed or --init";

fn train(problem: &train::Error) -> Option<&'static str> {
    match problem {
        train::Error::Ended { source, .. } => train(source),
        train::Error::NotFinite(_) => Some(ANOTHER_RUN),
        train::Error::Run(problem) => run(problem),
        train::Error::TooFewImages { images: 1, normalizes: true, .. } => {
            Some("BatchNorm needs two: add images, or take a preset without it, such as mlp")
        }
        train::Error::TooFewImages { .. } => Some("ask for a smaller --batch-size"),
        train::Error::ConfigChanged { .. } => Some(
            "put back what was there, or begin a new run: with --config anew, with --resume and \
             --branch from this checkpoint",
        ),
        train::Error::DataChanged { .. } => {
            Some("with --branch a new run begins from the checkpoint with these images")
        }
        train::Error::NothingLeft { .. } => Some(
            "ask for more with --epochs or --iterations, which count from the first run's beginning",
        ),
        _ => None,
    }
}
