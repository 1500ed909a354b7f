//! Aliases for flags of other programs: underscores instead of hyphens, as in PyTorch-GAN's
//! scripts, and the flags of PyTorch's DCGAN example. A flag with the same meaning is accepted, so
//! that users can paste a command line; for any other flag the error says what to use instead.

use std::ffi::OsString;

use clap::{Arg, CommandFactory};

use super::Cli;
use crate::data::DatasetKind;

/// Flags of such scripts, and the equivalent flags of `train`.
const ALIASES: [(&str, &str); 14] = [
    ("--n_epochs", "--epochs"),
    ("--niter", "--epochs"),
    ("--img_size", "--image-size"),
    ("--imageSize", "--image-size"),
    ("--batchSize", "--batch-size"),
    ("--nz", "--latent-dim"),
    ("--beta1", "--b1"),
    ("--beta2", "--b2"),
    ("--n_cpu", "--threads"),
    ("--manualSeed", "--seed"),
    ("--outf", "--runs-dir"),
    ("--netG", "--init-generator"),
    ("--netD", "--init-discriminator"),
    ("--cuda", "--device=cuda"),
];

/// Values of `--dataset` in PyTorch's DCGAN example for which `--dataroot` is a folder of images.
const FOLDER_DATASETS: [&str; 3] = ["folder", "imagenet", "lfw"];

/// The command line with aliases replaced by this program's flags.
pub fn canonical(command_line: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut words: Vec<_> = command_line.collect();
    let program = Cli::command();
    let named = words.get(1).and_then(|name| program.find_subcommand(name));
    let Some(command) = named else { return words };
    let flags: Vec<_> = command.get_arguments().filter_map(Arg::get_long).collect();
    let trains = command.get_name() == "train";
    for word in words[2..].iter_mut().take_while(|word| *word != "--") {
        let Some((flag, value)) = word.to_str().and_then(parts) else { continue };
        let alias = ALIASES.iter().find(|(alias, _)| trains && *alias == flag);
        let dashed = flag.replace('_', "-");
        let known = flags.iter().any(|known| dashed.strip_prefix("--") == Some(known));
        let canonical = alias.map(|&(_, flag)| flag).or(known.then_some(dashed.as_str()));
        if let Some(canonical) = canonical {
            *word = format!("{canonical}{value}").into();
        }
    }
    if trains { replace_dataroot(words) } else { words }
}

/// Replaces `--dataroot`, which is the folder with the files of the data set that `--dataset`
/// names, or a folder of images.
fn replace_dataroot(mut words: Vec<OsString>) -> Vec<OsString> {
    if !words.iter().any(|word| flag_of(word) == Some("--dataroot")) {
        return words;
    }
    let dataset = words.iter().rposition(|word| flag_of(word) == Some("--dataset"));
    let value = dataset.and_then(|at| {
        let (_, value) = parts(words[at].to_str()?)?;
        let next = || words.get(at + 1)?.to_str();
        value.strip_prefix('=').or_else(next).map(str::to_owned)
    });
    let is_folder = value.as_deref().is_some_and(|name| FOLDER_DATASETS.contains(&name));
    let canonical = match value.as_deref() {
        Some(name) if name.parse::<DatasetKind>().is_ok() => "--data-dir",
        _ => "--dataset",
    };
    if let Some(at) = dataset.filter(|_| is_folder) {
        let length = if words[at] == "--dataset" { 2 } else { 1 };
        words.drain(at..at + length);
    }
    for word in &mut words {
        let root = word.to_str().and_then(parts).filter(|(flag, _)| *flag == "--dataroot");
        if let Some((_, value)) = root {
            *word = format!("{canonical}{value}").into();
        }
    }
    words
}

fn flag_of(word: &OsString) -> Option<&str> {
    word.to_str().and_then(parts).map(|(flag, _)| flag)
}

/// Splits `--flag=value` before the equals sign.
fn parts(word: &str) -> Option<(&str, &str)> {
    let name = word.strip_prefix("--")?;
    Some(word.split_at(name.find('=').map_or(word.len(), |equals| equals + 2)))
}

/// Parses `--ngpu`, the number of GPUs.
pub fn gpus(text: &str) -> Result<usize, String> {
    match text {
        "0" => Ok(0),
        "1" => Ok(1),
        _ => Err("must be 1 (one GPU) or 0 (the CPU)".to_owned()),
    }
}

/// Refuses `--ngf` and `--ndf`, the width of one layer, with the equivalent list of the widths of
/// all layers, as in PyTorch's DCGAN example.
pub fn all_widths(
    flag: &'static str,
    multiples: [usize; 4],
) -> impl Fn(&str) -> Result<usize, String> + Clone + Send + Sync {
    move |text| {
        let width = text.parse::<u32>().map_or(64, |width| width as usize);
        let widths = multiples.map(|multiple| (multiple * width).to_string()).join(",");
        Err(format!("use {flag} {widths} instead: the widths of all hidden layers (64×64 images)"))
    }
}
